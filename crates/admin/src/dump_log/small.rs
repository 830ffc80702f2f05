//! Dumps the small files beside the segments: producer snapshots, aborted transactions, leader epochs.
//!
//! ```text
//! .snapshot    int16 version 1 | uint32 crc32c of what follows | int32 count | count entries of 46 bytes:
//!              int64 producer id | int16 epoch | int32 last sequence | int64 last offset | int32 offset delta
//!              | int64 timestamp | int32 coordinator epoch | int64 first offset of the open transaction, -1: none
//! .txnindex    entries of 34 bytes: int16 version 0 | int64 producer id | int64 first, last, last stable offset
//! leader-epoch-checkpoint, text: 0 | number of lines | epoch and its first offset, a line each
//! ```

use std::fs;
use std::io::Write;
use std::path::Path;

use super::context::{Context, Trouble};

const SNAPSHOT_VERSION: i16 = 1;
const SNAPSHOT_HEADER_LEN: usize = 10;
/// The checksum covers everything from here.
const SNAPSHOT_CHECKED_FROM: usize = 6;
const PRODUCER_LEN: usize = 46;
const ABORTED_LEN: usize = 34;

/// One entry of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProducerEntry {
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) last_sequence: i32,
    pub(super) last_offset: i64,
    pub(super) offset_delta: i32,
    pub(super) timestamp: i64,
    pub(super) coordinator_epoch: i32,
    pub(super) transaction_offset: i64,
}

impl ProducerEntry {
    /// Sequence of the first record of the last batch; sequences wrap to 0 after the largest.
    pub(super) fn first_sequence(&self) -> i64 {
        let first = i64::from(self.last_sequence) - i64::from(self.offset_delta);
        if first < 0 && self.last_sequence >= 0 { first + i64::from(i32::MAX) + 1 } else { first }
    }

    /// Whether the producer has a last batch at all.
    pub(super) const fn has_batch(&self) -> bool {
        self.last_offset >= 0
    }
}

/// An aborted transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aborted {
    pub(super) version: i16,
    pub(super) producer_id: i64,
    pub(super) first_offset: i64,
    pub(super) last_offset: i64,
    pub(super) last_stable_offset: i64,
}

/// Dumps a `.snapshot`.
pub(super) fn dump_snapshot<W: Write>(context: &mut Context<W>, path: &Path) -> Result<(), Trouble> {
    let bytes = fs::read(path)?;
    match producers(&bytes) {
        Ok(entries) => {
            for entry in bytes[SNAPSHOT_HEADER_LEN..].chunks_exact(PRODUCER_LEN).take(entries) {
                context.printer.producer(path, &producer(entry))?;
            }
        }
        Err(problem) => context.wrong(path, &problem)?,
    }
    Ok(())
}

/// Checks a snapshot and gives the number of its entries.
fn producers(bytes: &[u8]) -> Result<usize, String> {
    if bytes.len() < SNAPSHOT_HEADER_LEN {
        return Err(format!("{} bytes are no producer snapshot", bytes.len()));
    }
    let version = i16::from_be_bytes(array(bytes, 0));
    if version != SNAPSHOT_VERSION {
        return Err(format!("version {version} of producer snapshots is not known"));
    }
    let (stored, computed) =
        (u32::from_be_bytes(array(bytes, 2)), crc32c::crc32c(&bytes[SNAPSHOT_CHECKED_FROM..]));
    if stored != computed {
        return Err(format!("the checksum is {stored:#010x}, the bytes give {computed:#010x}"));
    }
    let count = i32::from_be_bytes(array(bytes, SNAPSHOT_CHECKED_FROM));
    let len = bytes.len() - SNAPSHOT_HEADER_LEN;
    let announced = usize::try_from(count).unwrap_or(usize::MAX);
    if announced.checked_mul(PRODUCER_LEN) != Some(len) {
        return Err(format!("{count} entries are announced, {len} bytes follow"));
    }
    Ok(announced)
}

fn producer(bytes: &[u8]) -> ProducerEntry {
    ProducerEntry {
        producer_id: i64::from_be_bytes(array(bytes, 0)),
        producer_epoch: i16::from_be_bytes(array(bytes, 8)),
        last_sequence: i32::from_be_bytes(array(bytes, 10)),
        last_offset: i64::from_be_bytes(array(bytes, 14)),
        offset_delta: i32::from_be_bytes(array(bytes, 22)),
        timestamp: i64::from_be_bytes(array(bytes, 26)),
        coordinator_epoch: i32::from_be_bytes(array(bytes, 34)),
        transaction_offset: i64::from_be_bytes(array(bytes, 38)),
    }
}

/// Dumps a `.txnindex`.
pub(super) fn dump_aborted<W: Write>(context: &mut Context<W>, path: &Path) -> Result<(), Trouble> {
    let bytes = fs::read(path)?;
    if !bytes.len().is_multiple_of(ABORTED_LEN) {
        context.wrong(
            path,
            &format_args!("{} bytes are not whole entries of {ABORTED_LEN} bytes", bytes.len()),
        )?;
    }
    for entry in bytes.chunks_exact(ABORTED_LEN) {
        let aborted = Aborted {
            version: i16::from_be_bytes(array(entry, 0)),
            producer_id: i64::from_be_bytes(array(entry, 2)),
            first_offset: i64::from_be_bytes(array(entry, 10)),
            last_offset: i64::from_be_bytes(array(entry, 18)),
            last_stable_offset: i64::from_be_bytes(array(entry, 26)),
        };
        context.printer.aborted(path, &aborted)?;
    }
    Ok(())
}

/// Dumps a `leader-epoch-checkpoint`.
pub(super) fn dump_epochs<W: Write>(context: &mut Context<W>, path: &Path) -> Result<(), Trouble> {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    let mut lines = text.lines();
    if lines.next() != Some("0") {
        return Ok(context.wrong(path, &"line 1: version 0 expected")?);
    }
    let count: Option<usize> = lines.next().and_then(|line| line.parse().ok());
    let mut before: Option<(i32, i64)> = None;
    let mut found = 0;
    for (index, line) in lines.enumerate() {
        let number = index + 3;
        let Some((epoch, start)) = epoch_line(line) else {
            context.wrong(path, &format_args!("line {number}: {line:?} is no epoch and offset"))?;
            continue;
        };
        if before.is_some_and(|before| before.0 >= epoch || before.1 >= start) {
            context
                .wrong(path, &format_args!("line {number}: {line:?} does not rise above the line before"))?;
        }
        before = Some((epoch, start));
        found += 1;
        context.printer.epoch(path, epoch, start)?;
    }
    if count != Some(found) {
        context.wrong(
            path,
            &format_args!("line 2: it announces another number than the {found} lines that follow"),
        )?;
    }
    Ok(())
}

fn epoch_line(line: &str) -> Option<(i32, i64)> {
    let (epoch, start) = line.split_once(' ')?;
    Some((epoch.parse().ok().filter(|epoch| *epoch >= 0)?, start.parse().ok().filter(|start| *start >= 0)?))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("N bytes")
}
