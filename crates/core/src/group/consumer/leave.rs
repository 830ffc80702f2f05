//! Leave: members go, by their will or not.

use yak_model::api::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, Rejection};
use yak_model::{ErrorCode, MemberEpoch, MemberId};

use super::member::{Member, MemberState};
use super::{ConsumerGroup, StoredChange};

impl ConsumerGroup {
    pub(super) fn leave(
        &mut self,
        request: &ConsumerGroupHeartbeat,
    ) -> Result<ConsumerGroupHeartbeatReply, Rejection> {
        let id = &request.member_id;
        self.check_identity(id, request.instance_id.as_ref())?;
        if request.member_epoch == MemberEpoch::LEAVE_STATIC {
            if request.instance_id.is_none() {
                let message = "only a member with an instance id can leave for a while";
                return Err(Rejection::new(ErrorCode::InvalidRequest, message));
            }
            self.go_away(id);
            return Ok(self.reply(id, false));
        }
        self.lose(id, format!("{id} left"));
        Ok(self.reply(id, false))
    }

    /// A static member stops, and means to be back within its session. What it has is kept for it; what it was to give up
    /// it has given up.
    fn go_away(&mut self, id: &MemberId) {
        let now_ms = self.now_ms;
        let member = self.known(id);
        member.epoch = MemberEpoch::LEAVE_STATIC;
        member.state = MemberState::Stable;
        member.heard_ms = now_ms;
        let given = std::mem::take(&mut member.revoking);
        self.moved.insert(id.clone());
        self.release(given);
    }

    /// Somebody is not a member any more, for this reason: the others share what it had.
    pub(super) fn lose(&mut self, id: &MemberId, cause: String) {
        self.remove(id);
        self.forget_patterns();
        self.require_target(cause);
        self.make_target_if_time();
    }

    /// Forgets a member. What it had is nobody's.
    pub(super) fn remove(&mut self, id: &MemberId) -> Option<Member> {
        let member = self.members.remove(id)?;
        if let Some(instance) = member.instance_id() {
            self.instances.remove(instance);
        }
        for partition in &member.target {
            self.target_owners.remove(partition);
        }
        self.moved.remove(id);
        self.changes.extend([
            StoredChange::Current(id.clone(), None),
            StoredChange::Target(id.clone(), None),
            StoredChange::Member(id.clone(), None),
        ]);
        self.release(member.reserved().collect::<Vec<_>>());
        Some(member)
    }
}
