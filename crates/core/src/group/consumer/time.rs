//! Time: members that are not heard of, members that do not give up, targets that were to wait.

use yak_model::api::Rejection;
use yak_model::{ErrorCode, MemberId};

use super::ConsumerGroup;
use super::member::MemberState;

impl ConsumerGroup {
    /// When [`ConsumerGroup::handle_time`] has something to do.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let session = self.config.session_timeout_ms;
        let members = self.members.values().map(|member| member.deadline_ms(session));
        members.chain(self.target_deadline_ms()).min()
    }

    /// Time has come: who was not heard of or did not give up in time goes, and a target that waited is made.
    pub fn handle_time(&mut self, now_ms: u64) {
        self.advance(now_ms);
        let session = u64::from(self.config.session_timeout_ms);
        let mut late = Vec::<(MemberId, &str)>::new();
        for (id, member) in &self.members {
            if member.heard_ms + session <= now_ms {
                late.push((id.clone(), "was not heard of for the session timeout"));
            } else if member.state == MemberState::Revoking && member.revoking_deadline_ms() <= now_ms {
                late.push((id.clone(), "did not give its partitions up within its rebalance timeout"));
            }
        }
        for (id, reason) in late {
            let cause = format!("{id} {reason}");
            let rejection = Rejection::new(ErrorCode::UnknownMemberId, cause.clone());
            if self.members.get(&id).is_some_and(|member| !member.is_away()) {
                self.fenced.push((id.clone(), rejection));
            }
            self.lose(&id, cause);
        }
        self.make_target_if_time();
        self.finish();
    }

    /// A member's group stream lasts: it lives. What it owns it says by heartbeats.
    pub fn handle_alive(&mut self, now_ms: u64, id: &MemberId) {
        self.advance(now_ms);
        if let Some(member) = self.members.get_mut(id).filter(|member| !member.is_away()) {
            member.heard_ms = now_ms;
        }
    }
}
