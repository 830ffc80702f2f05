//! Topic names that could be mistaken for another.

use yak_model::TopicName;

use super::Image;

impl Image {
    /// An existing topic, not an internal one, whose name the given one most likely misspells.
    ///
    /// Short names and names that differ in nothing but digits (`t1`, `t2`) are never taken for misspelt.
    #[must_use]
    pub fn similar_topic(&self, name: &str) -> Option<&TopicName> {
        let farthest = match name.chars().count() {
            0..4 => return None,
            4..8 => 1,
            _ => 2,
        };
        self.topics
            .keys()
            .filter(|other| !other.is_internal() && other.as_str() != name)
            .filter(|other| other.as_str().len().abs_diff(name.len()) <= farthest)
            .filter(|other| !letters(other.as_str()).eq(letters(name)))
            .map(|other| (strsim::damerau_levenshtein(other.as_str(), name), other))
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, _)| *distance <= farthest)
            .map(|(_, other)| other)
    }

    /// An existing topic whose name Kafka's metrics could not tell from the given one: `.` and `_` are the same
    /// there, so `a.b` and `a_b` may not both exist.
    #[must_use]
    pub fn colliding_topic(&self, name: &TopicName) -> Option<&TopicName> {
        if !name.as_str().contains(['.', '_']) {
            return None;
        }
        let wanted = name.as_str();
        self.topics.keys().find(|other| {
            *other != name
                && other.as_str().len() == wanted.len()
                && other.as_str().bytes().map(folded).eq(wanted.bytes().map(folded))
        })
    }
}

fn folded(byte: u8) -> u8 {
    if byte == b'.' { b'_' } else { byte }
}

/// The name without its digits.
fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| !c.is_ascii_digit())
}
