//! Every crash point of compactions: the last value of each key survives, at its offset, and nothing else appears.
//!
//! The life of a log is a script of appends, compactions and restarts. After each step the test notes how many
//! operations there were and what is durable; a crash anywhere leaves of every key the last value before the end that
//! recovery finds, and what idempotent producers wrote last.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its denominators"
)]

use std::collections::BTreeMap;

use yak_log::dir::{Crash, Dir, Op};
use yak_log::{
    CompactionConfig, FlushMode, Log, LogConfig, LogDirectory, ManualClock, MemDir, NewLog, RetentionClock,
};
use yak_model::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use yak_record::{BatchBuilder, Compression, ProducerStamp, RecordParts};
use yak_test_crash::*;

const DAY: i64 = 86_400_000;

/// An appended batch: whose it is, and its last sequence.
#[derive(Clone, Copy, Debug)]
struct Batch {
    end: i64,
    producer: i64,
    last_sequence: i32,
}

struct Life {
    mem: MemDir,
    config: LogConfig,
    directory: Option<LogDirectory>,
    log: Option<Log>,
    /// Everything that was ever appended, by offset.
    records: Vec<Keyed>,
    batches: Vec<Batch>,
    sequences: BTreeMap<i64, i32>,
    /// After so many operations the log was durable up to here.
    notes: Vec<(usize, i64)>,
    compactions: usize,
    swaps: usize,
    days: i64,
}

impl Life {
    fn begin(flush: FlushMode) -> Self {
        let compaction = CompactionConfig {
            delete_retention_ms: DAY,
            min_lag_ms: 0,
            max_lag_ms: i64::MAX,
            min_dirty_ratio: 0.0,
        };
        let config = LogConfig { compaction: Some(compaction), retention_ms: None, ..config(flush, 700) };
        let mem = MemDir::new();
        let directory = open_directory(&mem, &ManualClock::default()).unwrap();
        let new = NewLog { partition: partition(0), topic_id: topic_id(), config: config.clone() };
        let log = directory.create_logs(&[new]).unwrap().pop();
        Self {
            notes: vec![(mem.op_count(), 0)],
            mem,
            config,
            directory: Some(directory),
            log,
            records: Vec::new(),
            batches: Vec::new(),
            sequences: BTreeMap::new(),
            compactions: 0,
            swaps: 0,
            days: 0,
        }
    }

    fn note(&mut self) {
        let durable = self.log.as_ref().unwrap().durable_end().get();
        self.notes.push((self.mem.op_count(), durable));
    }

    /// A batch of one producer, with a record for each key; keys above 100 get a tombstone.
    fn append(&mut self, producer: i64, keys: &[u8]) {
        let log = self.log.as_mut().unwrap();
        let base = log.end().get();
        let mut builder = BatchBuilder::new();
        for (offset, key) in (base..).zip(keys) {
            let value = format!("value {offset} of some length").into_bytes();
            let value = (*key <= 100).then_some(value);
            let timestamp = Some(TimestampMs::new(NOW.get() + offset));
            let key = vec![b'k', key % 100];
            builder.push(&RecordParts { timestamp, key: Some(&key), value: value.as_deref(), headers: &[] });
            self.records.push((key, value));
        }
        let sequence = self.sequences.entry(producer).or_insert(0);
        let stamp = ProducerStamp {
            id: ProducerId::new(producer),
            epoch: ProducerEpoch::new(0),
            base_sequence: Sequence::new(*sequence),
        };
        *sequence += i32::try_from(keys.len()).unwrap();
        let last_sequence = *sequence - 1;
        let codec = if base % 3 == 0 { Compression::Lz4 } else { Compression::None };
        let mut batch = builder.finish(codec, Some(stamp));
        log.append_as_leader(&mut batch, LeaderEpoch::new(i32::try_from(base / 20).unwrap()), NOW).unwrap();
        self.batches.push(Batch { end: log.end().get(), producer, last_sequence });
        self.note();
    }

    fn flush(&mut self) {
        self.directory.as_ref().unwrap().flush_now().unwrap();
        self.note();
    }

    fn compact(&mut self, memory_bytes: u64) {
        self.flush();
        let log = self.log.as_mut().unwrap();
        log.set_high_watermark(log.end());
        let clock = RetentionClock::steady(TimestampMs::new(NOW.get() + self.days * DAY));
        let segments = log.reader().segment_count();
        if compact(log, &clock, memory_bytes).is_some() {
            self.compactions += 1;
            self.swaps += usize::from(log.reader().segment_count() < segments);
        }
        self.note();
        self.directory.as_ref().unwrap().empty_trash();
        self.note();
    }

    fn restart(&mut self, clean: bool) {
        let (directory, log) = (self.directory.take().unwrap(), self.log.take().unwrap());
        if clean {
            directory.close(vec![log], None).unwrap();
        } else {
            drop((log, directory));
        }
        let opened = open(&self.mem, &self.config).unwrap();
        (self.directory, self.log) = (Some(opened.directory), Some(opened.log));
        self.note();
    }
}

fn life(flush: FlushMode) -> Life {
    let mut life = Life::begin(flush);
    let mut random = Random::new(11);
    life.append(8, &[90]);
    for round in 0..5 {
        for _ in 0..14 {
            let keys: Vec<u8> = (0..1 + random.below(3))
                .map(|_| u8::try_from(random.below(9) + 100 * (random.below(5) / 4)).unwrap())
                .collect();
            life.append(i64::try_from(random.below(2)).unwrap(), &keys);
        }
        life.compact(if round == 1 { 0 } else { 1_000_000 });
        if round == 2 {
            life.restart(false);
            life.compact(1_000_000);
        }
        if round == 3 {
            life.days = 3;
            life.restart(true);
        }
    }
    assert!(
        life.compactions >= 5 && life.swaps >= 3,
        "{} compactions, {} swaps",
        life.compactions,
        life.swaps
    );
    life
}

#[derive(Default)]
struct Seen {
    images: usize,
    with_swap: usize,
    removed: usize,
}

fn check(life: &Life, crash: &Crash, without_snapshots: bool, seen: &mut Seen) {
    let image = life.mem.crash(crash);
    let names: Vec<_> = image.files().into_iter().map(|(path, _)| path).collect();
    let has = |name: &std::path::Path, end: &str| name.to_string_lossy().ends_with(end);
    seen.images += 1;
    seen.with_swap += usize::from(names.iter().any(|name| has(name, ".swap")));
    if without_snapshots {
        names.iter().filter(|name| has(name, ".snapshot")).for_each(|name| image.remove_file(name).unwrap());
    }
    let Opened { mut log, directory } =
        open(&image, &life.config).unwrap_or_else(|report| panic!("{report:?} at {crash:?}"));
    let after = life.notes.partition_point(|note| note.0 <= crash.at);
    let durable = life.notes[after - 1].1;
    let end = log.end().get();
    assert!(end >= durable, "{end} of {durable} at {crash:?}");
    verify(life, &log, crash, seen);
    // A compaction after that works as if nothing had been.
    directory.flush_now().unwrap();
    log.set_high_watermark(log.end());
    let clock = RetentionClock::steady(TimestampMs::new(NOW.get() + life.days * DAY));
    compact(&mut log, &clock, 1_000_000);
    verify(life, &log, crash, seen);
}

fn verify(life: &Life, log: &Log, crash: &Crash, seen: &mut Seen) {
    let end = usize::try_from(log.end().get()).unwrap();
    let found = keyed_content(&log.reader()).unwrap_or_else(|report| panic!("{report:?} at {crash:?}"));
    for (offset, record) in &found {
        assert_eq!(*record, life.records[usize::try_from(*offset).unwrap()], "{offset} at {crash:?}");
    }
    let mut last: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (offset, (key, _)) in life.records[..end].iter().enumerate() {
        last.insert(key, offset);
    }
    for (key, offset) in last {
        let there = found.contains_key(&i64::try_from(offset).unwrap());
        let tombstone = life.records[offset].1.is_none();
        assert!(there || tombstone, "{key:?}, last at {offset}, is lost at {crash:?}");
        // A tombstone that went took everything of its key with it.
        assert!(there || found.values().all(|(other, _)| other != key), "{key:?} is back at {crash:?}");
    }
    seen.removed += end - found.len();
    let known: BTreeMap<i64, i32> = log
        .producers()
        .into_iter()
        .map(|producer| (producer.producer_id.get(), producer.last_sequence.get()))
        .collect();
    let mut wanted = BTreeMap::new();
    for batch in life.batches.iter().filter(|batch| batch.end <= log.end().get()) {
        wanted.insert(batch.producer, batch.last_sequence);
    }
    assert_eq!(known, wanted, "producers at {crash:?}");
}

fn every_crash_point(flush: FlushMode, seed: u64) {
    let life = life(flush);
    let ops = life.mem.ops();
    let mut seen = Seen::default();
    let mut random = Random::new(seed);
    for at in life.notes[0].0..=ops.len() {
        let unsynced = life.mem.unsynced(at);
        let recent = &unsynced[unsynced.len().saturating_sub(3)..];
        for subset in 0..1_usize << recent.len() {
            let lost = recent.iter().enumerate().filter(|(n, _)| subset >> n & 1 == 1).map(|(_, op)| *op);
            check(&life, &Crash { at, lost: lost.collect(), torn: None }, subset == 0, &mut seen);
        }
        for _ in 0..4 * scale() {
            let lost = unsynced.iter().copied().filter(|_| random.below(2) == 1).collect();
            check(&life, &Crash { at, lost, torn: None }, false, &mut seen);
        }
        if let Some(Op::Write { bytes, .. }) = at.checked_sub(1).map(|last| &ops[last]) {
            let torn = Some(random.below(bytes.len()));
            check(&life, &Crash { at, torn, ..Crash::default() }, false, &mut seen);
        }
    }
    println!(
        "{flush:?}: {} operations, {} compactions, {} crash images ({} with a swap to be completed), {} records gone \
         in them",
        ops.len(),
        life.compactions,
        seen.images,
        seen.with_swap,
        seen.removed
    );
    assert!(seen.images > ops.len() * 6 && seen.with_swap > 50 && seen.removed > seen.images);
}

#[test]
fn inv_12_every_crash_point_of_a_compacted_synced_log() {
    every_crash_point(FlushMode::Sync, 21);
}

#[test]
fn inv_12_every_crash_point_of_a_compacted_log_in_the_page_cache() {
    every_crash_point(FlushMode::Os, 22);
}
