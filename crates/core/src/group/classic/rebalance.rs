//! From the beginning of a rebalance to a new generation.

use std::collections::BTreeMap;

use yak_model::api::{JoinRefused, Rejection};
use yak_model::{ErrorCode, GenerationId, MemberId};

use super::member::{Member, Waiting};
use super::{ClassicGroup, Effect, Rebalance, State, StoredGroup, StoredMember};

/// How long static members that are away are waited for at least before it is looked again: they may say that they need
/// no time to join.
const ABSENT_MS: u64 = 1_000;

impl ClassicGroup {
    /// A rebalance begins: everybody is to join again. What was assigned meanwhile comes to nothing.
    pub(super) fn prepare(&mut self, cause: String) {
        let is_first = self.state == State::Empty;
        let now_ms = self.now_ms;
        let members = self.members.values_mut();
        let syncing: Vec<_> = members.filter_map(|member| member.take_sync(now_ms)).collect();
        for token in syncing {
            let rejection =
                Rejection::new(ErrorCode::RebalanceInProgress, "the group rebalances: join again");
            self.effects.push_back(Effect::Synced { token, result: Err(rejection) });
        }
        for member in self.members.values_mut() {
            member.owes_sync = false;
            if self.state == State::Completing {
                member.assignment = bytes::Bytes::new();
            }
        }
        self.storing = None;
        self.state = State::Preparing;
        // A cause that led to no generation is not forgotten for a later one.
        self.rebalance.get_or_insert((cause, self.now_ms));
        let longest = self.longest_rebalance_ms();
        let delay = u64::from(self.config.initial_rebalance_delay_ms);
        if is_first && delay > 0 {
            self.deadline_ms = Some(self.now_ms + delay.min(longest));
            self.delay_until_ms = Some(self.now_ms + longest);
        } else {
            self.deadline_ms = Some(self.now_ms + longest);
            self.delay_until_ms = None;
        }
    }

    /// Somebody more comes to a group that waits for its first members.
    pub(super) fn prolong_delay(&mut self) {
        if let Some(until) = self.delay_until_ms {
            let delay = u64::from(self.config.initial_rebalance_delay_ms);
            self.deadline_ms = Some((self.now_ms + delay).min(until));
        } else {
            // A member with a longer patience is waited for as long as that.
            let longest = self.longest_rebalance_ms();
            let began = self.rebalance.as_ref().map_or(self.now_ms, |(_, began)| *began);
            self.deadline_ms = self.deadline_ms.max(Some(began + longest));
        }
    }

    fn longest_rebalance_ms(&self) -> u64 {
        self.members.values().map(|member| u64::from(member.rebalance_timeout_ms)).max().unwrap_or(0)
    }

    /// Nobody is left to wait for: at once, unless the first members wait for others.
    pub(super) fn complete_if_all_joined(&mut self) {
        let all = self.members.values().all(Member::awaits_join) && self.pending.is_empty();
        if self.state == State::Preparing && all && self.delay_until_ms.is_none() {
            self.complete();
        }
    }

    /// Whoever has joined is the group now. Static members that have not are still waited for.
    pub(super) fn complete(&mut self) {
        assert_eq!(self.state, State::Preparing, "a rebalance completes that has begun");
        let gone: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(_, member)| !member.awaits_join() && member.instance_id.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.forget(&id);
        }
        self.delay_until_ms = None;
        if self.members.is_empty() {
            self.begin_generation(None);
            self.state = State::Empty;
            self.leader = None;
            self.deadline_ms = None;
            self.store();
            return;
        }
        let Some(leader) = self.joined_leader() else {
            // All are static and away.
            self.deadline_ms = Some(self.now_ms + self.longest_rebalance_ms().max(ABSENT_MS));
            return;
        };
        self.leader = Some(leader);
        let protocol = self.choose_protocol();
        assert!(protocol.is_some(), "whoever joined knows a protocol of all");
        self.begin_generation(protocol);
        self.state = State::Completing;
        self.deadline_ms = Some(self.now_ms + self.longest_rebalance_ms());
        let ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for id in ids {
            let reply = self.reply(&id);
            let now_ms = self.now_ms;
            let member = self.members.get_mut(&id).expect("it is a member");
            member.is_new = false;
            member.owes_sync = true;
            if let Waiting::Join(token) = member.waiting {
                member.waiting = Waiting::No;
                member.heard(now_ms);
                self.effects.push_back(Effect::Joined { token, result: Ok(reply) });
            }
        }
    }

    /// The leader of before if it has joined, else who joined the group first.
    fn joined_leader(&self) -> Option<MemberId> {
        let has_joined = |id: &MemberId| self.members.get(id).is_some_and(Member::awaits_join);
        if let Some(leader) = self.leader.clone().filter(has_joined) {
            return Some(leader);
        }
        let joined = self.members.iter().filter(|(_, member)| member.awaits_join());
        joined.min_by_key(|(_, member)| member.joined).map(|(id, _)| id.clone())
    }

    fn begin_generation(&mut self, protocol: Option<String>) {
        let next = self.generation.get().checked_add(1).unwrap_or(1);
        self.generation = GenerationId::new(next);
        self.protocol = protocol;
        if let Some((cause, began)) = self.rebalance.take() {
            self.effects.push_back(Effect::Rebalanced(Rebalance {
                generation_id: self.generation,
                cause,
                took_ms: self.now_ms - began,
                members: self.members.len(),
            }));
        }
    }

    /// The protocol of which most members have the best opinion, of those that all know: each votes for the first on its
    /// list. Of several, the one that the leader prefers.
    pub(super) fn choose_protocol(&self) -> Option<String> {
        let mut votes = BTreeMap::<&str, usize>::new();
        for member in self.members.values() {
            let mut known = member.protocols.iter().map(|one| one.name.as_str());
            let favourite = known.find(|name| self.members.values().all(|other| other.knows(name)))?;
            *votes.entry(favourite).or_default() += 1;
        }
        let most = votes.values().max()?;
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader))?;
        let mut preferred = leader.protocols.iter().map(|one| one.name.as_str());
        let chosen = preferred.find(|name| votes.get(name) == Some(most));
        chosen
            .or_else(|| votes.iter().find(|(_, count)| *count == most).map(|(name, _)| *name))
            .map(str::to_owned)
    }

    /// Somebody is not a member any more. Its open question is answered.
    pub(super) fn forget(&mut self, id: &MemberId) {
        let Some(member) = self.members.remove(id) else { return };
        if let Some(instance) = &member.instance_id {
            self.instances.remove(instance);
        }
        let rejection = Rejection::new(ErrorCode::UnknownMemberId, format!("{id} is not a member any more"));
        match member.waiting {
            Waiting::No => {}
            Waiting::Join(token) => {
                let refused = JoinRefused { rejection, member_id: Some(id.clone()) };
                self.effects.push_back(Effect::Joined { token, result: Err(refused) });
            }
            Waiting::Sync(token) => self.effects.push_back(Effect::Synced { token, result: Err(rejection) }),
        }
        if self.leader.as_ref() == Some(id) {
            let next = self.members.iter().min_by_key(|(_, member)| member.joined);
            self.leader = next.map(|(id, _)| id.clone());
        }
    }

    /// A member has gone, for this reason: the others share what it had.
    pub(super) fn lose(&mut self, id: &MemberId, cause: String) {
        self.forget(id);
        match self.state {
            State::Stable | State::Completing => {
                self.prepare(cause);
                self.complete_if_all_joined();
            }
            State::Preparing => self.complete_if_all_joined(),
            State::Empty => {}
        }
    }

    /// Has the group stored as it is, with these assignments if there are new ones.
    pub(super) fn store(&mut self) {
        let protocol = self.protocol.clone().unwrap_or_default();
        let stored = |(id, member): (&MemberId, &Member)| StoredMember {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            protocol: yak_model::api::GroupProtocol {
                name: protocol.clone(),
                metadata: member.metadata(&protocol),
            },
            assignment: match &self.storing {
                Some(assignments) => assignments.get(id).cloned().unwrap_or_default(),
                None => member.assignment.clone(),
            },
        };
        let stored = StoredGroup {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: self.members.iter().map(stored).collect(),
        };
        self.effects.push_back(Effect::Store(stored));
    }
}
