//! The four codecs, in the framings that Kafka's clients use, with a cap on what comes out.
//!
//! Decompression streams into one buffer and stops at the cap, so a bomb costs at most that much memory and time,
//! whatever it claims to be.

mod gzip;
mod lz4;
mod snappy;
mod zstd;

use std::io::Read;

use bytes::BytesMut;

use crate::{BatchError, Compression};

/// How much a batch may decompress to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecompressionLimits {
    /// Most bytes, in any case.
    pub max_bytes: usize,
    /// Most bytes for each compressed byte...
    pub max_ratio: usize,
    /// ...beyond these, which are free: a small batch of one repeated byte is no attack.
    pub free_bytes: usize,
}

impl Default for DecompressionLimits {
    fn default() -> Self {
        Self { max_bytes: 128 * 1024 * 1024, max_ratio: 256, free_bytes: 8 * 1024 * 1024 }
    }
}

impl DecompressionLimits {
    fn cap(&self, compressed: usize) -> usize {
        compressed.saturating_mul(self.max_ratio).max(self.free_bytes).min(self.max_bytes)
    }
}

/// Compresses; keeps what is costly to set up.
#[derive(Debug, Default)]
pub(crate) struct Compressor {
    zstd: zstd::Encoder,
}

impl Compressor {
    /// `room` zero bytes and then the compressed `input`.
    pub(crate) fn compress(&mut self, codec: Compression, room: usize, input: &[u8]) -> BytesMut {
        let mut out = BytesMut::with_capacity(room + input.len() / 2);
        out.resize(room, 0);
        match codec {
            Compression::None => out.extend_from_slice(input),
            Compression::Gzip => gzip::compress(input, &mut out),
            Compression::Snappy => snappy::compress(input, &mut out),
            Compression::Lz4 => lz4::compress(input, &mut out),
            Compression::Zstd => self.zstd.compress(input, &mut out),
        }
        out
    }
}

/// Decompresses `input` into `out`, whose content is replaced.
///
/// # Errors
/// [`BatchError::Decompress`] if `input` is not what the codec writes, [`BatchError::DecompressedTooLarge`] beyond
/// the limits.
pub fn decompress(
    codec: Compression,
    input: &[u8],
    out: &mut Vec<u8>,
    limits: &DecompressionLimits,
) -> Result<(), BatchError> {
    out.clear();
    let output = Output { codec, out, max: limits.cap(input.len()) };
    match codec {
        Compression::None => output.read(input),
        Compression::Gzip => gzip::decompress(input, output),
        Compression::Snappy => snappy::decompress(input, output),
        Compression::Lz4 => lz4::decompress(input, output),
        Compression::Zstd => zstd::decompress(input, output),
    }
}

/// Where decompressed bytes go, and how many at most.
struct Output<'a> {
    codec: Compression,
    out: &'a mut Vec<u8>,
    max: usize,
}

impl Output<'_> {
    /// Takes everything `reader` gives, but stops reading just beyond the cap.
    fn read(self, reader: impl Read) -> Result<(), BatchError> {
        let one_too_many = u64::try_from(self.max).unwrap_or(u64::MAX).saturating_add(1);
        reader.take(one_too_many).read_to_end(self.out).map_err(|error| self.damaged(&error))?;
        if self.out.len() > self.max { Err(self.too_large()) } else { Ok(()) }
    }

    fn damaged(&self, reason: &dyn std::fmt::Display) -> BatchError {
        BatchError::Decompress { codec: self.codec, reason: reason.to_string() }
    }

    fn too_large(&self) -> BatchError {
        BatchError::DecompressedTooLarge { codec: self.codec, max: self.max }
    }
}
