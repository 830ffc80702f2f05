//! An answer that is there at once, or later.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use yak_model::api::{Rejection, Reply};

/// What an operation comes to.
pub(crate) type Outcome<T> = Result<Reply<T>, Rejection>;

/// The outcome of an operation. The common case of a hot operation is [`Answer::Now`]: no future, no
/// allocation, no task.
pub(crate) enum Answer<T> {
    /// It is done.
    Now(Outcome<T>),
    /// It waits for a sync, a replica, or records.
    Later(Pin<Box<dyn Future<Output = Outcome<T>> + Send>>),
}

impl<T> Answer<T> {
    /// An outcome that is there.
    pub(crate) fn ok(body: T) -> Self {
        Self::Now(Ok(Reply::new(body)))
    }

    /// An outcome that comes later.
    pub(crate) fn later(outcome: impl Future<Output = Outcome<T>> + Send + 'static) -> Self {
        Self::Later(Box::pin(outcome))
    }
}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(outcome) => f.debug_tuple("Now").field(outcome).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}
