//! Leaders of partitions, and connections to them.

use tokio::time::{Instant, sleep};
use yak_model::api::{ClientRole, Register, TopicMetadata};
use yak_model::{BrokerId, LeaderEpoch, TopicName};

use super::{Backoff, Cluster};
use crate::connection::{DOES_NOT_RESOLVE, DialError, OpenError};
use crate::{Address, ClientError, Connection};

/// The leader of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The broker.
    pub broker_id: BrokerId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// Where it listens.
    pub address: Address,
}

impl Cluster {
    /// Connects to a broker and registers there as a producer or consumer of these topics.
    pub(crate) async fn connect_to(
        &self,
        broker: BrokerId,
        role: ClientRole,
        topics: Vec<TopicName>,
    ) -> Result<Connection, ClientError> {
        let config = self.config();
        let mut connection = self.open_to(broker).await?;
        let register = Register { role, client_id: config.client_id.clone(), topics, group: None };
        connection.call(&register, config.request_timeout).await??;
        Ok(connection)
    }

    /// Connects to a broker.
    pub(crate) async fn open_to(&self, broker: BrokerId) -> Result<Connection, ClientError> {
        let Some(address) = self.address_of(broker) else {
            let why = format!("broker {broker} is not alive");
            return Err(ClientError::Connection { address: self.connected_to(), why });
        };
        let connection =
            Connection::try_open(&address, self.config()).await.map_err(|error| match error {
                OpenError::Dial(error) => self.unreachable(broker, &address, &error),
                OpenError::Talk(error) => error,
            })?;
        let found = connection.server().broker_id;
        if found != broker {
            let why = format!("broker {found} answers there, not broker {broker}");
            return Err(ClientError::Connection { address, why });
        }
        Ok(connection)
    }

    /// The same for the first time, patiently: until the request timeout, except where waiting is pointless
    /// because the advertised name does not resolve. `None` as soon as the broker leads nothing of the topic any more,
    /// also while it hangs: what is followed brings news meanwhile.
    pub(crate) async fn greet(
        &self,
        broker: BrokerId,
        role: ClientRole,
        topic: &TopicName,
    ) -> Result<Option<Connection>, ClientError> {
        let deadline = Instant::now() + self.config().request_timeout;
        let mut backoff = Backoff::new(self.config());
        loop {
            let connected = tokio::select! {
                connected = self.connect_to(broker, role, vec![topic.clone()]) => connected,
                () = self.leads_nothing(broker, topic) => return Ok(None),
            };
            let error = match connected {
                Ok(connection) => return Ok(Some(connection)),
                Err(error) => error,
            };
            let pause = backoff.next();
            let is_pointless = match &error {
                ClientError::AdvertisedAddress { why, .. } => why == DOES_NOT_RESOLVE,
                other => !other.is_retriable(),
            };
            if is_pointless || Instant::now() + pause >= deadline {
                return Err(error);
            }
            sleep(pause).await;
            let found = self.refresh(Some(vec![topic.clone()])).await?;
            let leads = |topic: &TopicMetadata| topic.partitions.iter().any(|at| at.leader == Some(broker));
            if !found.topics.iter().flatten().any(leads) {
                return Ok(None);
            }
        }
    }

    /// Until it is known that the broker leads nothing of a topic.
    async fn leads_nothing(&self, broker: BrokerId, topic: &TopicName) {
        let mut news = self.news();
        loop {
            let known = self.known_topic(topic);
            if known.is_some_and(|topic| topic.partitions.iter().all(|at| at.leader != Some(broker))) {
                return;
            }
            if news.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// What there is to tell about a broker that was advertised and cannot be connected to.
    fn unreachable(&self, broker_id: BrokerId, advertised: &Address, error: &DialError) -> ClientError {
        let bootstrap = self.connected_to();
        if bootstrap == *advertised {
            return ClientError::Connection { address: bootstrap, why: error.why() };
        }
        let advertised = advertised.clone();
        ClientError::AdvertisedAddress { bootstrap, broker_id, advertised, why: error.which() }
    }
}
