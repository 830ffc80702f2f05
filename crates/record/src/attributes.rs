//! The attribute bits of a batch: compression, kind of timestamp, transaction and control marks.
//!
//! ```text
//! bit   0-2 compression   3 timestamp type   4 transactional   5 control   6 delete horizon   7-15 unused
//! ```

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::BatchError;

const COMPRESSION_MASK: i16 = 0b111;
pub(crate) const LOG_APPEND_TIME: i16 = 1 << 3;
pub(crate) const TRANSACTIONAL: i16 = 1 << 4;
pub(crate) const CONTROL: i16 = 1 << 5;
pub(crate) const DELETE_HORIZON: i16 = 1 << 6;

/// How the records of a batch are compressed; numbers and names are Kafka's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// 0, `none`.
    #[default]
    None,
    /// 1, `gzip`.
    Gzip,
    /// 2, `snappy`, in the framing of xerial's Java library.
    Snappy,
    /// 3, `lz4`, frame format.
    Lz4,
    /// 4, `zstd`.
    Zstd,
}

impl Compression {
    /// Every kind, in order of number.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Kafka's number, as it stands in the attributes.
    #[must_use]
    pub const fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Kafka's name, as in `compression.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is none of `none`, `gzip`, `snappy`, `lz4`, `zstd`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a compression (none, gzip, snappy, lz4, zstd)")]
pub struct UnknownCompression(pub String);

impl FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|c| c.name() == name).ok_or_else(|| UnknownCompression(name.to_owned()))
    }
}

/// Whose clock the timestamps of a batch show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's: each record has its own.
    #[default]
    Create,
    /// The broker's: all records have the batch's `max_timestamp`.
    LogAppend,
}

impl TimestampType {
    /// Kafka's name (`CreateTime`, `LogAppendTime`), as its tools print it and `message.timestamp.type` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "CreateTime",
            Self::LogAppend => "LogAppendTime",
        }
    }
}

impl fmt::Display for TimestampType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The attribute bits of a batch. The compression in it is one we know; unused bits are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    bits: i16,
    compression: Compression,
}

impl Attributes {
    /// Attributes of a producer's plain batch.
    #[must_use]
    pub const fn new(compression: Compression) -> Self {
        Self { bits: compression.id(), compression }
    }

    /// Attributes as they stand in a header.
    ///
    /// # Errors
    /// [`BatchError::UnknownCompression`] for the numbers 5 to 7.
    pub fn from_bits(bits: i16) -> Result<Self, BatchError> {
        let compression = match bits & COMPRESSION_MASK {
            0 => Compression::None,
            1 => Compression::Gzip,
            2 => Compression::Snappy,
            3 => Compression::Lz4,
            4 => Compression::Zstd,
            unknown => return Err(BatchError::UnknownCompression(unknown)),
        };
        Ok(Self { bits, compression })
    }

    /// The bits as they stand in a header.
    #[must_use]
    pub const fn bits(self) -> i16 {
        self.bits
    }

    /// How the records are compressed.
    #[must_use]
    pub const fn compression(self) -> Compression {
        self.compression
    }

    /// Whose clock the timestamps show.
    #[must_use]
    pub const fn timestamp_type(self) -> TimestampType {
        if self.bits & LOG_APPEND_TIME == 0 { TimestampType::Create } else { TimestampType::LogAppend }
    }

    /// The same with another kind of timestamp.
    #[must_use]
    pub const fn with_timestamp_type(self, kind: TimestampType) -> Self {
        let bits = match kind {
            TimestampType::Create => self.bits & !LOG_APPEND_TIME,
            TimestampType::LogAppend => self.bits | LOG_APPEND_TIME,
        };
        Self { bits, ..self }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.bits & TRANSACTIONAL != 0
    }

    /// Whether the batch holds a marker for consumers (the end of a transaction) instead of data.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.bits & CONTROL != 0
    }

    /// Whether `base_timestamp` is the time after which compaction may drop the batch's tombstones (KIP-534).
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.bits & DELETE_HORIZON != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compression_has_kafkas_number_and_name() {
        let known: Vec<_> = Compression::ALL.iter().map(|c| (c.id(), c.name())).collect();
        assert_eq!(known, [(0, "none"), (1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd")]);
        for compression in Compression::ALL {
            assert_eq!(compression.name().parse(), Ok(compression));
            assert_eq!(Attributes::from_bits(compression.id()), Ok(Attributes::new(compression)));
        }
        assert!("LZ4".parse::<Compression>().is_err());
        for unknown in 5..8 {
            assert_eq!(Attributes::from_bits(unknown), Err(BatchError::UnknownCompression(unknown)));
        }
    }

    #[test]
    fn bits_are_kafkas_and_survive() {
        let all = Attributes::from_bits(0b0111_1001).unwrap();
        assert_eq!(all.compression(), Compression::Gzip);
        assert_eq!(all.timestamp_type(), TimestampType::LogAppend);
        assert!(all.is_transactional() && all.is_control() && all.has_delete_horizon());
        let create = all.with_timestamp_type(TimestampType::Create);
        assert_eq!(create.bits(), 0b0111_0001);
        assert_eq!(create.with_timestamp_type(TimestampType::LogAppend), all);
        assert_eq!(Attributes::from_bits(-8).unwrap().bits(), -8, "unused bits are kept");
    }
}
