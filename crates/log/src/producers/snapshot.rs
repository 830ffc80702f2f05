//! Producer state in Kafka's snapshot files.
//!
//! ```text
//! int16 version 1 | uint32 crc32c of what follows | int32 count | count entries of 46 bytes:
//! int64 producer id | int16 epoch | int32 last sequence | int64 last offset | int32 offset delta
//! | int64 timestamp | int32 coordinator epoch -1 | int64 current transaction's first offset -1
//! ```
//!
//! Apache Kafka keeps one entry a producer, so that after a restart only the very last batch is recognised. We
//! write one entry for each remembered batch, oldest first: Kafka reads such a file as its own, the last
//! entry of a producer winning, and we get all five batches back.

use yak_model::{Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use super::{Producer, Producers, Remembered};

const VERSION: i16 = 1;
const HEADER_LEN: usize = 10;
const ENTRY_LEN: usize = 46;
/// The checksum covers everything after itself.
const CHECKED_FROM: usize = 6;

impl Producers {
    /// The content of a snapshot file.
    pub(crate) fn to_snapshot(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_LEN];
        let mut count = 0_i32;
        for (id, producer) in &self.by_id {
            let mut entries = producer.batches.iter().flatten().peekable();
            if entries.peek().is_none() {
                push_entry(&mut bytes, *id, producer, None);
                count += 1;
            }
            for batch in entries {
                push_entry(&mut bytes, *id, producer, Some(batch));
                count += 1;
            }
        }
        bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
        bytes[CHECKED_FROM..HEADER_LEN].copy_from_slice(&count.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[CHECKED_FROM..]);
        bytes[2..CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads a snapshot; `None` if it is torn, damaged, or of another version.
    pub(crate) fn from_snapshot(bytes: &[u8]) -> Option<Self> {
        let version = i16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
        let crc = u32::from_be_bytes(bytes.get(2..CHECKED_FROM)?.try_into().ok()?);
        let count = i32::from_be_bytes(bytes.get(CHECKED_FROM..HEADER_LEN)?.try_into().ok()?);
        let entries = bytes.get(HEADER_LEN..)?;
        let complete = usize::try_from(count).ok()?.checked_mul(ENTRY_LEN)? == entries.len();
        if version != VERSION || !complete || crc != crc32c::crc32c(&bytes[CHECKED_FROM..]) {
            return None;
        }
        let mut producers = Self::default();
        for entry in entries.chunks_exact(ENTRY_LEN) {
            producers.take_entry(entry)?;
        }
        Some(producers)
    }

    fn take_entry(&mut self, entry: &[u8]) -> Option<()> {
        let int16 = |at: usize| Some(i16::from_be_bytes(entry[at..at + 2].try_into().ok()?));
        let int32 = |at: usize| Some(i32::from_be_bytes(entry[at..at + 4].try_into().ok()?));
        let int64 = |at: usize| Some(i64::from_be_bytes(entry[at..at + 8].try_into().ok()?));
        let (id, epoch) = (ProducerId::new(int64(0)?), ProducerEpoch::new(int16(8)?));
        let batch = Remembered {
            last_sequence: Sequence::new(int32(10)?),
            last_offset: Offset::new(int64(14)?),
            offset_delta: int32(22)?,
            timestamp: TimestampMs::new(int64(26)?),
        };
        let last_seen = batch.timestamp;
        let producer = self.by_id.entry(id).or_insert_with(|| Producer::new(epoch, last_seen));
        if producer.epoch != epoch {
            *producer = Producer::new(epoch, last_seen);
        }
        producer.last_seen = last_seen;
        if batch.last_sequence.get() >= 0 {
            producer.remember(batch);
        }
        Some(())
    }
}

fn push_entry(bytes: &mut Vec<u8>, id: ProducerId, producer: &Producer, batch: Option<&Remembered>) {
    let none = Remembered {
        last_sequence: Sequence::NONE,
        last_offset: Offset::new(-1),
        offset_delta: 0,
        timestamp: producer.last_seen,
    };
    let batch = batch.unwrap_or(&none);
    // The field is Kafka's "last timestamp" of the producer, by which it expires.
    bytes.extend(id.get().to_be_bytes());
    bytes.extend(producer.epoch.get().to_be_bytes());
    bytes.extend(batch.last_sequence.get().to_be_bytes());
    bytes.extend(batch.last_offset.get().to_be_bytes());
    bytes.extend(batch.offset_delta.to_be_bytes());
    bytes.extend(producer.last_seen.get().to_be_bytes());
    bytes.extend((-1_i32).to_be_bytes());
    bytes.extend((-1_i64).to_be_bytes());
}
