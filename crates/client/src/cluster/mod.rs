//! The cluster as a client sees it: where its brokers are, who leads what.
//!
//! One connection is for questions (metadata, administration). It is made anew, to another broker if need
//! be, whenever it breaks. A second one brings news of the topics that producers and consumers use, without being
//! asked. What they learn stands in one cache, which everything built on the cluster shares.

mod ask;
mod backoff;
mod cache;
mod leader;
mod subscription;
mod topic;

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use ask::Kind;
pub(crate) use backoff::Backoff;
use cache::Cache;
pub use leader::Leader;
pub(crate) use leader::Registering;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;
pub use topic::{Missing, TopicInfo};
use yak_model::api::{BrokerMetadata, Metadata, MetadataReply};
use yak_model::{BrokerId, ClusterId, TopicName, TopicPartition};

use crate::{Address, ClientConfig, ClientError, Connection};

/// A cluster that has answered. Cheap to clone; all clones share metadata and one connection for questions.
#[derive(Clone, Debug)]
pub struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: ClientConfig,
    cluster_id: ClusterId,
    cache: Mutex<Cache>,
    /// The connection for questions; `None` while it is broken, or was given up in the middle of a question.
    questions: tokio::sync::Mutex<Option<Connection>>,
    /// The broker that answered last.
    answered: Mutex<Answered>,
    /// The one that failed last in the middle of a question; the next goes to another, if there is one.
    doubted: Mutex<Option<Address>>,
    /// The topics of which news is wanted, sorted.
    followed: watch::Sender<Vec<TopicName>>,
    /// Counts news.
    news: watch::Sender<u64>,
    is_subscribed: AtomicBool,
    /// Why the subscription reached no broker at all, since its last round.
    silence: Mutex<Option<ClientError>>,
    /// The task that hears the news.
    subscription: Mutex<Option<AbortHandle>>,
}

/// A broker that answered.
#[derive(Clone, Debug)]
struct Answered {
    /// By which address it was reached.
    address: Address,
    /// Where that was.
    peer: Option<SocketAddr>,
    broker_id: BrokerId,
}

impl From<&Connection> for Answered {
    fn from(connection: &Connection) -> Self {
        let address = connection.address().clone();
        Self { address, peer: connection.peer(), broker_id: connection.server().broker_id }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let task = self.subscription.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task.take() {
            task.abort();
        }
    }
}

impl Cluster {
    /// Connects to the first broker that answers. All are tried, again and again, until the request timeout;
    /// names that do not resolve are not tried again.
    ///
    /// # Errors
    /// When none answers in time, or what answers is no broker of ours.
    pub async fn connect(config: ClientConfig) -> Result<Self, ClientError> {
        if config.bootstrap.is_empty() {
            return Err(ClientError::Usage("no broker to begin with was named".to_owned()));
        }
        let deadline = Instant::now() + config.request_timeout;
        let connection = ask::connect(&config, config.bootstrap.clone(), deadline).await?;
        let (cluster_id, answered) = (connection.server().cluster_id, Answered::from(&connection));
        Ok(Self::begin(config, cluster_id, answered, Some(connection)))
    }

    /// A cluster of which nothing is known and nobody is connected to.
    #[cfg(test)]
    pub(crate) fn out_of_reach(config: ClientConfig) -> Self {
        let address = config.bootstrap[0].clone();
        let somebody = Answered { address, peer: None, broker_id: BrokerId::NONE };
        Self::begin(config, ClusterId::default(), somebody, None)
    }

    fn begin(
        config: ClientConfig,
        cluster_id: ClusterId,
        answered: Answered,
        questions: Option<Connection>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                cluster_id,
                cache: Mutex::new(Cache::default()),
                answered: Mutex::new(answered),
                questions: tokio::sync::Mutex::new(questions),
                doubted: Mutex::default(),
                followed: watch::Sender::default(),
                news: watch::Sender::default(),
                is_subscribed: AtomicBool::new(false),
                silence: Mutex::default(),
                subscription: Mutex::default(),
                config,
            }),
        }
    }

    /// How this cluster is reached.
    #[must_use]
    pub fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    /// Names the cluster.
    #[must_use]
    pub fn cluster_id(&self) -> ClusterId {
        self.inner.cluster_id
    }

    /// The broker that answered the last question.
    #[must_use]
    pub fn connected_to(&self) -> Address {
        self.answered().address
    }

    fn answered(&self) -> Answered {
        self.inner.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Live brokers as last heard, in order of registration. Nothing is sent.
    #[must_use]
    pub fn brokers(&self) -> Vec<BrokerMetadata> {
        self.cache(|cache| cache.brokers.clone())
    }

    /// Where a broker listens, as last heard.
    #[must_use]
    pub fn address_of(&self, broker: BrokerId) -> Option<Address> {
        self.cache(|cache| cache.address_of(broker))
    }

    /// A topic as last heard. Nothing is sent.
    #[must_use]
    pub fn known_topic(&self, name: &TopicName) -> Option<Arc<TopicInfo>> {
        self.cache(|cache| cache.topics.get(name).cloned())
    }

    /// Who leads a partition, as last heard. Nothing is sent.
    #[must_use]
    pub fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        self.cache(|cache| cache.leader(partition))
    }

    /// Takes in that somebody says who leads now. Older news than what is known changes nothing.
    pub(crate) fn learn_leader(&self, partition: &TopicPartition, hint: &yak_model::api::LeaderHint) {
        self.cache(|cache| cache.learn_leader(partition, hint));
    }

    /// Asks for metadata and keeps it. Nothing is created unless asked for.
    ///
    /// # Errors
    /// When nobody answers in time.
    pub async fn refresh(&self, topics: Option<Vec<TopicName>>) -> Result<MetadataReply, ClientError> {
        self.metadata(Metadata { topics, allow_auto_create: false }).await
    }

    async fn metadata(&self, request: Metadata) -> Result<MetadataReply, ClientError> {
        // A creation takes its time.
        let kind = if request.allow_auto_create { Kind::Question } else { Kind::Look };
        let reply = self.ask(kind, &request).await?;
        self.cache(|cache| cache.take_in(&reply));
        Ok(reply)
    }

    fn cache<T>(&self, look: impl FnOnce(&mut Cache) -> T) -> T {
        // The cache is whole at any moment, even if somebody panicked who held it.
        look(&mut self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
