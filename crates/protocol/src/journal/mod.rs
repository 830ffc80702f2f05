//! The zookeeper's journal as lines of JSON, for `cat` and for restart.
//!
//! # A file
//!
//! ```text
//! {"journal":"yak","version":1,"cluster_id":"<22 characters>","crc":"89d97ba2"}
//! {"index":1,"time":"2026-07-01T12:00:00.000Z","cause":"a new cluster","records":[...],"term":1,"synced":0,"crc":"..."}
//! {"index":2,"time":"...","cause":"broker 1 registered (first time)","records":[...],"term":1,"synced":1,"crc":"..."}
//! ```
//!
//! One line is one command's records, all or nothing. `index` rises by one from line to line. `synced` is the
//! highest index that was known to be on disk when the line was written: it tells a write that was never
//! finished (which may leave holes above it) from damage (at or below it).
//!
//! A file that begins with an image says so in its header: `"image":{"index":N,"lines":K}`. The K lines after it all
//! have index N and give, together, everything up to N; the next line has index N+1. Such a file is put in its
//! place whole, so a fault within its image is damage.
//!
//! # A line
//!
//! A JSON object in UTF-8 without a line break in it, then `\n`. Its last 18 bytes before the `\n` are
//! `,"crc":"` (8), eight lower-case hexadecimal digits, and `"}` (2). The digits are CRC-32C (Castagnoli) of all bytes
//! of the line before those 18, the opening brace included:
//!
//! ```text
//! {"index":1,"time": ...  ,"term":1,"synced":0 ,"crc":"1f2e3d4c"} \n
//! └────────── these bytes are summed ─────────┘└──── 18 bytes ──┘
//! ```
//!
//! Decoding is strict: unknown and repeated fields, unknown kinds of record, wrong types and values out of range are
//! errors that say where. Integers stand as JSON numbers (64 bits), ids as 22 characters of base64url, times in ISO
//! 8601 with milliseconds in UTC. A missing leader is `null`.

mod crc;
mod line;
mod records;
#[cfg(test)]
mod tests;
mod time;

pub use crc::LineFault;
pub use line::{Header, ImageSpan, decode_header, decode_line, encode_header, encode_line};

/// The version of the format that is written, and the only one that is read.
pub const FORMAT_VERSION: u32 = 1;
