//! Dumps offset and time indexes, and checks them against the log beside them.
//!
//! ```text
//! .index      int32 offset - base | int32 position      the last offset of the batch that starts there
//! .timeindex  int64 timestamp | int32 offset - base     the largest timestamp so far, and its batch's last offset
//! ```
//!
//! Zero entries after the first are room that was reserved and not used.

use std::fs;
use std::io::Write;
use std::path::Path;

use yak_record::BatchHeader;

use super::batches::Headers;
use super::context::{Context, Trouble};

const OFFSET_ENTRY_LEN: usize = 8;
const TIME_ENTRY_LEN: usize = 12;

/// An entry of an offset index.
#[derive(Clone, Copy, Debug)]
struct OffsetEntry {
    offset: i64,
    position: u32,
}

/// An entry of a time index.
#[derive(Clone, Copy, Debug)]
struct TimeEntry {
    timestamp: i64,
    offset: i64,
}

/// Dumps a `.index`.
pub(super) fn dump_offsets<W: Write>(
    context: &mut Context<W>,
    path: &Path,
    base: i64,
) -> Result<(), Trouble> {
    let bytes = fs::read(path)?;
    let entries = offset_entries(&bytes, base);
    let sane = check_length(context, path, bytes.len(), OFFSET_ENTRY_LEN)?;
    let rising =
        |pair: &[OffsetEntry]| pair[0].offset < pair[1].offset && pair[0].position < pair[1].position;
    let ordered = check_order(context, path, &entries, |pair| rising(pair))?;
    if entries.is_empty() {
        return Ok(context.printer.empty(path)?);
    }
    if context.args.index_sanity_check {
        return if sane && ordered { Ok(context.printer.sane(path)?) } else { Ok(()) };
    }
    let Some(mut log) = open_log(context, path)? else { return Ok(()) };
    for entry in entries {
        let header = log.at(u64::from(entry.position))?;
        check_offset(context, path, entry, header.as_ref())?;
        if !context.args.verify_index_only {
            context.printer.offset_entry(path, entry.offset, entry.position)?;
        }
    }
    Ok(())
}

fn check_offset<W: Write>(
    context: &mut Context<W>,
    path: &Path,
    entry: OffsetEntry,
    header: Option<&BatchHeader>,
) -> Result<(), Trouble> {
    let OffsetEntry { offset, position } = entry;
    let problem = match header.map(|header| header.last_offset().get()) {
        Some(last) if last == offset => return Ok(()),
        Some(last) => {
            format!("offset {offset}, position {position}: the batch there ends with offset {last}")
        }
        None => format!("offset {offset}, position {position}: there is no batch"),
    };
    Ok(context.wrong(path, &problem)?)
}

/// Dumps a `.timeindex`.
pub(super) fn dump_times<W: Write>(context: &mut Context<W>, path: &Path, base: i64) -> Result<(), Trouble> {
    let bytes = fs::read(path)?;
    let entries = time_entries(&bytes, base);
    let sane = check_length(context, path, bytes.len(), TIME_ENTRY_LEN)?;
    let rising =
        |pair: &[TimeEntry]| pair[0].timestamp < pair[1].timestamp && pair[0].offset < pair[1].offset;
    let ordered = check_order(context, path, &entries, |pair| rising(pair))?;
    if entries.is_empty() {
        return Ok(context.printer.empty(path)?);
    }
    if context.args.index_sanity_check {
        return if sane && ordered { Ok(context.printer.sane(path)?) } else { Ok(()) };
    }
    let Some(mut log) = open_log(context, path)? else { return Ok(()) };
    // Entries and batches rise together, so that one pass over the log finds all.
    let (mut position, mut current) = (0, log.at(0)?);
    for entry in entries {
        while let Some(header) = current.filter(|header| header.last_offset().get() < entry.offset) {
            position += header.size_in_bytes() as u64;
            current = log.at(position)?;
        }
        check_time(context, path, entry, current.as_ref())?;
        if !context.args.verify_index_only {
            context.printer.time_entry(path, entry.timestamp, entry.offset)?;
        }
    }
    Ok(())
}

fn check_time<W: Write>(
    context: &mut Context<W>,
    path: &Path,
    entry: TimeEntry,
    header: Option<&BatchHeader>,
) -> Result<(), Trouble> {
    let TimeEntry { timestamp, offset } = entry;
    let found = header.map(|header| (header.last_offset().get(), header.max_timestamp.get()));
    let problem = match found {
        Some((last, max)) if last == offset && max == timestamp => return Ok(()),
        Some((last, max)) if last == offset => {
            format!("offset {offset}, timestamp {timestamp}: the largest timestamp of the batch is {max}")
        }
        Some((last, _)) => format!("offset {offset}: the batch with it ends with offset {last}"),
        None => format!("offset {offset}: there is no such batch"),
    };
    Ok(context.wrong(path, &problem)?)
}

/// The log that an index belongs to.
fn open_log<W: Write>(context: &mut Context<W>, index: &Path) -> Result<Option<Headers>, Trouble> {
    let log = index.with_extension("log");
    match Headers::open(&log) {
        Ok(headers) => Ok(Some(headers)),
        Err(error) => {
            context.wrong(index, &format_args!("cannot be checked against {}: {error}", log.display()))?;
            Ok(None)
        }
    }
}

fn check_length<W: Write>(
    context: &mut Context<W>,
    path: &Path,
    len: usize,
    entry_len: usize,
) -> Result<bool, Trouble> {
    let whole = len.is_multiple_of(entry_len);
    if !whole {
        context.wrong(path, &format_args!("{len} bytes are not whole entries of {entry_len} bytes"))?;
    }
    Ok(whole)
}

fn check_order<W: Write, E: std::fmt::Debug>(
    context: &mut Context<W>,
    path: &Path,
    entries: &[E],
    rising: impl Fn(&[E]) -> bool,
) -> Result<bool, Trouble> {
    let Some(at) = entries.windows(2).position(|pair| !rising(pair)) else { return Ok(true) };
    context.wrong(path, &format_args!("entries {at} and {} do not rise", at + 1))?;
    Ok(false)
}

fn offset_entries(bytes: &[u8], base: i64) -> Vec<OffsetEntry> {
    let entry = |bytes: &[u8]| OffsetEntry {
        offset: base.saturating_add(i64::from(u32_at(bytes, 0))),
        position: u32_at(bytes, 4),
    };
    let entries = bytes.chunks_exact(OFFSET_ENTRY_LEN).map(entry).enumerate();
    entries.take_while(|(index, entry)| *index == 0 || entry.offset != base).map(|(_, entry)| entry).collect()
}

fn time_entries(bytes: &[u8], base: i64) -> Vec<TimeEntry> {
    let entry = |bytes: &[u8]| TimeEntry {
        timestamp: i64::from_be_bytes(bytes[..8].try_into().expect("eight bytes")),
        offset: base.saturating_add(i64::from(u32_at(bytes, 8))),
    };
    let entries = bytes.chunks_exact(TIME_ENTRY_LEN).map(entry).enumerate();
    entries.take_while(|(index, entry)| *index == 0 || entry.offset != base).map(|(_, entry)| entry).collect()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
