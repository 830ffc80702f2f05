//! Topic names and partitions of topics.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::PartitionIndex;
use crate::limits::MAX_TOPIC_NAME_LEN;

/// A valid topic name: 1 to 249 of `a-z A-Z 0-9 . _ -`, not `.` or `..` (Kafka's rule). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a text is not a topic name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidTopicName {
    /// The empty text.
    #[error("a topic name must not be empty")]
    Empty,
    /// `.` or `..`, which are directories.
    #[error("a topic cannot be named \"{0}\"")]
    Dots(String),
    /// More than 249 characters, so that `<topic>-<partition>` stays a file name.
    #[error("a topic name has at most {MAX_TOPIC_NAME_LEN} characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the alphabet.
    #[error("topic name {name:?} contains {character:?}; allowed are a-z A-Z 0-9 . _ -")]
    Character {
        /// The name as given.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
}

impl TopicName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Internal topics (`__...` that YAK itself keeps) refuse produce requests of clients.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(self.as_str(), "__consumer_offsets" | "__transaction_state")
    }
}

impl FromStr for TopicName {
    type Err = InvalidTopicName;

    fn from_str(name: &str) -> Result<Self, InvalidTopicName> {
        if name.is_empty() {
            return Err(InvalidTopicName::Empty);
        }
        if name == "." || name == ".." {
            return Err(InvalidTopicName::Dots(name.to_owned()));
        }
        if name.len() > MAX_TOPIC_NAME_LEN {
            return Err(InvalidTopicName::TooLong(name.chars().count()));
        }
        match name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
            Some(character) => Err(InvalidTopicName::Character { name: name.to_owned(), character }),
            None => Ok(Self(name.into())),
        }
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One partition of a topic, printed as `orders-0`, which is also its directory's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition's number within it.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// A partition of a topic.
    #[must_use]
    pub const fn new(topic: TopicName, partition: PartitionIndex) -> Self {
        Self { topic, partition }
    }

    /// Reads a directory name back: everything before the last `-` is the topic. `None` if it is not one.
    #[must_use]
    pub fn from_dir_name(name: &str) -> Option<Self> {
        let (topic, partition) = name.rsplit_once('-')?;
        let canonical = partition == "0" || !partition.starts_with(['0', '+', '-']);
        let partition = partition.parse::<i32>().ok().filter(|p| canonical && *p >= 0)?;
        Some(Self::new(topic.parse().ok()?, PartitionIndex::new(partition)))
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rule() {
        for good in ["t", "orders", "a.b_c-d", "__consumer_offsets", &"x".repeat(249)] {
            assert_eq!(good.parse::<TopicName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a b", "ü", "a/b", "a\0", &"x".repeat(250)] {
            assert!(bad.parse::<TopicName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn directory_names_come_back() {
        let orders = TopicPartition::new("or-ders".parse().unwrap(), PartitionIndex::new(12));
        assert_eq!(TopicPartition::from_dir_name(&orders.to_string()), Some(orders));
        for not_one in ["orders", "orders-", "orders-x", "-1", "orders-01", "orders-+1", "orders--1x"] {
            assert_eq!(TopicPartition::from_dir_name(not_one), None, "{not_one}");
        }
    }
}
