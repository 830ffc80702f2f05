//! What a coordinator has in memory: both machines, and whom they will answer.

use std::collections::{BTreeMap, VecDeque};

use yak_core::group::classic::{self, ClassicGroup, Join, Sync, Token};
use yak_core::group::consumer::{self, ConsumerGroup, Partition};
use yak_model::MemberId;
use yak_model::api::{
    GroupKind, JoinGroup, JoinGroupReply, JoinRefused, MemberIdentity, Rejection, SyncGroup,
};

use super::log::{Log, Record};
use super::oracle::Oracle;
use super::wire::{Address, Push, Reply};
use super::world::World;

/// What is shown when everything before it is durable.
#[derive(Debug)]
pub(super) enum Held {
    Answer(Address, u64, Reply),
    Push(Address, u64, Push),
}

/// What a crash takes away.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) classic: ClassicGroup,
    pub(super) consumer: ConsumerGroup,
    pub(super) offsets: BTreeMap<Partition, i64>,
    joins: BTreeMap<Token, (Address, u64)>,
    syncs: BTreeMap<Token, (Address, u64, MemberIdentity)>,
    pub(super) held: VecDeque<(usize, Held)>,
    pub(super) streams: BTreeMap<MemberId, (Address, u64)>,
    pub(super) wakes_at_ms: Option<u64>,
}

impl Running {
    /// Both groups as they were stored.
    pub(super) fn new(
        classic: ClassicGroup,
        consumer: ConsumerGroup,
        offsets: BTreeMap<Partition, i64>,
    ) -> Self {
        Self {
            classic,
            consumer,
            offsets,
            joins: BTreeMap::new(),
            syncs: BTreeMap::new(),
            held: VecDeque::new(),
            streams: BTreeMap::new(),
            wakes_at_ms: None,
        }
    }

    pub(super) fn hold(&mut self, log: &Log, held: Held) {
        self.held.push_back((log.end(), held));
    }

    /// Returns what is to be answered at once, but shown no earlier than what was stored by then.
    pub(super) fn join(
        &mut self,
        world: &mut World,
        oracle: &mut Oracle,
        (from, number): (Address, u64),
        join: &JoinGroup,
    ) -> Option<Held> {
        let new_id = super::classic::member_id(from.client, world.number());
        let joined = self.classic.handle_join(world.now_ms, join, new_id);
        let accepted = joined.as_ref().map(|_| ()).map_err(|refused| refused.rejection.clone());
        oracle.comes_or_goes(join.member_id.as_ref(), &accepted, "a join");
        match joined {
            Ok(Join::Waiting(token)) => {
                self.joins.insert(token, (from, number));
            }
            Ok(Join::Done(reply)) => {
                let joined = Ok(*reply);
                oracle.joined(&joined);
                return Some(Held::Answer(from, number, Reply::Joined(joined)));
            }
            Err(refused) => self.joined(world, oracle, (from, number), Err(refused)),
        }
        None
    }

    fn joined(
        &self,
        world: &mut World,
        oracle: &mut Oracle,
        (to, number): (Address, u64),
        result: Result<JoinGroupReply, JoinRefused>,
    ) {
        oracle.joined(&result);
        world.answer(to, number, Reply::Joined(result));
    }

    pub(super) fn sync(
        &mut self,
        world: &mut World,
        oracle: &mut Oracle,
        (from, number): (Address, u64),
        sync: SyncGroup,
    ) {
        let member = sync.member.clone();
        let synced = self.classic.handle_sync(world.now_ms, sync);
        let accepted = synced.as_ref().map(|_| ()).map_err(Clone::clone);
        oracle.classic_answered(&member, &accepted, "sync");
        match synced {
            Ok(Sync::Waiting(token)) => {
                self.syncs.insert(token, (from, number, member));
            }
            Ok(Sync::Done(reply)) => {
                oracle.synced(&member, &reply);
                world.answer(from, number, Reply::Synced(Ok(reply)));
            }
            Err(rejection) => world.answer(from, number, Reply::Synced(Err(rejection))),
        }
    }

    pub(super) fn commit(
        &mut self,
        now_ms: u64,
        kind: GroupKind,
        member: &MemberIdentity,
    ) -> Result<(), Rejection> {
        match kind {
            GroupKind::Classic => self.classic.handle_commit(now_ms, Some(member)),
            GroupKind::Consumer => self.consumer.check_commit(Some(member)),
        }
    }

    /// What the machines want done.
    pub(super) fn news(&mut self, world: &mut World, oracle: &mut Oracle, log: &mut Log) {
        while let Some(effect) = self.classic.poll_effect() {
            match effect {
                classic::Effect::Joined { token, result } => {
                    if let Some(to) = self.joins.remove(&token) {
                        self.joined(world, oracle, to, result);
                    }
                }
                classic::Effect::Synced { token, result } => {
                    if let Some((to, number, member)) = self.syncs.remove(&token) {
                        if let Ok(reply) = &result {
                            oracle.synced(&member, reply);
                        }
                        world.answer(to, number, Reply::Synced(result));
                    }
                }
                classic::Effect::Store(stored) => log.append(Record::Classic(stored)),
                classic::Effect::Rebalanced(rebalance) => {
                    world.note(|| format!("classic: {rebalance:?}"));
                    oracle.totals.generations += 1;
                }
            }
        }
        while let Some(effect) = self.consumer.poll_effect() {
            match effect {
                consumer::Effect::Store(changes) => log.append(Record::Consumer(changes)),
                consumer::Effect::Changed(id) => {
                    let Some((to, stream)) = self.streams.get(&id).copied() else { continue };
                    if let Some(assignment) = self.consumer.assignment_for(world.now_ms, &id) {
                        // What telling it has changed is stored before.
                        self.news(world, oracle, log);
                        self.hold(log, Held::Push(to, stream, Push::Assigned(assignment)));
                    }
                }
                consumer::Effect::Fenced { member_id, rejection } => {
                    world.note(|| rejection.message.clone());
                    if let Some((to, stream)) = self.streams.remove(&member_id) {
                        self.hold(log, Held::Push(to, stream, Push::Fenced));
                    }
                }
                consumer::Effect::Rebalanced(rebalance) => {
                    world.note(|| format!("server-side: {rebalance:?}"));
                    oracle.totals.rebalances += 1;
                }
            }
        }
    }
}
