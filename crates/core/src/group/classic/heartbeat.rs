//! Heartbeats, commits, and those who are not heard of any more.

use yak_model::api::{MemberIdentity, Rejection};
use yak_model::{ErrorCode, MemberId};

use super::{ClassicGroup, State};

impl ClassicGroup {
    /// A member says that it lives.
    ///
    /// # Errors
    ///
    /// `REBALANCE_IN_PROGRESS`: it counts, and is to join again. `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`,
    /// `ILLEGAL_GENERATION`: it does not.
    pub fn handle_heartbeat(&mut self, now_ms: u64, member: &MemberIdentity) -> Result<(), Rejection> {
        self.advance(now_ms);
        self.check_member(member)?;
        self.known(&member.member_id).heard(now_ms);
        match self.state {
            State::Preparing => {
                Err(Rejection::new(ErrorCode::RebalanceInProgress, "the group rebalances: join again"))
            }
            State::Completing | State::Stable | State::Empty => Ok(()),
        }
    }

    /// Whether a commit may be made, and by whom: by a member of the present generation, which thereby says that it
    /// lives; or, `None`, by somebody who is no member, while nobody else is.
    ///
    /// # Errors
    ///
    /// As for a heartbeat; `REBALANCE_IN_PROGRESS` between join and sync, when nobody knows yet what is whose.
    pub fn handle_commit(&mut self, now_ms: u64, member: Option<&MemberIdentity>) -> Result<(), Rejection> {
        self.advance(now_ms);
        let Some(member) = member else {
            if self.state == State::Empty {
                return Ok(());
            }
            let message = "the group has members, and only they commit";
            return Err(Rejection::new(ErrorCode::UnknownMemberId, message));
        };
        self.check_member(member)?;
        if self.state == State::Completing {
            let message = "the group has not been assigned its partitions yet";
            return Err(Rejection::new(ErrorCode::RebalanceInProgress, message));
        }
        self.known(&member.member_id).heard(now_ms);
        Ok(())
    }

    /// Time has come: members that were not heard of go, a rebalance that waited long enough goes on.
    pub fn handle_time(&mut self, now_ms: u64) {
        self.advance(now_ms);
        let late = |until: u64| until <= now_ms;
        let expired: Vec<MemberId> =
            self.pending.iter().filter(|(_, until)| late(**until)).map(|(id, _)| id.clone()).collect();
        for id in &expired {
            self.pending.remove(id);
        }
        if !expired.is_empty() {
            self.complete_if_all_joined();
        }
        let silent: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(_, member)| member.deadline_ms().is_some_and(late))
            .map(|(id, _)| id.clone())
            .collect();
        for id in silent {
            let cause = format!("{id} was not heard of for its session timeout");
            self.lose(&id, cause);
        }
        if self.deadline_ms.is_some_and(late) {
            self.handle_deadline();
        }
        self.check();
    }

    fn handle_deadline(&mut self) {
        match self.state {
            State::Preparing => self.complete(),
            State::Completing => {
                // Who has not synced is not there; a leader among them assigns nothing.
                self.deadline_ms = None;
                let owing: Vec<MemberId> = self
                    .members
                    .iter()
                    .filter(|(_, member)| member.owes_sync)
                    .map(|(id, _)| id.clone())
                    .collect();
                for id in &owing {
                    self.forget(id);
                }
                if !owing.is_empty() {
                    self.prepare(format!("{} member(s) did not ask for their assignment", owing.len()));
                    self.complete_if_all_joined();
                }
            }
            State::Empty | State::Stable => self.deadline_ms = None,
        }
    }
}
