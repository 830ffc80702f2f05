//! Opening a log that may not have been closed: what is a torn tail, what is damage, and what is kept.
//!
//! ```text
//!          from = min(recovery point, slot)          bound = max(slot, stored high watermark)
//! ───────────┬────────────────────────────────────────┬───────────────────────────► offsets
//!  not read  │ checked: whole, checksum, contiguous,  │ checked as well;
//!            │ epochs rise. Anything wrong: DAMAGE    │ from the first thing wrong on: TORN TAIL, cut
//! ```
//!
//! The check begins with the last indexed batch wholly before `from`, or, where an index is wrong or missing, with
//! the segment. Whatever lies before is checked when it is read ([`LogReader::verify`](crate::LogReader::verify)).
//!
//! Below the bound everything was synced once, so what is wrong there is the disk's fault and nothing is
//! changed: the caller decides ([`OnDamage`]). Above it a write was under way when the power went. After a
//! clean shutdown nothing is checked but that the last segment ends with a whole batch, at the slot or later.
//!
//! The tail that is kept above the slot is written again and synced (`flush=sync`): a page that the kernel
//! marked clean after a failed write-back is thereby really written. In a `flush=os` log it is left to the
//! background sync.

mod check;
mod repair;
mod swaps;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use yak_model::{Offset, TopicPartition};

use crate::directory::{Core, Slot, SlotKey};
use crate::disk::Disk;
use crate::epochs::LeaderEpochs;
use crate::error::StorageFailure;
use crate::log::Segments;
use crate::segment::LookupError;

pub(crate) use check::recover;

/// What is done when the log has less than was once durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDamage {
    /// Nothing: the log is not opened, its files stay as they are.
    #[default]
    Refuse,
    /// The damaged segment and all after it are renamed to `*.damaged`; the whole batches before the damage are
    /// kept. For an unclean election, and for a replica that will be filled again.
    SetAside,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// There is no whole, right batch where one was synced.
    BadBatch(String),
    /// A segment is missing between two others, or begins at the wrong offset.
    Gap,
    /// The log ends too early.
    EndsEarly,
    /// The log start, as checkpointed, lies after the log's end.
    StartBeyondEnd,
}

/// Where and how a log is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Where in the file.
    pub position: u64,
    /// The first offset that is affected.
    pub offset: Offset,
    /// Everything before this offset was durable once.
    pub durable_end: Offset,
    /// How.
    pub kind: DamageKind,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, offset, durable_end, kind } = self;
        let file = file.display();
        match kind {
            DamageKind::BadBatch(problem) => {
                write!(f, "{file} is damaged at position {position}, offset {offset}: {problem}")?;
            }
            DamageKind::Gap => write!(f, "{file} does not continue the log at offset {offset}")?,
            DamageKind::EndsEarly => write!(f, "{file} ends at offset {offset}")?,
            DamageKind::StartBeyondEnd => {
                return write!(
                    f,
                    "{file} ends at offset {offset}, before its checkpointed start {durable_end}"
                );
            }
        }
        write!(f, " (synced up to {durable_end})")
    }
}

impl std::error::Error for Damage {}

/// A torn tail that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file that was cut.
    pub file: PathBuf,
    /// Its length now.
    pub position: u64,
    /// Bytes cut off, those of later segments included.
    pub bytes: u64,
    /// The log's end now.
    pub offset: Offset,
    /// What was found there.
    pub problem: String,
}

/// A damaged file that was renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its name now.
    pub file: PathBuf,
    /// Bytes of it that are not in the log any more.
    pub bytes: u64,
}

/// What opening a log found and did. Everything but the first four is empty after a clean shutdown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Whether the log was opened without a check.
    pub clean: bool,
    /// First offset in the log.
    pub start: Offset,
    /// Offset of the next record.
    pub end: Offset,
    /// Everything before it is known to be synced.
    pub durable_end: Offset,
    /// Bytes that were read and checked.
    pub checked_bytes: u64,
    /// Bytes of the tail that were written again.
    pub rewritten_bytes: u64,
    /// The torn tail, if there was one.
    pub cut: Option<Cut>,
    /// The damage, if there was some and it was set aside.
    pub damage: Option<Damage>,
    /// The files that were set aside.
    pub set_aside: Vec<SetAside>,
}

/// What recovery knows before it looks at the log.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) core: &'a Core,
    pub(crate) partition: &'a TopicPartition,
    pub(crate) dir: Arc<std::path::Path>,
    pub(crate) key: SlotKey,
    /// Whether the directory was closed cleanly.
    pub(crate) clean: bool,
    pub(crate) slot: Option<Slot>,
    pub(crate) recovery_point: Option<Offset>,
    pub(crate) high_watermark: Option<Offset>,
    pub(crate) log_start: Option<Offset>,
    pub(crate) cleaned: Option<Offset>,
    pub(crate) on_damage: OnDamage,
    pub(crate) index_interval_bytes: u64,
    pub(crate) rewrite_tail: bool,
}

/// What recovery made of it.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) segments: Segments,
    pub(crate) epochs: LeaderEpochs,
    pub(crate) report: RecoveryReport,
}

/// Why recovery gave up.
#[derive(Debug)]
pub(crate) enum RecoverError {
    Storage(StorageFailure),
    Damaged(Damage),
}

impl From<StorageFailure> for RecoverError {
    fn from(failure: StorageFailure) -> Self {
        Self::Storage(failure)
    }
}

impl Evidence<'_> {
    /// Everything before this was durable once.
    fn bound(&self) -> Offset {
        let slot = self.slot.map_or(Offset::ZERO, |slot| slot.synced_end);
        slot.max(self.high_watermark.unwrap_or_default())
    }

    /// Everything before this need not be checked.
    fn check_from(&self) -> Offset {
        let slot = self.slot.map_or(Offset::ZERO, |slot| slot.synced_end);
        slot.min(self.recovery_point.unwrap_or_default())
    }

    fn disk(&self) -> &Arc<Disk> {
        &self.core.disk
    }

    /// Where the log begins, as far as that was set. The slot has a checksum and is never behind the checkpoint.
    fn start(&self) -> Offset {
        self.slot.map(|slot| slot.log_start).or(self.log_start).unwrap_or_default()
    }

    /// What was promised of records at or after `limit` is taken back, durably.
    fn lower(&self, limit: Offset) -> Result<(), StorageFailure> {
        self.core.slots.stage(self.key, |slot| slot.synced_end = slot.synced_end.min(limit));
        self.core.slots.write()?;
        self.core.slots.sync()?;
        self.core.stored().lower(self.disk(), self.partition, limit)
    }

    fn damage(&self, file: PathBuf, position: u64, offset: Offset, kind: DamageKind) -> Damage {
        Damage { file: self.disk().full(&file), position, offset, durable_end: self.bound(), kind }
    }
}

/// What a reader found where a batch belongs.
pub(crate) fn damage_of(
    disk: &Disk,
    file: &std::path::Path,
    (position, problem): (u64, String),
    (offset, durable_end): (Offset, Offset),
) -> Damage {
    Damage { file: disk.full(file), position, offset, durable_end, kind: DamageKind::BadBatch(problem) }
}

/// A search in a segment that was not checked found something wrong.
fn lookup_failed(evidence: &Evidence<'_>, file: PathBuf, offset: Offset, error: LookupError) -> RecoverError {
    match error {
        LookupError::Storage(failure) => RecoverError::Storage(failure),
        LookupError::Bad { position, problem } => {
            RecoverError::Damaged(evidence.damage(file, position, offset, DamageKind::BadBatch(problem)))
        }
    }
}
