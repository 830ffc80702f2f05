//! The producer: records in, acknowledgements out.

mod batch;
mod config;
mod delivery;
mod feed;
mod network;
mod opened;
mod record;
mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub use config::{Partitioner, ProducerConfig};
pub use delivery::{Acknowledged, Delivery, Outcome, ProducerStats};
pub use feed::{Feed, PushError};
use network::Network;
use opened::OpenedTopic;
use record::Slot;
pub use record::{Record, TopicHandle};
use shared::{Shared, SharedTopic, Waiting};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use yak_model::api::DescribeConfigs;
use yak_model::limits::{DEFAULT_MAX_MESSAGE_BYTES, MAX_REQUEST_BYTES};
use yak_model::metadata::ConfigResource;
use yak_model::{BrokerId, TopicName};
use yak_record::{Compression, HEADER_LEN};

use crate::cluster::{Kind, Missing};
use crate::{ClientError, Cluster, TopicInfo};

/// Most bytes by which a record is longer in a batch than its key, value and headers.
const RECORD_OVERHEAD: usize = 32;

/// Sends records: batched by partition, acknowledged, retried without duplicates.
///
/// Every record pushed is reported exactly once to the callback given to [`Producer::start`], with the rest of
/// its batch: acknowledged, failed (never visible to a consumer) or unknown (perhaps visible). A batch is sent
/// when it is full, when it has lingered, or at once when nothing of its partition is under way.
///
/// Dropping a producer lets it finish what was pushed in the background; [`Producer::close`] waits for that.
#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    config: Arc<ProducerConfig>,
    shared: Arc<Shared>,
    topics: Vec<OpenedTopic>,
    by_name: BTreeMap<TopicName, TopicHandle>,
    /// Brokers to which a connection was made once, so that its failure would have been noticed.
    greeted: BTreeSet<BrokerId>,
    network: Option<JoinHandle<()>>,
}

impl Producer {
    /// Starts a producer. `on_delivery` runs on its network task: it should be quick, and a slow one slows the
    /// producer down. Obtains a producer id first, if it is to be idempotent.
    ///
    /// # Errors
    /// [`ClientError::Usage`] if the configuration contradicts itself; or when no producer id can be had.
    pub async fn start(
        cluster: &Cluster,
        config: ProducerConfig,
        on_delivery: impl FnMut(&Delivery<'_>) + Send + 'static,
    ) -> Result<Self, ClientError> {
        config.check()?;
        let config = Arc::new(config);
        let shared = Arc::new(Shared::new(&config));
        let identity = if config.idempotent { Some(network::obtain_identity(cluster).await?) } else { None };
        let network = Network::new(cluster, &config, Arc::clone(&shared), identity, Box::new(on_delivery));
        Ok(Self {
            cluster: cluster.clone(),
            config,
            shared,
            topics: Vec::new(),
            by_name: BTreeMap::new(),
            greeted: BTreeSet::new(),
            network: Some(tokio::spawn(network.run())),
        })
    }

    /// Looks a topic up, having it created if it is missing and the cluster allows it, and reads its
    /// `max.message.bytes`. Connects to the topic's leaders and registers there. Opening a topic again is cheap.
    ///
    /// # Errors
    /// When the topic does not exist and is not created, or nobody answers in time, or a leader's advertised
    /// address cannot be reached.
    pub async fn open(&mut self, topic: &TopicName) -> Result<TopicHandle, ClientError> {
        if let Some(handle) = self.by_name.get(topic) {
            return Ok(*handle);
        }
        let missing = if self.config.create_topics { Missing::Create } else { Missing::Fail };
        let info = self.cluster.topic(topic, missing).await?;
        let max_batch_len = self.max_batch_len(topic).await?;
        // News tells of a leader that hangs before waiting for it does.
        self.cluster.follow(std::slice::from_ref(topic));
        self.greet_leaders(&info).await?;
        let handle = TopicHandle(self.topics.len());
        let shared_topic = {
            let mut state = self.shared.lock();
            state.topics.push(SharedTopic { info: Arc::clone(&info), slots: Vec::new() });
            state.add_partitions(handle.0, info, &self.config);
            state.topics[handle.0].clone()
        };
        self.topics.push(OpenedTopic::new(shared_topic, max_batch_len, self.config.partitioner));
        self.by_name.insert(topic.clone(), handle);
        Ok(handle)
    }

    /// What is known of an opened topic: partitions, whether opening created it, a similar name.
    #[must_use]
    pub fn topic(&self, topic: TopicHandle) -> &Arc<TopicInfo> {
        &self.topics[topic.0].info
    }

    /// Largest key, value and headers (with their lengths) that a record of the topic may have, in bytes.
    #[must_use]
    pub fn max_record_bytes(&self, topic: TopicHandle) -> usize {
        self.topics[topic.0].max_batch_len.saturating_sub(HEADER_LEN + RECORD_OVERHEAD)
    }

    /// Begins to push records, without waiting and without a lock for each. Partial batches are taken up by
    /// the network task when the feed is dropped, so hold it for a piece of input, not for ever.
    pub fn feed(&mut self) -> Feed<'_> {
        Feed::new(self)
    }

    /// Pushes one record, waiting while memory is full. `token` comes back with the delivery.
    ///
    /// # Errors
    /// [`ClientError::RecordTooLarge`] for a record that fits no batch of its topic;
    /// [`ClientError::UnknownPartition`]; or what ended the producer.
    pub async fn send(
        &mut self,
        topic: TopicHandle,
        record: Record<'_>,
        token: u64,
    ) -> Result<(), ClientError> {
        self.push(topic, record, token, &mut None).await
    }

    /// Pushes one record, has it sent at once, and waits for its acknowledgement; the base offset in it is the
    /// record's own. (The callback sees the batch too.)
    ///
    /// # Errors
    /// As [`Producer::send`], and why it was not acknowledged.
    pub async fn send_and_wait(
        &mut self,
        topic: TopicHandle,
        record: Record<'_>,
        token: u64,
    ) -> Result<Acknowledged, ClientError> {
        let (answer, answered) = oneshot::channel();
        self.push(topic, record, token, &mut Some(answer)).await?;
        self.shared.lock().waiting = Waiting::Flush;
        self.shared.wake.notify_one();
        let outcome = answered.await;
        self.shared.lock().waiting = Waiting::Nothing;
        outcome.unwrap_or(Err(ClientError::Closed))
    }

    async fn push(
        &mut self,
        topic: TopicHandle,
        record: Record<'_>,
        token: u64,
        answer: &mut Option<batch::Answer>,
    ) -> Result<(), ClientError> {
        loop {
            let (pushed, is_news) = {
                let mut feed = self.feed();
                (feed.push_awaited(topic, &record, token, answer), feed.is_news())
            };
            match pushed {
                Ok(()) if is_news => {
                    // On a runtime of one thread the network would otherwise not run until memory is full.
                    tokio::task::yield_now().await;
                    return Ok(());
                }
                Ok(()) => return Ok(()),
                Err(PushError::Full) => self.ready().await?,
                Err(PushError::Refused(error)) => return Err(error),
            }
        }
    }

    /// Waits until there is room for more records. Call it after [`PushError::Full`].
    ///
    /// # Errors
    /// What ended the producer.
    pub async fn ready(&mut self) -> Result<(), ClientError> {
        self.wait_for(Waiting::Room).await
    }

    /// Sends what is there and waits until everything pushed so far has been reported. Returns whether that
    /// was so before the deadline; the producer can be used on either way.
    pub async fn flush(&mut self, deadline: Duration) -> bool {
        let flushed =
            timeout_at(Instant::now() + deadline, self.wait_for(Waiting::Flush)).await == Ok(Ok(()));
        self.shared.lock().waiting = Waiting::Nothing;
        flushed
    }

    async fn wait_for(&mut self, waiting: Waiting) -> Result<(), ClientError> {
        self.shared.lock().waiting = waiting;
        self.shared.wake.notify_one();
        loop {
            // A permit that was left over from an earlier wait only makes the loop look once more.
            let progress = self.shared.progress.notified();
            {
                let mut state = self.shared.lock();
                state.waiting = waiting;
                if state.is_served() {
                    state.waiting = Waiting::Nothing;
                    return Ok(());
                }
                if let Some(ended) = &state.ended {
                    return Err(ended.clone());
                }
            }
            progress.await;
        }
    }

    /// Counts so far.
    #[must_use]
    pub fn stats(&self) -> ProducerStats {
        self.shared.lock().stats
    }

    /// Flushes, deregisters and ends the network task. What has not been acknowledged by the deadline is
    /// reported: failed if it was never sent, else unknown.
    pub async fn close(mut self, deadline: Duration) -> ProducerStats {
        self.begin_closing(deadline);
        if let Some(network) = self.network.take() {
            // A callback that panicked has been seen on stderr; the counts are what they are.
            network.await.unwrap_or_default();
        }
        self.stats()
    }

    fn begin_closing(&self, deadline: Duration) {
        self.shared.lock().closing.get_or_insert(Instant::now() + deadline);
        self.shared.wake.notify_one();
    }

    /// What a batch takes of the memory.
    fn charge(&self) -> usize {
        self.config.batch_bytes
    }

    /// The topic's `max.message.bytes`. With compression a batch may be larger before it is compressed.
    async fn max_batch_len(&self, topic: &TopicName) -> Result<usize, ClientError> {
        if self.config.compression != Compression::None {
            return Ok(MAX_REQUEST_BYTES / 2);
        }
        let keys = vec!["max.message.bytes".to_owned()];
        let resources = vec![(ConfigResource::Topic(topic.clone()), Some(keys))];
        let reply = self.cluster.ask(Kind::Look, &DescribeConfigs { resources }).await?;
        let entries = reply.resources.into_iter().next().map(|found| found.entries).transpose();
        let entry = entries.ok().flatten().unwrap_or_default().into_iter().next();
        Ok(entry.and_then(|entry| entry.value?.parse().ok()).unwrap_or(DEFAULT_MAX_MESSAGE_BYTES))
    }

    /// Connects to leaders that were not connected to before, so that an address that cannot be reached is an
    /// error here and now, and not a timeout later.
    async fn greet_leaders(&mut self, info: &TopicInfo) -> Result<(), ClientError> {
        let leaders: BTreeSet<BrokerId> = info.partitions.iter().filter_map(|found| found.leader).collect();
        for broker in leaders {
            if !self.greeted.contains(&broker)
                && let Some(link) = network::greet(&self.cluster, broker, &info.name).await?
            {
                self.shared.lock().links.push(link);
                self.greeted.insert(broker);
            }
        }
        self.shared.wake.notify_one();
        Ok(())
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if self.network.is_some() {
            self.begin_closing(self.config.delivery_timeout);
        }
    }
}
