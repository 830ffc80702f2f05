//! Captured JSON, read as what an operation expects, with errors that name the path.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use yak_model::limits::{MAX_ENTRIES_PER_REQUEST, MAX_LABEL_LEN};
use yak_model::{ErrorCode, TopicName};

use super::fields::{CapturedFields, Fields, FieldsVisitor, MAX_FIELDS};
use super::{Path, Problem, not_json, shown, unexpected};

/// A JSON text that is known to be valid, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'de, 'p> {
    pub(crate) text: &'de str,
    pub(crate) path: Path<'p>,
}

impl<'de, 'p> Node<'de, 'p> {
    /// A problem with this value.
    pub(crate) fn problem(&self, what: impl AsRef<str>) -> Problem {
        Problem::at(&self.path, what)
    }

    /// Something else stands here.
    pub(crate) fn expected(&self, what: &str) -> Problem {
        self.problem(unexpected(what, self.text))
    }

    pub(crate) fn is_null(&self) -> bool {
        self.text == "null"
    }

    pub(crate) fn is_string(&self) -> bool {
        self.text.starts_with('"')
    }

    pub(crate) fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    /// A string, borrowed if it has no escapes.
    pub(crate) fn string(&self) -> Result<Cow<'de, str>, Problem> {
        self.string_or("a string")
    }

    /// A string, where one of several shapes is `expected`.
    pub(crate) fn string_or(&self, expected: &str) -> Result<Cow<'de, str>, Problem> {
        let inside = self.text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        match inside {
            None => Err(self.expected(expected)),
            Some(inside) if !inside.contains('\\') => Ok(Cow::Borrowed(inside)),
            Some(_) => serde_json::from_str::<String>(self.text)
                .map(Cow::Owned)
                .map_err(|error| self.problem(not_json(&error).message)),
        }
    }

    /// A string of at most [`MAX_LABEL_LEN`] bytes.
    pub(crate) fn label(&self) -> Result<String, Problem> {
        let text = self.string()?;
        if text.len() > MAX_LABEL_LEN {
            return Err(self.problem(format!("longer than {MAX_LABEL_LEN} bytes")));
        }
        Ok(text.into_owned())
    }

    /// One of several words.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Problem> {
        let text = self.string_or(&alternatives(words))?;
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(*meaning),
            None => Err(self.problem(format!("expected {}, found {}", alternatives(words), shown(&text)))),
        }
    }

    pub(crate) fn bool(&self) -> Result<bool, Problem> {
        match self.text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// A whole number within the bounds of its type, or tighter ones.
    pub(crate) fn number<T>(&self, min: T, max: T) -> Result<T, Problem>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        match self.text.parse::<T>() {
            Ok(number) if number >= min && number <= max => Ok(number),
            _ => Err(self.expected(&format!("a whole number from {min} to {max}"))),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn count<T>(&self) -> Result<T, Problem>
    where
        T: FromStr + PartialOrd + fmt::Display + Bounds,
    {
        self.number(T::ZERO, T::MAX)
    }

    /// A text that something else knows how to read.
    pub(crate) fn parsed<T>(&self) -> Result<T, Problem>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.string()?.parse().map_err(|error: T::Err| self.problem(error.to_string()))
    }

    pub(crate) fn topic(&self) -> Result<TopicName, Problem> {
        self.string()?.parse().map_err(|error| {
            Problem::with_code(ErrorCode::InvalidTopicException, format!("{}{error}", self.path.prefix()))
        })
    }

    /// An array of at most [`MAX_ENTRIES_PER_REQUEST`] elements.
    pub(crate) fn array<T>(
        &self,
        read: impl FnMut(Node<'de, '_>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        self.long_array(MAX_ENTRIES_PER_REQUEST, read)
    }

    /// An array of at most `limit` elements.
    pub(crate) fn long_array<T>(
        &self,
        limit: usize,
        mut read: impl FnMut(Node<'de, '_>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        if !self.text.starts_with('[') {
            return Err(self.expected("an array"));
        }
        let elements = self.captured(ElementsVisitor { limit })?;
        if elements.len() > limit {
            return Err(self.problem(format!("more than {limit} elements")));
        }
        let element = |(index, text)| read(Node { text, path: Path::Index(&self.path, index) });
        elements.into_iter().enumerate().map(element).collect()
    }

    /// An object with fields that an operation names.
    pub(crate) fn fields(&self) -> Result<Fields<'de, 'p>, Problem> {
        let captured = self.captured_fields("an object", MAX_FIELDS)?;
        Fields::new(captured, self.path)
    }

    /// An object whose names are data.
    pub(crate) fn map<T>(
        &self,
        mut read: impl FnMut(&str, Node<'de, '_>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let mut captured = self.captured_fields("an object", MAX_ENTRIES_PER_REQUEST)?;
        let in_order = captured.clone();
        captured.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = captured.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(self.problem(format!("duplicate key {}", shown(&twice[0].0))));
        }
        let entry = |(name, text): (Cow<'de, str>, &'de str)| {
            read(&name, Node { text, path: Path::Field(&self.path, &name) })
        };
        in_order.into_iter().map(entry).collect()
    }

    fn captured_fields(&self, expected: &str, limit: usize) -> Result<CapturedFields<'de>, Problem> {
        if !self.is_object() {
            return Err(self.expected(expected));
        }
        let captured = self.captured(FieldsVisitor { limit })?;
        if captured.len() > limit {
            return Err(self.problem(format!("more than {limit} fields")));
        }
        Ok(captured)
    }

    fn captured<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Problem> {
        let mut json = serde_json::Deserializer::from_str(self.text);
        json.deserialize_any(visitor).map_err(|error| self.problem(not_json(&error).message))
    }
}

fn alternatives<T>(words: &[(&str, T)]) -> String {
    let mut text = String::new();
    for (i, (word, _)) in words.iter().enumerate() {
        text.push_str(match i {
            0 => "",
            _ if i + 1 == words.len() => " or ",
            _ => ", ",
        });
        text.push('"');
        text.push_str(word);
        text.push('"');
    }
    text
}

/// Zero and the largest value of a number type.
pub(crate) trait Bounds {
    const ZERO: Self;
    const MAX: Self;
}

macro_rules! bounds {
    ($($type:ty)*) => { $(impl Bounds for $type { const ZERO: Self = 0; const MAX: Self = <$type>::MAX; })* };
}

bounds!(i16 i32 i64 u16 u32 u64);

struct ElementsVisitor {
    limit: usize,
}

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut captured = Vec::new();
        while let Some(element) = elements.next_element::<&'de RawValue>()? {
            if captured.len() <= self.limit {
                captured.push(element.get());
            }
        }
        Ok(captured)
    }
}
