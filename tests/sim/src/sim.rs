//! A run: set up, faults, peace, and what must be so in the end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use yak_core::image::Image;
use yak_model::TopicPartition;
use yak_model::api::{Acks, ElectLeaders, ElectionKind};
use yak_model::config::FlushMode;

use crate::broker::Broker;
use crate::client::{Client, Kind};
use crate::message::Key;
use crate::nemesis::Nemesis;
use crate::net::{Event, Node, World};
use crate::oracle::{Oracle, Totals};
use crate::outcome::Outcome;
use crate::zookeeper::Zookeeper;

/// A cluster and its clients.
#[derive(Debug)]
pub struct Sim {
    /// Time and the network.
    pub world: World,
    /// The zookeeper.
    pub zookeeper: Zookeeper,
    /// Three brokers.
    pub brokers: Vec<Broker>,
    /// Clients.
    pub clients: Vec<Client>,
    /// Who breaks things.
    pub nemesis: Nemesis,
}

impl Sim {
    /// Three brokers, and clients of all kinds.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let oracle = Rc::new(RefCell::new(Oracle::default()));
        let kinds = [
            Kind::Idempotent(Acks::All),
            Kind::Idempotent(Acks::All),
            Kind::Idempotent(Acks::Leader),
            Kind::Once,
            Kind::Consumer { any: false },
            Kind::Consumer { any: true },
            Kind::Idempotent(Acks::Leader),
        ];
        Self {
            world: World::new(seed, oracle),
            zookeeper: Zookeeper::new(),
            brokers: (0..3).map(Broker::new).collect(),
            clients: kinds.into_iter().enumerate().map(|(number, kind)| Client::new(number, kind)).collect(),
            nemesis: Nemesis::default(),
        }
    }

    /// Starts everything, and waits until all brokers live.
    pub fn start(&mut self) {
        self.world.lives.insert(Node::Admin, 1);
        self.zookeeper.start(&mut self.world);
        for broker in 0..3 {
            self.nemesis.excuse(broker, 3_000_000);
            self.brokers[broker].start(&mut self.world);
        }
        self.run_until(10_000, |sim| {
            sim.zookeeper
                .image()
                .is_some_and(|image| image.brokers().filter(|broker| !broker.fenced).count() == 3)
        });
    }

    /// Handles events until something is so, at most so many milliseconds. Returns whether it is.
    pub fn run_until(&mut self, at_most_ms: u64, mut until: impl FnMut(&mut Self) -> bool) -> bool {
        let end_us = self.world.now_us + at_most_ms * 1_000;
        loop {
            if !self.world.oracle.borrow().violations().is_empty() {
                return false;
            }
            if until(self) {
                return true;
            }
            if !self.step(end_us) {
                return until(self);
            }
        }
    }

    /// Lets time pass.
    pub fn run_for(&mut self, ms: u64) {
        self.run_until(ms, |_| false);
    }

    /// Brokers that are not to be taken for dead.
    fn well(&self, now_us: u64) -> BTreeMap<usize, bool> {
        let mut well = self.nemesis.well(now_us);
        // While the zookeeper is away a process may be started anew that cannot register: the zookeeper then comes
        // back to the session of a dead one, and may end it when its time is over.
        well.retain(|broker, _| !self.brokers[*broker].is_newcomer());
        well
    }

    /// Handles one event; `false` when there is none before `end_us`.
    fn step(&mut self, end_us: u64) -> bool {
        let Some(event) = self.world.next(end_us) else { return false };
        let now_us = self.world.now_us;
        self.world.oracle.borrow_mut().set_time(now_us);
        match event {
            Event::Nemesis(number) => self.nemesis_event(number),
            Event::Timer(node, _, timer) => match node {
                Node::Zookeeper => {
                    self.zookeeper.well = self.well(now_us);
                    self.zookeeper.timer(&mut self.world, timer);
                }
                Node::Broker(broker) => self.brokers[broker].timer(&mut self.world, timer),
                Node::Client(client) => self.clients[client].timer(&mut self.world),
                Node::Admin => {}
            },
            Event::Closed(id, node) => {
                let peer = self.world.peer(id, node);
                self.world.note(|| format!("{node:?} loses its connection to {peer:?}"));
                match node {
                    Node::Zookeeper => self.zookeeper.closed(&mut self.world, id),
                    Node::Broker(broker) => self.brokers[broker].closed(&mut self.world, id),
                    Node::Client(client) => self.clients[client].closed(&mut self.world, id),
                    Node::Admin => {}
                }
            }
            Event::Deliver(id, node, message) => {
                let peer = self.world.peer(id, node);
                self.world.note(|| format!("{peer:?} -> {node:?}: {}", message.describe()));
                match node {
                    Node::Zookeeper => {
                        self.zookeeper.well = self.well(now_us);
                        self.zookeeper.message(&mut self.world, id, message);
                    }
                    Node::Broker(broker) => self.brokers[broker].message(&mut self.world, id, message),
                    Node::Client(client) => self.clients[client].message(&mut self.world, id, message),
                    Node::Admin => {}
                }
            }
        }
        self.check_maximal_isr();
        true
    }

    fn check_maximal_isr(&self) {
        let Some(image) = self.zookeeper.image() else { return };
        for broker in &self.brokers {
            for (key, epoch, maximal) in broker.leaders() {
                let record = image.topic_by_id(key.0).and_then(|topic| topic.partition(key.1.into()));
                if let Some(record) = record
                    && record.leader == Some(broker.id())
                    && record.leader_epoch.get() == epoch
                {
                    self.world.oracle.borrow_mut().inv_8_maximal_isr(record, &maximal);
                }
            }
        }
    }

    /// Whether every partition has all its replicas in sync, all brokers work by the same metadata, every produce is
    /// answered, and everything is read.
    fn is_at_rest(&self) -> bool {
        let Some(image) = self.zookeeper.image() else { return false };
        let whole = image.partitions().all(|partition| {
            partition.leader.is_some() && partition.in_sync_replicas.len() == partition.replicas.len()
        });
        let settled = self.brokers.iter().all(|broker| broker.is_settled(image.index()));
        let answered = self.clients.iter().all(|client| client.open_batches() == 0);
        whole && settled && answered && self.replicas_agree(image)
    }

    fn replicas_agree(&self, image: &Image) -> bool {
        let ends: Vec<_> = self.brokers.iter().map(Broker::ends).collect();
        image.partitions().all(|partition| {
            let key: Key = (partition.topic_id, partition.partition.get());
            let mut of_replicas = partition.replicas.iter().map(|id| ends[Self::number_of(*id)].get(&key));
            let Some(Some((end, high_watermark))) = of_replicas.next() else { return false };
            let mut readers =
                self.clients.iter().filter(|client| matches!(client.kind, Kind::Consumer { .. }));
            let lives = |client: &Client| self.world.lives.contains_key(&client.node());
            let read = readers.all(|client| client.position(key) >= *end || !lives(client));
            read && end == high_watermark && of_replicas.all(|other| other == Some(&(*end, *high_watermark)))
        })
    }

    /// Partitions that wait for an operator: nobody who is entitled to lead will come back.
    fn elect_uncleanly(&mut self) {
        let Some(image) = self.zookeeper.image() else { return };
        if !self.world.oracle.borrow().violations().is_empty() {
            return;
        }
        let mut waiting = Vec::new();
        for partition in image.partitions().filter(|partition| partition.leader.is_none()) {
            let key: Key = (partition.topic_id, partition.partition.get());
            let oracle = self.world.oracle.borrow();
            let sync = oracle.partitions.get(&key).is_some_and(|known| known.flush == FlushMode::Sync);
            let lost_disk = oracle.partitions.get(&key).is_some_and(|known| known.damaged);
            let excused = !sync || lost_disk || oracle.any_failed;
            drop(oracle);
            if !excused {
                let found =
                    format!("INV-15 PowerCut: nobody may lead, though no disk was lost: {partition:?}");
                self.world.oracle.borrow_mut().violated(found);
            }
            waiting.push(TopicPartition::new(partition.topic.clone(), partition.partition));
        }
        if !waiting.is_empty() {
            let kind = ElectionKind::Unclean;
            self.world.oracle.borrow_mut().unclean_asked();
            self.admin(ElectLeaders { kind, partitions: Some(waiting), timeout_ms: 0 }.into());
        }
    }

    /// Peace: everything must come to rest, then every partition must take records, and come to rest again.
    pub fn settle(&mut self) {
        self.world.note(|| "peace".to_owned());
        self.make_peace();
        self.run_for(3_000);
        // Who was shutting down then has stopped by now.
        self.make_peace();
        self.run_for(3_000);
        self.elect_uncleanly();
        self.run_for(2_000);
        self.require("rest in peace", Self::is_at_rest);
        let before = self.committed();
        self.clients.iter_mut().for_each(|client| client.drained = false);
        if self.producers().next().is_some() {
            self.require("records in every partition", |sim| {
                let now = sim.committed();
                before.iter().all(|(key, end)| now.get(key).is_none_or(|now| now > end))
            });
            self.world.oracle.borrow_mut().totals.progress += before.len() as u64;
        }
        self.require("rest after them", Self::is_at_rest);
        if self.world.oracle.borrow().violations().is_empty() {
            self.compare_replicas();
        }
    }

    /// It must become so, while nobody produces anything new if that is what is waited for.
    fn require(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        if what.starts_with("rest") {
            self.clients.iter_mut().for_each(|client| client.drained = true);
        }
        if self.run_until(30_000, |sim| is_so(sim)) || !self.world.oracle.borrow().violations().is_empty() {
            return;
        }
        let image = self.zookeeper.image().cloned().unwrap_or_default();
        let ends: Vec<_> = self.brokers.iter().map(Broker::ends).collect();
        let open: Vec<usize> = self.clients.iter().map(Client::open_batches).collect();
        let partitions: Vec<_> = image.partitions().collect();
        self.world.oracle.borrow_mut().violated(format!(
            "no progress in peace to {what}: open batches {open:?}, ends {ends:?}, partitions {partitions:#?}"
        ));
    }

    /// Clients that run and want an acknowledgement of the whole ISR.
    fn producers(&self) -> impl Iterator<Item = &Client> {
        let is_producer = |client: &&Client| client.kind == Kind::Idempotent(Acks::All);
        self.clients.iter().filter(is_producer).filter(|client| self.world.lives.contains_key(&client.node()))
    }

    /// How many records of each partition are acknowledged by the whole ISR.
    fn committed(&self) -> BTreeMap<Key, i64> {
        let image = self.zookeeper.durable_image();
        let mut ends = BTreeMap::new();
        for partition in image.partitions() {
            let key: Key = (partition.topic_id, partition.partition.get());
            let leader = partition.leader.map(Self::number_of);
            let end = leader.and_then(|leader| self.brokers.get(leader)?.ends().get(&key).copied());
            ends.insert(key, end.map_or(0, |(_, high_watermark)| high_watermark));
        }
        ends
    }

    /// In the end every replica holds what was committed, and all that was acknowledged.
    fn compare_replicas(&self) {
        let Some(image) = self.zookeeper.image() else { return };
        let mut oracle = self.world.oracle.borrow_mut();
        for partition in image.partitions() {
            let key: Key = (partition.topic_id, partition.partition.get());
            for id in &partition.replicas {
                let broker = Self::number_of(*id);
                oracle.read_in_the_end((broker, key), self.brokers[broker].read_all(key));
                oracle.in_the_end((broker, key), partition.leader.map(Self::number_of));
            }
        }
    }
}

/// Runs a seed. Panics of the machines are violations.
#[must_use]
pub fn run_seed(seed: u64) -> Outcome {
    let mut sim = Sim::new(seed);
    let result = catch_unwind(AssertUnwindSafe(|| play(&mut sim)));
    outcome(seed, &sim, result.err().map(|panic| describe(&panic)))
}

/// What a run came to.
#[must_use]
pub fn outcome(seed: u64, sim: &Sim, panic: Option<String>) -> Outcome {
    let (mut violations, totals) = match sim.world.oracle.try_borrow() {
        Ok(oracle) => (oracle.violations().to_vec(), oracle.totals.clone()),
        Err(_) => (Vec::new(), Totals::default()),
    };
    violations.extend(panic);
    Outcome { seed, violations, trace: sim.world.trace.last(), sum: sim.world.trace.sum(), totals }
}

/// What a panic said.
#[must_use]
pub fn describe(panic: &Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("panic: {}", text.unwrap_or_default())
}

fn play(sim: &mut Sim) {
    let fetch_max_bytes = *sim.world.random.pick(&[300, 1_000, 4_000]).unwrap_or(&4_000);
    sim.brokers.iter_mut().for_each(|broker| broker.fetch_max_bytes = fetch_max_bytes);
    // The zookeeper's disk is fast or slow: how long a decision is under way.
    let sync_us = *sim.world.random.pick(&[3_000, 30_000, 150_000]).unwrap_or(&3_000);
    (sim.zookeeper.sync_us, sim.zookeeper.usual_sync_us) = (sync_us, sync_us);
    sim.start();
    sim.create((3, 2), "sync", 2);
    sim.create_topic();
    sim.create_topic();
    for client in &mut sim.clients {
        client.start(&mut sim.world);
    }
    sim.run_for(600);
    sim.nemesis.begin(&mut sim.world);
    let war_ms = sim.world.random.within(6_000, 12_000);
    sim.run_for(war_ms);
    sim.settle();
}
