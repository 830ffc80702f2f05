//! The coordinator of a group: found by asking any broker, asked over a connection of its own, and found again when it
//! is not the coordinator any more or cannot be reached.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use yak_model::api::{ConsumerGroupHeartbeat, FindCoordinator, Rejection, TopicPartitions};
use yak_model::{BrokerId, ErrorCode, GroupId, InstanceId};
use yak_protocol::Call;

use super::Identity;
use crate::cluster::{Backoff, Kind};
use crate::{Address, ClientError, Cluster, Connection};

/// Whoever coordinates a group now. Cheap to clone; clones share the connection.
#[derive(Clone, Debug)]
pub(crate) struct Coordinator {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    cluster: Cluster,
    group_id: GroupId,
    /// Where it is, as last heard.
    known: Mutex<Option<(BrokerId, Address)>>,
    /// Counts how often it was given up: whatever is under way to it then is asked again elsewhere.
    given_up: watch::Sender<u64>,
    /// `None` while it is broken, or was given up in the middle of a question.
    connection: tokio::sync::Mutex<Option<Connection>>,
}

impl Coordinator {
    pub(crate) fn new(cluster: &Cluster, group_id: GroupId) -> Self {
        Self {
            inner: Arc::new(Inner {
                cluster: cluster.clone(),
                group_id,
                known: Mutex::default(),
                given_up: watch::Sender::default(),
                connection: tokio::sync::Mutex::default(),
            }),
        }
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    pub(crate) fn group_id(&self) -> &GroupId {
        &self.inner.group_id
    }

    /// What a member of the group says of itself.
    pub(crate) fn heartbeat(
        &self,
        Identity { member_id, member_epoch }: Identity,
        instance_id: Option<&InstanceId>,
        owned: Option<Vec<TopicPartitions>>,
    ) -> ConsumerGroupHeartbeat {
        ConsumerGroupHeartbeat {
            group_id: self.inner.group_id.clone(),
            member_id,
            member_epoch,
            instance_id: instance_id.cloned(),
            rack_id: None,
            rebalance_timeout_ms: None,
            subscribed_topics: None,
            subscribed_regex: None,
            server_assignor: None,
            owned,
            client_id: String::new(),
            client_host: String::new(),
        }
    }

    /// It is somewhere else now, or does not answer: the next question looks where.
    pub(crate) fn give_up(&self) {
        *self.inner.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.inner.given_up.send_modify(|count| *count += 1);
    }

    /// A new connection to it.
    pub(crate) async fn connect(&self) -> Result<Connection, ClientError> {
        self.connect_until(Instant::now() + self.inner.cluster.config().request_timeout).await
    }

    async fn connect_until(&self, deadline: Instant) -> Result<Connection, ClientError> {
        let (broker, address) = self.find(deadline).await?;
        let connected = self.inner.cluster.open_at(broker, address).await;
        if connected.is_err() {
            self.give_up();
        }
        connected
    }

    async fn find(&self, deadline: Instant) -> Result<(BrokerId, Address), ClientError> {
        let known = self.inner.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let question = FindCoordinator { group_id: self.inner.group_id.clone() };
        let found = self.inner.cluster.ask_until(deadline, Kind::Look, &question).await?;
        let found = (found.broker_id, Address::new(found.host, found.port));
        *self.inner.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }

    /// Asks it. What passes (it is loading, it moved, it cannot be reached) is tried again until the request timeout, so
    /// asking twice must do no harm.
    pub(crate) async fn ask<C: Call>(&self, call: &C) -> Result<C::Reply, ClientError> {
        self.ask_checked(call, |_| None).await
    }

    /// The same for a reply whose entries may have been refused for what passes: `passing` gives such a refusal.
    pub(crate) async fn ask_checked<C: Call>(
        &self,
        call: &C,
        passing: impl Fn(&C::Reply) -> Option<Rejection>,
    ) -> Result<C::Reply, ClientError> {
        let config = self.inner.cluster.config();
        let deadline = Instant::now() + config.request_timeout;
        let mut backoff = Backoff::new(config);
        loop {
            let failure = match self.ask_once(call, deadline).await {
                Ok(reply) => match passing(&reply) {
                    None => return Ok(reply),
                    Some(rejection) => ClientError::Rejected(rejection),
                },
                Err(failure) => failure,
            };
            let pause = backoff.next();
            if !self.is_worth_another_try(&failure) || Instant::now() + pause >= deadline {
                return Err(failure);
            }
            tracing::debug!(operation = C::OPERATION, %failure, "asking the coordinator again");
            sleep(pause).await;
        }
    }

    /// One exchange. It ends when the coordinator is given up meanwhile.
    async fn ask_once<C: Call>(&self, call: &C, deadline: Instant) -> Result<C::Reply, ClientError> {
        let mut given_up = self.inner.given_up.subscribe();
        let exchange = async {
            let mut kept = self.inner.connection.lock().await;
            let usable = kept.take().and_then(|mut kept| if kept.is_stale() { None } else { Some(kept) });
            let mut connection = match usable {
                Some(connection) => connection,
                None => self.connect_until(deadline).await?,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            // Put back only after a whole exchange: an answer that nobody waits for must not become the next one's.
            let answer = connection.call(call, left).await?;
            *kept = Some(connection);
            answer.map_err(ClientError::Rejected)
        };
        let outcome = tokio::select! {
            outcome = timeout_at(deadline, exchange) => outcome,
            _ = given_up.changed() => return Err(self.lost("it is not the coordinator any more")),
        };
        outcome.unwrap_or_else(|_elapsed| {
            let timeout = self.inner.cluster.config().request_timeout;
            let address = self.inner.cluster.connected_to();
            Err(ClientError::NoAnswer { address, operation: C::OPERATION, timeout })
        })
    }

    fn lost(&self, why: &str) -> ClientError {
        ClientError::Connection { address: self.inner.cluster.connected_to(), why: why.to_owned() }
    }

    /// Whether a failure passes. Who is not the coordinator, or cannot be reached, is given up.
    pub(crate) fn is_worth_another_try(&self, failure: &ClientError) -> bool {
        match failure {
            ClientError::Rejected(rejection) => {
                if matches!(rejection.code, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable) {
                    self.give_up();
                }
                rejection.code.is_retriable()
            }
            ClientError::Connection { .. } | ClientError::NoAnswer { .. } => {
                self.give_up();
                true
            }
            _ => false,
        }
    }
}

/// The first refusal of a reply's entries that passes by itself.
pub(crate) fn passing(results: &[Result<(), Rejection>]) -> Option<Rejection> {
    let refused = results.iter().filter_map(|result| result.as_ref().err());
    refused.filter(|rejection| rejection.code.is_retriable()).find(|_| true).cloned()
}
