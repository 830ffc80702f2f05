//! Reading within bounds: numbers, lengths, counts and tagged sections of a frame.

use bytes::Bytes;

use crate::error::{DecodeError, Problem};

/// Most elements that all arrays of one message have together; decoded, an element has at most a few hundred
/// bytes, so this bounds what a frame of small elements costs.
pub const MAX_ELEMENTS: usize = 200_000;
/// Most fields of one tagged section; the messages of today have at most four.
pub const MAX_TAGGED_FIELDS: u32 = 100;
/// Longest string, in bytes (Kafka's limit, in every version).
pub const MAX_STRING_LEN: usize = 0x7fff;

/// Bytes that are read from the front. What it gives out lives as long as the bytes.
pub(crate) trait Cursor<'a> {
    /// Bytes that are left.
    fn remaining(&self) -> usize;

    /// Takes `len` bytes, which are known to be there.
    fn advance(&mut self, len: usize) -> &'a [u8];

    /// How many elements the arrays to come may have together.
    fn elements_left(&mut self) -> &mut usize;

    /// Takes `len` bytes.
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        self.check(len)?;
        Ok(self.advance(len))
    }

    /// That `len` bytes are left.
    fn check(&self, len: usize) -> Result<(), DecodeError> {
        let remaining = self.remaining();
        if len > remaining {
            return Err(Problem::Truncated { needed: len, remaining }.into());
        }
        Ok(())
    }

    /// Takes as many bytes as an array has.
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    /// A big-endian number of 16 bits.
    fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    /// A big-endian number of 32 bits.
    fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// An unsigned varint of at most 32 bits.
    fn varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            let low = u32::from(byte & 0x7f);
            if shift == 28 && low > 0x0f {
                break;
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Problem::VarintTooLong.into())
    }

    /// A length or count of the flexible form; `None` is null.
    fn compact_len(&mut self) -> Result<Option<usize>, DecodeError> {
        // A u32 fits: the targets are of 32 bits or more.
        self.varint()
            .map(|raised| raised.checked_sub(1).map(|len| usize::try_from(len).unwrap_or(usize::MAX)))
    }

    /// A length or count of bytes and arrays; `None` is null.
    fn len(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        if flexible {
            return self.compact_len();
        }
        match self.i32()? {
            -1 => Ok(None),
            len => usize::try_from(len).map(Some).map_err(|_negative| Problem::NegativeLength(len).into()),
        }
    }

    /// The count of an array whose elements take at least `least` bytes each; `None` is null.
    fn count(&mut self, flexible: bool, least: usize) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.len(flexible)? else { return Ok(None) };
        let remaining = self.remaining();
        if count > remaining / least.max(1) {
            return Err(Problem::CountBeyondFrame { count, remaining }.into());
        }
        let left = self.elements_left();
        *left = left.checked_sub(count).ok_or(Problem::TooManyElements(count))?;
        Ok(Some(count))
    }

    /// A string, borrowed; `None` is null.
    fn str(&mut self, flexible: bool) -> Result<Option<&'a str>, DecodeError> {
        let len = if flexible {
            self.compact_len()?
        } else {
            match self.i16()? {
                -1 => None,
                len => {
                    Some(usize::try_from(len).map_err(|_negative| Problem::NegativeLength(i32::from(len)))?)
                }
            }
        };
        let Some(len) = len else { return Ok(None) };
        self.check(len)?;
        if len > MAX_STRING_LEN {
            return Err(Problem::StringTooLong(len).into());
        }
        let text = str::from_utf8(self.advance(len)).map_err(|_not_utf8| Problem::NotUtf8)?;
        Ok(Some(text))
    }

    /// The number of fields of a tagged section.
    fn tagged_fields(&mut self) -> Result<u32, DecodeError> {
        match self.varint()? {
            count if count > MAX_TAGGED_FIELDS => Err(Problem::TooManyTaggedFields(count).into()),
            count => Ok(count),
        }
    }

    /// A tagged section of which nothing is wanted.
    fn skip_tagged_fields(&mut self) -> Result<(), DecodeError> {
        for _ in 0..self.tagged_fields()? {
            self.tagged_field()?;
        }
        Ok(())
    }

    /// A field of a tagged section: its tag and its content.
    fn tagged_field(&mut self) -> Result<(u32, &'a [u8]), DecodeError> {
        let tag = self.varint()?;
        let size = self.varint()?;
        let content = self.take(usize::try_from(size).unwrap_or(usize::MAX))?;
        Ok((tag, content))
    }
}

/// A message that is being decoded.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// What `rest` is a part of, if bytes are to be shared with it and not copied.
    shared: Option<&'a Bytes>,
    elements_left: usize,
}

impl<'a> Reader<'a> {
    /// Reads a body whose bytes are copied into the message.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body, shared: None, elements_left: MAX_ELEMENTS }
    }

    /// Reads a body that the message may share.
    #[must_use]
    pub fn of_shared(body: &'a Bytes) -> Self {
        Self { rest: body, shared: Some(body), elements_left: MAX_ELEMENTS }
    }

    /// What has not been read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes of their own, or a share of the body.
    pub(crate) fn own(&self, bytes: &'a [u8]) -> Bytes {
        self.shared.map_or_else(|| Bytes::copy_from_slice(bytes), |body| body.slice_ref(bytes))
    }

    /// Reads the content of a tagged field by `read`, which must use all of it.
    pub(crate) fn within<T>(
        &mut self,
        content: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let behind = std::mem::replace(&mut self.rest, content);
        let value = read(self)?;
        let unread = std::mem::replace(&mut self.rest, behind);
        if unread.is_empty() { Ok(value) } else { Err(Problem::TaggedFieldTooLong(unread.len()).into()) }
    }
}

impl<'a> Cursor<'a> for Reader<'a> {
    fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn advance(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }

    fn elements_left(&mut self) -> &mut usize {
        &mut self.elements_left
    }
}
