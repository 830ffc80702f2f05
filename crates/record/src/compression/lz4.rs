//! LZ4 frame format, as Kafka writes it: independent blocks of 64 KiB, no checksums of its own.

use std::io::Write as _;

use bytes::{BufMut as _, BytesMut};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::Output;
use crate::BatchError;

pub(super) fn compress(input: &[u8], out: &mut BytesMut) {
    let frame = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(frame, out.writer());
    encoder.write_all(input).expect("writing into memory does not fail");
    encoder.finish().expect("writing into memory does not fail");
}

pub(super) fn decompress(input: &[u8], output: Output<'_>) -> Result<(), BatchError> {
    output.read(FrameDecoder::new(input))
}
