//! Snappy: written in the block framing of xerial's Java library, read in that and as one raw block.
//!
//! ```text
//! 82 "SNAPPY" 00   version i32 = 1   least compatible version i32 = 1   then blocks: length i32, raw snappy
//! ```
//!
//! Java and Python write the framing, C and Go mostly a raw block.

use bytes::{BufMut as _, BytesMut};
use snap::raw;

use super::Output;
use crate::BatchError;
use crate::bytes_at::u32_at;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const FRAMING_HEADER_LEN: usize = 16;
const VERSION: u32 = 1;
/// Bytes of input in one block, as xerial's default.
const BLOCK_LEN: usize = 32 * 1024;
/// A copy of 64 bytes takes 2 at least, so no raw block can claim to be larger.
const MAX_RATIO: usize = 64;

pub(super) fn compress(input: &[u8], out: &mut BytesMut) {
    let mut encoder = raw::Encoder::new();
    out.put_slice(&MAGIC);
    out.put_u32(VERSION);
    out.put_u32(VERSION);
    for block in input.chunks(BLOCK_LEN) {
        let start = out.len();
        out.resize(start + 4 + raw::max_compress_len(block.len()), 0);
        let room = &mut out[start + 4..];
        let written = encoder.compress(block, room).expect("max_compress_len bytes suffice");
        let length = u32::try_from(written).expect("a block is some 32 KiB");
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        out.truncate(start + 4 + written);
    }
}

pub(super) fn decompress(input: &[u8], mut output: Output<'_>) -> Result<(), BatchError> {
    if input.len() < FRAMING_HEADER_LEN || !input.starts_with(&MAGIC) {
        return decompress_block(input, &mut output);
    }
    let mut rest = &input[FRAMING_HEADER_LEN..];
    while !rest.is_empty() {
        let block = take_block(&mut rest).ok_or_else(|| output.damaged(&"a block is cut off"))?;
        decompress_block(block, &mut output)?;
    }
    Ok(())
}

fn take_block<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_at_checked(4)?;
    let (block, after) = after.split_at_checked(usize::try_from(u32_at(length, 0)).ok()?)?;
    *rest = after;
    Some(block)
}

fn decompress_block(block: &[u8], output: &mut Output<'_>) -> Result<(), BatchError> {
    let claimed = raw::decompress_len(block).map_err(|error| output.damaged(&error))?;
    if claimed > block.len().saturating_mul(MAX_RATIO) {
        return Err(output.damaged(&"a block claims to be larger than it can be"));
    }
    let start = output.out.len();
    if claimed > output.max - start {
        return Err(output.too_large());
    }
    output.out.resize(start + claimed, 0);
    let written = raw::Decoder::new().decompress(block, &mut output.out[start..]);
    match written {
        Ok(written) if written == claimed => Ok(()),
        Ok(_) => Err(output.damaged(&"a block is shorter than it claims")),
        Err(error) => Err(output.damaged(&error)),
    }
}
