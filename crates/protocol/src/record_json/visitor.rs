//! Reads the JSON object of a record into a draft.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde_json::value::RawValue;
use yak_model::TimestampMs;
use yak_model::limits::MAX_JSON_DEPTH;

use super::draft::Draft;
use super::field::{Field, FieldSet};
use super::headers::HeadersVisitor;
use super::piece::{OtherTypes, Piece, TextSeed};
use super::reader::{RecordReader, Stop, data_error};
use crate::json::{Path, is_deeper_than, unknown_field};

/// Levels around a value of a fetch reply, the deepest there is: line, ok, partitions, partition, records, record.
pub(super) const LEVELS_AROUND_A_VALUE: usize = 6;

/// Reads one record's object into the draft.
pub(crate) struct RecordVisitor<'r, 's, 'd, 'de> {
    pub(crate) reader: &'r mut RecordReader<'s>,
    pub(crate) draft: &'d mut Draft<'de>,
}

impl<'de> DeserializeSeed<'de> for RecordVisitor<'_, '_, '_, 'de> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.reader.place.field = "";
        self.reader.place.header = None;
        self.reader.scratch.clear();
        self.draft.clear();
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordVisitor<'_, '_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reader, draft } = self;
        let mut seen = FieldSet::EMPTY;
        while let Some(field) = map.next_key_seed(FieldSeed { reader })? {
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            reader.place.field = field.name();
            if seen.contains(field) {
                return Err(duplicate(reader, field));
            }
            seen.insert(field);
            match field {
                Field::Value => draft.value = read_value(reader, &mut map)?,
                Field::Key => draft.key = map.next_value_seed(text(reader))?,
                Field::Offset => draft.offset = Some(map.next_value_seed(WholeNumber { least: 0 })?),
                Field::Timestamp => {
                    // Kafka's -1, "no timestamp", can be read but not produced.
                    let least = if reader.allowed.contains(Field::Offset) { -1 } else { 0 };
                    draft.timestamp = Some(TimestampMs::new(map.next_value_seed(WholeNumber { least })?));
                }
                other => read_other(reader, draft, other, &mut map)?,
            }
        }
        reader.place.field = "";
        check(reader, seen)
    }
}

#[cold]
pub(super) fn duplicate<E: Error>(reader: &mut RecordReader<'_>, field: Field) -> E {
    reader.place.field = "";
    reader.fail(format!("duplicate field \"{}\"", field.name()))
}

/// Exactly one of `value` and `value_base64`, at most one of `key` and `key_base64`.
#[inline]
pub(super) fn check<E: Error>(reader: &mut RecordReader<'_>, seen: FieldSet) -> Result<(), E> {
    if seen.contains(Field::Value) == seen.contains(Field::ValueBase64) {
        return Err(reader.fail(if seen.contains(Field::Value) {
            "both \"value\" and \"value_base64\"; give one of them"
        } else {
            "missing field \"value\" (a tombstone is \"value\":null)"
        }));
    }
    if seen.contains(Field::Key) && seen.contains(Field::KeyBase64) {
        return Err(reader.fail("both \"key\" and \"key_base64\"; give one of them"));
    }
    Ok(())
}

pub(super) const fn text<'r>(reader: &'r mut RecordReader<'_>) -> TextSeed<'r> {
    TextSeed { scratch: reader.scratch, other_types: OtherTypes::Refused }
}

#[inline]
fn read_value<'de, A: MapAccess<'de>>(
    reader: &mut RecordReader<'_>,
    map: &mut A,
) -> Result<Piece<'de>, A::Error> {
    if reader.captures_values {
        return read_captured(reader, map);
    }
    let mut is_other = false;
    let seed = TextSeed { scratch: reader.scratch, other_types: OtherTypes::Flagged(&mut is_other) };
    let value = map.next_value_seed(seed);
    if is_other {
        return Err(reader.stop_with(Stop::CaptureValues));
    }
    value
}

/// A value of any type: a string is its text, null is null, everything else stands for its JSON text.
#[inline(never)]
fn read_captured<'de, A: MapAccess<'de>>(
    reader: &mut RecordReader<'_>,
    map: &mut A,
) -> Result<Piece<'de>, A::Error> {
    let json = map.next_value::<&'de RawValue>()?.get();
    match json.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => return Ok(Piece::Borrowed(text)),
        Some(_) => {
            let text: String = serde_json::from_str(json).map_err(|error| reader.fail(data_error(&error)))?;
            return Ok(Piece::copied(reader.scratch, text.as_bytes()));
        }
        None if json == "null" => return Ok(Piece::Null),
        None => {}
    }
    if is_deeper_than(json, MAX_JSON_DEPTH - LEVELS_AROUND_A_VALUE) {
        return Err(reader.fail(format!("nested deeper than {MAX_JSON_DEPTH} levels")));
    }
    Ok(Piece::Borrowed(json))
}

/// The fields that are rare, or that need care.
#[inline(never)]
fn read_other<'de, A: MapAccess<'de>>(
    reader: &mut RecordReader<'_>,
    draft: &mut Draft<'de>,
    field: Field,
    map: &mut A,
) -> Result<(), A::Error> {
    match field {
        Field::ValueBase64 => draft.value = read_base64(reader, map)?,
        Field::KeyBase64 => draft.key = read_base64(reader, map)?,
        Field::Topic => draft.topic = map.next_value_seed(text(reader))?,
        Field::Partition => {
            let number = map.next_value_seed(WholeNumber { least: 0 })?;
            let partition = i32::try_from(number).map_err(|_beyond| reader.fail("the number is too large"));
            draft.partition = Some(partition?);
        }
        Field::TimestampType => {
            let kind = map.next_value_seed(text(reader))?;
            draft.is_log_append_time = match kind.resolve(reader.scratch) {
                Some(b"create") => false,
                Some(b"log_append") => true,
                _ => return Err(reader.fail("expected \"create\" or \"log_append\"")),
            };
        }
        Field::Headers => map.next_value_seed(HeadersVisitor { reader, draft })?,
        Field::Value | Field::Key | Field::Offset | Field::Timestamp => {
            map.next_value::<IgnoredAny>()?;
        }
    }
    Ok(())
}

pub(super) fn read_base64<'de, A: MapAccess<'de>>(
    reader: &mut RecordReader<'_>,
    map: &mut A,
) -> Result<Piece<'de>, A::Error> {
    let encoded = map.next_value_seed(text(reader))?;
    encoded.decode_base64(reader.scratch).map_err(|error| reader.fail(format!("not base64: {error}")))
}

/// Recognises the name of a field; `None` is one to skip.
struct FieldSeed<'r, 's> {
    reader: &'r mut RecordReader<'s>,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_, '_> {
    type Value = Option<Field>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Field>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldSeed<'_, '_> {
    type Value = Option<Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    #[inline]
    fn visit_str<E: Error>(self, name: &str) -> Result<Option<Field>, E> {
        match Field::from_name(name) {
            Some(field) if self.reader.allowed.contains(field) => Ok(Some(field)),
            _ if self.reader.skips_unknown => Ok(None),
            _ => Err(unknown(self.reader, name)),
        }
    }
}

#[cold]
fn unknown<E: Error>(reader: &mut RecordReader<'_>, name: &str) -> E {
    reader.place.field = "";
    let known = reader.allowed.names();
    let problem = unknown_field(&Path::Root, "a record", name, &known);
    reader.fail(problem.message)
}

/// A whole number from `least` on.
struct WholeNumber {
    least: i64,
}

impl<'de> DeserializeSeed<'de> for WholeNumber {
    type Value = i64;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_i64(self)
    }
}

impl Visitor<'_> for WholeNumber {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.least, i64::MAX)
    }

    #[inline]
    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        if number >= self.least {
            Ok(number)
        } else {
            Err(E::invalid_value(Unexpected::Signed(number), &self))
        }
    }

    #[inline]
    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_beyond| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}
