//! Changes of a finished batch in place: what the leader writes into what the producer built.
//!
//! Base offset and leader epoch are outside the checksum and cost nothing; timestamps are inside it.
//! Each function takes exactly one whole batch whose header was parsed before.

use yak_model::{LeaderEpoch, Offset, TimestampMs};

use crate::attributes::LOG_APPEND_TIME;
use crate::bytes_at::{i16_at, i64_at, put_i16, put_i32, put_i64, put_u32};
use crate::header::{ATTRIBUTES_AT, BASE_OFFSET_AT, CRC_AT, LEADER_EPOCH_AT, MAX_TIMESTAMP_AT};

/// Sets the offset of the batch's first record.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn patch_base_offset(batch: &mut [u8], offset: Offset) {
    put_i64(batch, BASE_OFFSET_AT, offset.get());
}

/// Sets the epoch of the leader that appends the batch.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn patch_leader_epoch(batch: &mut [u8], epoch: LeaderEpoch) {
    put_i32(batch, LEADER_EPOCH_AT, epoch.get());
}

/// Stamps all records with the broker's time: sets the attribute bit, `max_timestamp` and the checksum. The
/// records' own timestamps stay where they are; readers ignore them.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn patch_log_append_time(batch: &mut [u8], now: TimestampMs) {
    let bits = i16_at(batch, ATTRIBUTES_AT) | LOG_APPEND_TIME;
    put_i16(batch, ATTRIBUTES_AT, bits);
    put_i64(batch, MAX_TIMESTAMP_AT, now.get());
    write_crc(batch);
}

/// Corrects `max_timestamp` (see [`crate::validate`]) and the checksum, if it differs at all.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn patch_max_timestamp(batch: &mut [u8], max: TimestampMs) {
    if i64_at(batch, MAX_TIMESTAMP_AT) != max.get() {
        put_i64(batch, MAX_TIMESTAMP_AT, max.get());
        write_crc(batch);
    }
}

/// Computes the checksum of a whole batch.
pub(crate) fn compute_crc(batch: &[u8]) -> u32 {
    crc32c::crc32c(&batch[ATTRIBUTES_AT..])
}

/// Computes and sets the checksum of a whole batch.
pub(crate) fn write_crc(batch: &mut [u8]) {
    let crc = compute_crc(batch);
    put_u32(batch, CRC_AT, crc);
}
