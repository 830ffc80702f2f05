//! Compaction against a map: any sequence of appends, compactions, deletions and restarts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its denominators"
)]

mod common;

use std::collections::BTreeMap;

use common::compaction::*;
use common::*;
use proptest::prelude::*;
use yak_model::TimestampMs;
use yak_record::{BatchBuilder, Compression, RecordParts};

#[derive(Clone, Debug)]
enum Action {
    /// A batch: keys, of which those above 8 get a tombstone, and how it is compressed.
    Append {
        keys: Vec<u8>,
        codec: usize,
    },
    Roll,
    Compact {
        memory: u64,
        later_ms: i64,
    },
    DeleteBefore {
        share: u8,
    },
    ReopenClean,
    ReopenKilled,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => (prop::collection::vec(0..10_u8, 1..6), 0..5_usize)
            .prop_map(|(keys, codec)| Action::Append { keys, codec }),
        2 => Just(Action::Roll),
        3 => (prop_oneof![Just(0), Just(PLENTY)], 0..DAY).prop_map(|(memory, later_ms)| Action::Compact { memory, later_ms }),
        1 => (0..60_u8).prop_map(|share| Action::DeleteBefore { share }),
        1 => Just(Action::ReopenClean),
        1 => Just(Action::ReopenKilled),
    ]
}

struct Model {
    fixture: Option<Fixture>,
    records: Vec<Keyed>,
    now: TimestampMs,
    /// When each tombstone was first compacted.
    compacted: BTreeMap<usize, i64>,
    /// No key stands twice before it.
    clean: usize,
    removed: u64,
}

impl Model {
    fn fixture(&mut self) -> &mut Fixture {
        self.fixture.as_mut().unwrap()
    }

    fn step(&mut self, action: &Action) {
        match action {
            Action::Append { keys, codec } => {
                let base = self.records.len();
                for (n, key) in keys.iter().enumerate() {
                    let value = (*key < 8).then(|| format!("value {} of some length", base + n).into_bytes());
                    self.records.push((vec![b'k', key % 8], value));
                }
                let batch: Vec<_> = self.records[base..].to_vec();
                let mut builder = BatchBuilder::new();
                for (key, value) in &batch {
                    let (key, value) = (Some(key.as_slice()), value.as_deref());
                    builder.push(&RecordParts { timestamp: Some(NOW), key, value, headers: &[] });
                }
                self.fixture().append_batch(builder.finish(Compression::ALL[*codec], None));
            }
            Action::Roll => {
                let far = TimestampMs::new(NOW.get() + self.fixture().log.config().segment_ms * 2);
                self.fixture().log.roll_if_due(far).unwrap();
            }
            Action::Compact { memory, later_ms } => self.compact(*memory, *later_ms),
            Action::DeleteBefore { share } => {
                let (start, end) = (self.fixture().log.start().get(), self.fixture().log.end().get());
                let to = start + (end - start) * i64::from(*share) / 255;
                self.fixture().log.delete_before(offset(to)).unwrap();
                self.fixture().directory.checkpoint().unwrap();
            }
            Action::ReopenClean => {
                let (fixture, _) = self.fixture.take().unwrap().reopen_clean();
                self.fixture = Some(fixture);
            }
            Action::ReopenKilled => {
                let image = self.fixture().killed();
                self.fixture = Some(Fixture::open(image, compacting()).unwrap().0);
            }
        }
        self.check();
    }

    fn compact(&mut self, memory: u64, later_ms: i64) {
        self.now = TimestampMs::new(self.now.get() + later_ms);
        let now = self.now;
        let untouched = self.fixture().log.compacted_up_to();
        let before = content(&self.fixture().reader()).0;
        let Some(done) = compact_at(self.fixture(), now, memory) else { return };
        self.removed += done.records_removed;
        assert!(done.up_to > untouched);
        self.clean = usize::try_from(done.up_to.get()).unwrap();
        let after = content(&self.fixture().reader()).0;
        assert_eq!(
            before.range(done.up_to.get()..).collect::<Vec<_>>(),
            after.range(done.up_to.get()..).collect::<Vec<_>>(),
            "nothing above is touched"
        );
        for offset in after.range(..done.up_to.get()).filter(|(_, record)| record.1.is_none()).map(|(o, _)| o)
        {
            self.compacted.entry(usize::try_from(*offset).unwrap()).or_insert(now.get());
        }
    }

    fn check(&mut self) {
        let (found, _) = content(&self.fixture().reader());
        let start = usize::try_from(self.fixture().log.start().get()).unwrap();
        assert_eq!(usize::try_from(self.fixture().log.end().get()).unwrap(), self.records.len());
        let mut last: BTreeMap<&[u8], usize> = BTreeMap::new();
        for (offset, (key, _)) in self.records.iter().enumerate().filter(|(offset, _)| *offset < self.clean) {
            last.insert(key, offset);
        }
        for (offset, record) in self.records.iter().enumerate().skip(start) {
            let is_there = found.get(&i64::try_from(offset).unwrap());
            assert!(is_there.is_none_or(|found| found == record), "{offset} has other content");
            if offset >= self.clean {
                assert!(is_there.is_some(), "{offset} was not to be touched");
                continue;
            }
            let is_last = last[record.0.as_slice()] == offset;
            assert!(
                is_last || is_there.is_none(),
                "{offset} is not the last of its key before {}",
                self.clean
            );
            let may_go = record.1.is_none()
                && self.compacted.get(&offset).is_none_or(|first| first + DAY <= self.now.get());
            assert!(!is_last || is_there.is_some() || may_go, "{offset} is lost");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_life_of_a_compacted_log_is_that_of_a_map(actions in prop::collection::vec(action(), 1..80)) {
        let fixture = Some(Fixture::new(compacting()));
        let mut model = Model {
            fixture,
            records: Vec::new(),
            now: NOW,
            compacted: BTreeMap::new(),
            clean: 0,
            removed: 0,
        };
        actions.iter().for_each(|action| model.step(action));
    }
}
