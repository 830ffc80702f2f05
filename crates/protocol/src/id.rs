//! The id of a request, which comes back with its reply.

use std::fmt;

use yak_model::limits::MAX_LABEL_LEN;

use crate::json::{Node, Problem};

/// A request's `id` as it stood in the line: the text of a JSON number or string, echoed verbatim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// The id of a library that numbers its requests.
    #[must_use]
    pub fn number(id: u64) -> Self {
        Self(itoa::Buffer::new().format(id).into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The number, if it is one that a library gave.
    #[must_use]
    pub fn as_number(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    pub(crate) fn read(node: Node<'_, '_>) -> Result<Self, Problem> {
        let is_number = node.text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        if !is_number && !node.is_string() {
            return Err(node.expected("a number or a string"));
        }
        if node.text.len() > MAX_LABEL_LEN {
            return Err(node.problem(format!("longer than {MAX_LABEL_LEN} bytes")));
        }
        Ok(Self(node.text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
