//! Sync: the leader brings the assignment, and everybody gets its part.

use std::collections::BTreeMap;

use yak_model::api::{MemberIdentity, Rejection, SyncGroup, SyncGroupReply};
use yak_model::{ErrorCode, GenerationId, MemberId};

use super::member::Waiting;
use super::{ClassicGroup, Effect, State, Token};

/// What becomes of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sync {
    /// This is its assignment.
    Done(SyncGroupReply),
    /// It is answered when the leader's assignment is durable.
    Waiting(Token),
}

impl ClassicGroup {
    /// A member asks for its assignment; the leader brings all of them.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`, `INCONSISTENT_GROUP_PROTOCOL` if it takes the
    /// group for another one, `REBALANCE_IN_PROGRESS`.
    pub fn handle_sync(&mut self, now_ms: u64, request: SyncGroup) -> Result<Sync, Rejection> {
        self.advance(now_ms);
        self.check_member(&request.member)?;
        self.check_names(&request)?;
        let SyncGroup { member: MemberIdentity { member_id, .. }, assignments, .. } = request;
        let synced = match self.state {
            State::Preparing => {
                return Err(Rejection::new(
                    ErrorCode::RebalanceInProgress,
                    "the group rebalances: join again",
                ));
            }
            State::Completing => Sync::Waiting(self.sync_completing(member_id, assignments)),
            State::Stable | State::Empty => {
                let member = self.known(&member_id);
                member.owes_sync = false;
                member.heard(now_ms);
                Sync::Done(self.assigned(&member_id))
            }
        };
        self.check();
        Ok(synced)
    }

    fn check_names(&self, request: &SyncGroup) -> Result<(), Rejection> {
        let differs = |said: &Option<String>, is: &Option<String>| said.is_some() && said != is;
        if differs(&request.protocol_type, &self.protocol_type) || differs(&request.protocol, &self.protocol)
        {
            let (kind, protocol) =
                (self.protocol_type.as_deref().unwrap_or("?"), self.protocol.as_deref().unwrap_or("?"));
            let message = format!("the group is for \"{kind}\" and has chosen \"{protocol}\"");
            return Err(Rejection::new(ErrorCode::InconsistentGroupProtocol, message));
        }
        Ok(())
    }

    fn sync_completing(&mut self, id: MemberId, assignments: Vec<(MemberId, bytes::Bytes)>) -> Token {
        let token = self.token();
        let now_ms = self.now_ms;
        let member = self.known(&id);
        member.owes_sync = false;
        member.heard(now_ms);
        if let Waiting::Sync(older) = std::mem::replace(&mut member.waiting, Waiting::Sync(token)) {
            let rejection = Rejection::new(ErrorCode::UnknownMemberId, "the member has asked again");
            self.effects.push_back(Effect::Synced { token: older, result: Err(rejection) });
        }
        if self.leader.as_ref() == Some(&id) && self.storing.is_none() {
            let known = assignments.into_iter().filter(|(id, _)| self.members.contains_key(id));
            self.storing = Some(known.collect::<BTreeMap<_, _>>());
            self.store();
        }
        token
    }

    /// What [`Effect::Store`] gave is durable, or could not be made so. Of an older generation it is of no interest.
    pub fn handle_stored(&mut self, now_ms: u64, generation: GenerationId, result: Result<(), Rejection>) {
        self.advance(now_ms);
        if self.state != State::Completing || generation != self.generation {
            return;
        }
        let Some(mut assignments) = self.storing.take() else { return };
        match result {
            Ok(()) => {
                self.state = State::Stable;
                self.deadline_ms = None;
                for (id, member) in &mut self.members {
                    member.assignment = assignments.remove(id).unwrap_or_default();
                }
                self.answer_syncs();
            }
            Err(rejection) => {
                let members = self.members.values_mut();
                let syncing: Vec<Token> = members.filter_map(|member| member.take_sync(now_ms)).collect();
                for token in syncing {
                    self.effects.push_back(Effect::Synced { token, result: Err(rejection.clone()) });
                }
                self.prepare(format!("the assignment could not be stored: {rejection}"));
            }
        }
        self.check();
    }

    fn answer_syncs(&mut self) {
        let now_ms = self.now_ms;
        let waiting: Vec<(MemberId, Token)> = self
            .members
            .iter_mut()
            .filter_map(|(id, member)| member.take_sync(now_ms).map(|token| (id.clone(), token)))
            .collect();
        for (id, token) in waiting {
            let result = Ok(self.assigned(&id));
            self.effects.push_back(Effect::Synced { token, result });
        }
        // Who has not asked yet has a session from now on, and gets it when it asks.
    }

    fn assigned(&self, id: &MemberId) -> SyncGroupReply {
        SyncGroupReply {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
            assignment: self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }
}
