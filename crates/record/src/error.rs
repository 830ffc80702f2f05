//! What can be wrong with a batch, and what a client is told.

use thiserror::Error;
use yak_model::ErrorCode;

use crate::Compression;

/// Why bytes are not an acceptable batch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The bytes end before the batch does: a torn tail, or a peer that closed early.
    #[error("the batch needs {needed} bytes, there are {available}")]
    Incomplete {
        /// Bytes the header, or the batch, takes.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// There is more than the one batch that belongs here.
    #[error("{0} bytes follow the batch")]
    Trailing(usize),
    /// `batch_length` is too small for a header.
    #[error("batch_length {0} is smaller than a header")]
    Length(i32),
    /// Not the format of this century.
    #[error("magic {0} is not supported, only 2")]
    Magic(i8),
    /// The content is not what was written.
    #[error("the checksum is {stored:#010x}, the bytes give {computed:#010x}")]
    Crc {
        /// As it stands in the header.
        stored: u32,
        /// As the bytes give it.
        computed: u32,
    },
    /// Compression numbers 5 to 7.
    #[error("compression {0} is unknown")]
    UnknownCompression(i16),
    /// Offsets are negative or leave `i64`.
    #[error("base_offset {base_offset} with last_offset_delta {last_offset_delta} is not a range of offsets")]
    Offsets {
        /// As it stands in the header.
        base_offset: i64,
        /// As it stands in the header.
        last_offset_delta: i32,
    },
    /// A producer's batch has offset deltas 0 to count - 1, and at least one record.
    #[error("record_count {record_count} does not go with last_offset_delta {last_offset_delta} here")]
    Count {
        /// As it stands in the header.
        record_count: i32,
        /// As it stands in the header.
        last_offset_delta: i32,
    },
    /// More records than the limit.
    #[error("{record_count} records are more than the {max} accepted in one batch")]
    TooManyRecords {
        /// As it stands in the header.
        record_count: i32,
        /// The limit.
        max: usize,
    },
    /// Larger than the limit.
    #[error("a batch of {size} bytes is larger than the {max} accepted")]
    TooLarge {
        /// The batch's bytes.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Producer id without epoch or sequence.
    #[error("producer id {id} with epoch {epoch} and base sequence {sequence} is inconsistent")]
    Producer {
        /// As it stands in the header.
        id: i64,
        /// As it stands in the header.
        epoch: i16,
        /// As it stands in the header.
        sequence: i32,
    },
    /// A client may not write control batches.
    #[error("control batches are written by brokers only")]
    Control,
    /// Transactions are not supported.
    #[error("transactions are not supported")]
    Transactional,
    /// A record's bytes are not a record.
    #[error("record {index} of the batch: {problem}")]
    Record {
        /// Its place in the batch, from 0.
        index: i32,
        /// What is wrong.
        problem: RecordProblem,
    },
    /// The compressed bytes are not what their codec writes.
    #[error("the {codec} data is damaged: {reason}")]
    Decompress {
        /// The codec.
        codec: Compression,
        /// What it says.
        reason: String,
    },
    /// A decompression bomb, or a batch larger than we are willing to open.
    #[error("the {codec} data decompresses to more than the {max} bytes accepted")]
    DecompressedTooLarge {
        /// The codec.
        codec: Compression,
        /// The limit.
        max: usize,
    },
}

/// What is wrong with one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordProblem {
    /// A number ends in the middle or is larger than its type.
    #[error("a number is cut off or too large")]
    Varint,
    /// A length or count is negative, or more than the bytes that are left.
    #[error("a length or count does not fit the bytes there are")]
    Length,
    /// The fields do not end where the record does.
    #[error("its fields do not end where the record does")]
    Framing,
    /// Offset deltas must be 0, 1, 2... (from a producer) or rising (after compaction).
    #[error("its offset delta is out of order")]
    OffsetDelta,
    /// Bytes remain after the last record.
    #[error("bytes follow the last record")]
    Trailing,
}

impl BatchError {
    /// What a client is told.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Incomplete { .. } | Self::Length(_) | Self::Crc { .. } => ErrorCode::CorruptMessage,
            Self::UnknownCompression(_) => ErrorCode::UnsupportedCompressionType,
            Self::TooLarge { .. } | Self::DecompressedTooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::Transactional => ErrorCode::TransactionalIdAuthorizationFailed,
            Self::Trailing(_)
            | Self::Magic(_)
            | Self::Offsets { .. }
            | Self::Count { .. }
            | Self::TooManyRecords { .. }
            | Self::Producer { .. }
            | Self::Control
            | Self::Record { .. }
            | Self::Decompress { .. } => ErrorCode::InvalidRecord,
        }
    }
}
