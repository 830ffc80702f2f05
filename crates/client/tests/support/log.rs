//! A partition in memory, with the producer state that idempotence needs.

use std::collections::BTreeMap;

use yak_model::{ErrorCode, Offset};
use yak_record::{BatchHeader, Batches, DecompressionLimits, Scratch, decode, patch_base_offset};

/// First sequence, number of records, first offset.
type Appended = (i32, i32, Offset);

/// Batches with their offsets set, and who wrote them.
#[derive(Debug, Default)]
pub(crate) struct FakeLog {
    batches: Vec<(Offset, Vec<u8>)>,
    pub(crate) start: Offset,
    pub(crate) end: Offset,
    /// By producer id: its epoch, and the first sequence and offset of its last batches.
    producers: BTreeMap<i64, (i16, Vec<Appended>)>,
    pub(crate) duplicates: usize,
}

impl FakeLog {
    /// Appends a batch, or recognises it.
    pub(crate) fn append(&mut self, batch: &[u8]) -> Result<(Offset, u32), ErrorCode> {
        let header = BatchHeader::parse(batch).unwrap();
        let count = header.record_count;
        let base = self.end;
        if header.producer_id.get() >= 0 {
            let (epoch, known) = self.producers.entry(header.producer_id.get()).or_default();
            let sequence = header.base_sequence.get();
            if header.producer_epoch.get() < *epoch {
                return Err(ErrorCode::InvalidProducerEpoch);
            }
            if header.producer_epoch.get() > *epoch {
                *epoch = header.producer_epoch.get();
                known.clear();
                if sequence != 0 {
                    return Err(ErrorCode::OutOfOrderSequenceNumber);
                }
            }
            if let Some((_, _, offset)) =
                known.iter().find(|(first, len, _)| (*first, *len) == (sequence, count))
            {
                self.duplicates += 1;
                return Ok((*offset, count.cast_unsigned()));
            }
            let expected = known.last().map_or(0, |(first, len, _)| first + len);
            if sequence != expected {
                return Err(ErrorCode::OutOfOrderSequenceNumber);
            }
            known.push((sequence, count, base));
            if known.len() > 5 {
                known.remove(0);
            }
        }
        let mut batch = batch.to_vec();
        patch_base_offset(&mut batch, base);
        self.batches.push((base, batch));
        self.end = base.plus(count.into());
        Ok((base, count.cast_unsigned()))
    }

    /// Forgets all producers, as a broker does whose state was lost.
    pub(crate) fn forget_producers(&mut self) {
        self.producers.clear();
    }

    /// Deletes everything before an offset.
    pub(crate) fn delete_before(&mut self, offset: Offset) {
        self.start = offset;
        self.batches.retain(|(base, batch)| base.plus(count_of(batch)) > offset);
    }

    /// Whole batches from `offset` on, at least one if there is any.
    pub(crate) fn read(&self, offset: Offset, max_bytes: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for (base, batch) in &self.batches {
            if base.plus(count_of(batch)) <= offset {
                continue;
            }
            if !out.is_empty() && out.len() + batch.len() > max_bytes {
                break;
            }
            out.extend_from_slice(batch);
        }
        out
    }

    /// Every value, as text.
    pub(crate) fn values(&self) -> Vec<String> {
        let mut values = Vec::new();
        let mut scratch = Scratch::default();
        let limits = DecompressionLimits::default();
        for (_, bytes) in &self.batches {
            for batch in Batches::new(bytes) {
                for record in decode(batch.unwrap(), &mut scratch, &limits).unwrap() {
                    let value = record.unwrap().value.unwrap_or(b"null");
                    values.push(String::from_utf8_lossy(value).into_owned());
                }
            }
        }
        values
    }
}

fn count_of(batch: &[u8]) -> i64 {
    BatchHeader::parse(batch).unwrap().record_count.into()
}
