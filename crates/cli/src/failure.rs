//! Why a tool failed: one line for a person, a code for a program, an exit code for a script.

use std::fmt;

use yak_client::ClientError;
use yak_model::ErrorCode;
use yak_model::api::Rejection;

/// How a tool ends, as the shell sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exit {
    /// 0: everything asked for was done.
    #[default]
    Done,
    /// 1: any item failed.
    Failed,
    /// 2: the command line made no sense; nothing was tried.
    Usage,
    /// 130: Ctrl-C before everything asked for was done.
    Interrupted,
    /// 143: SIGTERM before everything asked for was done.
    Terminated,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// A failure, ready to be shown: `error: <what>: <why>`, then perhaps `  hint: <what to do>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed, and why. One line, without `error: `.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Kafka's name for it.
    pub code: ErrorCode,
    /// Whether the same command may succeed later.
    pub retriable: bool,
    /// How the tool ends.
    pub exit: Exit,
}

impl Failure {
    /// A failure with exit code 1.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code, retriable: code.is_retriable(), exit: Exit::Failed }
    }

    /// A command line that makes no sense: exit code 2.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(ErrorCode::InvalidRequest, message) }
    }

    /// A file, pipe or terminal of this machine that cannot be read or written.
    #[must_use]
    pub fn local(what: impl fmt::Display, why: &std::io::Error) -> Self {
        Self { retriable: false, ..Self::new(ErrorCode::UnknownServerError, format!("{what}: {why}")) }
    }

    /// What a broker refused. The message names what was asked for; the code stands behind it.
    #[must_use]
    pub fn rejected(rejection: &Rejection) -> Self {
        Self::new(rejection.code, rejection.to_string())
    }

    /// A signal came before anything asked for was done.
    #[must_use]
    pub fn interrupted(exit: Exit) -> Self {
        Self { exit, retriable: true, ..Self::new(ErrorCode::UnknownServerError, "interrupted") }
    }

    /// The same about one place of the input: `line 17: ...`.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The same, telling what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with a hint if there is one to give.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = if matches!(error, ClientError::Usage(_)) { Exit::Usage } else { Exit::Failed };
        Self {
            message: error.to_string(),
            hint: error.hint(),
            code: error.code(),
            retriable: error.is_retriable(),
            exit,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Interrupted, Exit::Terminated];
        assert_eq!(codes.map(Exit::code), [0, 1, 2, 130, 143]);
    }

    #[test]
    fn a_rejection_shows_its_code_behind_its_message() {
        let refused = Rejection::new(ErrorCode::TopicAlreadyExists, "topic 'orders' already exists");
        let failure = Failure::rejected(&refused);
        assert_eq!(failure.message, "topic 'orders' already exists (TOPIC_ALREADY_EXISTS)");
        assert_eq!((failure.exit, failure.retriable), (Exit::Failed, false));
    }
}
