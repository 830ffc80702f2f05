//! Zstandard, by the reference implementation, at its default level.

use std::fmt;

use bytes::BytesMut;
use zstd::bulk;
use zstd::stream::read::Decoder;

use super::Output;
use crate::BatchError;

/// The largest window a frame may ask for, 2^27 bytes: what Java accepts too. The memory is only touched as far as
/// data comes out, which the cap bounds.
const MAX_WINDOW_LOG: u32 = 27;

/// Keeps the compression context, which is large.
#[derive(Default)]
pub(super) struct Encoder {
    context: Option<bulk::Compressor<'static>>,
}

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], out: &mut BytesMut) {
        let context = self.context.get_or_insert_with(|| {
            bulk::Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL).expect("the default level exists")
        });
        let start = out.len();
        out.resize(start + zstd::zstd_safe::compress_bound(input.len()), 0);
        let written =
            context.compress_to_buffer(input, &mut out[start..]).expect("compress_bound bytes suffice");
        out.truncate(start + written);
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("in_use", &self.context.is_some()).finish()
    }
}

pub(super) fn decompress(input: &[u8], output: Output<'_>) -> Result<(), BatchError> {
    let mut decoder = Decoder::with_buffer(input).map_err(|error| output.damaged(&error))?;
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(|error| output.damaged(&error))?;
    output.read(decoder)
}
