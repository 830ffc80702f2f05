//! Crash points of the log and the journal: what the tests of this package share.
//!
//! A test drives the real log code over a `MemDir`, takes images of what a disk may show after a crash, and
//! compares what recovery makes of them with what was promised before. Each prints its denominators.
//! `YAK_CRASH_SCALE=10` multiplies what is random, for long runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use yak_log::{
    Background, Compacted, DirectoryOptions, FlushMode, Log, LogConfig, LogDirectory, LogError, LogReader,
    ManualClock, MemDir, OnDamage, OpenError, ReadError, RetentionClock,
};
use yak_model::{
    BrokerId, ClusterId, DirectoryId, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId,
    Sequence, TimestampMs, TopicId, TopicPartition,
};
use yak_record::{
    BatchBuilder, BatchHeader, Batches, Compression, DecompressionLimits, ProducerStamp, RecordParts,
    Scratch, decode,
};

/// The wall clock of these tests.
pub const NOW: TimestampMs = TimestampMs::new(1_766_836_000_000);
/// No bound.
pub const END: Offset = Offset::new(i64::MAX);

/// A record as it was read: offset, timestamp, value.
pub type Read = (i64, i64, Vec<u8>);

/// What is wrong with a crash image, as the log reported it.
#[derive(Debug)]
pub enum Report {
    /// The directory does not open.
    Directory(OpenError),
    /// The log does not open.
    Log(LogError),
    /// A read failed.
    Read(ReadError),
}

/// A log that was opened.
#[derive(Debug)]
pub struct Opened {
    /// Its directory.
    pub directory: LogDirectory,
    /// The log.
    pub log: Log,
}

/// By how much random parts are multiplied: `YAK_CRASH_SCALE`, or 1.
#[must_use]
pub fn scale() -> usize {
    std::env::var("YAK_CRASH_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1)
}

/// The topic of the tests.
#[must_use]
pub fn topic_id() -> TopicId {
    TopicId::from_random([7; 16])
}

/// A partition of the topic.
///
/// # Panics
/// Never: the name is valid.
#[must_use]
pub fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("t".parse().expect("a valid name"), PartitionIndex::new(number))
}

/// Small segments, many index entries.
#[must_use]
pub fn config(flush: FlushMode, segment_bytes: u64) -> LogConfig {
    LogConfig {
        segment_bytes,
        index_interval_bytes: 200,
        flush,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

/// Opens a directory in memory, driven by hand.
///
/// # Errors
/// What the directory says.
pub fn open_directory(mem: &MemDir, clock: &ManualClock) -> Result<LogDirectory, OpenError> {
    let options = DirectoryOptions {
        broker_id: BrokerId::new(1),
        cluster_id: Some(ClusterId::from_random([1; 16])),
        new_directory_id: DirectoryId::from_random([2; 16]),
        reserve_bytes: 0,
        now: NOW,
        background: Background::Manual(clock.clone()),
    };
    LogDirectory::open(Arc::new(mem.clone()), options)
}

/// Opens partition 0 of a directory.
///
/// # Errors
/// What is wrong with either.
pub fn open(mem: &MemDir, config: &LogConfig) -> Result<Opened, Report> {
    let directory = open_directory(mem, &ManualClock::default()).map_err(Report::Directory)?;
    let opened = directory.open_log(&partition(0), topic_id(), config.clone(), OnDamage::Refuse);
    let (log, _) = opened.map_err(Report::Log)?;
    Ok(Opened { directory, log })
}

/// A batch of records, each with a time and a value.
#[must_use]
pub fn batch(records: &[(i64, Vec<u8>)], producer: Option<(i64, i16, i32)>) -> BytesMut {
    let mut builder = BatchBuilder::new();
    for (timestamp, value) in records {
        let timestamp = Some(TimestampMs::new(*timestamp));
        builder.push(&RecordParts { timestamp, value: Some(value), ..RecordParts::default() });
    }
    let stamp = producer.map(|(id, epoch, sequence)| ProducerStamp {
        id: ProducerId::new(id),
        epoch: ProducerEpoch::new(epoch),
        base_sequence: Sequence::new(sequence),
    });
    builder.finish(Compression::None, stamp)
}

/// Appends a batch of one record for each value, at `NOW` plus their offsets.
///
/// # Panics
/// If the log refuses it.
pub fn append(log: &mut Log, epoch: i32, values: Vec<Vec<u8>>) {
    let base = log.end().get();
    let records: Vec<(i64, Vec<u8>)> =
        (base..).zip(values).map(|(offset, value)| (NOW.get() + offset, value)).collect();
    let mut bytes = batch(&records, None);
    let appended = log.append_as_leader(&mut bytes, LeaderEpoch::new(epoch), NOW);
    assert_eq!(appended.expect("the log takes it").base_offset.get(), base);
}

/// Everything in a log, verified as a broker does that decodes it.
///
/// # Errors
/// What the reader reports.
///
/// # Panics
/// If verified records do not decode, or offsets repeat or are missing.
pub fn content(reader: &LogReader) -> Result<Vec<Read>, Report> {
    let mut records: Vec<Read> = Vec::new();
    let (mut scratch, limits) = (Scratch::new(), DecompressionLimits::default());
    let mut next = reader.log_start();
    while next < reader.log_end() {
        let mut bytes = BytesMut::new();
        let range = reader.read(next, 700, END).map_err(Report::Read)?;
        range.read_into(&mut bytes).expect("memory can be read");
        reader.verify(&bytes, next).map_err(Report::Read)?;
        for batch in Batches::new(&bytes) {
            for record in decode(batch.expect("verified"), &mut scratch, &limits).expect("verified") {
                let record = record.expect("verified");
                if record.offset >= next {
                    assert_eq!(record.offset, next, "every offset once");
                    next = record.offset.plus(1);
                    let value = record.value.unwrap_or_default().to_vec();
                    records.push((record.offset.get(), record.timestamp.get(), value));
                }
            }
        }
        assert!(!bytes.is_empty(), "a log that has {next} has a batch with it");
    }
    Ok(records)
}

/// Compacts a log as far as its configuration lets it, with so many bytes for the keys; everything in it is settled.
///
/// # Panics
/// If the disk fails, or the log is damaged.
pub fn compact(log: &mut Log, clock: &RetentionClock, memory_bytes: u64) -> Option<Compacted> {
    let mut compaction = log.compaction(clock, log.end()).expect("the disk works")?;
    compaction.read_keys(memory_bytes).expect("the log is whole");
    while let Some(rewritten) = compaction.rewrite_next().expect("the log is whole") {
        assert!(log.swap_in(rewritten).expect("the disk works"), "nothing else happens meanwhile");
    }
    Some(log.compacted(compaction))
}

/// The key and the value of a record; without value it is a tombstone.
pub type Keyed = (Vec<u8>, Option<Vec<u8>>);

/// Every record of a log by its offset, verified as a broker does that decodes it.
///
/// # Errors
/// What the reader reports.
///
/// # Panics
/// If verified records do not decode.
pub fn keyed_content(reader: &LogReader) -> Result<BTreeMap<i64, Keyed>, Report> {
    let mut records = BTreeMap::new();
    let (mut scratch, limits) = (Scratch::new(), DecompressionLimits::default());
    let mut next = reader.log_start();
    while next < reader.log_end() {
        let mut bytes = BytesMut::new();
        reader.read(next, 700, END).map_err(Report::Read)?.read_into(&mut bytes).expect("memory can be read");
        assert!(!bytes.is_empty(), "a log that has {next} has a batch with it");
        reader.verify(&bytes, next).map_err(Report::Read)?;
        for batch in Batches::new(&bytes) {
            let batch = batch.expect("verified");
            for record in decode(batch, &mut scratch, &limits).expect("verified") {
                let record = record.expect("verified");
                let key = record.key.expect("every record here has a key").to_vec();
                if record.offset >= reader.log_start() {
                    records.insert(record.offset.get(), (key, record.value.map(<[u8]>::to_vec)));
                }
            }
            next = BatchHeader::parse(batch).expect("verified").next_offset();
        }
    }
    Ok(records)
}

/// A small generator of numbers that look random: xorshift64*.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed other than 0.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn any(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    ///
    /// # Panics
    /// If `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.any() % limit as u64).expect("less than a usize")
    }
}
