//! What there is to know about one configuration key.

use thiserror::Error;

use super::ConfigKind;

/// One configuration key: a row of a table.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    /// Kafka's name where Kafka has the key.
    pub name: &'static str,
    /// How a value is read and checked.
    pub kind: ConfigKind,
    /// The value when nobody set one, as text that `kind` reads; empty where there is none.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub documentation: &'static str,
    /// Whether it does anything here.
    pub effect: Effect,
    /// Whether it can only be set before the start (of a broker) or at creation (of a topic).
    pub read_only: bool,
    /// For a key of a broker: the key of a topic whose default it is.
    pub topic_key: Option<&'static str>,
}

/// Whether a key does anything here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what its documentation says.
    Works,
    /// A key of Kafka that is accepted, so that files need no editing, and warned about: why it does nothing.
    None(&'static str),
}

impl ConfigKey {
    /// What to say, once, to whoever sets a key of Kafka that does nothing here.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        match self.effect {
            Effect::Works => None,
            Effect::None(reason) => Some(format!("{} has no effect: {reason}", self.name)),
        }
    }
}

/// A key that does not exist, or a value that does not fit it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{key}: {problem}")]
pub struct ConfigProblem {
    /// The key as given.
    pub key: String,
    /// What is wrong, as a sentence fragment that quotes the value.
    pub problem: String,
}

impl ConfigProblem {
    /// A problem with a key.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}
