//! Every crash point of a log directory's life: all prefixes of its operations, with any of the unsynced ones lost.
//!
//! A life is a script of steps. After each step the test notes how many operations there were and what the log
//! holds and has promised. A crash between two notes must leave what either of them allows.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::let_underscore_must_use,
    reason = "a test fails by panicking, and prints its denominators"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use yak_log::dir::{Crash, Op};
use yak_log::{FlushMode, Log, LogConfig, LogDirectory, ManualClock, MemDir, NewLog, RetentionClock};
use yak_model::{Offset, TimestampMs};
use yak_test_crash::*;

/// What was so after a step.
#[derive(Clone, Debug)]
struct Note {
    ops: usize,
    /// Values by offset, from 0, those below the start included.
    values: Vec<Vec<u8>>,
    start: usize,
    /// The start as far as it was made durable.
    durable_start: usize,
    durable_end: usize,
    exists: Exists,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exists {
    /// The directory is being made, or is there without the log.
    NotYet,
    Yes,
    /// Deleted.
    NoMore,
}

struct Life {
    mem: MemDir,
    config: LogConfig,
    directory: Option<LogDirectory>,
    log: Option<Log>,
    notes: Vec<Note>,
    next: Note,
    epoch: i32,
}

impl Life {
    fn begin(flush: FlushMode) -> Self {
        let next = Note {
            ops: 0,
            values: Vec::new(),
            start: 0,
            durable_start: 0,
            durable_end: 0,
            exists: Exists::NotYet,
        };
        let mut life = Self {
            mem: MemDir::new(),
            config: config(flush, 600),
            directory: None,
            log: None,
            notes: vec![next.clone()],
            next,
            epoch: 0,
        };
        life.directory = Some(open_directory(&life.mem, &ManualClock::default()).unwrap());
        life.note();
        let new = NewLog { partition: partition(0), topic_id: topic_id(), config: life.config.clone() };
        let logs = life.directory().create_logs(&[new]);
        life.log = logs.unwrap().pop();
        life.next.exists = Exists::Yes;
        life.note();
        life
    }

    fn directory(&self) -> &LogDirectory {
        self.directory.as_ref().unwrap()
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    fn note(&mut self) {
        self.next.ops = self.mem.op_count();
        if let Some(log) = &self.log {
            self.next.durable_end = usize::try_from(log.durable_end().get()).unwrap();
            self.next.start = usize::try_from(log.start().get()).unwrap();
        }
        self.notes.push(self.next.clone());
    }

    fn append(&mut self, records: usize, bytes: usize) {
        let base = self.next.values.len();
        let values: Vec<Vec<u8>> =
            (base..base + records).map(|n| vec![u8::try_from(n % 251).unwrap(); bytes]).collect();
        let epoch = self.epoch;
        append(self.log(), epoch, values.clone());
        self.next.values.extend(values);
        self.note();
    }

    fn flush(&mut self) {
        self.directory().flush_due().unwrap();
        self.note();
    }

    fn checkpoint(&mut self) {
        let durable = self.log().durable_end();
        self.log().set_high_watermark(durable);
        self.directory().checkpoint().unwrap();
        self.next.durable_start = self.next.start;
        self.note();
    }

    fn truncate(&mut self, to: i64) {
        let end = self.log().truncate_to(Offset::new(to)).unwrap();
        self.next.values.truncate(usize::try_from(end.get()).unwrap());
        self.epoch += 1;
        self.note();
    }

    fn delete_before(&mut self, offset: i64) {
        self.log().delete_before(Offset::new(offset)).unwrap();
        self.note();
        self.checkpoint();
    }

    fn retain(&mut self, bytes: u64) {
        let config = LogConfig { retention_bytes: Some(bytes), retention_ms: None, ..self.config.clone() };
        self.log().set_config(config);
        self.log().retain(&RetentionClock::steady(NOW), END).unwrap();
        let config = self.config.clone();
        self.log().set_config(config);
        self.note();
    }

    fn roll(&mut self) {
        let far = TimestampMs::new(NOW.get() + self.config.segment_ms * 2);
        assert!(self.log().roll_if_due(far).unwrap());
        self.note();
    }

    fn restart(&mut self, clean: bool) {
        let (directory, log) = (self.directory.take().unwrap(), self.log.take().unwrap());
        if clean {
            directory.close(vec![log], None).unwrap();
            self.next.durable_start = self.next.start;
            self.next.durable_end = self.next.values.len();
            self.note();
        } else {
            drop((log, directory));
        }
        let opened = open(&self.mem, &self.config).unwrap();
        (self.directory, self.log) = (Some(opened.directory), Some(opened.log));
        self.note();
    }

    fn delete(&mut self) {
        let log = self.log.take().unwrap();
        self.directory().delete_log(log).unwrap();
        self.next.exists = Exists::NoMore;
        self.note();
        self.directory().empty_trash();
        self.directory().checkpoint().unwrap();
        self.note();
    }
}

fn life(flush: FlushMode) -> Life {
    let mut life = Life::begin(flush);
    for n in 0..6 {
        life.append(1 + n % 3, 40 + n * 10);
        life.flush();
    }
    life.checkpoint();
    (0..5).for_each(|_| life.append(2, 90));
    life.checkpoint();
    life.truncate(17);
    (0..4).for_each(|_| life.append(1, 70));
    life.flush();
    life.delete_before(4);
    life.restart(false);
    (0..6).for_each(|_| life.append(1, 100));
    life.roll();
    life.append(1, 30);
    life.flush();
    life.retain(1200);
    life.append(2, 30);
    life.checkpoint();
    life.restart(true);
    life.append(1, 200);
    life.truncate(24);
    life.append(3, 20);
    life.checkpoint();
    life.retain(300);
    life.restart(true);
    life.append(2, 60);
    life.flush();
    life.delete();
    life
}

/// All contents that a file which is replaced ever had, by its name.
fn versions(ops: &[Op]) -> BTreeMap<PathBuf, BTreeSet<Vec<u8>>> {
    let mut written: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let mut versions: BTreeMap<PathBuf, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for op in ops {
        match op {
            Op::Truncate { inode, len: 0 } => _ = written.remove(inode),
            Op::Write { inode, bytes, .. } => written.entry(*inode).or_default().extend_from_slice(bytes),
            Op::Rename { inode: Some(inode), from, to } if from.extension().is_some_and(|e| e == "tmp") => {
                versions.entry(to.clone()).or_default().insert(written[inode].clone());
            }
            _ => {}
        }
    }
    versions
}

struct Checker<'a> {
    life: &'a Life,
    versions: BTreeMap<PathBuf, BTreeSet<Vec<u8>>>,
    images: usize,
    recovered: usize,
    replaced: usize,
}

impl Checker<'_> {
    fn check(&mut self, crash: &Crash) {
        self.images += 1;
        let image = self.life.mem.crash(crash);
        for (path, content) in image.files() {
            if let Some(versions) = self.versions.get(&path) {
                assert!(versions.contains(&content), "INV-21: {} at {crash:?}", path.display());
                self.replaced += 1;
            }
        }
        let after = self.life.notes.partition_point(|note| note.ops <= crash.at);
        let before = &self.life.notes[after - 1];
        let next = self.life.notes.get(after).unwrap_or(before);
        let directory = open_directory(&image, &ManualClock::default())
            .unwrap_or_else(|error| panic!("{error} at {crash:?}"));
        let found = directory.found().iter().any(|found| found.partition == partition(0));
        drop(directory);
        assert!(found || before.exists != Exists::Yes || next.exists == Exists::NoMore, "{crash:?}");
        assert!(!found || before.exists != Exists::NoMore, "a deleted partition is back at {crash:?}");
        if !found || before.exists == Exists::NotYet {
            return;
        }
        let opened = match open(&image, &self.life.config) {
            Ok(opened) => opened,
            Err(report) => panic!("{report:?} at {crash:?}, {before:?}"),
        };
        self.compare(&opened.log, before, next, crash);
        self.recovered += 1;
    }

    fn compare(&self, log: &Log, before: &Note, next: &Note, crash: &Crash) {
        let records = content(&log.reader()).unwrap();
        let (start, end) = (log.start().get(), log.end().get());
        let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
        let durable = before.durable_end.min(next.durable_end);
        assert!(end >= durable, "{end} of {durable} durable records at {crash:?}");
        let lowest = before.durable_start.min(next.durable_start);
        let highest = before.start.max(next.start);
        assert!((lowest..=highest).contains(&start), "start {start} at {crash:?}");
        let is_prefix = |note: &Note| {
            end <= note.values.len()
                && records.iter().zip(&note.values[start.min(end)..end]).all(|(read, value)| read.2 == *value)
        };
        assert!(is_prefix(before) || is_prefix(next), "other content at {crash:?}: {records:?}");
    }
}

fn every_crash_point(flush: FlushMode, seed: u64) {
    let life = life(flush);
    let ops = life.mem.ops();
    let mut checker = Checker { versions: versions(&ops), life: &life, images: 0, recovered: 0, replaced: 0 };
    let mut random = Random::new(seed);
    for at in 0..=ops.len() {
        let unsynced = life.mem.unsynced(at);
        let recent = &unsynced[unsynced.len().saturating_sub(6)..];
        for subset in 0..1_usize << recent.len() {
            let lost = recent.iter().enumerate().filter(|(n, _)| subset >> n & 1 == 1).map(|(_, op)| *op);
            checker.check(&Crash { at, lost: lost.collect(), torn: None });
        }
        if unsynced.len() > recent.len() {
            for _ in 0..64 * scale() {
                let lost = unsynced.iter().copied().filter(|_| random.below(2) == 1).collect();
                checker.check(&Crash { at, lost, torn: None });
            }
        }
        if let Some(Op::Write { bytes, .. }) = at.checked_sub(1).map(|last| &ops[last]) {
            for _ in 0..4 * scale() {
                let torn = Some(random.below(bytes.len()));
                checker.check(&Crash { at, lost: BTreeSet::new(), torn });
            }
        }
    }
    let Checker { images, recovered, replaced, .. } = checker;
    println!(
        "{flush:?}: {} operations, {} steps, {images} crash images: {recovered} logs recovered, {replaced} \
         replaced files seen whole",
        ops.len(),
        life.notes.len()
    );
    assert!(recovered > images / 2 && images > ops.len() * 32);
}

#[test]
fn inv_15_every_crash_point_of_a_synced_log() {
    every_crash_point(FlushMode::Sync, 15);
}

#[test]
fn inv_15_every_crash_point_of_a_log_in_the_page_cache() {
    every_crash_point(FlushMode::Os, 16);
}
