//! The broker: what every operation works with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use yak_core::controller::Operation;
use yak_core::image::Image;
use yak_log::LogDirectory;
use yak_model::api::{LeaderHint, Rejection, TopicDefaults};
use yak_model::config::Settings;
use yak_model::{
    BrokerEpoch, BrokerId, ErrorCode, MetadataIndex, PartitionIndex, ReplicationKey, TopicId, TopicName,
};

use crate::clients::Clients;
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::departures::Departures;
use crate::forwarding::Pool;
use crate::groups::{self, Around, Groups};
use crate::partitions::{Partition, Partitions};
use crate::producer_ids::ProducerIds;
use crate::session::Membership;

/// When to ask again for something that is being elected or created.
pub(crate) const RETRY_AFTER_MS: u32 = 50;
/// Longest that an operation waits for the zookeeper, whatever the client asks for.
pub(crate) const MAX_DECIDE_MS: u32 = 60_000;

/// A running broker.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) config: BrokerConfig,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) directory: Arc<LogDirectory>,
    pub(crate) partitions: Partitions,
    pub(crate) clients: Arc<Clients>,
    /// Links to those who lead what is asked for here by hand.
    pub(crate) forwarding: Pool,
    /// Coordinators of the groups that belong here.
    pub(crate) groups: Groups,
    pub(crate) producer_ids: ProducerIds,
    /// Whose death is likely or fresh.
    pub(crate) departures: Departures,
    pub(crate) zookeeper: yak_zookeeper::Handle,
    /// Its place in the cluster: lease, replication key, heartbeats.
    pub(crate) membership: Arc<Membership>,
    /// Cancelled when the broker stops: whatever only waits for records is answered then.
    pub(crate) stopping: CancellationToken,
    epoch: BrokerEpoch,
    image: ArcSwap<Image>,
    applied: watch::Sender<MetadataIndex>,
    round_robin: AtomicU32,
}

/// What a broker is put together from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: BrokerConfig,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) directory: Arc<LogDirectory>,
    pub(crate) partitions: Partitions,
    pub(crate) zookeeper: yak_zookeeper::Handle,
    pub(crate) membership: Arc<Membership>,
    pub(crate) stopping: CancellationToken,
    /// Fences earlier processes of this broker.
    pub(crate) epoch: BrokerEpoch,
    /// The image that `partitions` follows already.
    pub(crate) image: Arc<Image>,
}

impl Broker {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { config, settings, clock, directory, partitions, zookeeper, membership, .. } = parts;
        let Parts { stopping, epoch, image, .. } = parts;
        let groups = Groups::new(Around {
            broker_id: config.node_id,
            config: config.groups.clone(),
            clock,
            membership: Arc::clone(&membership),
            image: ArcSwap::new(Arc::clone(&image)),
            topics: ArcSwap::new(Arc::new(groups::topics(&image))),
            members_bytes: Arc::default(),
            runtime: Handle::current(),
        });
        Self {
            config,
            settings,
            clock,
            directory,
            partitions,
            clients: Arc::default(),
            forwarding: Pool::default(),
            groups,
            producer_ids: ProducerIds::default(),
            departures: Departures::default(),
            zookeeper,
            membership,
            stopping,
            epoch,
            applied: watch::Sender::new(image.index()),
            image: ArcSwap::new(image),
            round_robin: AtomicU32::new(0),
        }
    }

    /// Its number.
    pub(crate) const fn id(&self) -> BrokerId {
        self.config.node_id
    }

    /// Its registration.
    pub(crate) const fn epoch(&self) -> BrokerEpoch {
        self.epoch
    }

    /// The metadata as this broker works by it.
    pub(crate) fn image(&self) -> Arc<Image> {
        self.image.load_full()
    }

    /// Works by a newer image from now on. Called within a runtime.
    ///
    /// # Errors
    /// The log directory failed.
    pub(crate) fn apply(&self, newer: Arc<Image>) -> Result<(), yak_log::LogError> {
        let before = self.image.load();
        self.partitions.apply(&before, &newer)?;
        self.groups.follow(&self.partitions, &before, &newer);
        self.departures.observe(&before, &newer);
        let index = newer.index();
        self.image.store(newer);
        self.applied.send_replace(index);
        self.membership.applied(index);
        Ok(())
    }

    /// Until when, on the broker's monotonic clock, a leader may acknowledge without hearing from its followers
    /// (`acks` 0 and 1). Never ends where the zookeeper shares the process.
    pub(crate) fn lease_until_ms(&self) -> u64 {
        self.membership.lease_until_ms()
    }

    /// Tries once more to create logs that could not be created. Whether some still cannot.
    ///
    /// # Errors
    /// The log directory failed.
    pub(crate) fn apply_pending(&self) -> Result<bool, yak_log::LogError> {
        self.partitions.apply_pending(&self.image.load())
    }

    /// Has the zookeeper decide, and waits until this broker works by the decision, so that create-then-produce
    /// works.
    ///
    /// # Errors
    /// What the zookeeper refuses; `REQUEST_TIMED_OUT` if it does not answer in time, and then whether it
    /// decided is unknown.
    pub(crate) async fn decide<O: Operation>(
        &self,
        operation: O,
        timeout_ms: u32,
    ) -> Result<O::Reply, Rejection> {
        let wait = Duration::from_millis(timeout_ms.min(MAX_DECIDE_MS).into());
        let deadline = Instant::now() + wait;
        let decided = async {
            let reply = self.zookeeper.submit(operation).await?;
            // The effect was published before the reply.
            let index = self.zookeeper.image().index();
            let mut applied = self.applied.subscribe();
            let followed = applied.wait_for(|applied| *applied >= index).await;
            followed
                .map_err(|_closed| Rejection::new(ErrorCode::NotController, "the broker is shutting down"))?;
            Ok(reply)
        };
        timeout_at(deadline, decided).await.unwrap_or_else(|_elapsed| {
            let message =
                format!("the zookeeper did not decide within {timeout_ms} ms; whether it will is unknown");
            Err(Rejection::new(ErrorCode::RequestTimedOut, message).retry_after(RETRY_AFTER_MS))
        })
    }

    /// Tells of each index that this broker works by.
    pub(crate) fn followed_index(&self) -> watch::Receiver<MetadataIndex> {
        self.applied.subscribe()
    }

    /// What topics get that leave it open.
    pub(crate) fn topic_defaults(&self) -> TopicDefaults {
        TopicDefaults {
            partitions: self.config.num_partitions,
            replication_factor: u16::try_from(self.config.default_replication_factor).unwrap_or(1),
            min_insync_replicas: self.partitions.topic_defaults().min_insync_replicas,
        }
    }

    /// A partition that this broker leads or at least hosts.
    ///
    /// # Errors
    /// The topic or partition does not exist, is elsewhere, or is offline.
    pub(crate) fn partition(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Result<Arc<Partition>, Rejection> {
        self.partitions.get(topic, partition).map_err(|rejection| {
            if rejection.code == ErrorCode::NotLeaderOrFollower {
                self.explain_absence(topic, partition, rejection)
            } else {
                rejection
            }
        })
    }

    /// The same of a topic with this id, if one is given.
    ///
    /// # Errors
    /// As [`Broker::partition`]; `UNKNOWN_TOPIC_ID` if the topic of that name is another one.
    pub(crate) fn partition_of(
        &self,
        topic: &TopicName,
        topic_id: Option<TopicId>,
        partition: PartitionIndex,
    ) -> Result<Arc<Partition>, Rejection> {
        let found = self.partition(topic, partition)?;
        match topic_id {
            Some(meant) if meant != found.topic_id() => Err(self.unknown_topic_id(meant)),
            _ => Ok(found),
        }
    }

    fn explain_absence(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
        rejection: Rejection,
    ) -> Rejection {
        let image = self.image();
        let Some(found) = image.topic(topic) else { return self.unknown_topic(&image, topic) };
        let Some(record) = found.partition(partition) else {
            let count = found.partition_count();
            let message =
                format!("topic '{topic}' has {count} partition(s), numbered from 0: there is no {partition}");
            return Rejection::new(ErrorCode::UnknownTopicOrPartition, message);
        };
        let leader = record.leader.and_then(|leader| image.broker(leader));
        match leader {
            Some(leader) => rejection.with_leader(LeaderHint {
                broker_id: leader.id(),
                leader_epoch: record.leader_epoch,
                host: leader.registration.host.clone(),
                port: leader.registration.port,
            }),
            None => rejection.retry_after(RETRY_AFTER_MS),
        }
    }

    /// Whether it is a broker of the cluster that asks, and the process of it that is registered.
    ///
    /// # Errors
    /// `CLUSTER_AUTHORIZATION_FAILED` without the cluster's key, `STALE_BROKER_EPOCH` for another registration.
    pub(crate) fn check_peer(
        &self,
        what: &str,
        (id, shown): (BrokerId, BrokerEpoch),
        key: ReplicationKey,
    ) -> Result<(), Rejection> {
        if !self.membership.keys().accepts(key) {
            let message =
                format!("{what} is for brokers of the cluster, which show the key of their registration");
            return Err(Rejection::new(ErrorCode::ClusterAuthorizationFailed, message));
        }
        let image = self.image();
        let known = image.broker(id).map(|peer| peer.registration.broker_epoch);
        match known {
            Some(known) if known == shown => Ok(()),
            Some(known) if known > shown => {
                let message = format!("broker {id} has registered anew: its epoch is {known}, not {shown}");
                Err(Rejection::new(ErrorCode::StaleBrokerEpoch, message))
            }
            _ => {
                let message = format!("epoch {shown} of broker {id} is not known here yet");
                Err(Rejection::new(ErrorCode::StaleBrokerEpoch, message).retry_after(RETRY_AFTER_MS))
            }
        }
    }

    /// Says that a topic does not exist, and which similar one does.
    #[expect(clippy::unused_self, reason = "a question to the broker, like those around it")]
    pub(crate) fn unknown_topic(&self, image: &Image, topic: &TopicName) -> Rejection {
        let mut message = format!("topic '{topic}' does not exist");
        if let Some(similar) = image.similar_topic(topic.as_str()) {
            message.push_str(&format!("; did you mean '{similar}'?"));
        }
        Rejection::new(ErrorCode::UnknownTopicOrPartition, message)
    }

    /// Says that no topic has this id; the name may have passed to another.
    #[expect(clippy::unused_self, reason = "a question to the broker, like those around it")]
    pub(crate) fn unknown_topic_id(&self, topic_id: TopicId) -> Rejection {
        Rejection::new(ErrorCode::UnknownTopicId, format!("no topic has the id {topic_id}"))
    }

    /// The name of the topic with this id. It is found in two look-ups of ordered maps, whatever the number of topics.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_ID`.
    pub(crate) fn topic_name(&self, topic_id: TopicId) -> Result<TopicName, Rejection> {
        let image = self.image.load();
        let topic = image.topic_by_id(topic_id).ok_or_else(|| self.unknown_topic_id(topic_id))?;
        Ok(topic.name().clone())
    }

    /// The next partition in turn, for records without key that leave the choice to the broker.
    pub(crate) fn next_partition(&self, count: i32) -> PartitionIndex {
        let turn = self.round_robin.fetch_add(1, Ordering::Relaxed);
        let count = u32::try_from(count).unwrap_or(1).max(1);
        PartitionIndex::new(i32::try_from(turn % count).unwrap_or(0))
    }
}
