//! Partitions of every kind, written through `yak-log`, and what was written to them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use yak_log::{
    Background, CompactionConfig, DirectoryOptions, FlushMode, Log, LogConfig, LogDirectory, NewLog,
    OnDamage, RealDir, RetentionClock,
};
use yak_model::{
    BrokerId, ClusterId, DirectoryId, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId,
    Sequence, TimestampMs, TopicId, TopicPartition, Uuid,
};
use yak_record::{BatchBuilder, Compression, Header, ProducerStamp, RecordParts, TimestampType};

const START: i64 = 1_700_000_000_000;
/// Small, so that there are several segments.
const SEGMENT_BYTES: u64 = 16 * 1024;
/// Small, so that there are many index entries.
const INDEX_INTERVAL_BYTES: u64 = 200;
const BATCHES: i64 = 240;

/// A record, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The offset it got.
    pub offset: i64,
    /// Its timestamp, or the broker's.
    pub timestamp: i64,
    /// Whether it is the broker's.
    pub log_append_time: bool,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// The headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The leader epoch of its batch.
    pub leader_epoch: i32,
    /// The producer id of its batch, -1 without one.
    pub producer_id: i64,
    /// The producer epoch of its batch.
    pub producer_epoch: i16,
    /// The sequence of the first record of its batch.
    pub base_sequence: i32,
    /// Kafka's number of its batch's compression.
    pub compression: i16,
    /// Its place in its batch.
    pub index_in_batch: i32,
}

impl Record {
    /// Its own sequence, -1 without a producer id.
    #[must_use]
    pub fn sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            -1
        } else {
            Sequence::new(self.base_sequence).plus(self.index_in_batch).get()
        }
    }
}

/// A partition that was written and closed.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Its directory.
    pub directory: PathBuf,
    /// Everything in it.
    pub records: Vec<Record>,
    /// Leader epochs and where they began.
    pub epochs: Vec<(i32, i64)>,
}

impl Partition {
    /// `<topic>-<partition>`.
    #[must_use]
    pub fn name(&self) -> String {
        self.directory.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Its files with this extension, in order.
    #[must_use]
    pub fn files(&self, extension: &str) -> Vec<PathBuf> {
        let entries = self.directory.read_dir().expect("the partition was written");
        let paths = entries.map(|entry| entry.expect("the directory can be read").path());
        let mut paths: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
        paths.sort();
        paths
    }
}

/// What is special about a partition.
#[derive(Clone, Copy, Debug)]
struct Kind {
    topic: &'static str,
    compression: Compression,
    timestamp_type: TimestampType,
    /// Several idempotent producers take turns.
    idempotent: bool,
    /// The leader changes now and then.
    elections: bool,
}

const PLAIN: Kind = Kind {
    topic: "plain",
    compression: Compression::None,
    timestamp_type: TimestampType::Create,
    idempotent: false,
    elections: false,
};

const KINDS: [Kind; 8] = [
    PLAIN,
    Kind { topic: "gzip", compression: Compression::Gzip, ..PLAIN },
    Kind { topic: "snappy", compression: Compression::Snappy, ..PLAIN },
    Kind { topic: "lz4", compression: Compression::Lz4, ..PLAIN },
    Kind { topic: "zstd", compression: Compression::Zstd, idempotent: true, ..PLAIN },
    Kind { topic: "stamped", timestamp_type: TimestampType::LogAppend, ..PLAIN },
    Kind { topic: "idempotent", idempotent: true, ..PLAIN },
    Kind { topic: "elections", elections: true, idempotent: true, ..PLAIN },
];

/// Writes a broker's directory below `root` and closes it.
#[must_use]
pub fn write_logs(root: &Path) -> Vec<Partition> {
    let dir = Arc::new(RealDir::create(root.join("broker-1")).expect("the directory can be made"));
    let directory = LogDirectory::open(dir, options()).expect("a new directory opens");
    let new: Vec<_> = (3..).zip(KINDS).map(|(number, kind)| new_log(number, kind)).collect();
    let mut logs = directory.create_logs(&new).expect("the disk has room");
    let partitions = KINDS.iter().zip(&mut logs).map(|(kind, log)| {
        let directory = directory.path().join(log.partition().to_string());
        Writer::new(*kind).write(log, directory)
    });
    let partitions = partitions.collect();
    directory.close(logs, None).expect("everything can be written");
    partitions
}

/// Compacts what [`write_logs`] wrote below `root`. What is left of the records comes back.
#[must_use]
pub fn compact_logs(root: &Path, written: &[Partition]) -> Vec<Partition> {
    let dir = Arc::new(RealDir::create(root.join("broker-1")).expect("the directory is there"));
    let directory = LogDirectory::open(dir, options()).expect("it opens");
    let mut logs = Vec::new();
    let mut left = Vec::new();
    for ((number, kind), partition) in (3..).zip(KINDS).zip(written) {
        let NewLog { partition: id, topic_id, config } = new_log(number, kind);
        let compaction = CompactionConfig {
            delete_retention_ms: 86_400_000,
            min_lag_ms: 0,
            max_lag_ms: i64::MAX,
            min_dirty_ratio: 0.0,
        };
        let config = LogConfig { compaction: Some(compaction), file_delete_delay_ms: 0, ..config };
        let (mut log, _) = directory.open_log(&id, topic_id, config, OnDamage::Refuse).expect("it opens");
        let clock = RetentionClock::steady(TimestampMs::new(START + 1_000_000));
        let compaction = log.compaction(&clock, log.end()).expect("the disk works");
        let mut compaction = compaction.expect("all of it is dirty");
        compaction.read_keys(1_000_000).expect("it is whole");
        while let Some(rewritten) = compaction.rewrite_next().expect("it is whole") {
            assert!(log.swap_in(rewritten).expect("the disk works"));
        }
        let up_to = log.compacted(compaction).up_to.get();
        let mut last = BTreeMap::new();
        for record in partition.records.iter().filter(|record| record.offset < up_to) {
            last.insert(record.key.clone(), record.offset);
        }
        let stays = |record: &&Record| {
            record.offset >= up_to || (record.key.is_some() && last[&record.key] == record.offset)
        };
        let records: Vec<Record> = partition.records.iter().filter(stays).cloned().collect();
        assert!(records.len() < partition.records.len() / 2, "{}: {}", partition.name(), records.len());
        left.push(Partition { records, ..partition.clone() });
        logs.push(log);
    }
    directory.close(logs, None).expect("everything can be written");
    left
}

fn options() -> DirectoryOptions {
    DirectoryOptions {
        broker_id: BrokerId::new(1),
        cluster_id: Some(ClusterId::new(Uuid::from_random([1; 16]))),
        new_directory_id: DirectoryId::new(Uuid::from_random([2; 16])),
        reserve_bytes: 0,
        now: TimestampMs::new(START),
        background: Background::Thread,
    }
}

fn new_log(number: u8, kind: Kind) -> NewLog {
    let config = LogConfig {
        segment_bytes: SEGMENT_BYTES,
        index_interval_bytes: INDEX_INTERVAL_BYTES,
        timestamp_type: kind.timestamp_type,
        flush: FlushMode::Os,
        ..LogConfig::default()
    };
    let topic = kind.topic.parse().expect("a valid name");
    let partition = TopicPartition { topic, partition: PartitionIndex::new(0) };
    NewLog { partition, topic_id: TopicId::new(Uuid::from_random([number; 16])), config }
}

/// Writes one partition.
struct Writer {
    kind: Kind,
    builder: BatchBuilder,
    /// The next sequence of each producer.
    sequences: [Sequence; 3],
    epoch: i32,
    partition: Partition,
}

impl Writer {
    fn new(kind: Kind) -> Self {
        let partition = Partition { directory: PathBuf::new(), records: Vec::new(), epochs: Vec::new() };
        Self { kind, builder: BatchBuilder::new(), sequences: [Sequence::new(0); 3], epoch: 0, partition }
    }

    fn write(mut self, log: &mut Log, directory: PathBuf) -> Partition {
        for batch in 0..BATCHES {
            if self.kind.elections && batch % 70 == 69 {
                self.epoch += if batch % 140 == 69 { 1 } else { 3 };
            }
            self.append(log, batch);
        }
        self.partition.directory = directory;
        self.partition
    }

    /// Appends the batch of this number.
    fn append(&mut self, log: &mut Log, batch: i64) {
        let count = 1 + i32::try_from(batch % 7).expect("small");
        let producer = self.producer(batch, count);
        let first = self.partition.records.len();
        for index in 0..count {
            let record = self.record(batch, index, producer);
            let headers: Vec<_> =
                record.headers.iter().map(|(key, value)| Header::new(key, value.as_deref())).collect();
            let timestamp = Some(TimestampMs::new(record.timestamp));
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            self.builder.push(&RecordParts { timestamp, key, value, headers: &headers });
            self.partition.records.push(record);
        }
        let mut bytes = self.builder.finish(self.kind.compression, producer);
        let now = TimestampMs::new(START + batch * 100 + 50);
        let appended = log.append_as_leader(&mut bytes, LeaderEpoch::new(self.epoch), now);
        let appended = appended.expect("the batch is in order");
        self.note(first, appended.base_offset, appended.log_append_time);
    }

    /// The log decided on offset and time.
    fn note(&mut self, first: usize, base_offset: Offset, log_append_time: Option<TimestampMs>) {
        for record in &mut self.partition.records[first..] {
            record.offset = base_offset.get() + i64::from(record.index_in_batch);
            record.timestamp = log_append_time.map_or(record.timestamp, TimestampMs::get);
            record.log_append_time = log_append_time.is_some();
        }
        if self.partition.epochs.last().is_none_or(|(epoch, _)| *epoch < self.epoch) {
            self.partition.epochs.push((self.epoch, base_offset.get()));
        }
    }

    fn producer(&mut self, batch: i64, count: i32) -> Option<ProducerStamp> {
        if !self.kind.idempotent {
            return None;
        }
        let number = usize::try_from(batch % 3).expect("small");
        let base_sequence = self.sequences[number];
        self.sequences[number] = base_sequence.plus(count);
        let id = ProducerId::new(1000 + batch % 3);
        Some(ProducerStamp { id, epoch: ProducerEpoch::new(2), base_sequence })
    }

    /// Null, empty, long, not ASCII, not UTF-8, with headers, out of order in time: each now and then. No line
    /// ends, because Kafka's tool prints values as they are.
    fn record(&self, batch: i64, index: i32, producer: Option<ProducerStamp>) -> Record {
        let number = batch * 10 + i64::from(index);
        let producer = producer.unwrap_or(ProducerStamp::NONE);
        let value = match number % 11 {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(format!("größe {number} 😀").into_bytes()),
            3 => Some(vec![0xff, 0x00, 0x80, b'a', 0xc3]),
            4 => Some("long ".repeat(150).into_bytes()),
            _ => Some(format!("value {number}").into_bytes()),
        };
        let key = match number % 4 {
            0 => None,
            1 => Some(Vec::new()),
            _ => Some(format!("key-{}", number % 17).into_bytes()),
        };
        let header =
            |name: &str, value: Option<&str>| (name.to_owned(), value.map(|v| v.as_bytes().to_vec()));
        let headers = match number % 6 {
            0 => vec![header("trace", Some("1234")), header("trace", None), header("", Some(""))],
            1 => vec![header("größe", Some("2"))],
            _ => Vec::new(),
        };
        let early = if number % 5 == 0 { 70 } else { 0 };
        Record {
            offset: -1,
            timestamp: START + batch * 100 + i64::from(index) - early,
            log_append_time: false,
            key,
            value,
            headers,
            leader_epoch: self.epoch,
            producer_id: producer.id.get(),
            producer_epoch: producer.epoch.get(),
            base_sequence: producer.base_sequence.get(),
            compression: self.kind.compression.id(),
            index_in_batch: index,
        }
    }
}
