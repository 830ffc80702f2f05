//! Who may speak, and what is always true.

use yak_model::api::{MemberIdentity, Rejection};
use yak_model::{ErrorCode, InstanceId, MemberId};

use super::join::fenced;
use super::member::{Member, Waiting};
use super::{ClassicGroup, State};

impl ClassicGroup {
    /// Whether somebody is the member that it says it is.
    pub(super) fn check_identity(
        &self,
        id: &MemberId,
        instance: Option<&InstanceId>,
    ) -> Result<(), Rejection> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                Some(named) if named != id => return Err(fenced(instance)),
                Some(_) => return Ok(()),
                None => {}
            }
        } else if self.members.contains_key(id) {
            return Ok(());
        }
        Err(Rejection::new(ErrorCode::UnknownMemberId, format!("the group has no member {id}")))
    }

    /// A member whose identity was checked.
    pub(super) fn known(&mut self, id: &MemberId) -> &mut Member {
        self.members.get_mut(id).expect("its identity was checked")
    }

    /// The same, and of the present generation.
    pub(super) fn check_member(&self, member: &MemberIdentity) -> Result<(), Rejection> {
        self.check_identity(&member.member_id, member.instance_id.as_ref())?;
        if member.generation_id != self.generation {
            let message = format!(
                "the group is in generation {}, the member in {}",
                self.generation, member.generation_id
            );
            return Err(Rejection::new(ErrorCode::IllegalGeneration, message));
        }
        Ok(())
    }

    /// The invariants at the head of the module.
    pub(super) fn check(&self) {
        let is_awaited = self.state == State::Preparing && !self.pending.is_empty();
        assert!(self.state != State::Empty || self.members.is_empty(), "a group with members is not empty");
        assert!(
            !self.members.is_empty() || self.state == State::Empty || is_awaited,
            "a group without members is empty, or waits for one that has been given its id"
        );
        assert_eq!(self.leader.is_some(), !self.members.is_empty(), "members have a leader");
        assert!(
            self.leader.as_ref().is_none_or(|leader| self.members.contains_key(leader)),
            "the leader is a member"
        );
        for (id, member) in &self.members {
            match member.waiting {
                Waiting::No => {}
                Waiting::Join(_) => assert_eq!(self.state, State::Preparing, "{id} waits to join"),
                Waiting::Sync(_) => {
                    assert_eq!(self.state, State::Completing, "{id} waits for its assignment")
                }
            }
            if let Some(instance) = &member.instance_id {
                assert_eq!(self.instances.get(instance), Some(id), "an instance id names its member");
            }
            if matches!(self.state, State::Completing | State::Stable) {
                let protocol = self.protocol.as_deref().unwrap_or_default();
                assert!(member.knows(protocol), "{id} knows what was chosen");
            }
        }
        let named = self.members.values().filter(|member| member.instance_id.is_some()).count();
        assert_eq!(self.instances.len(), named, "an instance id names one member");
        assert!(self.storing.is_none() || self.state == State::Completing, "an assignment is stored once");
    }
}
