//! What compaction makes of a batch: the records that stay, as they were, or an empty batch in its place.
//!
//! A record keeps its bytes, its offset and its timestamp; the batch keeps base offset, last offset, leader epoch,
//! producer and sequence. A batch in which a tombstone stays gets a *delete horizon*, the time after which the
//! tombstone may go: bit 6 of the attributes is set and `base_timestamp` is that time, so the records' timestamp
//! deltas, alone among their bytes, count from it (KIP-534).

use bytes::BytesMut;
use yak_model::{LeaderEpoch, Offset, TimestampMs};

use crate::attributes::{CONTROL, DELETE_HORIZON, LOG_APPEND_TIME, TRANSACTIONAL};
use crate::bytes_at::{put_i8, put_i16, put_i32, put_i64};
use crate::compression::Compressor;
use crate::header::{
    ATTRIBUTES_AT, BASE_OFFSET_AT, BASE_SEQUENCE_AT, BASE_TIMESTAMP_AT, BATCH_LENGTH_AT, HEADER_LEN,
    LAST_OFFSET_DELTA_AT, LEADER_EPOCH_AT, LOG_OVERHEAD, MAGIC, MAGIC_AT, MAX_TIMESTAMP_AT,
    PRODUCER_EPOCH_AT, PRODUCER_ID_AT, RECORD_COUNT_AT,
};
use crate::patch::write_crc;
use crate::{
    BatchError, BatchHeader, Compression, DecompressionLimits, ProducerStamp, RecordProblem, RecordRef,
    Scratch, TimestampType, decode, varint,
};

/// Rewrites batches; keeps its memory from one to the next.
#[derive(Debug, Default)]
pub struct Retainer {
    scratch: Scratch,
    /// The records that stay, uncompressed.
    kept: Vec<u8>,
    /// The same with other timestamp deltas.
    shifted: Vec<u8>,
    compressor: Compressor,
    limits: DecompressionLimits,
}

/// What is left of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retained {
    /// All of it, unchanged.
    All,
    /// This batch in its place.
    Some(BytesMut),
    /// No record.
    None,
}

/// What was counted while records were looked at.
#[derive(Clone, Copy, Debug)]
struct Tally {
    kept: i32,
    removed: bool,
    tombstones: bool,
    max_timestamp: TimestampMs,
}

impl Retainer {
    /// Leaves those records of one batch that `keep` says so of. If a tombstone is among them and the batch has no
    /// delete horizon yet, it gets `horizon`. A compressed batch is compressed again as it was.
    ///
    /// As [`decode`], it does not compute the checksum of what it reads.
    ///
    /// # Errors
    /// The batch or a record of it cannot be read.
    pub fn retain(
        &mut self,
        batch: &[u8],
        horizon: TimestampMs,
        mut keep: impl FnMut(&RecordRef<'_>) -> bool,
    ) -> Result<Retained, BatchError> {
        let mut records = decode(batch, &mut self.scratch, &self.limits)?;
        let header = *records.header();
        self.kept.clear();
        let mut tally =
            Tally { kept: 0, removed: false, tombstones: false, max_timestamp: TimestampMs::NONE };
        loop {
            let before = records.rest();
            let Some(record) = records.next().transpose()? else { break };
            if keep(&record) {
                self.kept.extend_from_slice(&before[..before.len() - records.rest().len()]);
                tally.kept += 1;
                tally.tombstones |= record.value.is_none();
                tally.max_timestamp = tally.max_timestamp.max(record.timestamp);
            } else {
                tally.removed = true;
            }
        }
        let horizon = (tally.tombstones && !header.attributes.has_delete_horizon()).then_some(horizon);
        if !tally.removed && horizon.is_none() {
            return Ok(Retained::All);
        }
        if tally.kept == 0 {
            return Ok(Retained::None);
        }
        self.rewritten(batch, &header, tally, horizon).map(Retained::Some)
    }

    fn rewritten(
        &mut self,
        batch: &[u8],
        header: &BatchHeader,
        tally: Tally,
        horizon: Option<TimestampMs>,
    ) -> Result<BytesMut, BatchError> {
        let mut records = &self.kept;
        if let Some(horizon) = horizon {
            let shift = header.base_timestamp.get().wrapping_sub(horizon.get());
            shift_timestamps(&self.kept, shift, &mut self.shifted)?;
            records = &self.shifted;
        }
        let mut out = match header.attributes.compression() {
            Compression::None => {
                let mut out = BytesMut::zeroed(HEADER_LEN + records.len());
                out[HEADER_LEN..].copy_from_slice(records);
                out
            }
            codec => self.compressor.compress(codec, HEADER_LEN, records),
        };
        out[..HEADER_LEN].copy_from_slice(&batch[..HEADER_LEN]);
        let length = i32::try_from(out.len() - LOG_OVERHEAD);
        put_i32(&mut out, BATCH_LENGTH_AT, length.map_err(|_too_long| BatchError::Length(i32::MAX))?);
        put_i32(&mut out, RECORD_COUNT_AT, tally.kept);
        if let Some(horizon) = horizon {
            put_i16(&mut out, ATTRIBUTES_AT, header.attributes.bits() | DELETE_HORIZON);
            put_i64(&mut out, BASE_TIMESTAMP_AT, horizon.get());
        }
        if header.attributes.timestamp_type() == TimestampType::Create {
            put_i64(&mut out, MAX_TIMESTAMP_AT, tally.max_timestamp.get());
        }
        write_crc(&mut out);
        Ok(out)
    }
}

/// Adds `shift` to the timestamp delta of every record.
fn shift_timestamps(mut records: &[u8], shift: i64, out: &mut Vec<u8>) -> Result<(), BatchError> {
    out.clear();
    let bad = |problem| BatchError::Record { index: 0, problem };
    while !records.is_empty() {
        let length = varint::take_i32(&mut records).and_then(|length| usize::try_from(length).ok());
        let split = length.and_then(|length| records.split_at_checked(length));
        let (body, rest) = split.ok_or(bad(RecordProblem::Length))?;
        records = rest;
        let (attributes, mut body) = body.split_first().ok_or(bad(RecordProblem::Framing))?;
        let delta = varint::take_i64(&mut body).ok_or(bad(RecordProblem::Varint))?.wrapping_add(shift);
        let length = i64::try_from(1 + varint::len(delta) + body.len());
        varint::encode(length.map_err(|_too_long| bad(RecordProblem::Length))?, |byte| out.push(byte));
        out.push(*attributes);
        varint::encode(delta, |byte| out.push(byte));
        out.extend_from_slice(body);
    }
    Ok(())
}

/// A batch without records: it takes the place of offsets whose records are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyBatch {
    /// The first of the offsets.
    pub base_offset: Offset,
    /// The last of them less the first.
    pub last_offset_delta: i32,
    /// Of the leader that appended what was there.
    pub leader_epoch: LeaderEpoch,
    /// Whose batch it was, if that must still be known.
    pub producer: ProducerStamp,
    /// The marks of that batch.
    marks: i16,
}

impl EmptyBatch {
    /// In place of records of nobody in particular.
    #[must_use]
    pub const fn new(base_offset: Offset, last_offset_delta: i32, leader_epoch: LeaderEpoch) -> Self {
        Self { base_offset, last_offset_delta, leader_epoch, producer: ProducerStamp::NONE, marks: 0 }
    }

    /// In place of one batch, of whose producer it still tells epoch and sequences.
    #[must_use]
    pub const fn of(header: &BatchHeader) -> Self {
        Self {
            base_offset: header.base_offset,
            last_offset_delta: header.last_offset_delta,
            leader_epoch: header.partition_leader_epoch,
            producer: ProducerStamp {
                id: header.producer_id,
                epoch: header.producer_epoch,
                base_sequence: header.base_sequence,
            },
            marks: header.attributes.bits() & (LOG_APPEND_TIME | TRANSACTIONAL | CONTROL),
        }
    }

    /// Its bytes. It has no timestamps.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a constant")]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut batch = [0; HEADER_LEN];
        let length = i32::try_from(HEADER_LEN - LOG_OVERHEAD).expect("49");
        put_i64(&mut batch, BASE_OFFSET_AT, self.base_offset.get());
        put_i32(&mut batch, BATCH_LENGTH_AT, length);
        put_i32(&mut batch, LEADER_EPOCH_AT, self.leader_epoch.get());
        put_i8(&mut batch, MAGIC_AT, MAGIC);
        put_i16(&mut batch, ATTRIBUTES_AT, self.marks);
        put_i32(&mut batch, LAST_OFFSET_DELTA_AT, self.last_offset_delta);
        put_i64(&mut batch, BASE_TIMESTAMP_AT, TimestampMs::NONE.get());
        put_i64(&mut batch, MAX_TIMESTAMP_AT, TimestampMs::NONE.get());
        put_i64(&mut batch, PRODUCER_ID_AT, self.producer.id.get());
        put_i16(&mut batch, PRODUCER_EPOCH_AT, self.producer.epoch.get());
        put_i32(&mut batch, BASE_SEQUENCE_AT, self.producer.base_sequence.get());
        write_crc(&mut batch);
        batch
    }
}

#[cfg(test)]
mod tests {
    use yak_model::{ProducerEpoch, ProducerId, Sequence};

    use super::*;
    use crate::{
        BatchBuilder, Header, RecordParts, patch_base_offset, patch_leader_epoch, patch_log_append_time,
        verify_crc,
    };

    const T0: i64 = 1_766_836_000_000;
    const STAMP: ProducerStamp = ProducerStamp {
        id: ProducerId::new(7),
        epoch: ProducerEpoch::new(2),
        base_sequence: Sequence::new(40),
    };

    /// Five records of rising time, the fourth a tombstone, at offsets 100 to 104 of epoch 3.
    fn batch(compression: Compression) -> BytesMut {
        let mut builder = BatchBuilder::new();
        for n in 0..5 {
            builder.push(&RecordParts {
                timestamp: Some(TimestampMs::new(T0 + 1000 * n)),
                key: Some(format!("key-{n}").as_bytes()),
                value: (n != 3).then_some(b"value".as_slice()),
                headers: &[Header::new("h", None)],
            });
        }
        let mut batch = builder.finish(compression, Some(STAMP));
        patch_base_offset(&mut batch, Offset::new(100));
        patch_leader_epoch(&mut batch, LeaderEpoch::new(3));
        batch
    }

    type Seen = (i64, i64, Vec<u8>, bool, usize);

    fn records(batch: &[u8]) -> Vec<Seen> {
        assert!(verify_crc(batch));
        let mut scratch = Scratch::new();
        let records = decode(batch, &mut scratch, &DecompressionLimits::default()).unwrap();
        let seen = records.map(|record| {
            let record = record.unwrap();
            let (offset, timestamp) = (record.offset.get(), record.timestamp.get());
            (offset, timestamp, record.key.unwrap().to_vec(), record.value.is_some(), record.headers().len())
        });
        seen.collect()
    }

    fn retain(batch: &[u8], horizon: i64, keep: &[i64]) -> Retained {
        let mut retainer = Retainer::default();
        retainer
            .retain(batch, TimestampMs::new(horizon), |record| keep.contains(&record.offset.get()))
            .unwrap()
    }

    #[test]
    fn records_that_stay_keep_offset_time_and_content_in_every_codec() {
        for compression in Compression::ALL {
            let batch = batch(compression);
            let Retained::Some(left) = retain(&batch, T0, &[101, 104]) else { panic!("some stay") };
            let all = records(&batch);
            assert_eq!(records(&left), [all[1].clone(), all[4].clone()], "{compression}");
            let (before, after) = (BatchHeader::parse(&batch).unwrap(), BatchHeader::parse(&left).unwrap());
            assert_eq!(
                after,
                BatchHeader { batch_length: after.batch_length, crc: after.crc, record_count: 2, ..before }
            );
            let Retained::Some(left) = retain(&batch, T0, &[100]) else { panic!("one stays") };
            assert_eq!(BatchHeader::parse(&left).unwrap().max_timestamp, TimestampMs::new(T0));
        }
    }

    #[test]
    fn a_batch_that_keeps_all_is_left_alone_and_one_that_keeps_nothing_is_none() {
        let batch = batch(Compression::None);
        assert_eq!(retain(&batch, T0, &[]), Retained::None);
        let Retained::Some(once) = retain(&batch, T0 + 99, &[100, 101, 102, 103, 104]) else {
            panic!("the tombstone's batch gets a horizon")
        };
        assert_eq!(retain(&once, T0 + 1_000_000, &[100, 101, 102, 103, 104]), Retained::All, "and keeps it");
        let Retained::Some(without) = retain(&batch, T0, &[100, 101]) else { panic!("two stay") };
        assert_eq!(retain(&without, T0, &[100, 101]), Retained::All);
    }

    #[test]
    fn a_horizon_changes_no_timestamp() {
        for compression in Compression::ALL {
            let batch = batch(compression);
            for horizon in [T0 + 86_400_000, 0, i64::MAX] {
                let Retained::Some(left) = retain(&batch, horizon, &[100, 103]) else { panic!("two stay") };
                let header = BatchHeader::parse(&left).unwrap();
                assert!(header.attributes.has_delete_horizon());
                assert_eq!(header.base_timestamp, TimestampMs::new(horizon));
                assert_eq!(header.max_timestamp, TimestampMs::new(T0 + 3000));
                let all = records(&batch);
                assert_eq!(records(&left), [all[0].clone(), all[3].clone()]);
                // What goes later leaves the horizon as it is.
                let Retained::Some(later) = retain(&left, 5, &[103]) else { panic!("one stays") };
                assert_eq!(BatchHeader::parse(&later).unwrap().base_timestamp, TimestampMs::new(horizon));
                assert_eq!(records(&later), [all[3].clone()]);
            }
        }
    }

    #[test]
    fn the_time_of_an_append_stays() {
        let mut batch = batch(Compression::None);
        patch_log_append_time(&mut batch, TimestampMs::new(T0 + 77));
        let Retained::Some(left) = retain(&batch, T0, &[100, 103]) else { panic!("two stay") };
        assert_eq!(BatchHeader::parse(&left).unwrap().max_timestamp, TimestampMs::new(T0 + 77));
        assert!(records(&left).iter().all(|record| record.1 == T0 + 77));
    }

    #[test]
    fn an_empty_batch_is_a_batch() {
        let header = BatchHeader::parse(&batch(Compression::Zstd)).unwrap();
        let empty = EmptyBatch::of(&header).encode();
        assert_eq!(records(&empty), []);
        let parsed = BatchHeader::parse(&empty).unwrap();
        assert_eq!((parsed.base_offset, parsed.next_offset()), (Offset::new(100), Offset::new(105)));
        assert_eq!(parsed.last_sequence(), header.last_sequence());
        assert_eq!(parsed.attributes.compression(), Compression::None);
        let filler = EmptyBatch::new(Offset::new(5), i32::MAX, LeaderEpoch::new(1)).encode();
        let parsed = BatchHeader::parse(&filler).unwrap();
        assert_eq!((parsed.last_sequence(), parsed.record_count), (None, 0));
        assert_eq!(parsed.next_offset(), Offset::new(6 + i64::from(i32::MAX)));
        assert!(verify_crc(&filler));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let mut batch = batch(Compression::None);
        batch[HEADER_LEN] = 0xff;
        let result = Retainer::default().retain(&batch, TimestampMs::NONE, |_| true);
        assert!(matches!(result, Err(BatchError::Record { index: 0, .. })), "{result:?}");
    }
}
