//! Record batch v2: build, parse, patch the header, validate, compress.
//!
//! A batch is the unit of everything: what a producer sends, what one append writes, what one read returns.
//! Its bytes are the same on the wire and on disk, and exactly Apache Kafka's (`DefaultRecordBatch.java`):
//!
//! ```text
//! byte  field                   type    in the CRC   who writes it
//!    0  base_offset             i64     no           the leader, by patch_base_offset
//!    8  batch_length            i32     no           builder: bytes after this field
//!   12  partition_leader_epoch  i32     no           the leader, by patch_leader_epoch
//!   16  magic                   i8      no           always 2
//!   17  crc                     u32     -            CRC-32C of the bytes from 21 to the end
//!   21  attributes              i16     yes          see `Attributes`
//!   23  last_offset_delta       i32     yes
//!   27  base_timestamp          i64     yes          the first record's
//!   35  max_timestamp           i64     yes          or the log-append time
//!   43  producer_id             i64     yes          -1: not idempotent
//!   51  producer_epoch          i16     yes
//!   53  base_sequence           i32     yes
//!   57  record_count            i32     yes
//!   61  records                 ...     yes          compressed as a whole, if at all
//! ```
//!
//! A record is its length and then, all numbers zigzag varints, `attributes (one byte, 0)`,
//! `timestamp delta`, `offset delta`, `key length (-1: null)`, key, `value length (-1: null)`, value,
//! `header count` and for each header `key length`, key, `value length (-1: null)`, value.
//!
//! Contract of the crate: no function panics on bytes from outside, none allocates by a number that was
//! not checked against the bytes that carry it, and the paths for uncompressed batches (build, validate,
//! decode) do not allocate for each record.

mod attributes;
mod batches;
mod builder;
mod bytes_at;
pub mod compression;
mod decode;
mod error;
mod framing;
mod header;
mod patch;
mod record;
mod records;
mod retain;
mod validate;
pub mod varint;

pub use attributes::{Attributes, Compression, TimestampType, UnknownCompression};
pub use batches::{Batches, split_first_batch};
pub use builder::{BatchBuilder, ProducerStamp};
pub use compression::DecompressionLimits;
pub use decode::{RecordIter, Scratch, decode};
pub use error::{BatchError, RecordProblem};
pub use header::{BatchHeader, HEADER_LEN, LOG_OVERHEAD, MAGIC};
pub use patch::{patch_base_offset, patch_leader_epoch, patch_log_append_time, patch_max_timestamp};
pub use record::{Header, HeaderIter, Headers, RecordParts, RecordRef};
pub use records::{ReadAt, Records, StoredRange};
pub use retain::{EmptyBatch, Retained, Retainer};
pub use validate::{Limits, first_record_without_key, validate, verify_crc};
