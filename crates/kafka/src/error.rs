//! Why bytes are not the message they should be: which field, and what is wrong with it.

use std::fmt;

use thiserror::Error;

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The frame ends within the field.
    #[error("needs {needed} bytes, {remaining} remain")]
    Truncated {
        /// Bytes that the field should have.
        needed: usize,
        /// Bytes that are left in the frame, or in the tagged field around it.
        remaining: usize,
    },
    /// A length or count below -1.
    #[error("has the length {0}")]
    NegativeLength(i32),
    /// More elements than the bytes that remain can hold.
    #[error("has {count} elements, but only {remaining} bytes remain")]
    CountBeyondFrame {
        /// Elements announced.
        count: usize,
        /// Bytes that are left.
        remaining: usize,
    },
    /// With this array the message has more elements than [`crate::MAX_ELEMENTS`].
    #[error("has {0} elements, which is more than one message may have")]
    TooManyElements(usize),
    /// A string over [`crate::MAX_STRING_LEN`] bytes.
    #[error("is a string of {0} bytes, which is too long")]
    StringTooLong(usize),
    /// A string that is not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// Null where the version does not allow it.
    #[error("is null, which this version does not allow")]
    Null,
    /// A varint of more than five bytes, or above 32 bits.
    #[error("is a varint of more than 32 bits")]
    VarintTooLong,
    /// A tagged section of more fields than [`crate::MAX_TAGGED_FIELDS`].
    #[error("has {0} tagged fields")]
    TooManyTaggedFields(u32),
    /// A tagged field is longer than what it holds.
    #[error("ends {0} bytes before its tagged field does")]
    TaggedFieldTooLong(usize),
    /// The message has no such version.
    #[error("has no version {0}")]
    UnknownVersion(i16),
}

/// Bytes that are not the message they should be.
///
/// It prints like `topics[2].partitions[0].records: needs 80 bytes, 12 remain`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct DecodeError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    problem: Problem,
    /// From the inside out: it grows while the error travels up.
    path: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Field(&'static str),
    Element(usize),
}

impl DecodeError {
    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> Problem {
        self.0.problem
    }

    /// Where, such as `topics[2].name`; empty when it is the whole message.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in self.0.path.iter().rev() {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => path.extend([".", name]),
                Step::Element(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }

    /// The same error, seen from the struct that has the field.
    #[cold]
    pub(crate) fn in_field(mut self, name: &'static str) -> Self {
        self.0.path.push(Step::Field(name));
        self
    }

    /// The same error, seen from the array that has the element.
    #[cold]
    pub(crate) fn in_element(mut self, index: usize) -> Self {
        self.0.path.push(Step::Element(index));
        self
    }
}

impl From<Problem> for DecodeError {
    #[cold]
    fn from(problem: Problem) -> Self {
        Self(Box::new(Inner { problem, path: Vec::new() }))
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        let path = if path.is_empty() { "the message" } else { &path };
        write!(f, "{path}: {}", self.0.problem)
    }
}
