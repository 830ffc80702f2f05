//! Server-side groups by behaviour.

mod assignors;
mod fencing;
mod joining;
mod loading;
mod pushing;
mod random_walk;
mod reconciling;
mod silence;
mod static_members;
mod subscriptions;

use std::collections::{BTreeMap, BTreeSet};

use yak_model::api::{
    ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, GroupState, MemberIdentity, TopicPartitions,
};
use yak_model::{
    ErrorCode, GenerationId, GroupId, InstanceId, MemberEpoch, MemberId, PartitionIndex, TopicId, TopicName,
};

use super::member::{by_topic, one_by_one};
use super::*;

pub(super) fn member_id(text: &str) -> MemberId {
    MemberId::new(text).unwrap()
}

pub(super) fn instance(text: &str) -> InstanceId {
    InstanceId::new(text).unwrap()
}

pub(super) fn name(text: &str) -> TopicName {
    text.parse().unwrap()
}

/// The id of the topic of a name, in its first life.
pub(super) fn topic_id(text: &str) -> TopicId {
    id_of(text, 0)
}

pub(super) fn id_of(text: &str, life: u8) -> TopicId {
    let mut bytes = [life; 16];
    let len = text.len().min(16);
    bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
    TopicId::from_random(bytes)
}

/// Topics by name and number of partitions.
pub(super) fn topics(all: &[(&str, u32)]) -> Topics {
    let topic = |(text, partitions): &(&str, u32)| {
        (name(text), Topic { topic_id: topic_id(text), partitions: *partitions })
    };
    all.iter().map(topic).collect()
}

/// A heartbeat that says nothing but who speaks.
pub(super) fn heartbeat(id: &str, epoch: i32) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        group_id: GroupId::new("g").unwrap(),
        member_id: member_id(id),
        member_epoch: MemberEpoch::new(epoch),
        instance_id: None,
        rack_id: None,
        rebalance_timeout_ms: None,
        subscribed_topics: None,
        subscribed_regex: None,
        server_assignor: None,
        owned: None,
        client_id: format!("client of {id}"),
        client_host: "/127.0.0.1".to_owned(),
    }
}

/// A member joins that wants topics by name.
pub(super) fn join(id: &str, wants: &[&str]) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        rebalance_timeout_ms: Some(60_000),
        subscribed_topics: Some(wants.iter().map(|topic| name(topic)).collect()),
        owned: Some(Vec::new()),
        ..heartbeat(id, 0)
    }
}

/// A member as it sees itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    pub(super) epoch: i32,
    pub(super) owned: BTreeSet<Partition>,
}

/// A group, the time, what came of everything, and members that do what they are told.
pub(super) struct Rig {
    pub(super) group: ConsumerGroup,
    pub(super) now_ms: u64,
    pub(super) topics: Topics,
    pub(super) stored: StoredConsumerGroup,
    pub(super) stores: usize,
    pub(super) changed: BTreeSet<MemberId>,
    pub(super) fenced: Vec<(MemberId, ErrorCode)>,
    pub(super) rebalances: Vec<Rebalance>,
    pub(super) clients: BTreeMap<String, Client>,
    /// How often each partition came to another member than its last one.
    pub(super) moves: BTreeMap<Partition, usize>,
    last_owner: BTreeMap<Partition, String>,
}

impl Rig {
    pub(super) fn new(all: &[(&str, u32)]) -> Self {
        Self::with(GroupConfig::default(), all)
    }

    pub(super) fn with(config: GroupConfig, all: &[(&str, u32)]) -> Self {
        let topics = topics(all);
        Self::of(ConsumerGroup::new(config, &topics), topics)
    }

    pub(super) fn of(group: ConsumerGroup, topics: Topics) -> Self {
        Self {
            group,
            now_ms: 1_000,
            topics,
            stored: StoredConsumerGroup::default(),
            stores: 0,
            changed: BTreeSet::new(),
            fenced: Vec::new(),
            rebalances: Vec::new(),
            clients: BTreeMap::new(),
            moves: BTreeMap::new(),
            last_owner: BTreeMap::new(),
        }
    }

    /// A rig in which every change is assigned at once.
    pub(super) fn at_once(all: &[(&str, u32)]) -> Self {
        Self::with(GroupConfig { assignment_interval_ms: 0, ..GroupConfig::default() }, all)
    }

    pub(super) fn drain(&mut self) {
        while let Some(effect) = self.group.poll_effect() {
            match effect {
                Effect::Store(changes) => {
                    self.stores += 1;
                    changes.into_iter().for_each(|change| self.stored.apply(change));
                }
                Effect::Changed(id) => {
                    self.changed.insert(id);
                }
                Effect::Fenced { member_id, rejection } => self.fenced.push((member_id, rejection.code)),
                Effect::Rebalanced(rebalance) => self.rebalances.push(rebalance),
            }
        }
    }

    pub(super) fn send(
        &mut self,
        request: &ConsumerGroupHeartbeat,
    ) -> Result<ConsumerGroupHeartbeatReply, ErrorCode> {
        let answered = self.group.handle_heartbeat(self.now_ms, request, &self.topics);
        self.drain();
        answered.map_err(|rejection| rejection.code)
    }

    /// A member joins and owns what it is told.
    pub(super) fn grow(&mut self, id: &str, wants: &[&str]) -> BTreeSet<Partition> {
        self.grow_by(&join(id, wants))
    }

    pub(super) fn grow_by(&mut self, request: &ConsumerGroupHeartbeat) -> BTreeSet<Partition> {
        let reply = self.send(request).unwrap();
        assert!(reply.assignment.is_some(), "who joins is told");
        self.hear(request.member_id.as_str(), &reply)
    }

    /// A member does what it is told: takes up, gives up.
    pub(super) fn hear(&mut self, id: &str, reply: &ConsumerGroupHeartbeatReply) -> BTreeSet<Partition> {
        let client = self.clients.entry(id.to_owned()).or_default();
        client.epoch = reply.member_epoch.get();
        if let Some(assignment) = &reply.assignment {
            client.owned = one_by_one(assignment);
        }
        let owned = client.owned.clone();
        for partition in &owned {
            let others = self.clients.iter().filter(|(other, _)| *other != id);
            let rivals: Vec<_> = others.filter(|(_, other)| other.owned.contains(partition)).collect();
            assert!(rivals.is_empty(), "{partition:?} is owned by {id} and by {rivals:?}");
            let last = self.last_owner.insert(*partition, id.to_owned());
            if last.is_some_and(|last| last != id) {
                *self.moves.entry(*partition).or_default() += 1;
            }
        }
        owned
    }

    /// A member says what it owns, and does what it is told. `true`: something was new to it.
    pub(super) fn beat(&mut self, id: &str) -> bool {
        let client = self.clients.get(id).expect("it has joined").clone();
        let request =
            ConsumerGroupHeartbeat { owned: Some(by_topic(&client.owned)), ..heartbeat(id, client.epoch) };
        let reply = self.send(&request).unwrap();
        self.hear(id, &reply);
        reply.member_epoch.get() != client.epoch || self.clients[id].owned != client.owned
    }

    /// Everybody speaks until nobody hears anything new.
    pub(super) fn settle(&mut self) {
        for _ in 0..20 {
            let ids: Vec<String> = self.clients.keys().cloned().collect();
            let news = ids.iter().filter(|id| self.beat(id)).count();
            if news == 0 {
                assert_eq!(self.group.state(), GroupState::Stable);
                return;
            }
        }
        panic!("it does not settle: {:#?}", self.group.view());
    }

    pub(super) fn owned(&self, id: &str) -> &BTreeSet<Partition> {
        &self.clients[id].owned
    }

    pub(super) fn loads(&self) -> Vec<usize> {
        let mut loads: Vec<usize> = self.clients.values().map(|client| client.owned.len()).collect();
        loads.sort_unstable();
        loads
    }

    pub(super) fn leave(&mut self, id: &str) -> Result<ConsumerGroupHeartbeatReply, ErrorCode> {
        self.clients.remove(id);
        self.send(&heartbeat(id, -1))
    }

    pub(super) fn check(&self, id: &str, epoch: i32) -> Result<(), ErrorCode> {
        let identity = MemberIdentity {
            member_id: member_id(id),
            instance_id: None,
            generation_id: GenerationId::new(epoch),
        };
        self.group.check_member(&identity).map_err(|rejection| rejection.code)
    }

    /// Lets time pass, stopping at every deadline.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(deadline) = self.group.next_deadline_ms().filter(|deadline| *deadline <= end) {
            self.now_ms = self.now_ms.max(deadline);
            self.group.handle_time(self.now_ms);
            self.drain();
        }
        self.now_ms = end;
        self.group.handle_time(end);
        self.drain();
    }
}

/// Partitions of the topic of a name, as they are told.
pub(super) fn of(topic: &str, partitions: &[i32]) -> TopicPartitions {
    TopicPartitions {
        topic_id: topic_id(topic),
        partitions: partitions.iter().map(|index| PartitionIndex::new(*index)).collect(),
    }
}
