//! What is common to the records of a line: what they may have, where the reader is, and why it stopped.

use serde::de::Error;
use yak_model::ErrorCode;

use super::field::FieldSet;
use crate::json::{Problem, not_json, unexpected};

/// Why reading stopped, when it is not the JSON itself that is wrong.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What is wrong.
    Problem(Problem),
    /// A value is JSON other than a string: read again, capturing values.
    CaptureValues,
}

/// Where the reader is, for error messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Number of the record in its array, if it is in one.
    pub(crate) record: Option<usize>,
    /// The field being read, if any.
    pub(crate) field: &'static str,
    pub(super) header: Option<usize>,
}

/// What is common to all records of a line.
#[derive(Debug)]
pub(crate) struct RecordReader<'s> {
    /// Fields a record may have.
    pub(crate) allowed: FieldSet,
    /// Whether fields that we do not know are skipped: a server may be newer than its client.
    pub(crate) skips_unknown: bool,
    /// Whether values are captured as they stand, because at least one is JSON other than a string.
    pub(crate) captures_values: bool,
    /// Texts that could not be borrowed.
    pub(crate) scratch: &'s mut Vec<u8>,
    pub(crate) place: Place,
    pub(crate) stop: Option<Stop>,
}

impl<'s> RecordReader<'s> {
    pub(crate) const fn new(allowed: FieldSet, scratch: &'s mut Vec<u8>) -> Self {
        let place = Place { record: None, field: "", header: None };
        Self { allowed, skips_unknown: false, captures_values: false, scratch, place, stop: None }
    }

    /// Stops with a problem at the present place.
    #[cold]
    pub(crate) fn fail<E: Error>(&mut self, what: impl AsRef<str>) -> E {
        self.fail_with(ErrorCode::InvalidRequest, what)
    }

    #[cold]
    pub(crate) fn fail_with<E: Error>(&mut self, code: ErrorCode, what: impl AsRef<str>) -> E {
        let message = self.place_prefix() + what.as_ref();
        self.stop_with(Stop::Problem(Problem::with_code(code, message)))
    }

    #[cold]
    pub(crate) fn stop_with<E: Error>(&mut self, stop: Stop) -> E {
        self.stop = Some(stop);
        E::custom("stopped")
    }

    fn place_prefix(&self) -> String {
        let Place { record, field, header } = self.place;
        let record = record.map(|index| format!("records[{index}]"));
        let header = header.map(|index| format!("headers[{index}]"));
        let field = Some(field.to_owned()).filter(|field| !field.is_empty());
        let parts: Vec<_> = [record, header, field].into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { parts.join(".") + ": " }
    }

    /// What to tell the peer about an error of `serde_json`, or why we stopped.
    pub(crate) fn problem(&mut self, error: &serde_json::Error) -> Result<Problem, CaptureValues> {
        match self.stop.take() {
            Some(Stop::Problem(problem)) => Ok(problem),
            Some(Stop::CaptureValues) => Err(CaptureValues),
            None if error.is_data() => Ok(Problem::new(self.place_prefix() + &data_error(error))),
            None => Ok(not_json(error)),
        }
    }
}

/// Not a problem: the line must be read again with `captures_values`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaptureValues;

/// `invalid type: X, expected Y at line 1 column 9` in our words.
pub(super) fn data_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(&*text, |(what, _place)| what);
    let parts = text.split_once(": ").and_then(|(_, rest)| rest.rsplit_once(", expected "));
    let Some((found, expected)) = parts else { return text.to_owned() };
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    let found = match kind {
        "string" => value,
        "map" => "{",
        "sequence" => "[",
        "null" => "null",
        _ => found.split('`').nth(1).unwrap_or(found),
    };
    unexpected(expected, found)
}
