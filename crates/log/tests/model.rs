//! The log against a `Vec`: any sequence of operations, restarts and power cuts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::let_underscore_must_use,
    reason = "a test fails by panicking, and prints its denominators"
)]

mod common;

use std::collections::BTreeSet;

use common::*;
use proptest::prelude::*;
use yak_log::dir::Crash;
use yak_log::{FlushMode, LogConfig, RetentionClock};
use yak_model::Offset;

#[derive(Clone, Debug)]
enum Action {
    /// So many batches, each of so many records of so many bytes.
    Append {
        batches: u8,
        records: u8,
        bytes: u16,
    },
    /// Again what was appended last, as an idempotent producer would.
    Retry,
    Read {
        from: u16,
        max_bytes: u16,
    },
    ReadTime {
        record: u16,
    },
    Truncate {
        share: u8,
    },
    DeleteBefore {
        share: u8,
    },
    Retain {
        keep_bytes: u16,
    },
    RetainAge {
        share: u8,
    },
    Reset {
        ahead: u8,
    },
    Flush,
    Checkpoint,
    ReopenClean,
    ReopenKilled,
    /// Each unsynced operation is lost if its bit is set.
    PowerCut {
        lost: u64,
    },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        10 => (1..4_u8, 1..6_u8, 0..350_u16)
            .prop_map(|(batches, records, bytes)| Action::Append { batches, records, bytes }),
        1 => Just(Action::Retry),
        3 => (any::<u16>(), any::<u16>()).prop_map(|(from, max_bytes)| Action::Read { from, max_bytes }),
        1 => any::<u16>().prop_map(|record| Action::ReadTime { record }),
        1 => any::<u8>().prop_map(|share| Action::Truncate { share }),
        1 => any::<u8>().prop_map(|share| Action::DeleteBefore { share }),
        1 => any::<u16>().prop_map(|keep_bytes| Action::Retain { keep_bytes }),
        1 => any::<u8>().prop_map(|share| Action::RetainAge { share }),
        1 => (1..50_u8).prop_map(|ahead| Action::Reset { ahead }),
        2 => Just(Action::Flush),
        1 => Just(Action::Checkpoint),
        1 => Just(Action::ReopenClean),
        1 => Just(Action::ReopenKilled),
        1 => any::<u64>().prop_map(|lost| Action::PowerCut { lost }),
    ]
}

/// What the log must hold.
struct Model {
    /// By offset from 0; records deleted at the start stay here, as a power cut may bring them back.
    records: Vec<Option<Vec<u8>>>,
    start: usize,
    /// The start as last made durable.
    durable_start: usize,
    /// The next sequence of the one producer, and the epoch it is in.
    sequence: i32,
    producer_epoch: i16,
    leader_epoch: i32,
}

impl Model {
    fn end(&self) -> usize {
        self.records.len()
    }

    /// An offset by its share of the log.
    fn at(&self, share: u8) -> usize {
        self.start + (self.end() - self.start) * usize::from(share) / 255
    }
}

struct Run {
    fixture: Option<Fixture>,
    config: LogConfig,
    model: Model,
    counter: u32,
}

impl Run {
    fn new(flush: FlushMode) -> Self {
        let config = LogConfig { segment_bytes: 2048, ..config(flush) };
        let model = Model {
            records: Vec::new(),
            start: 0,
            durable_start: 0,
            sequence: 0,
            producer_epoch: 0,
            leader_epoch: 0,
        };
        Self { fixture: Some(Fixture::new(config.clone())), config, model, counter: 0 }
    }

    fn fixture(&mut self) -> &mut Fixture {
        self.fixture.as_mut().expect("open between actions")
    }

    fn time(offset: usize) -> i64 {
        NOW.get() + i64::try_from(offset).unwrap()
    }

    fn append(&mut self, records: u8, bytes: u16) {
        let base = self.model.end();
        let mut values = Vec::new();
        for _ in 0..records {
            let mut value = self.counter.to_be_bytes().to_vec();
            value.resize(4 + usize::from(bytes), 7);
            self.counter += 1;
            values.push(value);
        }
        let timed: Vec<(i64, &[u8])> =
            values.iter().enumerate().map(|(n, value)| (Self::time(base + n), &value[..])).collect();
        let stamp = stamp(77, self.model.producer_epoch, self.model.sequence);
        let mut batch = batch(&timed, stamp);
        let leader_epoch = epoch(self.model.leader_epoch);
        let appended = self.fixture().log.append_as_leader(&mut batch, leader_epoch, NOW).unwrap();
        assert_eq!((appended.base_offset.get(), appended.duplicate), (i64::try_from(base).unwrap(), false));
        self.model.sequence += i32::from(records);
        self.model.records.extend(values.into_iter().map(Some));
    }

    /// The last records as one batch again; they may have been several batches.
    fn retry(&mut self) {
        self.append(2, 10);
        let base = self.model.end() - 2;
        let values: Vec<Vec<u8>> = self.model.records[base..].iter().flatten().cloned().collect();
        let timed: Vec<(i64, &[u8])> =
            values.iter().enumerate().map(|(n, value)| (Self::time(base + n), &value[..])).collect();
        let mut again = batch(&timed, stamp(77, self.model.producer_epoch, self.model.sequence - 2));
        let leader_epoch = epoch(self.model.leader_epoch);
        let appended = self.fixture().log.append_as_leader(&mut again, leader_epoch, NOW).unwrap();
        assert_eq!((appended.base_offset.get(), appended.duplicate), (i64::try_from(base).unwrap(), true));
    }

    fn truncate(&mut self, share: u8) {
        let target = self.model.at(share);
        let end = self.fixture().log.truncate_to(offset(i64::try_from(target).unwrap())).unwrap();
        let end = usize::try_from(end.get()).unwrap();
        assert!(end <= target, "whole batches go");
        self.model.records.truncate(end);
        self.model.start = self.model.start.min(end);
        self.model.durable_start = self.model.durable_start.min(end);
        self.new_leader();
    }

    /// After records were lost a new leader appends, and the producer begins a new epoch.
    fn new_leader(&mut self) {
        self.model.leader_epoch += 1;
        self.model.producer_epoch += 1;
        self.model.sequence = 0;
    }

    fn retain(&mut self, config: LogConfig, clock: &RetentionClock) {
        let before = self.config.clone();
        let log = &mut self.fixture().log;
        log.set_config(config);
        log.retain(clock, Offset::new(i64::MAX)).unwrap();
        log.set_config(before);
        let start = usize::try_from(log.start().get()).unwrap();
        assert!(start >= self.model.start);
        self.model.start = start;
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Append { batches, records, bytes } => {
                (0..*batches).for_each(|_| self.append(*records, *bytes));
            }
            Action::Retry => self.retry(),
            Action::Read { from, max_bytes } => self.read(*from, *max_bytes),
            Action::ReadTime { record } => self.read_time(*record),
            Action::Truncate { share } => self.truncate(*share),
            Action::DeleteBefore { share } => {
                let target = self.model.at(*share);
                self.fixture().log.delete_before(offset(i64::try_from(target).unwrap())).unwrap();
                self.model.start = self.model.start.max(target);
            }
            Action::Retain { keep_bytes } => {
                let config = LogConfig {
                    retention_bytes: Some(u64::from(*keep_bytes)),
                    retention_ms: None,
                    ..self.config.clone()
                };
                self.retain(config, &RetentionClock::steady(NOW));
            }
            Action::RetainAge { share } => {
                let oldest = Self::time(self.model.at(*share));
                let config = LogConfig { retention_ms: Some(1_000_000), ..self.config.clone() };
                let now = yak_model::TimestampMs::new(oldest + 1_000_000);
                self.retain(config, &RetentionClock::steady(now));
                let start = self.model.start;
                assert!(
                    start <= self.model.at(*share) || start == self.model.end() || oldest > Self::time(start)
                );
            }
            Action::Reset { ahead } => {
                let target = self.model.end() + usize::from(*ahead);
                self.fixture().log.reset_to(offset(i64::try_from(target).unwrap())).unwrap();
                self.model.records.resize(target, None);
                (self.model.start, self.model.durable_start) = (target, 0);
                self.new_leader();
                self.fixture().directory.checkpoint().unwrap();
                self.model.durable_start = target;
            }
            Action::Flush => self.fixture().directory.flush_due().unwrap(),
            Action::Checkpoint => {
                self.fixture().directory.checkpoint().unwrap();
                self.model.durable_start = self.model.start;
                assert_eq!(self.fixture().log.durable_end(), self.fixture().log.end());
            }
            Action::ReopenClean => {
                let (fixture, report) = self.fixture.take().unwrap().reopen_clean();
                assert!(report.clean);
                self.fixture = Some(fixture);
                self.model.durable_start = self.model.start;
            }
            Action::ReopenKilled => {
                let image = self.fixture().killed();
                let (end, start) = (self.model.end(), self.model.start);
                self.reopen(image, end);
                assert_eq!((self.model.end(), self.model.start), (end, start), "a kill loses nothing");
            }
            Action::PowerCut { lost } => {
                let fixture = self.fixture();
                let at = fixture.mem.op_count();
                let unsynced = fixture.mem.unsynced(at).into_iter().enumerate();
                let lost: BTreeSet<usize> =
                    unsynced.filter(|(n, _)| lost >> (n % 64) & 1 == 1).map(|(_, index)| index).collect();
                let durable = usize::try_from(fixture.log.durable_end().get()).unwrap();
                let image = fixture.mem.crash(&Crash { at, lost, torn: None });
                self.reopen(image, durable);
                self.new_leader();
            }
        }
    }

    /// Opens what a crash left, of which everything before `durable` must be there.
    fn reopen(&mut self, image: yak_log::MemDir, durable: usize) {
        self.fixture = None;
        let (fixture, report) = Fixture::open(image, self.config.clone()).unwrap();
        let (start, end) = (report.start.get(), report.end.get());
        let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
        assert!(end >= durable && end <= self.model.end(), "{durable} {end} {}", self.model.end());
        let (low, high) = (self.model.durable_start, self.model.start);
        assert!(start >= low && start <= high, "start {start} within {low} and {high}: {report:?}");
        self.model.records.truncate(end);
        self.model.start = start;
        self.fixture = Some(fixture);
    }

    fn read(&mut self, from: u16, max_bytes: u16) {
        let from = self.model.start + usize::from(from) % (self.model.end() - self.model.start + 1);
        let reader = self.fixture().reader();
        let read = read_from(&reader, i64::try_from(from).unwrap(), u64::from(max_bytes)).unwrap();
        let expected: Vec<Read> = (from..self.model.end())
            .map(|n| {
                let value = self.model.records[n].clone().expect("in the log");
                (i64::try_from(n).unwrap(), Self::time(n), value)
            })
            .collect();
        assert!(read == expected, "from {from}: {} records for {}", read.len(), expected.len());
    }

    fn read_time(&mut self, record: u16) {
        let wanted = self.model.start + usize::from(record) % (self.model.end() - self.model.start + 1);
        let time = yak_model::TimestampMs::new(Self::time(wanted));
        let found = self.fixture().reader().offset_for_time(time, Offset::new(i64::MAX)).unwrap();
        let expected = (wanted < self.model.end()).then_some(wanted);
        assert_eq!(found.map(|found| usize::try_from(found.offset.get()).unwrap()), expected);
        let newest = self.fixture().reader().max_timestamp_offset(Offset::new(i64::MAX)).unwrap();
        let last = (self.model.start < self.model.end()).then(|| self.model.end() - 1);
        assert_eq!(newest.map(|found| usize::try_from(found.offset.get()).unwrap()), last);
    }

    fn check(&mut self) {
        self.read(0, 3000);
        let log = &self.fixture().log;
        let ends = (log.start().get(), log.end().get(), log.durable_end().get());
        assert_eq!(ends.0, i64::try_from(self.model.start).unwrap());
        assert_eq!(ends.1, i64::try_from(self.model.end()).unwrap());
        assert!(ends.2 <= ends.1);
    }
}

fn cases() -> u32 {
    std::env::var("YAK_LOG_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_a_vec(
        sync in any::<bool>(),
        actions in proptest::collection::vec(action(), 1..80),
    ) {
        let mut run = Run::new(if sync { FlushMode::Sync } else { FlushMode::Os });
        for action in &actions {
            run.act(action);
            run.check();
        }
    }
}
