//! Whoever answers the requests of `clients/README.md`: a client program, or our own protocol.

use serde_json::Value;

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It went as asked.
    Done(Value),
    /// The client has nothing for that; why.
    Lacks(String),
    /// It failed; why.
    Failed(String),
}

impl Answer {
    /// What was asked for.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn done(self) -> Value {
        match self {
            Self::Done(value) => value,
            Self::Lacks(why) => panic!("it lacks that: {why}"),
            Self::Failed(why) => panic!("{why}"),
        }
    }
}

/// Somebody who can be asked.
pub trait Speaker {
    /// Asks, and waits for the answer.
    fn ask(&mut self, request: Value) -> Answer;
}
