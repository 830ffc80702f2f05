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
mod totals;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::BytesMut;
use yak_log::LogReader;
use yak_model::config::FlushMode;
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, Offset};
use yak_record::{BatchHeader, Batches, DecompressionLimits, Scratch, decode};

use crate::message::Key;
use crate::nemesis::Kind;

pub use totals::Totals;

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
    /// The same of what was only in a page cache, where nothing more was promised.
    pub(crate) lost_cache: bool,
    pub(crate) power_cut: bool,
    /// A truncation failed half-way: how much is left shows when it is opened again.
    pub(crate) cut_failed: bool,
}

impl Mirror {
    pub(crate) fn end(&self) -> i64 {
        i64::try_from(self.records.len()).unwrap_or(i64::MAX)
    }

    /// It lost what nobody could keep it from losing, and has not caught up since.
    pub(crate) const fn is_excused(&self) -> bool {
        self.lost_disk || self.lost_cache || self.power_cut
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
    /// Who led in an epoch, in which life, and when it began to.
    pub(crate) led: BTreeMap<i32, (usize, u64, u64)>,
    /// The ISR as the controller has it.
    pub(crate) in_sync: Vec<usize>,
    /// The highest "latest" answered in an epoch.
    pub(crate) latest: BTreeMap<i32, i64>,
    pub(crate) lossy: bool,
    /// A power cut of all brokers, damage of some, happened since records were acknowledged.
    pub(crate) all_cut: bool,
    pub(crate) damaged: bool,
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
    /// Lives of brokers in which a write or sync failed.
    pub(crate) failed: BTreeSet<(usize, u64)>,
    pub(crate) any_failed: bool,
    /// Brokers whose disk was replaced or damaged, of which the controller does not know yet: a broker proves all of its
    /// logs or none, also those that are made meanwhile.
    pub(crate) replaced: BTreeSet<usize>,
    /// An operator asked for an unclean election.
    pub(crate) may_be_unclean: bool,
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

    /// A fault happened, or somebody did something.
    pub fn happened(&mut self, kind: Kind) {
        let totals = if kind.is_fault() { &mut self.totals.faults } else { &mut self.totals.acts };
        *totals.entry(kind.name()).or_default() += 1;
    }

    /// A machine came back from a power cut with so many unsynced operations lost.
    pub const fn crash_image(&mut self, lost: usize, torn: bool) {
        self.totals.crash_images += 1;
        self.totals.lost_operations += lost as u64;
        self.totals.torn_writes += torn as u64;
    }

    /// The zookeeper came back from a power cut without so many lines.
    pub const fn journal_lost(&mut self, lines: usize) {
        self.totals.lost_lines += lines as u64;
    }

    /// An operator asked for an unclean election.
    pub const fn unclean_asked(&mut self) {
        self.may_be_unclean = true;
    }

    /// Counts a check, and keeps what it found.
    pub(crate) fn check(&mut self, name: &'static str, holds: bool, found: impl FnOnce() -> String) {
        *self.totals.checked.entry(name).or_default() += 1;
        if !holds && self.violations.len() < 20 {
            self.violations.push(format!("{name}: {}", found()));
        }
    }

    /// A topic's partition is new.
    pub fn created(&mut self, key: Key, flush: FlushMode, record: &PartitionRecord) {
        let is_replaced =
            |id: &BrokerId| self.replaced.contains(&usize::try_from(id.get() - 1).unwrap_or(usize::MAX));
        let damaged = record.replicas.iter().any(is_replaced);
        self.partitions.entry(key).or_insert_with(|| {
            self.totals.partitions += 1;
            Partition {
                flush,
                wanted: record.wanted,
                unique: BTreeMap::new(),
                committed: Vec::new(),
                values: BTreeMap::new(),
                acked: BTreeMap::new(),
                read: BTreeMap::new(),
                writers: BTreeMap::new(),
                led: BTreeMap::new(),
                in_sync: Vec::new(),
                latest: BTreeMap::new(),
                lossy: false,
                all_cut: false,
                damaged,
            }
        });
    }

    /// Whether nobody is entitled to its records any more.
    #[must_use]
    pub fn is_lossy(&self, key: Key) -> bool {
        self.partitions.get(&key).is_none_or(|partition| partition.lossy)
    }

    /// Nobody is entitled to its records any more.
    pub fn lossy(&mut self, key: Key) {
        if let Some(partition) = self.partitions.get_mut(&key)
            && !std::mem::replace(&mut partition.lossy, true)
        {
            self.totals.given_up += 1;
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
