//! Takes records off the bytes of an uncompressed batch. Every length is checked against the bytes that are left.

use crate::record::{Header, Headers};
use crate::{RecordProblem, varint};

/// Fewest bytes a record takes: its length, attributes, two deltas, two null or empty fields, no headers.
pub(crate) const LEAST_RECORD_LEN: usize = 7;
/// Fewest bytes a header of a record takes.
const LEAST_HEADER_LEN: usize = 2;

/// A record as it is framed; offset and timestamp still relative to the batch.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) timestamp_delta: i64,
    pub(crate) offset_delta: i32,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Headers<'a>,
}

/// Takes the next record off the front of `bytes`.
#[inline]
pub(crate) fn take_record<'a>(bytes: &mut &'a [u8]) -> Result<Frame<'a>, RecordProblem> {
    let length = varint::take_i32(bytes).ok_or(RecordProblem::Varint)?;
    let mut body = take(bytes, length).ok_or(RecordProblem::Length)?;
    let body = &mut body;
    let [_attributes, rest @ ..] = *body else {
        return Err(RecordProblem::Framing);
    };
    *body = rest;
    let frame = Frame {
        timestamp_delta: varint::take_i64(body).ok_or(RecordProblem::Varint)?,
        offset_delta: varint::take_i32(body).ok_or(RecordProblem::Varint)?,
        key: take_nullable(body)?,
        value: take_nullable(body)?,
        headers: take_headers(body)?,
    };
    if body.is_empty() { Ok(frame) } else { Err(RecordProblem::Framing) }
}

/// Takes one header off the front of `bytes`.
pub(crate) fn take_header<'a>(bytes: &mut &'a [u8]) -> Result<Header<'a>, RecordProblem> {
    let length = varint::take_i32(bytes).ok_or(RecordProblem::Varint)?;
    let key = take(bytes, length).ok_or(RecordProblem::Length)?;
    Ok(Header { key, value: take_nullable(bytes)? })
}

#[inline]
fn take_headers<'a>(body: &mut &'a [u8]) -> Result<Headers<'a>, RecordProblem> {
    let count = varint::take_i32(body).ok_or(RecordProblem::Varint)?;
    let count = usize::try_from(count).ok().filter(|count| *count <= body.len() / LEAST_HEADER_LEN);
    let headers = Headers { bytes: body, count: count.ok_or(RecordProblem::Length)? };
    for _ in 0..headers.count {
        take_header(body)?;
    }
    Ok(Headers { bytes: &headers.bytes[..headers.bytes.len() - body.len()], ..headers })
}

/// A length and that many bytes; -1 is null.
#[inline]
fn take_nullable<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordProblem> {
    match varint::take_i32(bytes).ok_or(RecordProblem::Varint)? {
        -1 => Ok(None),
        length => take(bytes, length).map(Some).ok_or(RecordProblem::Length),
    }
}

#[inline]
fn take<'a>(bytes: &mut &'a [u8], length: i32) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(bytes: &[u8]) -> RecordProblem {
        take_record(&mut &*bytes).unwrap_err()
    }

    #[test]
    fn the_smallest_record() {
        let bytes = [12, 0, 0, 0, 1, 1, 0, 99];
        assert_eq!(bytes.len() - 1, LEAST_RECORD_LEN);
        let mut rest = &bytes[..];
        let frame = take_record(&mut rest).unwrap();
        assert_eq!((frame.key, frame.value, frame.headers.len(), rest), (None, None, 0, &[99][..]));
    }

    #[test]
    fn lengths_and_counts_are_checked_against_the_bytes() {
        assert_eq!(problem(&[]), RecordProblem::Varint);
        assert_eq!(problem(&[0]), RecordProblem::Framing, "no attributes");
        assert_eq!(problem(&[1, 0, 0, 0, 1, 1, 0]), RecordProblem::Length, "length -1");
        assert_eq!(problem(&[14, 0, 0, 0, 1, 1, 0]), RecordProblem::Length, "longer than the batch");
        assert_eq!(problem(&[12, 0, 0, 0, 3, 1, 0]), RecordProblem::Length, "key of -2");
        assert_eq!(problem(&[12, 0, 0, 0, 10, 1, 0]), RecordProblem::Length, "key beyond the record");
        assert_eq!(problem(&[12, 0, 0, 0, 1, 1, 2]), RecordProblem::Length, "a header in no bytes");
        assert_eq!(problem(&[12, 0, 0, 0, 1, 1, 1]), RecordProblem::Length, "-1 headers");
        assert_eq!(problem(&[14, 0, 0, 0, 1, 1, 0, 0]), RecordProblem::Framing, "a byte too many");
        let many = [20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(problem(&many), RecordProblem::Length, "2^31 headers");
        let null_header_key = [16, 0, 0, 0, 1, 1, 2, 1, 1];
        assert_eq!(problem(&null_header_key), RecordProblem::Length);
    }
}
