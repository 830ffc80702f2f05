//! The machine of a broker: its processes come and go, its power too, and so does its disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use yak_core::image::{Image, Topic};
use yak_log::dir::{Crash, Op};
use yak_log::{Background, DirectoryOptions, LogDirectory, ManualClock, MemDir, OnDamage};
use yak_model::{DirectoryId, IncarnationId, TopicPartition};

use super::partitions::config;
use super::{Broker, Process, Stage, wall};
use crate::net::World;

/// What happens to a file.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    /// It ends earlier.
    EndsAt(usize),
    /// A bit of a byte is another.
    Flipped(usize, u8),
}

impl Damage {
    fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::EndsAt(len) => bytes.truncate(len),
            Self::Flipped(at, bit) => bytes[at] ^= bit,
        }
    }
}

impl Broker {
    /// Starts a process.
    pub fn start(&mut self, world: &mut World) {
        if self.process.is_some() {
            return;
        }
        let life = world.number();
        let new_directory_id = DirectoryId::from_random(world.random.id());
        let (options, clock) = self.options(world, new_directory_id);
        let directory = match LogDirectory::open(Arc::new(self.disk.clone()), options) {
            Ok(directory) => Arc::new(directory),
            Err(error) => {
                world.oracle.borrow_mut().violated(format!("broker {} cannot start: {error}", self.id()));
                return;
            }
        };
        self.damaged = false;
        world.lives.insert(self.node(), life);
        world.note(|| format!("broker {} starts (life {life})", self.id()));
        self.process = Some(Process {
            life,
            incarnation_id: IncarnationId::from_random(world.random.id()),
            stage: Stage::Starting,
            link: None,
            linked: false,
            retry_us: 0,
            heartbeat_us: 0,
            answered_us: 0,
            pending_lease: None,
            lease_until_ms: 0,
            stopping_us: None,
            image: Image::default(),
            applied: Image::default(),
            hosted: BTreeMap::new(),
            damaged: Vec::new(),
            fetchers: BTreeMap::new(),
            held: Vec::new(),
            answered: BTreeMap::new(),
            proposals: Vec::new(),
            altering: None,
            flushing: false,
            durable: Arc::default(),
            clock,
            clock_us: world.now_us,
            failed: None,
            restart_us: 0,
            directory,
        });
        self.tick(world);
    }

    /// `kill -9`: the page cache stays.
    pub fn kill(&mut self, world: &mut World) {
        if self.process.is_none() {
            return;
        }
        world.oracle.borrow_mut().ended(self.number, false);
        self.process = None;
        self.disk.heal();
        world.end(self.node(), false);
    }

    /// The machine loses its power: of what was not synced any part is lost, and the last write may be torn. Not while
    /// damage has not been found yet, which it might hide. Whether it happened.
    pub fn power_cut(&mut self, world: &mut World) -> bool {
        if self.damaged {
            return false;
        }
        world.oracle.borrow_mut().ended(self.number, true);
        self.process = None;
        self.disk.heal();
        world.end(self.node(), true);
        self.boot += 1;
        let at = self.disk.op_count();
        let unsynced = self.disk.unsynced(at);
        let percent = *world.random.pick(&[0, 50, 90, 100]).unwrap_or(&100);
        let mut lost: BTreeSet<usize> =
            unsynced.iter().copied().filter(|_| world.random.chance(percent)).collect();
        let is_write = matches!(self.disk.ops().last(), Some(Op::Write { .. }));
        let torn = (is_write && world.random.chance(50)).then(|| world.random.below(300));
        if torn.is_some() {
            // A part of it arrived.
            lost.remove(&(at - 1));
        }
        world.note(|| {
            format!(
                "broker {}: power cut, {} of {} unsynced operations lost",
                self.id(),
                lost.len(),
                unsynced.len()
            )
        });
        world.oracle.borrow_mut().crash_image(lost.len(), torn.is_some());
        self.disk = self.disk.crash(&Crash { at, lost, torn });
        true
    }

    /// Something of a file of a log is not what it was, in a way that the next process notices as it opens the log; else
    /// nothing happens. (What a start does not look at is found when it is read.) The process that found everything whole
    /// was just killed. Whether it happened.
    pub fn damage(&mut self, world: &World, log: (&TopicPartition, &Topic), damage: (&Path, Damage)) -> bool {
        let (path, damage) = damage;
        let copy = self.disk.snapshot();
        let (options, _) = self.options(world, DirectoryId::default());
        let notices = copy.tamper(path, |bytes| damage.apply(bytes)).is_ok()
            && LogDirectory::open(Arc::new(copy), options).is_ok_and(|directory| {
                let config = config(log.1.flush());
                directory.open_log(log.0, log.1.id(), config, OnDamage::Refuse).is_err()
            });
        self.damaged |= notices;
        notices && self.disk.tamper(path, |bytes| damage.apply(bytes)).is_ok()
    }

    fn options(&self, world: &World, new_directory_id: DirectoryId) -> (DirectoryOptions, ManualClock) {
        let clock = ManualClock::default();
        let options = DirectoryOptions {
            broker_id: self.id(),
            cluster_id: None,
            new_directory_id,
            reserve_bytes: 0,
            now: wall(world),
            background: Background::Manual(clock.clone()),
        };
        (options, clock)
    }

    /// The disk is replaced by an empty one. No process may run.
    pub fn wipe(&mut self, world: &mut World) {
        world.oracle.borrow_mut().disk_lost(self.number, None);
        self.disk = MemDir::new();
        self.noted_boot = None;
    }
}
