//! Frames of Kafka's protocol by hand, in the versions that are not flexible: enough for a sink and a question.

use std::io::{self, Read};

use anyhow::{Context as _, Result, ensure};

/// Largest frame that is read.
const MAX_FRAME: usize = 100 * 1024 * 1024;

/// Reads one frame into `buffer`, without its length. `false` at the end.
///
/// # Errors
/// If the source fails, ends within a frame, or announces one that is too large.
pub fn read_frame(source: &mut impl Read, buffer: &mut Vec<u8>) -> Result<bool> {
    let mut length = [0; 4];
    match source.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        read => read?,
    }
    let length = usize::try_from(i32::from_be_bytes(length)).context("a negative length")?;
    ensure!(length <= MAX_FRAME, "a frame of {length} bytes");
    buffer.resize(length, 0);
    source.read_exact(buffer)?;
    Ok(true)
}

/// Takes fields from the front of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Of a frame.
    #[must_use]
    pub const fn of(frame: &'a [u8]) -> Self {
        Self(frame)
    }

    /// So many bytes.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).context("the frame ends within a field")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into()?)
    }

    /// A byte.
    ///
    /// # Errors
    /// If the frame ends, as with all that follow.
    pub fn int8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    /// Two bytes.
    ///
    /// # Errors
    /// If the frame ends.
    pub fn int16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    /// Four bytes.
    ///
    /// # Errors
    /// If the frame ends.
    pub fn int32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// If the frame ends.
    pub fn int64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// A text or null.
    ///
    /// # Errors
    /// If the frame ends.
    pub fn string(&mut self) -> Result<Option<&'a str>> {
        let Ok(length) = usize::try_from(self.int16()?) else { return Ok(None) };
        Ok(Some(std::str::from_utf8(self.take(length)?)?))
    }

    /// Bytes; null is empty.
    ///
    /// # Errors
    /// If the frame ends.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.int32()?).unwrap_or(0);
        self.take(length)
    }

    /// How many elements follow; null is none.
    ///
    /// # Errors
    /// If the frame ends.
    pub fn count(&mut self) -> Result<usize> {
        Ok(usize::try_from(self.int32()?).unwrap_or(0))
    }
}

/// Writes a frame.
#[derive(Debug, Default)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// Begins a new one, whose length is not known yet.
    pub fn begin(&mut self) -> &mut Self {
        self.0.clear();
        self.int32(0)
    }

    /// The whole frame, with its length.
    ///
    /// # Errors
    /// If it is too long to say so.
    pub fn end(&mut self) -> Result<&[u8]> {
        let length = i32::try_from(self.0.len() - 4)?;
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        Ok(&self.0)
    }

    /// A byte.
    pub fn int8(&mut self, value: i8) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Two bytes.
    pub fn int16(&mut self, value: i16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Four bytes.
    pub fn int32(&mut self, value: i32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Eight bytes.
    pub fn int64(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// A text.
    pub fn string(&mut self, value: &str) -> &mut Self {
        // Names here are short; one that is not would be refused by whoever reads it.
        self.int16(i16::try_from(value.len()).unwrap_or(i16::MAX)).raw(value.as_bytes())
    }

    /// No text.
    pub fn null_string(&mut self) -> &mut Self {
        self.int16(-1)
    }

    /// How many elements follow.
    pub fn count(&mut self, value: usize) -> &mut Self {
        self.int32(i32::try_from(value).unwrap_or(i32::MAX))
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Where the next byte goes.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.0.len()
    }

    /// What was written from a position on.
    pub fn written(&mut self, from: usize) -> &mut [u8] {
        &mut self.0[from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_out_as_they_went_in() {
        let mut frame = Frame::default();
        frame.begin().int8(-1).int16(-2).int32(3).int64(-4).string("five").null_string().count(2).raw(b"xy");
        let bytes = frame.end().unwrap().to_vec();
        let mut buffer = Vec::new();
        let mut source = &bytes[..];
        assert!(read_frame(&mut source, &mut buffer).unwrap());
        let mut fields = Fields::of(&buffer);
        assert_eq!((fields.int8().unwrap(), fields.int16().unwrap()), (-1, -2));
        assert_eq!((fields.int32().unwrap(), fields.int64().unwrap()), (3, -4));
        assert_eq!((fields.string().unwrap(), fields.string().unwrap()), (Some("five"), None));
        assert_eq!(fields.bytes().unwrap(), b"xy");
        assert!(fields.int8().is_err());
        assert!(!read_frame(&mut source, &mut buffer).unwrap(), "nothing more");
        assert!(read_frame(&mut &bytes[..9], &mut buffer).is_err(), "half a frame");
        assert!(read_frame(&mut &[0x7f, 0xff, 0xff, 0xff][..], &mut buffer).is_err(), "too large");
    }
}
