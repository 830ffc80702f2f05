//! How each type stands on the wire, by version: what a table's field can be.

use bytes::{BufMut as _, Bytes, BytesMut};
use yak_model::{ErrorCode, Uuid};

use crate::choices::Choices;
use crate::cursor::{Cursor as _, MAX_STRING_LEN, Reader};
use crate::error::{DecodeError, Problem};

/// First room for an array's elements; more is allocated as they are really decoded.
const FIRST_CAPACITY: usize = 256;

/// What decides how a field is written.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Of the message.
    pub version: i16,
    /// Whether the version is a flexible one: compact lengths, tagged sections.
    pub flexible: bool,
    /// Whether this field may be null.
    pub nullable: bool,
    /// Whether this field stands in a tagged section.
    pub tagged: bool,
}

impl Form {
    /// The form of a message's fields.
    pub(crate) const fn new(version: i16, flexible_from: i16) -> Self {
        Self { version, flexible: version >= flexible_from, nullable: false, tagged: false }
    }

    /// The form of a field, or of an element.
    pub(crate) const fn nullable(self, nullable: bool) -> Self {
        Self { nullable, tagged: false, ..self }
    }

    pub(crate) const fn tagged(self) -> Self {
        Self { tagged: true, ..self }
    }
}

/// A type that a field can have.
pub trait Field: Sized {
    /// The fewest bytes it takes.
    fn least(form: Form) -> usize;
    /// Decodes it.
    fn read(reader: &mut Reader<'_>, form: Form) -> Result<Self, DecodeError>;
    /// Encodes it.
    fn write(&self, out: &mut BytesMut, form: Form);
    /// Makes one up.
    fn sample(choices: &mut Choices<'_>, form: Form) -> Self;
}

/// A type that has a representation for null.
pub trait Nullable: Sized {
    /// The fewest bytes it takes.
    fn least(form: Form) -> usize;
    /// Decodes it; `None` is null.
    fn read(reader: &mut Reader<'_>, form: Form) -> Result<Option<Self>, DecodeError>;
    /// Encodes it.
    fn write(value: Option<&Self>, out: &mut BytesMut, form: Form);
    /// Makes one up that is not null.
    fn sample(choices: &mut Choices<'_>, form: Form) -> Self;
}

impl<T: Nullable> Field for Option<T> {
    fn least(form: Form) -> usize {
        T::least(form)
    }

    fn read(reader: &mut Reader<'_>, form: Form) -> Result<Self, DecodeError> {
        match T::read(reader, form)? {
            None if !form.nullable => Err(Problem::Null.into()),
            value => Ok(value),
        }
    }

    fn write(&self, out: &mut BytesMut, form: Form) {
        T::write(self.as_ref(), out, form);
    }

    fn sample(choices: &mut Choices<'_>, form: Form) -> Self {
        (!form.nullable || choices.flag()).then(|| T::sample(choices, form))
    }
}

macro_rules! number {
    ($($type:ty)*) => { $(
        impl Field for $type {
            fn least(_form: Form) -> usize {
                size_of::<Self>()
            }

            fn read(reader: &mut Reader<'_>, _form: Form) -> Result<Self, DecodeError> {
                reader.array().map(Self::from_be_bytes)
            }

            fn write(&self, out: &mut BytesMut, _form: Form) {
                out.put_slice(&self.to_be_bytes());
            }

            fn sample(choices: &mut Choices<'_>, _form: Form) -> Self {
                Self::from_be_bytes(choices.number())
            }
        }
    )* };
}

number! { i8 i16 i32 i64 u16 f64 }

impl Field for bool {
    fn least(_form: Form) -> usize {
        1
    }

    fn read(reader: &mut Reader<'_>, _form: Form) -> Result<Self, DecodeError> {
        reader.array::<1>().map(|[byte]| byte != 0)
    }

    fn write(&self, out: &mut BytesMut, _form: Form) {
        out.put_u8(u8::from(*self));
    }

    fn sample(choices: &mut Choices<'_>, _form: Form) -> Self {
        choices.flag()
    }
}

impl Field for Uuid {
    fn least(_form: Form) -> usize {
        16
    }

    fn read(reader: &mut Reader<'_>, _form: Form) -> Result<Self, DecodeError> {
        reader.array().map(Self::from_bytes)
    }

    fn write(&self, out: &mut BytesMut, _form: Form) {
        out.put_slice(self.as_bytes());
    }

    fn sample(choices: &mut Choices<'_>, _form: Form) -> Self {
        Self::from_bytes(choices.array())
    }
}

/// An error code is never null: the 0 that stands for none is what `None` is here.
impl Field for Option<ErrorCode> {
    fn least(_form: Form) -> usize {
        2
    }

    fn read(reader: &mut Reader<'_>, _form: Form) -> Result<Self, DecodeError> {
        Ok(match reader.i16()? {
            0 => None,
            number => Some(ErrorCode::from_number(number).unwrap_or(ErrorCode::UnknownServerError)),
        })
    }

    fn write(&self, out: &mut BytesMut, _form: Form) {
        out.put_i16(self.map_or(0, ErrorCode::number));
    }

    fn sample(choices: &mut Choices<'_>, _form: Form) -> Self {
        choices.error_code()
    }
}

impl Field for String {
    fn least(form: Form) -> usize {
        if form.flexible { 1 } else { 2 }
    }

    fn read(reader: &mut Reader<'_>, form: Form) -> Result<Self, DecodeError> {
        reader.str(form.flexible)?.map(str::to_owned).ok_or_else(|| Problem::Null.into())
    }

    fn write(&self, out: &mut BytesMut, form: Form) {
        write_str(Some(self), out, form);
    }

    fn sample(choices: &mut Choices<'_>, _form: Form) -> Self {
        choices.text()
    }
}

impl Nullable for String {
    fn least(form: Form) -> usize {
        <Self as Field>::least(form)
    }

    fn read(reader: &mut Reader<'_>, form: Form) -> Result<Option<Self>, DecodeError> {
        reader.str(form.flexible).map(|text| text.map(str::to_owned))
    }

    fn write(value: Option<&Self>, out: &mut BytesMut, form: Form) {
        write_str(value.map(String::as_str), out, form);
    }

    fn sample(choices: &mut Choices<'_>, _form: Form) -> Self {
        choices.text()
    }
}

impl Field for Bytes {
    fn least(form: Form) -> usize {
        least_len(form)
    }

    fn read(reader: &mut Reader<'_>, form: Form) -> Result<Self, DecodeError> {
        <Self as Nullable>::read(reader, form)?.ok_or_else(|| Problem::Null.into())
    }

    fn write(&self, out: &mut BytesMut, form: Form) {
        <Self as Nullable>::write(Some(self), out, form);
    }

    fn sample(choices: &mut Choices<'_>, _form: Form) -> Self {
        choices.bytes().into()
    }
}

impl Nullable for Bytes {
    fn least(form: Form) -> usize {
        least_len(form)
    }

    fn read(reader: &mut Reader<'_>, form: Form) -> Result<Option<Self>, DecodeError> {
        let Some(len) = reader.len(form.flexible)? else { return Ok(None) };
        let bytes = reader.take(len)?;
        Ok(Some(reader.own(bytes)))
    }

    fn write(value: Option<&Self>, out: &mut BytesMut, form: Form) {
        write_len(value.map(Self::len), out, form);
        out.put_slice(value.map_or(&[], |bytes| bytes));
    }

    fn sample(choices: &mut Choices<'_>, _form: Form) -> Self {
        choices.bytes().into()
    }
}

impl<T: Field> Field for Vec<T> {
    fn least(form: Form) -> usize {
        least_len(form)
    }

    fn read(reader: &mut Reader<'_>, form: Form) -> Result<Self, DecodeError> {
        <Self as Nullable>::read(reader, form)?.ok_or_else(|| Problem::Null.into())
    }

    fn write(&self, out: &mut BytesMut, form: Form) {
        <Self as Nullable>::write(Some(self), out, form);
    }

    fn sample(choices: &mut Choices<'_>, form: Form) -> Self {
        <Self as Nullable>::sample(choices, form)
    }
}

impl<T: Field> Nullable for Vec<T> {
    fn least(form: Form) -> usize {
        least_len(form)
    }

    fn read(reader: &mut Reader<'_>, form: Form) -> Result<Option<Self>, DecodeError> {
        let element = form.nullable(false);
        let Some(count) = reader.count(form.flexible, T::least(element))? else { return Ok(None) };
        let mut elements = Self::with_capacity(count.min(FIRST_CAPACITY));
        for index in 0..count {
            elements.push(T::read(reader, element).map_err(|error| error.in_element(index))?);
        }
        Ok(Some(elements))
    }

    fn write(value: Option<&Self>, out: &mut BytesMut, form: Form) {
        write_len(value.map(Self::len), out, form);
        for element in value.into_iter().flatten() {
            element.write(out, form.nullable(false));
        }
    }

    fn sample(choices: &mut Choices<'_>, form: Form) -> Self {
        (0..choices.len()).map(|_| T::sample(choices, form.nullable(false))).collect()
    }
}

fn least_len(form: Form) -> usize {
    if form.flexible { 1 } else { 4 }
}

/// Writes a string; null where it is not allowed is empty.
pub(crate) fn write_str(value: Option<&str>, out: &mut BytesMut, form: Form) {
    let value = if form.nullable { value } else { Some(value.unwrap_or_default()) };
    let value = value.map(cut);
    if form.flexible {
        write_len(value.map(str::len), out, form);
    } else {
        let len = value
            .map_or(-1, |text| i16::try_from(text.len()).expect("a string was just cut to 32,767 bytes"));
        out.put_i16(len);
    }
    out.put_slice(value.unwrap_or_default().as_bytes());
}

/// Writes the length of bytes or the count of an array; null where it is not allowed is 0.
pub(crate) fn write_len(len: Option<usize>, out: &mut BytesMut, form: Form) {
    let len = if form.nullable { len } else { Some(len.unwrap_or(0)) };
    let signed = len.map_or(-1, |len| i32::try_from(len).expect("a reply is far below 2 GiB"));
    if form.flexible {
        write_varint(signed.cast_unsigned().wrapping_add(1), out);
    } else {
        out.put_i32(signed);
    }
}

/// As much of a string as may be written.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_STRING_LEN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Writes an unsigned varint.
pub(crate) fn write_varint(mut value: u32, out: &mut BytesMut) {
    loop {
        let [low, ..] = value.to_le_bytes();
        if value <= 0x7f {
            return out.put_u8(low);
        }
        out.put_u8(low | 0x80);
        value >>= 7;
    }
}
