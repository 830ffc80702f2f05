//! Prints what a dump finds: Kafka's text, or JSON lines.

use std::io::Write;
use std::path::Path;

use yak_cli::{Output, OutputError};
use yak_record::{BatchHeader, RecordRef};

use super::args::DumpLogArgs;
use super::context::Place;
use super::groups::GroupRecord;
use super::json::Object;
use super::small::{Aborted, ProducerEntry};
use super::{json, text};

/// What is printed of a record besides its sizes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Contents<'a> {
    None,
    /// Key and value as they are.
    Bytes,
    /// What they say of a group.
    Group(&'a GroupRecord),
}

/// Prints to stdout.
#[derive(Debug)]
pub(super) struct Printer<W: Write> {
    output: Output<W>,
    json: bool,
    /// Print keys and values.
    contents: bool,
    /// Make control characters visible.
    terminal: bool,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(args: &DumpLogArgs, terminal: bool, output: Output<W>) -> Self {
        Self { output, json: args.output.json, contents: args.print_data_log, terminal }
    }

    pub(super) fn flush(&mut self) -> Result<(), OutputError> {
        self.output.flush()
    }

    #[cfg(test)]
    pub(super) const fn output(&self) -> &Output<W> {
        &self.output
    }

    /// A file follows.
    pub(super) fn begin(&mut self, path: &Path) -> Result<(), OutputError> {
        if self.json { Ok(()) } else { self.line(format_args!("Dumping {}", path.display())) }
    }

    /// A segment begins.
    pub(super) fn log_start(&mut self, path: &Path, base: i64) -> Result<(), OutputError> {
        if self.json {
            self.object(path, "log", |object| object.number("base_offset", base))
        } else {
            self.line(format_args!("Log starting offset: {base}"))
        }
    }

    pub(super) fn batch(
        &mut self,
        place: Place<'_>,
        header: &BatchHeader,
        valid: bool,
    ) -> Result<(), OutputError> {
        if self.json {
            return self
                .object(place.path, "batch", |object| json::batch(object, place.position, header, valid));
        }
        text::batch(self.output.buffer(), place.position, header, valid);
        self.output.spill()
    }

    pub(super) fn record(
        &mut self,
        path: &Path,
        header: &BatchHeader,
        record: &RecordRef<'_>,
        group: Option<&GroupRecord>,
    ) -> Result<(), OutputError> {
        let contents = match group {
            Some(group) => Contents::Group(group),
            None if self.contents => Contents::Bytes,
            None => Contents::None,
        };
        if self.json {
            return self.object(path, "record", |object| json::record(object, header, record, contents));
        }
        text::record(self.output.buffer(), header, record, (contents, self.terminal));
        self.output.spill()
    }

    /// Bytes that are no batch.
    pub(super) fn invalid(
        &mut self,
        place: Place<'_>,
        len: u64,
        to_the_end: bool,
    ) -> Result<(), OutputError> {
        let Place { path, position, .. } = place;
        if self.json {
            return self
                .object(path, "invalid", |object| object.number("position", position).number("size", len));
        }
        let name = path.file_name().unwrap_or_default().display();
        if to_the_end {
            self.line(format_args!("Found {len} invalid bytes at the end of {name}"))
        } else {
            self.line(format_args!("Found {len} invalid bytes at position {position} of {name}"))
        }
    }

    /// An index without entries.
    pub(super) fn empty(&mut self, path: &Path) -> Result<(), OutputError> {
        if self.json {
            self.object(path, "empty_index", |object| object)
        } else {
            self.line(format_args!("{} is empty.", path.display()))
        }
    }

    /// An index that passed the check of itself.
    pub(super) fn sane(&mut self, path: &Path) -> Result<(), OutputError> {
        if self.json {
            self.object(path, "sane_index", |object| object)
        } else {
            self.line(format_args!("{} passed sanity check.", path.display()))
        }
    }

    pub(super) fn offset_entry(
        &mut self,
        path: &Path,
        offset: i64,
        position: u32,
    ) -> Result<(), OutputError> {
        if self.json {
            self.object(path, "offset_entry", |object| {
                object.number("offset", offset).number("position", position)
            })
        } else {
            self.line(format_args!("offset: {offset} position: {position}"))
        }
    }

    pub(super) fn time_entry(&mut self, path: &Path, timestamp: i64, offset: i64) -> Result<(), OutputError> {
        if self.json {
            self.object(path, "time_entry", |object| {
                object.number("timestamp", timestamp).number("offset", offset)
            })
        } else {
            self.line(format_args!("timestamp: {timestamp} offset: {offset}"))
        }
    }

    pub(super) fn producer(&mut self, path: &Path, entry: &ProducerEntry) -> Result<(), OutputError> {
        if self.json {
            return self.object(path, "producer", |object| json::producer(object, entry));
        }
        text::producer(self.output.buffer(), entry);
        self.output.spill()
    }

    pub(super) fn aborted(&mut self, path: &Path, entry: &Aborted) -> Result<(), OutputError> {
        if self.json {
            return self.object(path, "aborted_transaction", |object| json::aborted(object, entry));
        }
        let Aborted { version, producer_id, first_offset, last_offset, last_stable_offset } = entry;
        self.line(format_args!(
            "version: {version} producerId: {producer_id} firstOffset: {first_offset} lastOffset: {last_offset} \
             lastStableOffset: {last_stable_offset}"
        ))
    }

    pub(super) fn epoch(&mut self, path: &Path, epoch: i32, start: i64) -> Result<(), OutputError> {
        if self.json {
            self.object(path, "leader_epoch", |object| {
                object.number("epoch", epoch).number("start_offset", start)
            })
        } else {
            self.line(format_args!("epoch: {epoch} startOffset: {start}"))
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), OutputError> {
        writeln!(self.output.buffer(), "{text}").expect("writing into memory does not fail");
        self.output.spill()
    }

    fn object<'a>(
        &'a mut self,
        path: &Path,
        kind: &str,
        fill: impl FnOnce(Object<'a>) -> Object<'a>,
    ) -> Result<(), OutputError>
    where
        W: 'a,
    {
        let Self { output, .. } = self;
        let object = Object::begin(output.buffer()).text("file", &path.to_string_lossy()).text("type", kind);
        fill(object).end();
        Ok(())
    }
}
