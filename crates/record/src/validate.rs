//! What a broker checks of a batch it receives, before it may get offsets.

use yak_model::{TimestampMs, limits};

use crate::framing::{LEAST_RECORD_LEN, take_record};
use crate::header::{CRC_AT, HEADER_LEN};
use crate::patch::compute_crc;
use crate::{
    BatchError, BatchHeader, Compression, DecompressionLimits, RecordProblem, Scratch, TimestampType, decode,
};

/// Limits on a received batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest batch, header included (`max.message.bytes`).
    pub max_batch_bytes: usize,
    /// Most records in a batch.
    pub max_records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_batch_bytes: limits::DEFAULT_MAX_MESSAGE_BYTES,
            max_records: limits::MAX_RECORDS_PER_BATCH,
        }
    }
}

/// Whether the checksum of a whole batch is right.
///
/// It does not cover the first 17 bytes: base offset and leader epoch are checked against the neighbours,
/// `batch_length` shows in the checksum, the magic in parsing.
#[must_use]
pub fn verify_crc(batch: &[u8]) -> bool {
    batch.len() >= HEADER_LEN && crate::bytes_at::u32_at(batch, CRC_AT) == compute_crc(batch)
}

/// Checks exactly one batch as a client may send it: length, limits, magic, checksum, counts, producer fields, and
/// for an uncompressed batch, without allocating, the framing of every record. Records of a compressed batch are
/// not looked at.
///
/// The header comes back as it should stand: `max_timestamp` of an uncompressed batch is the greatest one of its
/// records, which a sloppy producer may have got wrong; pass it to [`crate::patch_max_timestamp`].
///
/// # Errors
/// The first thing that is wrong.
pub fn validate(batch: &[u8], limits: &Limits) -> Result<BatchHeader, BatchError> {
    let mut header = BatchHeader::parse(batch)?;
    check_size(&header, batch, limits)?;
    let computed = compute_crc(batch);
    if header.crc != computed {
        return Err(BatchError::Crc { stored: header.crc, computed });
    }
    check_fields(&header, limits)?;
    if header.attributes.compression() == Compression::None {
        let max_timestamp = check_records(&header, &batch[HEADER_LEN..])?;
        if header.attributes.timestamp_type() == TimestampType::Create {
            header.max_timestamp = max_timestamp;
        }
    }
    Ok(header)
}

fn check_size(header: &BatchHeader, batch: &[u8], limits: &Limits) -> Result<(), BatchError> {
    let size = header.size_in_bytes();
    if size > limits.max_batch_bytes {
        return Err(BatchError::TooLarge { size, max: limits.max_batch_bytes });
    }
    match batch.len() {
        available if available < size => Err(BatchError::Incomplete { needed: size, available }),
        available if available > size => Err(BatchError::Trailing(available - size)),
        _ => Ok(()),
    }
}

fn check_fields(header: &BatchHeader, limits: &Limits) -> Result<(), BatchError> {
    let &BatchHeader { record_count, last_offset_delta, .. } = header;
    if record_count == 0 || last_offset_delta != record_count - 1 {
        return Err(BatchError::Count { record_count, last_offset_delta });
    }
    if usize::try_from(record_count).is_ok_and(|count| count > limits.max_records) {
        return Err(BatchError::TooManyRecords { record_count, max: limits.max_records });
    }
    if header.attributes.is_control() {
        return Err(BatchError::Control);
    }
    if header.attributes.is_transactional() {
        return Err(BatchError::Transactional);
    }
    // Without a producer id, clients leave anything in the other two fields.
    let (id, epoch, sequence) = (header.producer_id, header.producer_epoch, header.base_sequence);
    if id.get() < -1 || (id.get() >= 0 && (epoch.get() < 0 || sequence.get() < 0)) {
        return Err(BatchError::Producer { id: id.get(), epoch: epoch.get(), sequence: sequence.get() });
    }
    Ok(())
}

/// Walks over the records of an uncompressed batch and gives the greatest timestamp.
fn check_records(header: &BatchHeader, mut records: &[u8]) -> Result<TimestampMs, BatchError> {
    let &BatchHeader { record_count, last_offset_delta, .. } = header;
    if usize::try_from(record_count).map_or(true, |count| count > records.len() / LEAST_RECORD_LEN) {
        return Err(BatchError::Count { record_count, last_offset_delta });
    }
    let mut max_timestamp = i64::MIN;
    for index in 0..record_count {
        let problem = match take_record(&mut records) {
            Ok(frame) if frame.offset_delta == index => {
                let timestamp = header.base_timestamp.get().wrapping_add(frame.timestamp_delta);
                max_timestamp = max_timestamp.max(timestamp);
                continue;
            }
            Ok(_) => RecordProblem::OffsetDelta,
            Err(problem) => problem,
        };
        return Err(BatchError::Record { index, problem });
    }
    if !records.is_empty() {
        return Err(BatchError::Record { index: record_count, problem: RecordProblem::Trailing });
    }
    Ok(TimestampMs::new(max_timestamp))
}

/// The place in the batch of the first record with a null key, which a compacted topic refuses.
///
/// # Errors
/// If the records cannot be read.
pub fn first_record_without_key(
    batch: &[u8],
    scratch: &mut Scratch,
    limits: &DecompressionLimits,
) -> Result<Option<usize>, BatchError> {
    for (index, record) in decode(batch, scratch, limits)?.enumerate() {
        if record?.key.is_none() {
            return Ok(Some(index));
        }
    }
    Ok(None)
}
