//! Clients: producers that send again, producers that do not, consumers.
//!
//! A client knows the cluster from what some broker told it, which may be old; it never goes back to an epoch that is
//! older than one it has seen.

mod lane;

use std::collections::BTreeMap;

use lane::Lane;
use yak_model::api::Acks;
use yak_model::{ErrorCode, LeaderEpoch, Offset};

use crate::message::{Key, Message, Produce, Read};
use crate::net::{ConnectionId, Node, Timer, World};

const TICK_US: u64 = 12_000;
const TIMEOUT_US: u64 = 1_600_000;
const WINDOW: usize = 3;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Produces idempotently, and sends again until it knows.
    Idempotent(Acks),
    /// Sends each record once, and takes a refusal for an answer.
    Once,
    /// Reads, from leaders alone or from any replica.
    Consumer {
        /// From any.
        any: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct Known {
    leader: Option<usize>,
    epoch: LeaderEpoch,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    number: usize,
    /// What it does.
    pub kind: Kind,
    known: BTreeMap<Key, (Known, Vec<usize>)>,
    connections: BTreeMap<usize, ConnectionId>,
    lanes: BTreeMap<Key, Lane>,
    positions: BTreeMap<Key, i64>,
    /// Reads and questions for the latest offset under way: number, partition, connection, since when, position.
    asked: BTreeMap<u64, (Key, ConnectionId, u64, i64)>,
    metadata_us: u64,
    asking: Option<(ConnectionId, u64)>,
    /// The only broker that it asks for metadata as long as that one answers: whoever is on the side of a leader that was
    /// replaced hears of it late.
    home: Option<usize>,
    home_is_silent: bool,
    /// Produces nothing new any more.
    pub drained: bool,
}

impl Client {
    /// A client that knows nothing.
    #[must_use]
    pub fn new(number: usize, kind: Kind) -> Self {
        Self {
            number,
            kind,
            known: BTreeMap::new(),
            connections: BTreeMap::new(),
            lanes: BTreeMap::new(),
            positions: BTreeMap::new(),
            asked: BTreeMap::new(),
            metadata_us: 0,
            asking: None,
            home: None,
            home_is_silent: false,
            drained: false,
        }
    }

    /// Its place in the network.
    #[must_use]
    pub const fn node(&self) -> Node {
        Node::Client(self.number)
    }

    /// Comes to life.
    pub fn start(&mut self, world: &mut World) {
        let life = world.number();
        world.lives.insert(self.node(), life);
        self.home = world.random.chance(50).then(|| world.random.below(3));
        world.wake(self.node(), Timer::Tick, TICK_US);
    }

    /// Batches whose outcome it does not know yet.
    #[must_use]
    pub fn open_batches(&self) -> usize {
        self.lanes.values().map(|lane| lane.batches.iter().filter(|batch| !batch.done).count()).sum()
    }

    /// How far it has read.
    #[must_use]
    pub fn position(&self, key: Key) -> i64 {
        self.positions.get(&key).copied().unwrap_or(0)
    }

    fn connection(&mut self, world: &mut World, broker: usize) -> ConnectionId {
        let node = self.node();
        *self.connections.entry(broker).or_insert_with(|| world.connect(node, Node::Broker(broker)))
    }

    /// A timer.
    pub fn timer(&mut self, world: &mut World) {
        world.wake(self.node(), Timer::Tick, TICK_US);
        self.give_up_silence(world);
        if world.now_us >= self.metadata_us && self.asking.is_none() {
            self.ask_metadata(world);
        }
        match self.kind {
            Kind::Idempotent(_) | Kind::Once => {
                self.new_batches(world);
                self.send_batches(world);
            }
            Kind::Consumer { any } => self.ask(world, any),
        }
    }

    fn ask_metadata(&mut self, world: &mut World) {
        let any = world.random.below(3);
        let broker = self.home.filter(|_| !std::mem::take(&mut self.home_is_silent)).unwrap_or(any);
        let connection = self.connection(world, broker);
        self.asking = Some((connection, world.now_us));
        self.metadata_us = world.now_us + world.random.within(100_000, 900_000);
        world.send(connection, self.node(), Message::Metadata);
    }

    /// A connection on which something was asked too long ago is made anew.
    fn give_up_silence(&mut self, world: &mut World) {
        let (node, now_us) = (self.node(), world.now_us);
        let late = |since: u64| now_us > since + TIMEOUT_US;
        for batch in self.lanes.values().flat_map(|lane| &lane.batches) {
            if let Some((connection, number, since)) = batch.sent.filter(|(_, _, since)| late(*since)) {
                let silent = world.must_answer(connection, node, since);
                world.oracle.borrow_mut().inv_23_no_silence(!silent, || {
                    format!("produce {number} was not answered in {} us", now_us - since)
                });
            }
        }
        let batches = self.lanes.values().flat_map(|lane| &lane.batches).filter_map(|batch| batch.sent);
        let sent = batches.map(|(connection, _, since)| (connection, since));
        let asked = self.asked.values().map(|(_, connection, since, _)| (*connection, *since));
        let all: Vec<ConnectionId> = sent
            .chain(asked)
            .chain(self.asking)
            .filter(|(_, since)| late(*since))
            .map(|(id, _)| id)
            .collect();
        for connection in all {
            world.close(connection, self.node());
            self.closed(world, connection);
        }
    }

    /// A connection ended: what was under way on it is unknown.
    pub fn closed(&mut self, world: &mut World, connection: ConnectionId) {
        self.connections.retain(|_, known| *known != connection);
        self.asked.retain(|_, (_, of, _, _)| *of != connection);
        if self.asking.is_some_and(|(of, _)| of == connection) {
            self.asking = None;
            self.home_is_silent = true;
        }
        let once = self.kind == Kind::Once;
        for lane in self.lanes.values_mut() {
            for batch in lane.batches.iter_mut() {
                if batch.sent.is_some_and(|(of, _, _)| of == connection) {
                    batch.sent = None;
                    batch.doubtful = true;
                    batch.done |= once;
                    batch.not_before_us = world.now_us + world.random.within(5_000, 60_000);
                }
            }
        }
        self.metadata_us = 0;
    }

    fn new_batches(&mut self, world: &mut World) {
        if self.drained {
            return;
        }
        let keys: Vec<Key> = self.known.keys().copied().collect();
        for key in keys {
            if !world.random.chance(18) {
                continue;
            }
            let next_id = world.number();
            let lane = self.lanes.entry(key).or_insert_with(|| Lane::new(next_id));
            if lane.batches.len() >= WINDOW {
                continue;
            }
            let count = world.random.within(1, 4);
            let plain = self.kind == Kind::Once;
            let values: Vec<u64> = (0..count).map(|_| world.number()).collect();
            for value in &values {
                world.oracle.borrow_mut().produced(*value, key);
            }
            let padding = vec![7; world.random.below(90)];
            lane.push(super::broker_wall(world), values, &padding, !plain);
        }
    }

    /// Sends what is to be sent, in order: nothing overtakes what waits before it.
    fn send_batches(&mut self, world: &mut World) {
        let (node, now_us) = (self.node(), world.now_us);
        let acks = match self.kind {
            Kind::Idempotent(acks) => acks,
            _ => Acks::All,
        };
        let keys: Vec<Key> = self.lanes.keys().copied().collect();
        for key in keys {
            let Some((known, _)) = self.known.get(&key).cloned() else { continue };
            let Some(leader) = known.leader else {
                self.metadata_us = self.metadata_us.min(now_us + 30_000);
                continue;
            };
            let connection = self.connection(world, leader);
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            for batch in &mut lane.batches {
                if batch.done || batch.sent.is_some() {
                    continue;
                }
                if now_us < batch.not_before_us {
                    break;
                }
                let number = world.number();
                batch.sent = Some((connection, number, now_us));
                let produce =
                    Produce { number, key, leader_epoch: known.epoch, acks, batch: batch.bytes.clone() };
                world.send(connection, node, Message::Produce(produce));
            }
        }
    }

    /// A message came.
    pub fn message(&mut self, world: &mut World, connection: ConnectionId, message: Message) {
        match message {
            Message::MetadataReply(image) => {
                if self.asking.is_some_and(|(of, _)| of == connection) {
                    self.asking = None;
                }
                self.learn(&image);
            }
            Message::Produced(number, result) => self.produced(world, number, result.map(|_| ())),
            Message::ReadReply(number, result) => self.read(world, number, result),
            Message::LatestReply(number, result) => {
                if let (Some((key, _, _, returned)), Ok(offset)) = (self.asked.remove(&number), result) {
                    world.oracle.borrow_mut().latest_seen(key, offset.get(), returned);
                }
            }
            other => world.note(|| format!("a client does not understand {other:?}")),
        }
    }

    fn learn(&mut self, image: &yak_core::image::Image) {
        let broker = |id: &yak_model::BrokerId| usize::try_from(id.get() - 1).unwrap_or(0);
        let mut present = Vec::new();
        for record in image.partitions() {
            let key = (record.topic_id, record.partition.get());
            present.push(key);
            let known = Known { leader: record.leader.as_ref().map(broker), epoch: record.leader_epoch };
            let isr: Vec<usize> = record.in_sync_replicas.iter().map(broker).collect();
            let old = self.known.entry(key).or_insert_with(|| (known, isr.clone()));
            if known.epoch >= old.0.epoch {
                *old = (known, isr);
            }
        }
        // A topic that is gone, or not known there yet. Old news may bring it up again.
        if image.index().get() > 0 {
            self.known.retain(|key, _| present.contains(key) || image.topic_by_id(key.0).is_some());
            let known = &self.known;
            self.lanes.retain(|key, _| known.contains_key(key));
        }
    }

    fn produced(&mut self, world: &mut World, number: u64, result: Result<(), ErrorCode>) {
        let once = self.kind == Kind::Once;
        let all = self.kind == Kind::Idempotent(Acks::All);
        let now_us = world.now_us;
        let found = self.lanes.iter_mut().find_map(|(key, lane)| {
            let at = lane.batches.iter().position(|batch| batch.sent.is_some_and(|sent| sent.1 == number))?;
            Some((*key, lane, at))
        });
        let Some((key, lane, at)) = found else { return };
        let is_head = lane.batches.iter().take(at).all(|batch| batch.done);
        let batch = &mut lane.batches[at];
        batch.sent = None;
        match result {
            Ok(()) => batch.done = true,
            Err(code) if once => {
                batch.done = true;
                let unknown = matches!(
                    code,
                    ErrorCode::KafkaStorageError
                        | ErrorCode::NotEnoughReplicasAfterAppend
                        | ErrorCode::RequestTimedOut
                );
                if !unknown && !batch.doubtful {
                    for value in batch.values.clone() {
                        world.oracle.borrow_mut().refused(value);
                    }
                }
                self.metadata_us = 0;
            }
            Err(ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId) if is_head => {
                let lossy = world.oracle.borrow().is_lossy(key);
                if all && !lossy {
                    let (sequence, id) = (batch.sequence, lane.producer_id);
                    world.oracle.borrow_mut().violated(format!(
                        "INV-12 AckedSurvives: producer {id} is told that sequence {sequence} of {key:?} has a gap before it"
                    ));
                }
                // What was acknowledged by one leader alone is gone with it: it begins anew.
                self.lanes.remove(&key);
            }
            Err(_) => {
                batch.doubtful = true;
                batch.not_before_us = now_us + world.random.within(10_000, 60_000);
                self.metadata_us = self.metadata_us.min(now_us + 20_000);
            }
        }
        if let Some(lane) = self.lanes.get_mut(&key) {
            while lane.batches.front().is_some_and(|batch| batch.done) {
                lane.batches.pop_front();
            }
        }
        world.oracle.borrow_mut().inv_23_no_silence(true, String::new);
    }

    fn ask(&mut self, world: &mut World, any: bool) {
        let (node, now_us) = (self.node(), world.now_us);
        let keys: Vec<Key> = self.known.keys().copied().collect();
        for key in keys {
            if self.asked.values().any(|(of, _, _, _)| *of == key) || !world.random.chance(30) {
                continue;
            }
            let Some((known, isr)) = self.known.get(&key).cloned() else { continue };
            let latest = !any && world.random.chance(15);
            let from = if any { world.random.pick(&isr).copied() } else { known.leader };
            let Some(from) = from else { continue };
            let connection = self.connection(world, from);
            let number = world.number();
            let position = self.position(key);
            self.asked.insert(number, (key, connection, now_us, position));
            let message = if latest {
                Message::Latest(number, key, known.epoch)
            } else {
                // Now and then from the beginning: what was read once must be read again.
                let offset = if world.random.chance(4) { 0 } else { position };
                Message::Read(Read {
                    number,
                    key,
                    leader_epoch: known.epoch,
                    offset: Offset::new(offset),
                    any,
                })
            };
            world.send(connection, node, message);
        }
    }

    fn read(
        &mut self,
        world: &mut World,
        number: u64,
        result: Result<(Offset, Vec<crate::oracle::Record>), ErrorCode>,
    ) {
        let Some((key, ..)) = self.asked.remove(&number) else { return };
        match result {
            Ok((_, records)) => {
                let last = records.last().map_or(0, |record| record.offset + 1);
                let position = self.positions.entry(key).or_insert(0);
                *position = last.max(*position);
            }
            Err(ErrorCode::OffsetOutOfRange) if world.oracle.borrow().is_lossy(key) => {
                self.positions.insert(key, 0);
            }
            Err(_) => self.metadata_us = self.metadata_us.min(world.now_us + 20_000),
        }
    }
}
