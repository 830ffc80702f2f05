//! Leaders of partitions, and connections to them.

use tokio::time::{Instant, sleep};
use yak_model::api::{ClientRole, Register, TopicMetadata};
use yak_model::{BrokerId, GroupId, LeaderEpoch, TopicName};

use super::ask::QUICK;
use super::{Answered, Backoff, Cluster};
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

/// As what a client registers at brokers.
#[derive(Clone, Debug)]
pub(crate) struct Registering {
    pub(crate) role: ClientRole,
    pub(crate) topics: Vec<TopicName>,
    /// The consumer group, of a member.
    pub(crate) group: Option<GroupId>,
}

impl Cluster {
    /// Connects to a broker and registers there as a producer or consumer.
    pub(crate) async fn connect_to(
        &self,
        broker: BrokerId,
        registering: Registering,
    ) -> Result<Connection, ClientError> {
        let Registering { role, topics, group } = registering;
        let config = self.config();
        let mut connection = self.open_to(broker).await?;
        let group = group.map(|group| group.to_string());
        let register = Register { role, client_id: config.client_id.clone(), topics, group };
        connection.call(&register, config.request_timeout).await??;
        Ok(connection)
    }

    /// Connects to a broker.
    pub(crate) async fn open_to(&self, broker: BrokerId) -> Result<Connection, ClientError> {
        let Some(address) = self.address_of(broker) else {
            let why = format!("broker {broker} is not alive");
            return Err(ClientError::Connection { address: self.connected_to(), why });
        };
        self.open_at(broker, address).await
    }

    /// Connects to a broker where it is said to be.
    pub(crate) async fn open_at(
        &self,
        broker: BrokerId,
        address: Address,
    ) -> Result<Connection, ClientError> {
        let connection = match Connection::try_open(&address, self.config()).await {
            Ok(connection) => connection,
            Err(OpenError::Dial(error)) => return Err(self.unreachable(broker, address, &error).await),
            Err(OpenError::Talk(error)) => return Err(error),
        };
        let found = connection.server();
        if found.cluster_id != self.cluster_id() {
            // Behind a port mapping a broker's own address may be one of ours, with somebody else's broker.
            let (bootstrap, why) = (self.connected_to(), "is in another cluster".to_owned());
            let (broker_id, advertised, is_mapped) = (broker, address, true);
            return Err(ClientError::AdvertisedAddress { bootstrap, broker_id, advertised, why, is_mapped });
        }
        if found.broker_id != broker {
            let why = format!("broker {} answers there, not broker {broker}", found.broker_id);
            return Err(ClientError::Connection { address, why });
        }
        Ok(connection)
    }

    /// The same for the first time, patiently: until the request timeout, except where waiting is pointless
    /// because the advertised name does not resolve. `None` as soon as the broker leads nothing of the first topic any more,
    /// also while it hangs: what is followed brings news meanwhile.
    pub(crate) async fn greet(
        &self,
        broker: BrokerId,
        registering: &Registering,
    ) -> Result<Option<Connection>, ClientError> {
        let Some(topic) = registering.topics.first() else { return Ok(None) };
        let deadline = Instant::now() + self.config().request_timeout;
        let mut backoff = Backoff::new(self.config());
        loop {
            let connected = tokio::select! {
                connected = self.connect_to(broker, registering.clone()) => connected,
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

    /// What there is to tell about a broker that cannot be connected to where it is said to be.
    async fn unreachable(&self, broker_id: BrokerId, advertised: Address, error: &DialError) -> ClientError {
        let Answered { address: bootstrap, peer, broker_id: answered } = self.answered();
        let is_there = bootstrap == advertised || peer.is_some_and(|peer| advertised.is(peer));
        let is_itself = answered == broker_id && *error != DialError::DoesNotResolve;
        let is_mapped = !is_there && is_itself && self.answers_at(&bootstrap, broker_id).await;
        if is_there || (is_itself && !is_mapped) {
            // It has ended, which says nothing of its address.
            return ClientError::Connection { address: advertised, why: error.why() };
        }
        ClientError::AdvertisedAddress { bootstrap, broker_id, advertised, why: error.which(), is_mapped }
    }

    /// Whether a broker answers at an address now.
    async fn answers_at(&self, address: &Address, broker_id: BrokerId) -> bool {
        let patience = QUICK.min(self.config().connect_timeout);
        let opened = Connection::open_within(address, self.config(), patience).await;
        opened.is_ok_and(|connection| connection.server().broker_id == broker_id)
    }
}

#[cfg(test)]
mod tests {
    use yak_model::api::{BrokerMetadata, MetadataReply};

    use super::*;
    use crate::ClientConfig;

    /// Reached at `localhost`, and told where that is, or of a place that is none either.
    #[tokio::test]
    async fn a_broker_that_has_ended_is_not_blamed_for_its_address() {
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let place = silent.local_addr().unwrap();
        let reached = Address::new("localhost", place.port());
        for peer in [Some(place), None] {
            let cluster = Cluster::out_of_reach(ClientConfig::new(vec![reached.clone()]));
            let broker_id = BrokerId::new(1);
            *cluster.inner.answered.lock().unwrap() = Answered { address: reached.clone(), peer, broker_id };
            let (host, port) = (place.ip().to_string(), place.port());
            let brokers = vec![BrokerMetadata { broker_id, host: host.clone(), port, rack: None }];
            let told =
                MetadataReply { cluster_id: cluster.cluster_id(), index: 1.into(), brokers, topics: vec![] };
            cluster.cache(|cache| cache.take_in(&told));
            let (address, why) = (Address::new(host, port), "connection refused".to_owned());
            let error = cluster.open_to(broker_id).await.unwrap_err();
            assert_eq!(error, ClientError::Connection { address, why });
        }
    }
}
