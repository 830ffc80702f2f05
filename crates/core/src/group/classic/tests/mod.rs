//! Classic groups by behaviour.

mod joining;
mod random_walk;
mod silence;
mod static_members;
mod syncing;

use std::collections::BTreeMap;

use bytes::Bytes;
use yak_model::api::{
    GroupProtocol, JoinGroup, JoinGroupReply, JoinRefused, LeavingMember, MemberIdentity, Rejection,
    SyncGroup, SyncGroupReply,
};
use yak_model::{ErrorCode, GenerationId, GroupId, InstanceId, MemberId};

use super::*;

pub(super) fn member_id(text: &str) -> MemberId {
    MemberId::new(text).unwrap()
}

pub(super) fn group_id() -> GroupId {
    GroupId::new("g").unwrap()
}

pub(super) fn request(client: &str, protocols: &[&str]) -> JoinGroup {
    let protocol = |name: &&str| GroupProtocol {
        name: (*name).to_owned(),
        metadata: Bytes::from(format!("{client} knows {name}")),
    };
    JoinGroup {
        group_id: group_id(),
        member_id: None,
        instance_id: None,
        client_id: client.to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: protocols.iter().map(protocol).collect(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        requires_known_member_id: false,
        can_skip_assignment: false,
    }
}

/// A group, the time, and what came of everything.
pub(super) struct Rig {
    pub(super) group: ClassicGroup,
    pub(super) now_ms: u64,
    drawn: u64,
    pub(super) joined: BTreeMap<Token, Result<JoinGroupReply, JoinRefused>>,
    pub(super) synced: BTreeMap<Token, Result<SyncGroupReply, Rejection>>,
    pub(super) stored: Vec<StoredGroup>,
    pub(super) rebalances: Vec<Rebalance>,
    /// Whether what is to be stored is durable at once.
    pub(super) stores: bool,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(GroupConfig::default())
    }

    pub(super) fn with(config: GroupConfig) -> Self {
        Self::of(ClassicGroup::new(config))
    }

    pub(super) fn of(group: ClassicGroup) -> Self {
        Self {
            group,
            now_ms: 1_000,
            drawn: 0,
            joined: BTreeMap::new(),
            synced: BTreeMap::new(),
            stored: Vec::new(),
            rebalances: Vec::new(),
            stores: true,
        }
    }

    pub(super) fn drain(&mut self) {
        while let Some(effect) = self.group.poll_effect() {
            match effect {
                Effect::Joined { token, result } => {
                    assert!(self.joined.insert(token, result).is_none(), "one answer a question");
                }
                Effect::Synced { token, result } => {
                    assert!(self.synced.insert(token, result).is_none(), "one answer a question");
                }
                Effect::Store(stored) => {
                    let generation = stored.generation_id;
                    self.stored.push(stored);
                    if self.stores {
                        self.group.handle_stored(self.now_ms, generation, Ok(()));
                    }
                }
                Effect::Rebalanced(rebalance) => self.rebalances.push(rebalance),
            }
        }
    }

    pub(super) fn join(&mut self, request: &JoinGroup) -> Result<Join, JoinRefused> {
        self.drawn += 1;
        let new_id = member_id(&format!("{}-{}", request.client_id, self.drawn));
        let joined = self.group.handle_join(self.now_ms, request, new_id);
        self.drain();
        joined
    }

    /// Joins, and is waiting or has its answer by now.
    pub(super) fn join_waiting(&mut self, request: &JoinGroup) -> Token {
        match self.join(request).unwrap() {
            Join::Waiting(token) => token,
            Join::Done(reply) => panic!("{reply:?}"),
        }
    }

    /// The answer to a join that waited.
    pub(super) fn reply(&self, token: Token) -> JoinGroupReply {
        self.joined.get(&token).expect("it was answered").clone().unwrap()
    }

    /// A new member joins, and everybody else again.
    pub(super) fn grow(&mut self, client: &str) -> JoinGroupReply {
        let members: Vec<(MemberId, String)> = self
            .group
            .view()
            .members
            .into_iter()
            .map(|member| (member.member_id, member.client_id))
            .collect();
        let token = self.join_waiting(&request(client, &["range"]));
        for (id, client) in members {
            let again = JoinGroup { member_id: Some(id), ..request(&client, &["range"]) };
            self.join_waiting(&again);
        }
        self.reply(token)
    }

    pub(super) fn identity(&self, id: &MemberId) -> MemberIdentity {
        MemberIdentity { member_id: id.clone(), instance_id: None, generation_id: self.group.generation_id() }
    }

    pub(super) fn sync_request(&self, id: &MemberId, assignments: &[(&MemberId, &str)]) -> SyncGroup {
        let bytes = |(id, text): &(&MemberId, &str)| ((*id).clone(), Bytes::from((*text).to_owned()));
        SyncGroup {
            group_id: group_id(),
            member: self.identity(id),
            protocol_type: None,
            protocol: None,
            assignments: assignments.iter().map(bytes).collect(),
        }
    }

    pub(super) fn sync(&mut self, request: SyncGroup) -> Result<Sync, Rejection> {
        let synced = self.group.handle_sync(self.now_ms, request);
        self.drain();
        synced
    }

    /// The whole group syncs; everybody is assigned its own id.
    pub(super) fn settle(&mut self) {
        let ids: Vec<MemberId> =
            self.group.view().members.into_iter().map(|member| member.member_id).collect();
        let leader = self.group.view().leader.unwrap();
        let assignments: Vec<(&MemberId, &str)> = ids.iter().map(|id| (id, id.as_str())).collect();
        let of_leader = self.sync_request(&leader, &assignments);
        for id in ids.iter().filter(|id| **id != leader) {
            let request = self.sync_request(id, &[]);
            self.sync(request).unwrap();
        }
        self.sync(of_leader).unwrap();
        assert_eq!(self.group.state(), State::Stable);
    }

    pub(super) fn heartbeat(&mut self, id: &MemberId) -> Result<(), ErrorCode> {
        let identity = self.identity(id);
        let beaten = self.group.handle_heartbeat(self.now_ms, &identity);
        self.drain();
        beaten.map_err(|rejection| rejection.code)
    }

    pub(super) fn leave(&mut self, id: &MemberId) -> Result<(), ErrorCode> {
        let member = LeavingMember { member_id: Some(id.clone()), instance_id: None, reason: None };
        let left = self.group.handle_leave(self.now_ms, &member);
        self.drain();
        left.map_err(|rejection| rejection.code)
    }

    /// Lets time pass, stopping at every deadline.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(deadline) = self.group.next_deadline_ms().filter(|deadline| *deadline <= end) {
            assert!(deadline > self.now_ms || deadline <= end, "time goes on");
            self.now_ms = self.now_ms.max(deadline);
            self.group.handle_time(self.now_ms);
            self.drain();
        }
        self.now_ms = end;
        self.group.handle_time(end);
        self.drain();
    }
}

/// The code of a refused join.
pub(super) fn refused(joined: Result<Join, JoinRefused>) -> ErrorCode {
    joined.expect_err("refused").rejection.code
}
