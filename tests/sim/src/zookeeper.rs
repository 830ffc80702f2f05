//! The zookeeper: the controller, its journal, and the sessions of brokers.
//!
//! The machines are the product's. The shell here keeps the contract of the real one: replies and lines are held until
//! they are durable, deadlines are judged after everything that arrived was read. A kill keeps what was written, a power
//! cut of its machine loses lines that were not synced.

use std::collections::{BTreeMap, VecDeque};

use yak_core::controller::{Command, CommandReply, Controller, ControllerConfig, CreateCluster, FenceBroker};
use yak_core::image::Image;
use yak_core::sessions::{Effect, SessionConfig, Sessions};
use yak_model::api::{self, AlterIsr, OpenSession, Rejection, SessionOpened, UnfenceBroker};
use yak_model::metadata::JournalLine;
use yak_model::{BrokerEpoch, BrokerId, ClusterId, MetadataIndex, ReplicationKey, Term, TimestampMs};

use crate::message::Message;
use crate::net::{ConnectionId, Node, Timer, World};

const ME: Node = Node::Zookeeper;
/// Between two looks at deadlines.
const TICK_US: u64 = 50_000;

/// What is done when a decision is durable.
#[derive(Debug)]
enum Then {
    Nothing,
    Registered(ConnectionId, BrokerId),
    Altered(ConnectionId, AlterIsr),
    ShutDown(ConnectionId),
    Session(BrokerId, BrokerEpoch),
}

/// A reply that waits for the journal.
#[derive(Debug)]
struct Held {
    index: MetadataIndex,
    reply: Result<CommandReply, Rejection>,
    then: Then,
}

/// What a running zookeeper has in memory.
#[derive(Debug)]
struct Process {
    controller: Controller,
    sessions: Sessions,
    /// With every durable line.
    published: Image,
    held: VecDeque<Held>,
    /// Up to which index each watcher was told.
    watchers: BTreeMap<ConnectionId, MetadataIndex>,
    syncing: bool,
}

/// The zookeeper, running or not.
#[derive(Debug)]
pub struct Zookeeper {
    /// The journal.
    lines: Vec<JournalLine>,
    /// So many of them are durable.
    synced: usize,
    process: Option<Process>,
    /// Longest sync, in microseconds.
    pub sync_us: u64,
    /// The same when nothing is wrong.
    pub usual_sync_us: u64,
    /// Brokers that were well lately, by the nemesis: not to be fenced.
    pub well: BTreeMap<usize, bool>,
    /// Registered processes: broker and life.
    pub registered: Vec<(usize, u64)>,
}

impl Zookeeper {
    /// Not started yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lines: Vec::new(),
            synced: 0,
            process: None,
            sync_us: 3_000,
            usual_sync_us: 3_000,
            well: BTreeMap::new(),
            registered: Vec::new(),
        }
    }

    /// The image with every decision; `None` while it does not run.
    #[must_use]
    pub fn image(&self) -> Option<&Image> {
        self.process.as_ref().map(|process| process.controller.image())
    }

    /// The image as it is durable, from the journal.
    ///
    /// # Panics
    /// If the journal does not replay.
    #[must_use]
    pub fn durable_image(&self) -> Image {
        let mut image = Image::default();
        for line in &self.lines[..self.synced] {
            image.apply_line(line).expect("what the controller decided can be replayed");
        }
        image
    }

    /// Starts over its journal.
    pub fn start(&mut self, world: &mut World) {
        let life = world.number();
        world.lives.insert(ME, life);
        self.synced = self.lines.len();
        let image = self.durable_image();
        world.note(|| format!("zookeeper starts at {}", image.index()));
        world.oracle.borrow_mut().controller_began(&image);
        let config = SessionConfig::default();
        self.process = Some(Process {
            controller: Controller::new(ControllerConfig::default(), image.clone()),
            sessions: Sessions::new(config, world.now_ms(), &image),
            published: image,
            held: VecDeque::new(),
            watchers: BTreeMap::new(),
            syncing: false,
        });
        if self.lines.is_empty() {
            let cluster_id = ClusterId::from_random(world.random.id());
            self.decide(world, CreateCluster { cluster_id }.into(), Then::Nothing);
        }
        world.wake(ME, Timer::Tick, TICK_US);
    }

    /// Ends at once. `power`: so many unsynced lines at the journal's end are lost.
    pub fn kill(&mut self, world: &mut World, power: bool) {
        if self.process.take().is_none() {
            return;
        }
        world.end(ME, power);
        let unsynced = self.lines.len() - self.synced;
        if power && unsynced > 0 {
            let lost = world.random.below(unsynced + 1);
            self.lines.truncate(self.lines.len() - lost);
            world.note(|| format!("zookeeper loses {lost} of {unsynced} unsynced lines"));
            world.oracle.borrow_mut().journal_lost(lost);
            let lines = self.lines.len();
            self.registered.retain(|(_, _)| lines > 0);
        }
    }

    /// A message came.
    pub fn message(&mut self, world: &mut World, connection: ConnectionId, message: Message) {
        let now_ms = world.now_ms();
        match message {
            Message::Watch => {
                let Some(process) = &mut self.process else { return };
                let image = process.published.clone();
                process.watchers.insert(connection, image.index());
                world.send(connection, ME, Message::Image(Box::new(image)));
            }
            Message::Register(open) => self.register(world, connection, *open),
            Message::Resume(resume) => {
                let Some(process) = &mut self.process else { return };
                let number = api::ConnectionId(connection);
                let result = process.sessions.handle_resume(now_ms, number, &resume);
                if result.is_ok() {
                    process.watchers.insert(connection, resume.applied);
                }
                let opened = result.map(|()| opened(&process.published, resume.broker_id));
                world.send(connection, ME, Message::Opened(opened));
                self.push(world);
            }
            Message::Heartbeat(sent_ms, heartbeat) => {
                let Some(process) = &mut self.process else { return };
                let index = process.published.index();
                let number = api::ConnectionId(connection);
                let reply = process.sessions.handle_heartbeat(now_ms, number, &heartbeat, index);
                world.send(connection, ME, Message::HeartbeatReply(sent_ms, reply));
            }
            Message::AlterIsr(alter) => {
                self.decide(world, alter.clone().into(), Then::Altered(connection, alter));
            }
            Message::Shutdown(shutdown) => self.decide(world, shutdown.into(), Then::ShutDown(connection)),
            Message::Admin(command) => self.decide(world, *command, Then::Nothing),
            other => world.note(|| format!("zookeeper does not understand {other:?}")),
        }
        self.effects(world);
    }

    fn register(&mut self, world: &mut World, connection: ConnectionId, open: OpenSession) {
        let Some(process) = &mut self.process else { return };
        let registration = open.registration;
        let ids = (registration.broker_id, registration.incarnation_id);
        let number = api::ConnectionId(connection);
        match process.sessions.handle_register(world.now_ms(), number, ids) {
            Err(refused) => world.send(connection, ME, Message::Opened(Err(refused))),
            Ok(()) => {
                self.decide(world, registration.into(), Then::Registered(connection, ids.0));
            }
        }
    }

    /// A connection ended.
    pub fn closed(&mut self, world: &mut World, connection: ConnectionId) {
        let Some(process) = &mut self.process else { return };
        process.watchers.remove(&connection);
        process.sessions.handle_closed(world.now_ms(), api::ConnectionId(connection));
        self.effects(world);
    }

    /// A timer.
    pub fn timer(&mut self, world: &mut World, timer: Timer) {
        match timer {
            Timer::Tick => {
                let Some(process) = &mut self.process else { return };
                process.sessions.handle_time(world.now_ms());
                self.effects(world);
                world.wake(ME, Timer::Tick, TICK_US);
            }
            Timer::Sync => self.sync(world),
            Timer::Flush => {}
        }
    }

    /// Has the controller decide; what follows from it waits until it is durable.
    fn decide(&mut self, world: &mut World, command: Command, then: Then) {
        let Some(process) = &mut self.process else { return };
        let before = process.controller.image().clone();
        let wall = TimestampMs::new(i64::try_from(world.now_ms()).unwrap_or(0));
        let mut decision = process.controller.handle(world.now_ms(), wall, command);
        if let (Then::Altered(_, alter), Ok(CommandReply::AlterIsr(reply))) = (&then, &decision.reply) {
            world.oracle.borrow_mut().compared_and_set(&before, alter, reply);
        }
        let synced = MetadataIndex::new(self.synced as u64);
        if let Some(line) = decision.line(Term::default(), synced) {
            world.note(|| format!("decided {}: {}", line.index, line.cause));
            let after = process.controller.image().clone();
            for record in &line.records {
                if let yak_model::metadata::MetadataRecord::Partition(partition) = record {
                    let (isr, eligible) = (&partition.in_sync_replicas, &partition.eligible_leader_replicas);
                    world.note(|| {
                        format!(
                            "    {}-{} leader {:?} epoch {}/{} isr {isr:?} eligible {eligible:?}",
                            partition.topic,
                            partition.partition,
                            partition.leader.map(BrokerId::get),
                            partition.leader_epoch,
                            partition.partition_epoch
                        )
                    });
                }
            }
            self.tell_oracle(world, &before, &after, &line);
            self.lines.push(line);
        }
        let Some(process) = &mut self.process else { return };
        process.held.push_back(Held { index: decision.index, reply: decision.reply, then });
        if self.synced == self.lines.len() {
            self.release(world);
        } else if !std::mem::replace(&mut process.syncing, true) {
            let delay = 200 + world.random.within(0, self.sync_us);
            world.wake(ME, Timer::Sync, delay);
        }
    }

    fn tell_oracle(&self, world: &World, before: &Image, after: &Image, line: &JournalLine) {
        let mut oracle = world.oracle.borrow_mut();
        for topic in after.topics() {
            for partition in topic.partitions() {
                let key = (topic.id(), partition.partition.get());
                oracle.created(key, topic.flush(), partition);
            }
        }
        oracle.decided(before, after, line, &self.registered);
    }

    /// Everything written so far is durable.
    fn sync(&mut self, world: &mut World) {
        let Some(process) = &mut self.process else { return };
        process.syncing = false;
        for line in &self.lines[self.synced..] {
            process.published.apply_line(line).expect("what the controller decided can be applied");
        }
        self.synced = self.lines.len();
        process.sessions.handle_image(world.now_ms(), &process.published);
        self.release(world);
        self.push(world);
        self.effects(world);
    }

    /// Sends what waited for the journal.
    fn release(&mut self, world: &mut World) {
        loop {
            let Some(process) = &mut self.process else { return };
            let durable = MetadataIndex::new(self.synced as u64);
            if process.held.front().is_none_or(|held| held.index > durable) {
                return;
            }
            let Some(held) = process.held.pop_front() else { return };
            match held.then {
                Then::Nothing => {}
                Then::Registered(connection, broker_id) => {
                    let number = api::ConnectionId(connection);
                    let reply = match held.reply {
                        Ok(_) => {
                            let image = &process.published;
                            process.sessions.handle_registered(world.now_ms(), number, broker_id, image);
                            let broker = usize::try_from(broker_id.get() - 1).unwrap_or(0);
                            let life = world.lives.get(&Node::Broker(broker)).copied().unwrap_or(0);
                            self.registered.retain(|(known, _)| *known != broker);
                            self.registered.push((broker, life));
                            Ok(opened(image, broker_id))
                        }
                        Err(refused) => {
                            process.sessions.handle_not_registered(world.now_ms(), number, broker_id);
                            Err(refused)
                        }
                    };
                    world.send(connection, ME, Message::Opened(reply));
                }
                Then::Altered(connection, alter) => {
                    let results = match held.reply {
                        Ok(CommandReply::AlterIsr(reply)) => {
                            let codes = reply.results.into_iter().map(|result| result.map_err(|r| r.code));
                            codes.collect()
                        }
                        Ok(_) => Vec::new(),
                        Err(refused) => alter.proposals.iter().map(|_| Err(refused.code)).collect(),
                    };
                    let results: Vec<_> = alter.proposals.into_iter().zip(results).collect();
                    world.send(connection, ME, Message::AlterIsrReply(results));
                }
                Then::ShutDown(connection) => world.send(connection, ME, Message::ShutdownDone),
                Then::Session(broker_id, broker_epoch) => {
                    if held.reply.is_err() {
                        process.sessions.handle_refused(world.now_ms(), broker_id, broker_epoch);
                    }
                }
            }
        }
    }

    /// Tells every watcher what is durable.
    fn push(&mut self, world: &mut World) {
        let Some(process) = &mut self.process else { return };
        let durable = MetadataIndex::new(self.synced as u64);
        for (connection, told) in &mut process.watchers {
            let from = usize::try_from(told.get()).unwrap_or(0);
            if *told < durable {
                let lines = self.lines[from..self.synced].to_vec();
                *told = durable;
                world.send(*connection, ME, Message::Lines(lines));
            }
        }
    }

    /// Does what the sessions ask for.
    fn effects(&mut self, world: &mut World) {
        loop {
            let Some(process) = &mut self.process else { return };
            let Some(effect) = process.sessions.poll_effect() else { return };
            match effect {
                Effect::Fence { broker_id, broker_epoch, reason } => {
                    let broker = usize::try_from(broker_id.get() - 1).unwrap_or(0);
                    // Who registered last may be dead while its successor has not come through yet.
                    let life = world.lives.get(&Node::Broker(broker)).copied().unwrap_or(0);
                    let lives = self.registered.contains(&(broker, life));
                    let well = lives && self.well.get(&broker).copied().unwrap_or(false);
                    let found = format!("fenced: {reason}");
                    world.oracle.borrow_mut().inv_34_no_false_death(broker, well, &found);
                    let command = FenceBroker { broker_id, broker_epoch, reason };
                    self.decide(world, command.into(), Then::Session(broker_id, broker_epoch));
                }
                Effect::Unfence { broker_id, broker_epoch } => {
                    let command = UnfenceBroker { broker_id, broker_epoch };
                    self.decide(world, command.into(), Then::Session(broker_id, broker_epoch));
                }
                Effect::Suspended(_) | Effect::Restored(_) => {}
            }
        }
    }
}

impl Default for Zookeeper {
    fn default() -> Self {
        Self::new()
    }
}

fn opened(image: &Image, broker_id: BrokerId) -> SessionOpened {
    let broker = image.broker(broker_id).expect("a session is a registered broker's");
    SessionOpened {
        broker_epoch: broker.epoch(),
        cluster_id: image.cluster_id(),
        key: ReplicationKey::default(),
        index: image.index(),
        fenced: broker.fenced,
        session_timeout_ms: 1_000,
    }
}
