//! gzip, one member or several, as Java's `GZIPInputStream` reads it.

use std::io::Write as _;

use bytes::{BufMut as _, BytesMut};
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::Output;
use crate::BatchError;

pub(super) fn compress(input: &[u8], out: &mut BytesMut) {
    let mut encoder = GzEncoder::new(out.writer(), flate2::Compression::default());
    encoder.write_all(input).and_then(|()| encoder.finish()).expect("writing into memory does not fail");
}

pub(super) fn decompress(input: &[u8], output: Output<'_>) -> Result<(), BatchError> {
    output.read(MultiGzDecoder::new(input))
}
