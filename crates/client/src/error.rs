//! Everything that can go wrong for a client, each with its address, topic or partition.

use std::time::Duration;

use thiserror::Error;
use yak_model::api::Rejection;
use yak_model::{BrokerId, ErrorCode, GroupId, PartitionIndex, TopicName, TopicPartition};

use crate::Address;
use crate::connection::DOES_NOT_RESOLVE;

/// Why a client did not get what it asked for. Printed, it is one line: what, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// None of the brokers to begin with answered.
    #[error("no broker answered at {addresses}: {why}")]
    NoBroker {
        /// The addresses tried, separated by commas.
        addresses: String,
        /// Why, of the last one that said something.
        why: String,
    },
    /// A broker answered, but where brokers are, as it says, they cannot be reached from here.
    #[error(
        "connected to {bootstrap}, which says that broker {broker_id} is at \"{advertised}\", but that {why}"
    )]
    AdvertisedAddress {
        /// The address that answered.
        bootstrap: Address,
        /// The broker wanted.
        broker_id: BrokerId,
        /// Where it is said to be.
        advertised: Address,
        /// `does not resolve from here`, `cannot be reached from here: ...` or `is in another cluster`.
        why: String,
        /// Whether it was found elsewhere all the same: it is the very broker that answers at `bootstrap`, or another
        /// cluster's is where it should be.
        is_mapped: bool,
    },
    /// A connection ended, or could not be made, in the middle of things.
    #[error("connection to {address}: {why}")]
    Connection {
        /// The broker.
        address: Address,
        /// Why.
        why: String,
    },
    /// A request got no answer in time.
    #[error("{address} did not answer {operation} within {} ms", timeout.as_millis())]
    NoAnswer {
        /// The broker.
        address: Address,
        /// What was asked.
        operation: &'static str,
        /// How long it had.
        timeout: Duration,
    },
    /// What came back is not an answer of YAK's protocol.
    #[error("{address} does not answer as a YAK broker: {why}")]
    Protocol {
        /// The broker.
        address: Address,
        /// What is wrong with its line.
        why: String,
    },
    /// The topic does not exist (and was not created).
    #[error("topic '{topic}' does not exist")]
    UnknownTopic {
        /// The topic.
        topic: TopicName,
        /// A topic with nearly the same name.
        similar: Option<TopicName>,
    },
    /// The topic has fewer partitions.
    #[error("topic '{topic}' has no partition {partition}; it has {count}, numbered from 0")]
    UnknownPartition {
        /// The topic.
        topic: TopicName,
        /// The partition asked for.
        partition: PartitionIndex,
        /// How many it has.
        count: i32,
    },
    /// Nobody leads the partition, and nobody began to in time.
    #[error("{partition} has no leader")]
    NoLeader {
        /// The partition.
        partition: TopicPartition,
    },
    /// A broker refused.
    #[error("{0}")]
    Rejected(Rejection),
    /// One record is larger than its topic accepts. Nothing of it was sent.
    #[error("the record needs {size} bytes in a batch, topic '{topic}' accepts {limit} (max.message.bytes)")]
    RecordTooLarge {
        /// The topic.
        topic: TopicName,
        /// What it would need.
        size: usize,
        /// What the topic accepts.
        limit: usize,
    },
    /// Records waited longer than `delivery.timeout.ms`.
    #[error("not acknowledged within {} ms: {last}", timeout.as_millis())]
    DeliveryTimeout {
        /// How long they had.
        timeout: Duration,
        /// What stood in the way last.
        last: String,
    },
    /// The wanted offset is not in the partition.
    #[error("offset {offset} of {partition} is out of range")]
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The offset wanted.
        offset: yak_model::Offset,
    },
    /// A group has committed nothing of a partition, and its configuration says that reading begins nowhere then.
    #[error("group '{group}' has committed no offset of {partition}")]
    NoCommittedOffset {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
    },
    /// A configuration that contradicts itself, or a use that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The producer or consumer has been closed, or its task ended.
    #[error("the client is closed")]
    Closed,
}

impl ClientError {
    /// Kafka's name for it.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoBroker { .. } | Self::AdvertisedAddress { .. } | Self::Connection { .. } => {
                ErrorCode::NetworkException
            }
            Self::NoAnswer { .. } | Self::DeliveryTimeout { .. } => ErrorCode::RequestTimedOut,
            Self::Protocol { .. } => ErrorCode::UnsupportedVersion,
            Self::UnknownTopic { .. } | Self::UnknownPartition { .. } => ErrorCode::UnknownTopicOrPartition,
            Self::NoLeader { .. } => ErrorCode::LeaderNotAvailable,
            Self::Rejected(rejection) => rejection.code,
            Self::RecordTooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::OffsetOutOfRange { .. } | Self::NoCommittedOffset { .. } => ErrorCode::OffsetOutOfRange,
            Self::Usage(_) => ErrorCode::InvalidRequest,
            Self::Closed => ErrorCode::UnknownServerError,
        }
    }

    /// Whether the same may succeed later, or elsewhere.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::UnknownTopic { .. } | Self::UnknownPartition { .. } => false,
            _ => self.code().is_retriable(),
        }
    }

    /// What to do next, where there is something sensible to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoBroker { .. } => {
                Some("start one with `yak-broker --standalone`, or pass --bootstrap-server".to_owned())
            }
            Self::AdvertisedAddress { broker_id, why, is_mapped, .. } => {
                let when = match why.as_str() {
                    DOES_NOT_RESOLVE => "",
                    _ if *is_mapped => "behind a port mapping, ",
                    _ => "if it runs, ",
                };
                Some(format!(
                    "{when}set advertised.listeners on broker {broker_id} to an address this machine can reach"
                ))
            }
            Self::UnknownTopic { topic, similar } => {
                let create = format!("create it with `yak-topics --create --topic {topic} --partitions 3`");
                Some(match similar {
                    Some(similar) => format!("did you mean '{similar}'? {create}"),
                    None => create,
                })
            }
            Self::UnknownPartition { topic, .. } => {
                Some(format!("see its partitions with `yak-topics --describe --topic {topic}`"))
            }
            Self::NoLeader { partition } => Some(format!(
                "see who is alive with `yak-status`, and `yak-topics --describe --topic {}`",
                partition.topic
            )),
            Self::RecordTooLarge { topic, .. } => {
                Some(format!("split the record, or raise max.message.bytes of topic '{topic}'"))
            }
            Self::OffsetOutOfRange { partition, .. } => Some(format!(
                "see where it begins and ends with `yak-topics --describe --topic {}`",
                partition.topic
            )),
            Self::NoCommittedOffset { group, partition } => Some(format!(
                "begin with `yak-groups --group {group} --reset-offsets --to-earliest --topic {} --execute`",
                partition.topic
            )),
            Self::Protocol { .. } => {
                Some("check that the port belongs to a YAK broker of a compatible version".to_owned())
            }
            _ => None,
        }
    }
}

impl From<Rejection> for ClientError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}
