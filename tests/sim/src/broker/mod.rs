//! A broker: a machine with a disk, and the process that runs on it now and then.
//!
//! The replicas, their logs and the directory are the product's; the shell here does what the broker's own shell does,
//! in virtual time: session, partitions by metadata, replication, clients. It decides nothing that the core decides.

mod clients;
mod disk;
mod follow;
mod lead;
mod machine;
mod partitions;
mod session;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use yak_core::image::Image;
use yak_core::partition::{Effect, Replica, Role, Token};
use yak_log::{DurableObserver, LogDirectory, ManualClock, MemDir, StorageFailure};
use yak_model::api::{Acks, IsrProposal};
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerEpoch, BrokerId, IncarnationId, MetadataIndex, Offset, TimestampMs};

use crate::message::{Key, Message};
use crate::net::{ConnectionId, Node, Timer, World};
use crate::watched::Watched;

pub(crate) use lead::HeldFetch;
pub use machine::Damage;

/// Between two looks at the time.
const TICK_US: u64 = 20_000;
/// The wall clock at virtual time 0.
const EPOCH_MS: i64 = 1_766_836_000_000;

/// The wall clock.
pub(crate) fn wall(world: &World) -> TimestampMs {
    TimestampMs::new(EPOCH_MS + i64::try_from(world.now_ms()).unwrap_or(0))
}

/// A machine.
#[derive(Debug)]
pub struct Broker {
    /// From 0; the broker's id is one more.
    pub number: usize,
    disk: MemDir,
    /// Counts boots of the machine.
    boot: u64,
    /// In which boot a process last registered: as the broker's `boot-id` file has it.
    noted_boot: Option<u64>,
    /// What the next process says of its logs: a write failed.
    write_failed: bool,
    /// Longest sync, in microseconds.
    pub sync_us: u64,
    /// Most bytes of a partition that a follower is given at once.
    pub fetch_max_bytes: u64,
    /// What it lost since its last process ran, the next one must find: no power cut may hide it.
    damaged: bool,
    process: Option<Process>,
}

/// A partition that is here.
#[derive(Debug)]
pub(crate) struct Hosted {
    replica: Replica<Watched>,
    /// The last record that it was told.
    record: Option<Arc<PartitionRecord>>,
    min_insync_replicas: u16,
    waiting: BTreeMap<Token, Waiting>,
}

/// A produce that waits for its acknowledgement.
#[derive(Debug)]
struct Waiting {
    connection: ConnectionId,
    number: u64,
    acks: Acks,
    values: Vec<u64>,
    deadline_us: u64,
}

/// Where a process stands with the zookeeper.
#[derive(Debug)]
pub(crate) enum Stage {
    /// It has no image.
    Starting,
    /// Its logs are open, and it wants to register.
    Registering { undamaged: bool },
    /// Registered once.
    Member { epoch: BrokerEpoch, index: MetadataIndex },
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    life: u64,
    incarnation_id: IncarnationId,
    stage: Stage,
    /// The session's connection, while there is one, and whether the session is open on it.
    link: Option<ConnectionId>,
    linked: bool,
    retry_us: u64,
    heartbeat_us: u64,
    answered_us: u64,
    /// An answered heartbeat whose index is not applied yet: sent when, index.
    pending_lease: Option<(u64, MetadataIndex)>,
    lease_until_ms: u64,
    stopping_us: Option<u64>,
    /// With every line that came.
    image: Image,
    /// What the partitions work by.
    applied: Image,
    hosted: BTreeMap<Key, Hosted>,
    damaged: Vec<(Key, String)>,
    fetchers: BTreeMap<usize, follow::Fetcher>,
    held: Vec<HeldFetch>,
    /// When the last fetch over a connection was answered.
    answered: BTreeMap<ConnectionId, u64>,
    proposals: Vec<IsrProposal>,
    altering: Option<(u64, Vec<IsrProposal>)>,
    flushing: bool,
    durable: Arc<Mutex<Vec<(Key, Offset)>>>,
    clock: ManualClock,
    clock_us: u64,
    failed: Option<String>,
    /// When it begins anew after that.
    restart_us: u64,
    /// Last, so that the logs go before it.
    directory: Arc<LogDirectory>,
}

/// Notes what became durable; it is told when the flusher's round is over.
#[derive(Debug)]
struct Observer {
    key: Key,
    durable: Arc<Mutex<Vec<(Key, Offset)>>>,
}

impl DurableObserver for Observer {
    fn durable(&self, end: Offset) {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).push((self.key, end));
    }

    fn failed(&self, _failure: &StorageFailure) {}
}

impl Broker {
    /// A machine with an empty disk.
    #[must_use]
    pub fn new(number: usize) -> Self {
        Self {
            number,
            disk: MemDir::new(),
            boot: 1,
            noted_boot: None,
            write_failed: false,
            sync_us: 2_000,
            fetch_max_bytes: 4_000,
            damaged: false,
            process: None,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> BrokerId {
        BrokerId::new(i32::try_from(self.number + 1).unwrap_or(0))
    }

    fn node(&self) -> Node {
        Node::Broker(self.number)
    }

    /// Whether a process runs.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Its disk.
    #[must_use]
    pub const fn disk(&self) -> &MemDir {
        &self.disk
    }

    /// A message came.
    pub fn message(&mut self, world: &mut World, connection: ConnectionId, message: Message) {
        match message {
            Message::Image(_)
            | Message::Lines(_)
            | Message::Opened(_)
            | Message::HeartbeatReply(..)
            | Message::AlterIsrReply(_)
            | Message::ShutdownDone => self.hear_zookeeper(world, connection, message),
            Message::Fetch(fetch) => self.fetch(world, connection, &fetch),
            Message::Fetched(parts) => self.fetched(world, connection, &parts),
            Message::Produce(produce) => self.produce(world, connection, &produce),
            Message::Read(read) => self.read(world, connection, &read),
            Message::Latest(number, key, epoch) => self.latest(world, connection, (number, key, epoch)),
            Message::Metadata => {
                if let Some(process) = &self.process {
                    let image = Box::new(process.applied.clone());
                    world.send(connection, self.node(), Message::MetadataReply(image));
                }
            }
            other => world.note(|| format!("a broker does not understand {other:?}")),
        }
        self.after_event(world);
    }

    /// A connection ended.
    pub fn closed(&mut self, world: &mut World, connection: ConnectionId) {
        let now_us = world.now_us;
        let Some(process) = &mut self.process else { return };
        process.held.retain(|held| held.connection != connection);
        process.answered.remove(&connection);
        for fetcher in process.fetchers.values_mut().filter(|fetcher| fetcher.connection == Some(connection))
        {
            fetcher.lost(now_us + world.random.within(5_000, 60_000));
        }
        if process.link == Some(connection) {
            self.unlink(world);
        }
        self.after_event(world);
    }

    /// A timer.
    pub fn timer(&mut self, world: &mut World, timer: Timer) {
        match timer {
            Timer::Tick => self.tick(world),
            Timer::Flush => self.flush(world),
            Timer::Sync => {}
        }
        self.after_event(world);
    }

    fn tick(&mut self, world: &mut World) {
        world.wake(self.node(), Timer::Tick, TICK_US);
        self.tick_session(world);
        let (now_ms, now_us) = (world.now_ms(), world.now_us);
        let Some(process) = &mut self.process else { return };
        let passed = now_us - process.clock_us;
        process.clock.advance(Duration::from_millis(passed / 1_000));
        process.clock_us = now_us - passed % 1_000;
        let keys: Vec<Key> = process.hosted.keys().copied().collect();
        for key in keys {
            let Some(process) = &mut self.process else { return };
            let Some(hosted) = process.hosted.get_mut(&key) else { continue };
            hosted.replica.handle_time(now_ms);
            self.drain(world, key);
            let Some(hosted) = self.process.as_ref().and_then(|process| process.hosted.get(&key)) else {
                continue;
            };
            let overdue = hosted.waiting.values().find(|waiting| now_us > waiting.deadline_us + 1_000_000);
            let number = overdue.map(|waiting| waiting.number);
            world.oracle.borrow_mut().inv_23_no_silence(number.is_none(), || {
                format!("produce {number:?} waits on broker {} beyond its deadline", self.number + 1)
            });
        }
        let Some(process) = &mut self.process else { return };
        if !process.flushing && process.directory.failure().is_none() {
            // What is synced in the background, and checkpoints.
            self.flush_now(world);
        }
    }

    /// What every event may have made possible.
    fn after_event(&mut self, world: &mut World) {
        self.answer_held(world);
        self.follow(world);
        self.propose(world);
        let Some(process) = &self.process else { return };
        if process.failed.is_some() && world.now_us >= process.restart_us {
            self.restart_after_failure(world);
        }
    }

    /// Does what a replica wants done.
    fn drain(&mut self, world: &mut World, key: Key) {
        let (me, node, sync_us) = (self.number, self.node(), self.sync_us);
        loop {
            let Some(process) = &mut self.process else { return };
            let Some(hosted) = process.hosted.get_mut(&key) else { return };
            if let Some(reason) = hosted.replica.failure().map(str::to_owned)
                && process.failed.is_none()
            {
                self.storage_failed(world, &reason);
                continue;
            }
            let Some(effect) = hosted.replica.poll_effect() else { return };
            match effect {
                Effect::Sync => {
                    if let Some(writer) = hosted.replica.log_mut().disk().writer() {
                        writer.request_sync();
                    }
                    if !std::mem::replace(&mut process.flushing, true) {
                        let delay = 100 + world.random.within(0, sync_us);
                        world.wake(node, Timer::Flush, delay);
                    }
                }
                Effect::HighWatermark(offset) => {
                    let leads = hosted.leads();
                    if let Some(writer) = hosted.replica.log_mut().disk().writer() {
                        writer.set_high_watermark(offset);
                    }
                    world.oracle.borrow_mut().high_watermark((me, key), offset.get(), leads);
                }
                Effect::Progress => self.progress(world, key),
                Effect::ProposeIsr(proposal) => {
                    world.oracle.borrow_mut().inv_9_one_alter((me, process.life), &proposal);
                    process.proposals.retain(|known| (known.topic_id, known.partition.get()) != key);
                    process.proposals.push(proposal);
                }
                Effect::ProduceDone { token, result } => {
                    let Some(waiting) = hosted.waiting.remove(&token) else { continue };
                    self.done(world, key, &waiting, result.map_err(|rejection| rejection.code));
                }
            }
        }
    }
}

impl Hosted {
    /// In which epoch it leads, with how many in the ISR, of how many needed.
    fn leads(&self) -> Option<(i32, usize, usize)> {
        let Role::Leader(epoch) = self.replica.role() else { return None };
        let record = self.record.as_ref()?;
        let needed = usize::from(self.min_insync_replicas.min(record.wanted).max(1));
        Some((epoch.get(), record.in_sync_replicas.len(), needed))
    }
}
