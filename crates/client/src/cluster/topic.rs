//! Topics as a client sees them.

use std::sync::Arc;

use tokio::time::{Instant, sleep};
use yak_model::api::{Metadata, PartitionMetadata, Rejection, TopicMetadata};
use yak_model::config::nearest;
use yak_model::{BrokerId, ErrorCode, LeaderEpoch, PartitionIndex, TopicId, TopicName};

use super::{Backoff, Cluster};
use crate::ClientError;

/// What to do about a topic that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Have it created, if the cluster allows it.
    Create,
    /// Fail.
    Fail,
}

/// A topic that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: TopicName,
    /// Names it for ever.
    pub topic_id: TopicId,
    /// Looking it up created it.
    pub created: bool,
    /// An older topic with nearly the same name, if looking it up created one.
    pub similar: Option<TopicName>,
    /// Its partitions, by number, with leaders as last heard.
    pub partitions: Vec<PartitionMetadata>,
}

impl TopicInfo {
    /// From metadata; where an earlier answer knows a later leader, that one stays.
    pub(super) fn new(topic: &TopicMetadata, known: Option<&Self>) -> Self {
        let known = known.filter(|known| known.topic_id == topic.topic_id);
        let mut partitions = topic.partitions.clone();
        for partition in &mut partitions {
            let earlier = known.and_then(|known| known.partition(partition.partition));
            if let Some(earlier) = earlier.filter(|earlier| earlier.leader_epoch > partition.leader_epoch) {
                partition.clone_from(earlier);
            }
        }
        Self {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            created: topic.created,
            similar: topic.similar.clone(),
            partitions,
        }
    }

    /// How many partitions it has.
    ///
    /// # Panics
    /// Never: no topic has 2^31 partitions.
    #[must_use]
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).expect("a topic has at most 10,000 partitions")
    }

    /// How many replicas its partitions have.
    #[must_use]
    pub fn replication_factor(&self) -> usize {
        self.partitions.first().map_or(0, |partition| partition.replicas.len())
    }

    /// A partition by its number.
    #[must_use]
    pub fn partition(&self, partition: PartitionIndex) -> Option<&PartitionMetadata> {
        let at = usize::try_from(partition.get()).ok()?;
        self.partitions.get(at).filter(|found| found.partition == partition)
    }

    pub(super) fn set_leader(&mut self, partition: PartitionIndex, leader: BrokerId, epoch: LeaderEpoch) {
        if let Some(found) = self.partitions.iter_mut().find(|found| found.partition == partition) {
            found.leader = Some(leader);
            found.leader_epoch = epoch;
        }
    }

    fn has_leader(&self) -> bool {
        self.partitions.iter().any(|partition| partition.leader.is_some())
    }
}

impl Cluster {
    /// Looks a topic up, waiting (up to the request timeout) until at least one partition has a leader.
    ///
    /// # Errors
    /// [`ClientError::UnknownTopic`] if it does not exist and was not to be created, or the cluster does not
    /// create topics by itself.
    pub async fn topic(&self, name: &TopicName, missing: Missing) -> Result<Arc<TopicInfo>, ClientError> {
        let deadline = Instant::now() + self.config().request_timeout;
        let mut backoff = Backoff::new(self.config());
        let mut created = None;
        loop {
            let why_not = match self.look_up(name, missing).await? {
                Ok(topic) => {
                    if topic.created {
                        // Later answers no longer say so.
                        created = Some(topic.similar.clone());
                    }
                    if topic.has_leader() || Instant::now() >= deadline {
                        return Ok(with_news(topic, created));
                    }
                    None
                }
                Err(rejection) => Some(rejection),
            };
            match why_not {
                Some(rejection) if rejection.code == ErrorCode::UnknownTopicOrPartition => {
                    return Err(self.unknown_topic(name).await);
                }
                Some(rejection) if !rejection.code.is_retriable() || Instant::now() >= deadline => {
                    return Err(rejection.into());
                }
                _ => sleep(backoff.next()).await,
            }
        }
    }

    async fn look_up(
        &self,
        name: &TopicName,
        missing: Missing,
    ) -> Result<Result<Arc<TopicInfo>, Rejection>, ClientError> {
        let allow_auto_create = missing == Missing::Create;
        let reply = self.metadata(Metadata { topics: Some(vec![name.clone()]), allow_auto_create }).await?;
        match reply.topics.into_iter().next() {
            Some(Ok(topic)) => {
                let known = self.known_topic(name);
                Ok(Ok(Arc::new(TopicInfo::new(&topic, known.as_deref()))))
            }
            Some(Err((_, rejection))) => Ok(Err(rejection)),
            None => Err(ClientError::Protocol {
                address: self.connected_to(),
                why: format!("metadata without the topic '{name}' that was asked for"),
            }),
        }
    }

    /// The error for a topic that does not exist, with the nearest name that does.
    pub(crate) async fn unknown_topic(&self, name: &TopicName) -> ClientError {
        let all = self.refresh(None).await.map(|reply| reply.topics).unwrap_or_default();
        let names = all.iter().flatten().filter(|topic| !topic.is_internal).map(|topic| topic.name.as_str());
        let similar = nearest(name.as_str(), names).and_then(|similar| similar.parse().ok());
        ClientError::UnknownTopic { topic: name.clone(), similar }
    }
}

fn with_news(topic: Arc<TopicInfo>, created: Option<Option<TopicName>>) -> Arc<TopicInfo> {
    match created {
        Some(similar) if !topic.created => {
            Arc::new(TopicInfo { created: true, similar, ..Arc::unwrap_or_clone(topic) })
        }
        _ => topic,
    }
}
