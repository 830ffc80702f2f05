//! What the tests of the log share: a directory in memory, batches, and everything that a log holds.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod compaction;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use yak_log::{
    Background, DirectoryOptions, FlushMode, Log, LogConfig, LogDirectory, LogReader, ManualClock, MemDir,
    NewLog, OnDamage, ReadError, RecoveryReport,
};
use yak_model::{
    BrokerId, ClusterId, DirectoryId, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId,
    Sequence, TimestampMs, TopicId, TopicPartition,
};
use yak_record::{
    BatchBuilder, Batches, Compression, DecompressionLimits, ProducerStamp, RecordParts, Records, Scratch,
    decode,
};

/// The wall clock of tests.
pub(crate) const NOW: TimestampMs = TimestampMs::new(1_766_836_000_000);

/// A record as it was read: offset, timestamp, value.
pub(crate) type Read = (i64, i64, Vec<u8>);

pub(crate) fn offset(offset: i64) -> Offset {
    Offset::new(offset)
}

pub(crate) fn epoch(epoch: i32) -> LeaderEpoch {
    LeaderEpoch::new(epoch)
}

pub(crate) fn at(ms: i64) -> TimestampMs {
    TimestampMs::new(NOW.get() + ms)
}

pub(crate) fn topic_id() -> TopicId {
    TopicId::from_random([7; 16])
}

pub(crate) fn partition() -> TopicPartition {
    TopicPartition::new("t".parse().expect("a valid name"), PartitionIndex::new(0))
}

/// A small-segment configuration.
pub(crate) fn config(flush: FlushMode) -> LogConfig {
    LogConfig {
        segment_bytes: 4096,
        index_interval_bytes: 256,
        flush,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

pub(crate) fn options(clock: &ManualClock) -> DirectoryOptions {
    DirectoryOptions {
        broker_id: BrokerId::new(1),
        cluster_id: Some(ClusterId::from_random([1; 16])),
        new_directory_id: DirectoryId::from_random([2; 16]),
        reserve_bytes: 0,
        now: NOW,
        background: Background::Manual(clock.clone()),
    }
}

/// A batch of records without keys.
pub(crate) fn batch(values: &[(i64, &[u8])], producer: Option<ProducerStamp>) -> BytesMut {
    let mut builder = BatchBuilder::new();
    for (timestamp, value) in values {
        let timestamp = Some(TimestampMs::new(*timestamp));
        builder.push(&RecordParts { timestamp, value: Some(value), ..RecordParts::default() });
    }
    builder.finish(Compression::None, producer)
}

/// A batch of one record at `NOW`.
pub(crate) fn single(value: &[u8]) -> BytesMut {
    batch(&[(NOW.get(), value)], None)
}

pub(crate) fn stamp(id: i64, epoch: i16, base_sequence: i32) -> Option<ProducerStamp> {
    Some(ProducerStamp {
        id: ProducerId::new(id),
        epoch: ProducerEpoch::new(epoch),
        base_sequence: Sequence::new(base_sequence),
    })
}

/// A directory with one log in it.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) mem: MemDir,
    pub(crate) clock: ManualClock,
    pub(crate) directory: LogDirectory,
    pub(crate) log: Log,
}

impl Fixture {
    pub(crate) fn new(config: LogConfig) -> Self {
        let (mem, clock) = (MemDir::new(), ManualClock::default());
        let directory = open_directory(&mem, &clock);
        let new = NewLog { partition: partition(), topic_id: topic_id(), config };
        let log = directory.create_logs(&[new]).expect("created").pop().expect("one log");
        Self { mem, clock, directory, log }
    }

    pub(crate) fn append(&mut self, value: &[u8]) -> i64 {
        self.append_batch(single(value))
    }

    pub(crate) fn append_batch(&mut self, mut batch: BytesMut) -> i64 {
        let appended = self.log.append_as_leader(&mut batch, epoch(0), NOW).expect("appended");
        appended.base_offset.get()
    }

    pub(crate) fn reader(&self) -> LogReader {
        self.log.reader()
    }

    /// What the next process finds after this one was killed now.
    pub(crate) fn killed(&self) -> MemDir {
        self.mem.snapshot()
    }

    /// Closes in order and opens again.
    pub(crate) fn reopen_clean(self) -> (Self, RecoveryReport) {
        let Self { mem, directory, log, .. } = self;
        let config = log.config().clone();
        directory.close(vec![log], None).expect("closed");
        Self::open(mem, config).expect("opened")
    }

    pub(crate) fn open(mem: MemDir, config: LogConfig) -> Result<(Self, RecoveryReport), yak_log::LogError> {
        Self::open_with(mem, config, OnDamage::Refuse)
    }

    pub(crate) fn open_with(
        mem: MemDir,
        config: LogConfig,
        on_damage: OnDamage,
    ) -> Result<(Self, RecoveryReport), yak_log::LogError> {
        let clock = ManualClock::default();
        let directory = open_directory(&mem, &clock);
        let (log, report) = directory.open_log(&partition(), topic_id(), config, on_damage)?;
        Ok((Self { mem, clock, directory, log }, report))
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.directory.flush_due().expect("flushed");
    }
}

pub(crate) fn open_directory(mem: &MemDir, clock: &ManualClock) -> LogDirectory {
    LogDirectory::open(Arc::new(mem.clone()), options(clock)).expect("the directory opens")
}

/// Everything in the log from `from` on, verified as a broker that decodes would.
pub(crate) fn read_from(reader: &LogReader, from: i64, max_bytes: u64) -> Result<Vec<Read>, ReadError> {
    let mut records: Vec<Read> = Vec::new();
    let mut next = from;
    while next < reader.log_end().get() {
        let range = reader.read(offset(next), max_bytes, Offset::new(i64::MAX))?;
        let more = decode_range(reader, &range, next)?;
        let Some(last) = more.last() else { break };
        next = last.0 + 1;
        records.extend(more);
    }
    Ok(records)
}

/// The records of a range that was read for `from`, verified.
pub(crate) fn decode_range(reader: &LogReader, range: &Records, from: i64) -> Result<Vec<Read>, ReadError> {
    let mut bytes = BytesMut::new();
    range.read_into(&mut bytes).expect("the range can be read");
    reader.verify(&bytes, offset(from))?;
    let mut records = Vec::new();
    let (mut scratch, limits) = (Scratch::new(), DecompressionLimits::default());
    for batch in Batches::new(&bytes) {
        for record in decode(batch.expect("verified"), &mut scratch, &limits).expect("verified") {
            let record = record.expect("verified");
            if record.offset.get() >= from {
                let value = record.value.unwrap_or_default().to_vec();
                records.push((record.offset.get(), record.timestamp.get(), value));
            }
        }
    }
    Ok(records)
}

/// Values in the log, by offset from its start.
pub(crate) fn values(reader: &LogReader) -> Vec<Vec<u8>> {
    let records = read_from(reader, reader.log_start().get(), 1000).expect("readable");
    let offsets: Vec<i64> = records.iter().map(|record| record.0).collect();
    let expected: Vec<i64> = (reader.log_start().get()..reader.log_end().get()).collect();
    assert_eq!(offsets, expected, "every offset once, in order");
    records.into_iter().map(|record| record.2).collect()
}

/// A log with so many records, whose values are their numbers.
pub(crate) fn filled(flush: FlushMode, count: u32) -> Fixture {
    let mut fixture = Fixture::new(config(flush));
    (0..count).for_each(|n| _ = fixture.append(&n.to_be_bytes()));
    fixture
}

/// The values of a log of so many such records.
pub(crate) fn expected(count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|n| n.to_be_bytes().to_vec()).collect()
}

/// The last segment's log file and its length.
pub(crate) fn last_log(mem: &MemDir) -> (std::path::PathBuf, usize) {
    let logs = mem.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "log"));
    let (path, content) = logs.max().expect("a log file");
    (path, content.len())
}
