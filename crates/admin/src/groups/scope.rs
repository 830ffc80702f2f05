//! `--topic t`, `--topic t:0,1`: which partitions.

use yak_cli::parse;
use yak_model::{PartitionIndex, TopicName};

/// A topic, or some of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) topic: TopicName,
    /// `None`: all.
    pub(crate) partitions: Option<Vec<PartitionIndex>>,
}

impl Scope {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((topic, numbers)) = text.split_once(':') else {
            return Ok(Self { topic: parse::topic(text)?, partitions: None });
        };
        let partitions = numbers.split(',').map(parse::partition).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { topic: parse::topic(topic)?, partitions: Some(partitions) })
    }

    pub(crate) fn contains(&self, topic: &TopicName, partition: PartitionIndex) -> bool {
        let is_one = |partitions: &Vec<PartitionIndex>| partitions.contains(&partition);
        self.topic == *topic && self.partitions.as_ref().is_none_or(is_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_follow_a_colon() {
        let scope = Scope::parse("orders:0,2").unwrap();
        let topic = "orders".parse().unwrap();
        assert!(scope.contains(&topic, 2.into()) && !scope.contains(&topic, 1.into()));
        assert!(Scope::parse("orders").unwrap().contains(&topic, 7.into()));
        for text in ["a b", "orders:", "orders:x", "orders:-1", ":0"] {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
    }
}
