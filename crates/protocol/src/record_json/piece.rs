//! A text of a record: borrowed from the line, or copied into the scratch buffer because it had escapes.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

/// The standard alphabet; padding is written, and not missed when it is not there.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A field of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Piece<'de> {
    /// `null`, or not given.
    #[default]
    Null,
    /// As it stands in the line.
    Borrowed(&'de str),
    /// A range of the scratch buffer.
    Scratch(usize, usize),
}

impl<'de> Piece<'de> {
    /// Copies bytes to the scratch buffer.
    pub(crate) fn copied(scratch: &mut Vec<u8>, bytes: &[u8]) -> Self {
        let start = scratch.len();
        scratch.extend_from_slice(bytes);
        Self::Scratch(start, scratch.len())
    }

    /// The bytes; `None` for null.
    #[inline]
    pub(crate) fn resolve<'a>(self, scratch: &'a [u8]) -> Option<&'a [u8]>
    where
        'de: 'a,
    {
        match self {
            Self::Null => None,
            Self::Borrowed(text) => Some(text.as_bytes()),
            Self::Scratch(start, end) => Some(&scratch[start..end]),
        }
    }

    /// The bytes that a text of base64 stands for.
    pub(crate) fn decode_base64(self, scratch: &mut Vec<u8>) -> Result<Self, base64::DecodeError> {
        let decoded = match self.resolve(scratch) {
            None => return Ok(Self::Null),
            Some(text) => BASE64.decode(text)?,
        };
        Ok(Self::copied(scratch, &decoded))
    }
}

/// What is done about a value that is neither text nor null.
#[derive(Debug)]
pub(crate) enum OtherTypes<'a> {
    /// It is an error.
    Refused,
    /// It is an error that sets the flag: the line is then read again, capturing values as they stand.
    Flagged(&'a mut bool),
}

/// Reads a string or null.
pub(crate) struct TextSeed<'a> {
    pub(crate) scratch: &'a mut Vec<u8>,
    pub(crate) other_types: OtherTypes<'a>,
}

impl TextSeed<'_> {
    #[cold]
    fn other<E: Error>(self, found: Unexpected<'_>) -> E {
        let error = E::invalid_type(found, &self);
        if let OtherTypes::Flagged(flag) = self.other_types {
            *flag = true;
        }
        error
    }
}

impl<'de> DeserializeSeed<'de> for TextSeed<'_> {
    type Value = Piece<'de>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Piece<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextSeed<'_> {
    type Value = Piece<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Piece<'de>, E> {
        Ok(Piece::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Piece<'de>, E> {
        Ok(Piece::copied(self.scratch, text.as_bytes()))
    }

    fn visit_unit<E>(self) -> Result<Piece<'de>, E> {
        Ok(Piece::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Piece<'de>, E> {
        Err(self.other(Unexpected::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Piece<'de>, E> {
        Err(self.other(Unexpected::Signed(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Piece<'de>, E> {
        Err(self.other(Unexpected::Unsigned(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Piece<'de>, E> {
        Err(self.other(Unexpected::Float(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Piece<'de>, A::Error> {
        Err(self.other(Unexpected::Seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Piece<'de>, A::Error> {
        Err(self.other(Unexpected::Map))
    }
}
