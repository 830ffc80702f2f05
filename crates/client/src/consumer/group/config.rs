//! What a member asks of its group.

use std::time::Duration;

use yak_model::{GroupId, InstanceId, TopicName};

use crate::Stop;

/// Where a member begins to read a partition of which its group has committed nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupStart {
    /// At the first record still there.
    Earliest,
    /// At the end: only what is sent from then on. (Partitions that a topic gets later are read from their beginning.)
    #[default]
    Latest,
    /// Nowhere: [`crate::ClientError::NoCommittedOffset`].
    Fail,
}

/// As whom, for what and how a consumer joins a group.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// The group.
    pub group: GroupId,
    /// The topics that it wants, by name. Missing ones are created, if the consumer's configuration and the cluster allow
    /// it.
    pub topics: Vec<TopicName>,
    /// The topics that it wants, by a regular expression (RE2 syntax) that names match whole. New topics join in.
    pub include: Option<String>,
    /// Its name over restarts, of a static member: for a session's time its partitions wait for its return (KIP-345).
    pub instance: Option<InstanceId>,
    /// Who is to assign: `uniform` (also without a name) or `range`.
    pub assignor: Option<String>,
    /// How long it may take to give partitions up before it counts as gone. Default 5 minutes.
    pub rebalance_timeout: Duration,
    /// Where to begin without a committed offset. What it begins at is committed at once, so that a restart goes on there.
    pub start: GroupStart,
    /// Where each partition stops: never, or at its end as it stands when it is assigned.
    pub stop: Stop,
    /// How often to commit what the owner has taken, which is also done when partitions are given up and at the end.
    /// Default every 5 s; `None`: the owner commits.
    pub auto_commit: Option<Duration>,
}

impl GroupConfig {
    /// A member that wants these topics, with defaults for the rest.
    #[must_use]
    pub fn new(group: GroupId, topics: Vec<TopicName>) -> Self {
        Self {
            group,
            topics,
            include: None,
            instance: None,
            assignor: None,
            rebalance_timeout: Duration::from_secs(300),
            start: GroupStart::Latest,
            stop: Stop::Never,
            auto_commit: Some(Duration::from_secs(5)),
        }
    }
}
