//! The oracle: what both groups promise, by name, judged by what members are told, say and own.
//!
//! | invariant | says |
//! |---|---|
//! | GRP-1 OneOwner | server-side: no two members own a partition, unless one was silent for its session or did not give up in time |
//! | GRP-2 OneAssignment | classic: an assignment is told to members of its generation, each partition to one |
//! | GRP-3 OldGeneration | classic: once a generation was told, nothing is taken from a member of an older one |
//! | GRP-4 OldEpoch | server-side: once a member has said an epoch to a coordinator, that takes nothing from it in an older one; who joins is in a later epoch than its id was ever told |
//! | GRP-5 UnknownMember | nothing is taken from whoever the coordinator has forgotten |
//! | GRP-6 OneInstance | an instance id has one process: nothing is taken from the one before, no other one gets in while it lives |
//! | GRP-7 FencedCommit | a commit is taken from whoever was told the partition last |
//! | GRP-8 NothingForgotten | a coordinator knows every epoch and generation that an earlier one told assignments of |
//! | GRP-9 Progress | in peace everybody is a member, every partition has an owner, who commits |

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use yak_core::group::classic::{self, ClassicGroup};
use yak_core::group::consumer::{self, MemberState, Partition, StoredConsumerGroup};
use yak_model::api::{
    ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, GroupKind, JoinGroupReply, JoinRefused,
    MemberIdentity, Rejection, SyncGroupReply,
};
use yak_model::{ErrorCode, GenerationId, InstanceId, MemberEpoch, MemberId, PartitionIndex};

use super::consumer::REBALANCE_MS;
use super::coordinator::SESSION_MS;
use super::totals::Totals;
use super::wire::Reply;

/// The invariants that a run must have had reason to check.
pub const INVARIANTS: [&str; 9] = [
    "GRP-1 OneOwner",
    "GRP-2 OneAssignment",
    "GRP-3 OldGeneration",
    "GRP-4 OldEpoch",
    "GRP-5 UnknownMember",
    "GRP-6 OneInstance",
    "GRP-7 FencedCommit",
    "GRP-8 NothingForgotten",
    "GRP-9 Progress",
];

/// A client's share as the oracle sees it.
#[derive(Debug)]
pub struct Share<'a> {
    /// Who.
    pub id: &'a MemberId,
    /// As which instance.
    pub instance: Option<&'a InstanceId>,
    /// What it owns, whether it should or not.
    pub owned: BTreeSet<Partition>,
}

/// What is known of the classic group.
#[derive(Debug, Default)]
struct Classic {
    /// The latest generation that members were told of, by this coordinator or, with an assignment, by any.
    latest: GenerationId,
    /// The latest that assignments were told of.
    assigned: GenerationId,
    joined: BTreeSet<(GenerationId, MemberId)>,
    told: BTreeMap<(GenerationId, Partition), (MemberId, Option<InstanceId>)>,
    /// The last process of an instance that was told an assignment.
    instances: BTreeMap<InstanceId, MemberId>,
    members: BTreeSet<MemberId>,
}

/// The oracle.
#[derive(Debug, Default)]
pub struct Oracle {
    /// Totals.
    pub totals: Totals,
    violations: Vec<String>,
    classic: Classic,
    /// The latest epoch that each member has said and was let in with.
    said: BTreeMap<MemberId, MemberEpoch>,
    /// The latest epoch that each member was told.
    told: BTreeMap<MemberId, MemberEpoch>,
    heard_ms: BTreeMap<MemberId, u64>,
    revoking_since_ms: BTreeMap<MemberId, u64>,
    members: BTreeSet<MemberId>,
    /// Whom this coordinator has forgotten.
    forgotten: BTreeSet<MemberId>,
    /// Commits that were confirmed.
    pub commits: BTreeMap<Partition, u64>,
    /// Who took a partition of the server-side group up last.
    owners: BTreeMap<Partition, MemberId>,
}

/// What a leader assigned to a member.
#[must_use]
pub fn parse(assignment: &Bytes) -> Vec<Partition> {
    let text = std::str::from_utf8(assignment).unwrap_or_default();
    let indexes = text.split(',').filter_map(|index| index.parse().ok());
    indexes.map(|index| (super::topic_id(super::classic::TOPIC), PartitionIndex::new(index))).collect()
}

/// Whether somebody was let in; that the group rebalances is told to members only.
fn is_admitted<T>(result: &Result<T, Rejection>) -> bool {
    result.as_ref().err().is_none_or(|rejection| rejection.code == ErrorCode::RebalanceInProgress)
}

impl Oracle {
    /// What was violated.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Something is not as it must be.
    pub fn violated(&mut self, what: String) {
        self.violations.push(what);
    }

    /// There was something to check; it must hold.
    pub fn must(&mut self, name: &'static str, holds: bool, what: impl FnOnce() -> String) {
        *self.totals.checked.entry(name).or_default() += 1;
        if !holds {
            self.violated(format!("{name}: {}", what()));
        }
    }

    /// A coordinator begins with what is stored of the classic group.
    pub fn loads_classic(&mut self, group: &ClassicGroup) {
        let (generation, told) = (group.generation_id(), self.classic.assigned);
        if told > GenerationId::new(0) {
            let what = || format!("generation {generation} of {told}");
            self.must("GRP-8 NothingForgotten", generation >= told, what);
        }
        self.classic.latest = told;
        self.classic.members = group.view().members.into_iter().map(|member| member.member_id).collect();
        self.forgotten.clear();
    }

    /// The same of the server-side group.
    pub fn loads_consumer(&mut self, group: &StoredConsumerGroup) {
        let epoch = group.epoch.unwrap_or_default();
        let told = self.told.values().max().copied().unwrap_or_default();
        if told > MemberEpoch::new(0) {
            let what = || format!("epoch {epoch} of {told}");
            self.must("GRP-8 NothingForgotten", epoch >= told, what);
        }
        self.members = group.members.keys().cloned().collect();
        // That a member has said its epoch is not stored.
        self.said.clear();
    }

    /// After each input of a coordinator: who is a member, who gives up.
    pub fn watch(&mut self, now_ms: u64, classic: &classic::GroupView, consumer: &consumer::GroupView) {
        let ids: BTreeSet<MemberId> = classic.members.iter().map(|member| member.member_id.clone()).collect();
        self.forgotten.extend(self.classic.members.difference(&ids).cloned());
        self.classic.members = ids;
        let ids: BTreeSet<MemberId> =
            consumer.members.iter().map(|member| member.member_id.clone()).collect();
        self.forgotten.extend(self.members.difference(&ids).cloned());
        for id in &ids {
            self.forgotten.remove(id);
        }
        for member in &consumer.members {
            let (id, epoch) = (&member.member_id, member.member_epoch);
            if let Some(told) = self.told.get(id).copied().filter(|_| !self.members.contains(id)) {
                self.must("GRP-4 OldEpoch", epoch > told, || format!("{id} joins in {epoch}, told {told}"));
            }
        }
        self.members = ids;
        for member in &consumer.members {
            if member.state == MemberState::Revoking {
                self.revoking_since_ms.entry(member.member_id.clone()).or_insert(now_ms);
            } else {
                self.revoking_since_ms.remove(&member.member_id);
            }
        }
    }

    /// An answer leaves the coordinator.
    pub fn shown(&mut self, reply: &Reply) {
        match reply {
            Reply::Beaten(Ok(reply)) => {
                let told = self.told.entry(reply.member_id.clone()).or_default();
                *told = reply.member_epoch.max(*told);
            }
            Reply::Committed(partition, Ok(())) => {
                self.totals.commits += 1;
                *self.commits.entry(*partition).or_default() += 1;
            }
            _ => {}
        }
    }

    fn check_known(&mut self, id: &MemberId, is_admitted: bool, what: &str) {
        if self.forgotten.contains(id) {
            self.must("GRP-5 UnknownMember", !is_admitted, || format!("{what} of {id}, who was forgotten"));
        }
    }

    fn check_instance(&mut self, member: &MemberIdentity, is_admitted: bool, what: &str) {
        let Some(instance) = &member.instance_id else { return };
        let last = self.classic.instances.get(instance).cloned();
        if let Some(last) = last.filter(|last| *last != member.member_id && self.is_past(&member.member_id)) {
            let id = &member.member_id;
            self.must("GRP-6 OneInstance", !is_admitted, || {
                format!("{what} of {id}, since then {last} is {instance}")
            });
        }
    }

    /// Whether an id was told an assignment as an instance that is another process now.
    fn is_past(&self, id: &MemberId) -> bool {
        self.classic.told.values().any(|(told, instance)| told == id && instance.is_some())
    }

    /// Classic: somebody joins, or leaves, under an id.
    pub fn comes_or_goes(&mut self, id: Option<&MemberId>, result: &Result<(), Rejection>, what: &str) {
        if let Some(id) = id {
            self.check_known(id, is_admitted(result), what);
        }
    }

    /// Classic: a join is answered.
    pub fn joined(&mut self, result: &Result<JoinGroupReply, JoinRefused>) {
        if let Ok(reply) = result {
            self.classic.latest = self.classic.latest.max(reply.generation_id);
            self.classic.joined.insert((reply.generation_id, reply.member_id.clone()));
        }
    }

    /// Classic: a heartbeat, sync or commit is answered.
    pub fn classic_answered(&mut self, member: &MemberIdentity, result: &Result<(), Rejection>, what: &str) {
        let is_in = is_admitted(result);
        let id = &member.member_id;
        self.check_known(id, is_in, what);
        self.check_instance(member, is_in, what);
        let (said, latest) = (member.generation_id, self.classic.latest);
        if said < latest {
            self.must("GRP-3 OldGeneration", !is_in, || format!("{what} of {id} in {said}, after {latest}"));
        }
    }

    /// Classic: an assignment is told.
    pub fn synced(&mut self, member: &MemberIdentity, reply: &SyncGroupReply) {
        let (id, generation) = (&member.member_id, member.generation_id);
        let has_joined = self.classic.joined.contains(&(generation, id.clone()));
        for partition in parse(&reply.assignment) {
            let key = (generation, partition);
            let told = (id.clone(), member.instance_id.clone());
            let other = self.classic.told.insert(key, told).filter(|(other, instance)| {
                other != id && (instance.is_none() || *instance != member.instance_id)
            });
            let what =
                || format!("{partition:?} in {generation} for {id}, who has joined: {has_joined}; {other:?}");
            self.must("GRP-2 OneAssignment", has_joined && other.is_none(), what);
        }
        self.classic.latest = self.classic.latest.max(generation);
        self.classic.assigned = self.classic.assigned.max(generation);
        if let Some(instance) = &member.instance_id {
            self.classic.instances.insert(instance.clone(), id.clone());
        }
    }

    /// Server-side: a heartbeat is answered.
    pub fn beaten(
        &mut self,
        now_ms: u64,
        beat: &ConsumerGroupHeartbeat,
        result: &Result<ConsumerGroupHeartbeatReply, Rejection>,
    ) {
        let id = &beat.member_id;
        if beat.member_epoch > MemberEpoch::JOIN {
            self.check_known(id, result.is_ok(), "a heartbeat");
            let last = self.said.get(id).copied().unwrap_or_default();
            let said = beat.member_epoch;
            if said < last {
                self.must("GRP-4 OldEpoch", result.is_err(), || format!("{id} says {said} after {last}"));
            } else if result.is_ok() {
                self.said.insert(id.clone(), said);
            }
        }
        if result.is_ok() {
            self.heard(id, now_ms);
        }
    }

    /// Server-side: a member lives.
    pub fn heard(&mut self, id: &MemberId, now_ms: u64) {
        self.heard_ms.insert(id.clone(), now_ms);
    }

    /// Server-side: a member owns one more partition. Whoever was told so while it was one, and stood still since, is none.
    pub fn takes_up(&mut self, id: &MemberId, partition: Partition) {
        if !self.members.contains(id) {
            return;
        }
        let last = self.owners.insert(partition, id.clone());
        if last.is_some_and(|last| last != *id) {
            self.totals.moved += 1;
        }
    }

    /// A commit is answered.
    pub fn committed(
        &mut self,
        kind: GroupKind,
        member: &MemberIdentity,
        partition: Partition,
        result: &Result<(), Rejection>,
    ) {
        let id = &member.member_id;
        match kind {
            GroupKind::Classic => {
                self.classic_answered(member, result, "a commit");
                let (said, assigned) = (member.generation_id, self.classic.assigned);
                let owner = self.classic.told.get(&(assigned, partition)).map(|(owner, _)| owner.clone());
                if said < assigned && owner.as_ref() != Some(id) {
                    let what = || format!("{id} of {said} commits {partition:?} of {owner:?} in {assigned}");
                    self.must("GRP-7 FencedCommit", result.is_err(), what);
                }
            }
            GroupKind::Consumer => {
                self.check_known(id, result.is_ok(), "a commit");
                let owner = self.owners.get(&partition).cloned();
                if let Some(owner) = owner.filter(|owner| owner != id) {
                    let what = || format!("{id} commits {partition:?}, which {owner} owns");
                    self.must("GRP-7 FencedCommit", result.is_err(), what);
                }
            }
        }
    }

    /// Somebody whom a coordinator has reason to take for gone.
    fn is_excused(&self, now_ms: u64, id: &MemberId) -> bool {
        let is_late =
            |since: Option<&u64>, ms: u32| since.is_none_or(|since| since + u64::from(ms) <= now_ms);
        let is_slow = self.revoking_since_ms.get(id).is_some_and(|since| is_late(Some(since), REBALANCE_MS));
        is_slow || is_late(self.heard_ms.get(id), SESSION_MS)
    }

    /// Server-side, at any time: what the clients believe to own.
    pub fn shares(&mut self, now_ms: u64, shares: &[Share<'_>]) {
        let mut owners = BTreeMap::<Partition, Vec<&MemberId>>::new();
        let mut processes = BTreeMap::<&InstanceId, Vec<&MemberId>>::new();
        for share in shares {
            if let Some(instance) = share.instance {
                processes.entry(instance).or_default().push(share.id);
            }
            for partition in &share.owned {
                owners.entry(*partition).or_default().push(share.id);
            }
        }
        let standing = |ids: &[&MemberId]| ids.iter().filter(|id| !self.is_excused(now_ms, id)).count();
        let owned: Vec<(bool, String)> = owners
            .iter()
            .map(|(partition, ids)| (standing(ids) <= 1, format!("{partition:?} is owned by {ids:?}")))
            .collect();
        let of_instances: Vec<(bool, String)> = processes
            .iter()
            .filter(|(_, ids)| ids.len() > 1)
            .map(|(instance, ids)| (standing(ids) <= 1, format!("{instance} is {ids:?}")))
            .collect();
        for (holds, what) in owned {
            self.must("GRP-1 OneOwner", holds, || what);
        }
        for (holds, what) in of_instances {
            self.must("GRP-6 OneInstance", holds, || what);
        }
    }
}
