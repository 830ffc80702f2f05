//! How a zookeeper ended.

use std::sync::Arc;

use crate::JournalError;

/// How a zookeeper's thread ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// It was asked to, or nobody had a handle any more.
    InOrder,
    /// The disk failed: the process must end and start again.
    Failed(Arc<JournalError>),
    /// A zookeeper elsewhere does not go on with this broker, for the reason given: the process must end.
    Session(Arc<str>),
    /// It broke one of its own invariants: the process must end.
    Panicked,
}

impl Ended {
    /// Whether it ended as it should.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        matches!(self, Self::InOrder)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InOrder => f.write_str("the zookeeper has stopped"),
            Self::Failed(error) => write!(f, "the zookeeper has failed: {error}"),
            Self::Session(reason) => f.write_str(reason),
            Self::Panicked => f.write_str("the zookeeper has stopped at a bug of its own"),
        }
    }
}
