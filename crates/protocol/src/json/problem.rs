//! What is wrong with a message, in words that name the place, what was expected and what stands there.

use yak_model::ErrorCode;
use yak_model::api::Rejection;
use yak_model::config::nearest;

use super::Path;

/// Most characters of a peer's own text repeated in an error message.
const MAX_SHOWN: usize = 60;

/// Why a message, or a part of it, cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Problem {
    /// A malformed message.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::with_code(ErrorCode::InvalidRequest, message)
    }

    /// Something for which Kafka has a code of its own.
    pub(crate) fn with_code(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Something wrong at `path`.
    pub(crate) fn at(path: &Path<'_>, what: impl AsRef<str>) -> Self {
        Self::new(path.prefix() + what.as_ref())
    }
}

impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code, problem.message)
    }
}

/// A peer's text, quoted and bounded, for an error message.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// The candidate that `name` most likely misspells. A long name is no slip, and comparing it would cost.
pub(crate) fn near<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates = candidates.into_iter().filter(|candidate| candidate.len() <= MAX_SHOWN);
    if name.len() <= MAX_SHOWN { nearest(name, candidates) } else { None }
}

/// What stands where `expected` should: `expected a string, found the number 7`. `found` is JSON.
pub(crate) fn unexpected(expected: &str, found: &str) -> String {
    let (kind, text) = match found.as_bytes().first() {
        Some(b'{') => ("an object", ""),
        Some(b'[') => ("an array", ""),
        Some(b't') => ("true", ""),
        Some(b'f') => ("false", ""),
        Some(b'n') => ("null", ""),
        Some(b'"') => ("", found),
        _ => ("the number ", found),
    };
    let (text, ellipsis) = match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => (&text[..end], "..."),
        None => (text, ""),
    };
    format!("expected {expected}, found {kind}{text}{ellipsis}")
}

/// A `serde_json` error about the syntax of a line, with the column (there is one line only).
pub(crate) fn not_json(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(&*text, |(what, _place)| what);
    Problem::new(format!("not JSON: {what} at column {}", error.column()))
}

/// The text of a line.
pub(crate) fn line_text(line: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(line).map_err(|error| {
        let at = error.valid_up_to();
        Problem::new(format!(
            "not UTF-8: byte 0x{:02x} at column {}; bytes that are not text travel as value_base64 or key_base64",
            line[at],
            at + 1
        ))
    })
}

/// Why a whole line is not an object.
pub(crate) fn not_json_line(line: &str, error: &serde_json::Error) -> Problem {
    let text = line.trim_ascii();
    if text.is_empty() {
        return Problem::new("empty line: a request is one JSON object, for example {\"op\":\"metadata\"}");
    }
    if error.is_data() && !text.starts_with('{') {
        return Problem::new(unexpected("an object", text));
    }
    not_json(error)
}
