//! Topics that members want by a regular expression.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};
use yak_model::api::Rejection;
use yak_model::{ErrorCode, TopicName};

use super::topics::Topics;

/// Longest expression, in bytes.
pub const MAX_PATTERN_BYTES: usize = 4_096;
/// Most expressions of one group. Members of a group want the same topics, as a rule; each expression is compiled anew
/// when topics change.
pub const MAX_PATTERNS: usize = 32;
/// Most memory that a compiled expression may take, in bytes.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;

/// The expressions of a group's members and the topics whose whole names match them, of which internal ones are none.
/// Compiled they are only while they are resolved: that takes a hundred times the memory of the text.
#[derive(Debug, Default)]
pub(super) struct Patterns(BTreeMap<String, BTreeSet<TopicName>>);

impl Patterns {
    /// Makes an expression known.
    ///
    /// # Errors
    ///
    /// `INVALID_REGULAR_EXPRESSION`: it is not one, or too large, or the group has too many.
    pub(super) fn learn(&mut self, text: &str, topics: &Topics) -> Result<(), Rejection> {
        if self.0.contains_key(text) {
            return Ok(());
        }
        if self.0.len() >= MAX_PATTERNS {
            let message = format!("a group has at most {MAX_PATTERNS} regular expressions, and this one has");
            return Err(Rejection::new(ErrorCode::InvalidRegularExpression, message));
        }
        self.0.insert(text.to_owned(), matching(&compile(text)?, topics));
        Ok(())
    }

    /// Forgets the expressions that nobody uses any more.
    pub(super) fn retain(&mut self, is_used: impl Fn(&str) -> bool) {
        self.0.retain(|text, _| is_used(text));
    }

    /// The topics have changed.
    pub(super) fn resolve(&mut self, topics: &Topics) {
        for (text, matched) in &mut self.0 {
            *matched = whole_names(text).map(|regex| matching(&regex, topics)).unwrap_or_default();
        }
    }

    /// The topics that match an expression.
    pub(super) fn matched(&self, text: &str) -> impl Iterator<Item = &TopicName> {
        self.0.get(text).into_iter().flatten()
    }

    /// About how many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(text, matched)| text.len() + matched.len() * size_of::<TopicName>()).sum()
    }

    /// Whether a topic matches an expression.
    pub(super) fn matches(&self, text: &str, topic: &TopicName) -> bool {
        self.0.get(text).is_some_and(|matched| matched.contains(topic))
    }
}

/// An expression that only whole names match. It is compiled as it was given first: `a)(b` is none, though it would be
/// within parentheses.
fn compile(text: &str) -> Result<Regex, Rejection> {
    let invalid = |why: String| {
        let message = format!("\"{text}\" is no regular expression (RE2 syntax): {why}");
        Rejection::new(ErrorCode::InvalidRegularExpression, message)
    };
    if text.len() > MAX_PATTERN_BYTES {
        let message =
            format!("a regular expression has at most {MAX_PATTERN_BYTES} bytes, not {}", text.len());
        return Err(Rejection::new(ErrorCode::InvalidRegularExpression, message));
    }
    build(text).and_then(|_| whole_names(text)).map_err(|error| invalid(error.to_string()))
}

fn whole_names(text: &str) -> Result<Regex, regex::Error> {
    build(&format!(r"\A(?:{text})\z"))
}

fn build(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).build()
}

fn matching(regex: &Regex, topics: &Topics) -> BTreeSet<TopicName> {
    let names = topics.iter().map(|(name, _)| name);
    names.filter(|name| !name.is_internal() && regex.is_match(name.as_str())).cloned().collect()
}
