//! Reads the headers of a record.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use yak_model::limits::MAX_HEADERS_PER_RECORD;

use super::draft::Draft;
use super::field::{Field, FieldSet};
use super::piece::Piece;
use super::reader::RecordReader;
use super::visitor::{check, duplicate, read_base64, text};
use crate::json::{NameSeed, Path, unknown_field};

/// Reads `[{"key":"k","value":"v"}, ...]`.
pub(super) struct HeadersVisitor<'r, 's, 'd, 'de> {
    pub(super) reader: &'r mut RecordReader<'s>,
    pub(super) draft: &'d mut Draft<'de>,
}

impl<'de> DeserializeSeed<'de> for HeadersVisitor<'_, '_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for HeadersVisitor<'_, '_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut headers: A) -> Result<(), A::Error> {
        let Self { reader, draft } = self;
        loop {
            reader.place.field = "";
            reader.place.header = Some(draft.headers.len());
            let Some(header) = headers.next_element_seed(HeaderVisitor { reader })? else { break };
            if draft.headers.len() == MAX_HEADERS_PER_RECORD {
                reader.place.header = None;
                return Err(reader.fail(format!("headers: more than {MAX_HEADERS_PER_RECORD}")));
            }
            draft.headers.push(header);
        }
        reader.place.header = None;
        Ok(())
    }
}

/// Reads one header.
struct HeaderVisitor<'r, 's> {
    reader: &'r mut RecordReader<'s>,
}

impl<'de> DeserializeSeed<'de> for HeaderVisitor<'_, '_> {
    type Value = (Piece<'de>, Piece<'de>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeaderVisitor<'_, '_> {
    type Value = (Piece<'de>, Piece<'de>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let reader = self.reader;
        let (mut key, mut value) = (Piece::Null, Piece::Null);
        let mut seen = FieldSet::EMPTY;
        while let Some(name) = map.next_key_seed(NameSeed)? {
            reader.place.field = "";
            let field = match Field::from_name(&name).filter(|field| FieldSet::HEADER.contains(*field)) {
                Some(field) => field,
                None if reader.skips_unknown => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                None => {
                    let known = FieldSet::HEADER.names();
                    return Err(reader.fail(unknown_field(&Path::Root, "a header", &name, &known).message));
                }
            };
            if seen.contains(field) {
                return Err(duplicate(reader, field));
            }
            seen.insert(field);
            reader.place.field = field.name();
            match field {
                Field::Key => key = map.next_value_seed(text(reader))?,
                Field::KeyBase64 => key = read_base64(reader, &mut map)?,
                Field::ValueBase64 => value = read_base64(reader, &mut map)?,
                _ => value = map.next_value_seed(text(reader))?,
            }
        }
        reader.place.field = "";
        check(reader, seen)?;
        if key == Piece::Null {
            return Err(reader.fail("missing field \"key\""));
        }
        Ok((key, value))
    }
}
