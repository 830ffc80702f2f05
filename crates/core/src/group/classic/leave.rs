//! Leave: members go of their own accord, or are sent away.

use yak_model::api::{LeavingMember, Rejection};
use yak_model::{ErrorCode, MemberId};

use super::ClassicGroup;
use super::join::fenced;

impl ClassicGroup {
    /// A member goes; the others share what it had.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`.
    pub fn handle_leave(&mut self, now_ms: u64, member: &LeavingMember) -> Result<(), Rejection> {
        self.advance(now_ms);
        let id = self.leaving(member)?;
        if self.pending.remove(&id).is_some() {
            self.complete_if_all_joined();
        } else {
            let why = member.reason.as_deref().filter(|reason| !reason.is_empty());
            let cause = why.map_or_else(|| format!("{id} left"), |reason| format!("{id} left: {reason}"));
            self.lose(&id, cause);
        }
        self.check();
        Ok(())
    }

    fn leaving(&self, member: &LeavingMember) -> Result<MemberId, Rejection> {
        let unknown = || Rejection::new(ErrorCode::UnknownMemberId, "the group has no such member");
        match (&member.member_id, &member.instance_id) {
            (None, None) => Err(unknown()),
            (None, Some(instance)) => self.instances.get(instance).cloned().ok_or_else(unknown),
            (Some(id), None) if self.pending.contains_key(id) || self.members.contains_key(id) => {
                Ok(id.clone())
            }
            (Some(_), None) => Err(unknown()),
            (Some(id), Some(instance)) => match self.instances.get(instance) {
                None => Err(unknown()),
                Some(named) if named == id => Ok(id.clone()),
                Some(_) => Err(fenced(instance)),
            },
        }
    }
}
