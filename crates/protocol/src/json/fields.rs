//! The fields of an object, asked for by name.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use yak_model::limits::MAX_JSON_DEPTH;

use super::node::{Bounds, Node};
use super::{Path, Problem, is_deeper_than, line_text, near, not_json_line, shown};

/// Most fields of one object of ours; no operation has as many. (Maps of configuration are not objects of ours.)
pub(super) const MAX_FIELDS: usize = 64;

/// The fields of an object as they stand in the line, in order.
pub(crate) type CapturedFields<'de> = Vec<(Cow<'de, str>, &'de str)>;

/// The fields of one object. Each is asked for by name; [`Fields::finish`] refuses what nobody asked for.
#[derive(Debug)]
pub(crate) struct Fields<'de, 'p> {
    captured: CapturedFields<'de>,
    asked: Vec<&'static str>,
    path: Path<'p>,
}

impl<'de, 'p> Fields<'de, 'p> {
    /// Checks captured fields for duplicates and depth.
    pub(crate) fn new(captured: CapturedFields<'de>, path: Path<'p>) -> Result<Self, Problem> {
        if captured.len() > MAX_FIELDS {
            return Err(Problem::at(&path, format!("more than {MAX_FIELDS} fields")));
        }
        for (i, (name, text)) in captured.iter().enumerate() {
            if captured[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::at(&path, format!("duplicate field {}", shown(name))));
            }
            // The object around the field is a level, too. Deeper objects are checked with the outermost.
            if matches!(path, Path::Root) && is_deeper_than(text, MAX_JSON_DEPTH - 1) {
                return Err(Problem::new(format!("{name}: nested deeper than {MAX_JSON_DEPTH} levels")));
            }
        }
        Ok(Self { captured, asked: Vec::with_capacity(16), path })
    }

    /// The fields of a whole line.
    pub(crate) fn of_line(line: &'de [u8]) -> Result<Self, Problem> {
        let line = line_text(line)?;
        let mut json = serde_json::Deserializer::from_str(line);
        let captured = json.deserialize_map(FieldsVisitor { limit: MAX_FIELDS });
        let captured = captured.and_then(|captured| json.end().map(|()| captured));
        Fields::new(captured.map_err(|error| not_json_line(line, &error))?, Path::Root)
    }

    /// A problem with the object.
    pub(crate) fn problem(&self, what: impl AsRef<str>) -> Problem {
        Problem::at(&self.path, what)
    }

    /// Whether the object has a field that nobody took yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.captured.iter().any(|(field, _)| field == name)
    }

    /// Takes the text of a field.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<&'de str> {
        self.asked.push(name);
        let at = self.captured.iter().position(|(field, _)| field == name)?;
        Some(self.captured.remove(at).1)
    }

    /// Reads a field; `null` counts as absent.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'de, '_>) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        match self.take(name) {
            None | Some("null") => Ok(None),
            Some(text) => read(Node { text, path: Path::Field(&self.path, name) }).map(Some),
        }
    }

    /// Reads a field that must be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'de, '_>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        match self.take(name) {
            None => Err(self.missing(name)),
            Some(text) => read(Node { text, path: Path::Field(&self.path, name) }),
        }
    }

    /// A field is missing; perhaps it is there under a misspelt name.
    pub(crate) fn missing(&self, name: &str) -> Problem {
        let hint = match near(name, self.captured.iter().map(|(field, _)| field.as_ref())) {
            Some(near) => format!("; did you mean it by {}?", shown(near)),
            None => String::new(),
        };
        self.problem(format!("missing field \"{name}\"{hint}"))
    }

    /// Reads a whole number that is not negative, if it is there.
    pub(crate) fn optional_count<T>(&mut self, name: &'static str) -> Result<Option<T>, Problem>
    where
        T: FromStr + PartialOrd + fmt::Display + Bounds,
    {
        self.optional(name, |node| node.count())
    }

    /// Reads `true` or `false`; absent is `false`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        Ok(self.optional(name, |node| node.bool())?.unwrap_or(false))
    }

    /// Refuses the first field that was not asked for, unless `what` has none such.
    pub(crate) fn finish(self, what: &str) -> Result<(), Problem> {
        match self.captured.first() {
            None => Ok(()),
            Some((name, _)) => Err(unknown_field(&self.path, what, name, &self.asked)),
        }
    }
}

/// Says that `name` is not a field of `what`, and what might have been meant.
pub(crate) fn unknown_field(path: &Path<'_>, what: &str, name: &str, known: &[&'static str]) -> Problem {
    let hint = match near(name, known.iter().copied()) {
        Some(near) => format!("; did you mean \"{near}\"?"),
        None => String::new(),
    };
    Problem::at(path, format!("unknown field {} in {what}{hint}", shown(name)))
}

/// Captures the fields of an object without reading their values; one more than `limit` at most.
pub(super) struct FieldsVisitor {
    pub(super) limit: usize,
}

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = CapturedFields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut captured = Vec::new();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let value: &'de RawValue = map.next_value()?;
            if captured.len() <= self.limit {
                captured.push((name, value.get()));
            }
        }
        Ok(captured)
    }
}

/// A field's name, borrowed if it has no escapes.
pub(crate) struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
