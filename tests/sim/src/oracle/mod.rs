//! The oracle: knows everything, and checks the invariants of RELIABILITY by name as things happen.
//!
//! It mirrors every replica's log (from what the log gives back when it is read, never from what it was handed), keeps
//! what was committed, acknowledged, refused and read, and compares. Nothing in the product knows of it.
//!
//! A partition becomes *lossy* when what happened to its disks entitles nobody to its records any more (the only copy
//! was wiped; an operator elected uncleanly). Invariants about the survival of records are silent on it from then on.

pub mod clients;
mod controller;
mod replicas;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::BytesMut;
use yak_log::LogReader;
use yak_model::Offset;
use yak_model::config::FlushMode;
use yak_record::{BatchHeader, Batches, DecompressionLimits, Scratch, decode};

use crate::message::Key;

/// The oracle as everybody holds it.
pub type Shared = Rc<RefCell<Oracle>>;

/// The invariants that a run must have had reason to check.
pub const INVARIANTS: [&str; 26] = [
    "INV-1 LogMatching",
    "INV-2 UniqueRecord",
    "INV-3 NoServedTruncation",
    "INV-4 OneWriter",
    "INV-5 NoZombieAck",
    "INV-6 UncleanExclusion",
    "INV-7 BrokerEpoch",
    "INV-8 MaximalIsr",
    "INV-9 OneAlter",
    "INV-10 HwMonotone",
    "INV-11 LatestMonotone",
    "INV-12 AckedSurvives",
    "INV-13 MinIsrGate",
    "INV-14 CleanElection",
    "INV-15 PowerCut",
    "INV-16 MinorityDamage",
    "INV-17 StickyFailure",
    "INV-23 NoSilence",
    "INV-24 NoAbortedRead",
    "INV-25 HwRead",
    "INV-26 RepeatableRead",
    "INV-27 TopicIdentity",
    "INV-29 NoDuplicate",
    "INV-30 OriginalOffset",
    "INV-34 NoFalseDeath",
    "INV-35 QueueOrder",
];

/// A record as it stands in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where.
    pub offset: i64,
    /// Of which leader.
    pub epoch: i32,
    /// The number that it carries; never produced twice on purpose.
    pub value: u64,
    /// Of its batch.
    pub crc: u32,
}

/// A replica's log, as it was read back.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    pub(crate) records: Vec<Record>,
    pub(crate) life: u64,
    pub(crate) runs: bool,
    /// For the present durable end, while it runs.
    pub(crate) reader: Option<LogReader>,
    /// When it ended.
    pub(crate) durable: i64,
    /// The highest high watermark that it had as a leader, on this disk.
    pub(crate) served: i64,
    pub(crate) high_watermark: i64,
    /// Up to here it was compared with what is committed.
    pub(crate) compared: usize,
    /// Its disk lost what was durable (wiped, damaged): it proves nothing until it is in the ISR again.
    pub(crate) lost_disk: bool,
    pub(crate) power_cut: bool,
}

impl Mirror {
    pub(crate) fn end(&self) -> i64 {
        i64::try_from(self.records.len()).unwrap_or(i64::MAX)
    }

    pub(crate) fn durable_end(&self) -> i64 {
        self.reader.as_ref().map_or(self.durable, |reader| reader.durable_end().get())
    }
}

/// What is known of a partition.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) flush: FlushMode,
    pub(crate) wanted: u16,
    /// By offset and epoch.
    pub(crate) unique: BTreeMap<(i64, i32), Record>,
    /// Below the highest high watermark of any leader.
    pub(crate) committed: Vec<Record>,
    /// Values that are committed.
    pub(crate) values: BTreeMap<u64, i64>,
    /// Acknowledged with `acks=all`: the value, and in which epoch first.
    pub(crate) acked: BTreeMap<i64, (u64, i32)>,
    pub(crate) read: BTreeMap<i64, u64>,
    pub(crate) writers: BTreeMap<i32, (usize, u64)>,
    /// When a replica first led in an epoch.
    pub(crate) led_us: BTreeMap<i32, u64>,
    /// The highest "latest" answered in an epoch.
    pub(crate) latest: BTreeMap<i32, i64>,
    pub(crate) lossy: bool,
    /// A power cut of all brokers, damage of some, happened since records were acknowledged.
    pub(crate) all_cut: bool,
    pub(crate) damaged: bool,
}

/// Totals of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records acknowledged with `acks=all`.
    pub acknowledged: u64,
    /// Records acknowledged by a leader alone.
    pub acknowledged_by_leader: u64,
    /// Changes of leaders.
    pub elections: u64,
    /// Unclean ones.
    pub unclean: u64,
    /// Logs cut by a follower.
    pub truncations: u64,
    /// Records that consumers read.
    pub read: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often each invariant was checked with something to check.
    pub checked: BTreeMap<&'static str, u64>,
}

impl Totals {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.acknowledged_by_leader += other.acknowledged_by_leader;
        self.elections += other.elections;
        self.unclean += other.unclean;
        self.truncations += other.truncations;
        self.read += other.read;
        for (mine, others) in [(&mut self.faults, &other.faults), (&mut self.checked, &other.checked)] {
            for (name, count) in others {
                *mine.entry(name).or_default() += count;
            }
        }
    }

    /// Whether the run counts: at least 200 records acknowledged, and 5 faults of 3 kinds.
    #[must_use]
    pub fn counts(&self) -> bool {
        let faults: u64 = self.faults.values().sum();
        self.acknowledged >= 200 && faults >= 5 && self.faults.len() >= 3
    }
}

/// The oracle.
#[derive(Debug, Default)]
pub struct Oracle {
    pub(crate) partitions: BTreeMap<Key, Partition>,
    pub(crate) mirrors: BTreeMap<(usize, Key), Mirror>,
    /// Where each value was produced to.
    pub(crate) born: BTreeMap<u64, Key>,
    /// Values whose producer was told that they were not written.
    pub(crate) refused: BTreeSet<u64>,
    /// Values written by a producer that does not send twice.
    pub(crate) plain: BTreeSet<u64>,
    /// Lives of brokers in which a write or sync failed.
    pub(crate) failed: BTreeSet<(usize, u64)>,
    pub(crate) any_failed: bool,
    pub(crate) broker_epochs: BTreeMap<usize, i64>,
    pub(crate) proposals: BTreeMap<(usize, u64, Key), controller::Outstanding>,
    pub(crate) violations: Vec<String>,
    pub(crate) now_us: u64,
    /// Totals so far.
    pub totals: Totals,
}

impl Oracle {
    /// What was found to be violated.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Something is wrong that has no name.
    pub fn violated(&mut self, what: String) {
        self.violations.push(what);
    }

    /// A write or sync failed in this life of a broker.
    pub fn storage_failed(&mut self, broker: usize, life: u64) {
        self.failed.insert((broker, life));
        self.any_failed = true;
    }

    /// Time passes.
    pub const fn set_time(&mut self, now_us: u64) {
        self.now_us = now_us;
    }

    /// A fault happened.
    pub fn fault(&mut self, kind: &'static str) {
        *self.totals.faults.entry(kind).or_default() += 1;
    }

    /// Counts a check, and keeps what it found.
    pub(crate) fn check(&mut self, name: &'static str, holds: bool, found: impl FnOnce() -> String) {
        *self.totals.checked.entry(name).or_default() += 1;
        if !holds && self.violations.len() < 20 {
            self.violations.push(format!("{name}: {}", found()));
        }
    }

    /// A topic's partition is new.
    pub fn created(&mut self, key: Key, flush: FlushMode, wanted: u16) {
        self.partitions.entry(key).or_insert_with(|| Partition {
            flush,
            wanted,
            unique: BTreeMap::new(),
            committed: Vec::new(),
            values: BTreeMap::new(),
            acked: BTreeMap::new(),
            read: BTreeMap::new(),
            writers: BTreeMap::new(),
            led_us: BTreeMap::new(),
            latest: BTreeMap::new(),
            lossy: false,
            all_cut: false,
            damaged: false,
        });
    }

    /// Whether nobody is entitled to its records any more.
    #[must_use]
    pub fn is_lossy(&self, key: Key) -> bool {
        self.partitions.get(&key).is_none_or(|partition| partition.lossy)
    }

    /// Nobody is entitled to its records any more.
    pub fn lossy(&mut self, key: Key) {
        if let Some(partition) = self.partitions.get_mut(&key) {
            partition.lossy = true;
        }
    }
}

/// All records of a log from an offset on, verified.
///
/// # Errors
/// The log cannot be read, or gives back something else than whole, right batches.
pub fn read_back(reader: &LogReader, from: i64, to: i64) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    let mut next = from;
    while next < to {
        let offset = Offset::new(next);
        let range = reader.read(offset, 1 << 20, Offset::new(to)).map_err(|error| error.to_string())?;
        let mut bytes = BytesMut::new();
        range.read_into(&mut bytes).map_err(|error| error.to_string())?;
        reader.verify(&bytes, offset).map_err(|error| error.to_string())?;
        let more = records_of(&bytes, next)?;
        let Some(last) = more.last() else { return Err(format!("nothing at {next} of {to}")) };
        next = last.offset + 1;
        records.extend(more);
    }
    Ok(records)
}

/// The records of whole batches, from an offset on.
///
/// # Errors
/// They do not decode, or are not this simulation's.
pub fn records_of(bytes: &[u8], from: i64) -> Result<Vec<Record>, String> {
    let (mut scratch, limits) = (Scratch::new(), DecompressionLimits::default());
    let mut records = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.map_err(|error| error.to_string())?;
        let header = BatchHeader::parse(batch).map_err(|error| error.to_string())?;
        for record in decode(batch, &mut scratch, &limits).map_err(|error| error.to_string())? {
            let record = record.map_err(|error| error.to_string())?;
            if record.offset.get() < from {
                continue;
            }
            let value = record.value.and_then(|value| value.first_chunk::<8>());
            records.push(Record {
                offset: record.offset.get(),
                epoch: header.partition_leader_epoch.get(),
                value: value.copied().map(u64::from_be_bytes).ok_or("a value that nobody produced")?,
                crc: header.crc,
            });
        }
    }
    Ok(records)
}
