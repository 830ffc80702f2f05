//! Asking whichever broker answers.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use yak_protocol::Call;

use super::{Answered, Backoff, Cluster};
use crate::connection::{DialError, OpenError};
use crate::{Address, ClientConfig, ClientError, Connection};

/// How long one broker may take to answer what it knows by itself, while there are others to ask.
pub(super) const QUICK: Duration = Duration::from_secs(1);

/// What asking twice would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing, and a broker that is well answers at once: who does not is left for another.
    Look,
    /// Nothing: it is asked again when the connection breaks.
    Question,
    /// Perhaps change things twice: when the connection breaks after it was sent, that is the answer.
    Change,
}

impl Cluster {
    /// Asks over the connection for questions; retriable refusals and lost connections are tried again (a
    /// [`Kind::Change`] only as long as it was not sent) until the request timeout.
    pub(crate) async fn ask<C: Call>(&self, kind: Kind, call: &C) -> Result<C::Reply, ClientError> {
        self.ask_until(Instant::now() + self.config().request_timeout, kind, call).await
    }

    /// The same until `deadline`. Why it was refused last is told before that.
    pub(crate) async fn ask_until<C: Call>(
        &self,
        deadline: Instant,
        kind: Kind,
        call: &C,
    ) -> Result<C::Reply, ClientError> {
        let mut backoff = Backoff::new(self.config());
        loop {
            let failure = match self.ask_once(kind, call, deadline).await? {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let pause = backoff.next().max(retry_after(&failure));
            let is_safe = kind != Kind::Change || matches!(failure, ClientError::Rejected(_));
            if !is_safe || !is_worth_another_try(&failure) || Instant::now() + pause >= deadline {
                return Err(failure);
            }
            tracing::debug!(operation = C::OPERATION, %failure, "asking again");
            sleep(pause).await;
        }
    }

    /// One exchange, on a new connection if there is none. The outer error is final; the inner one happened
    /// after the question was sent.
    async fn ask_once<C: Call>(
        &self,
        kind: Kind,
        call: &C,
        deadline: Instant,
    ) -> Result<Result<C::Reply, ClientError>, ClientError> {
        // One question at a time; those that wait do so within their own deadline.
        let Ok(mut questions) = timeout_at(deadline, self.inner.questions.lock()).await else {
            return Err(self.no_answer(C::OPERATION));
        };
        // The connection is put back only after a whole exchange: when this future is dropped in the middle of
        // one, an answer that nobody waits for must not become the next one's.
        let kept = questions.take().and_then(|mut kept| if kept.is_stale() { None } else { Some(kept) });
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.connect_again(deadline).await?,
        };
        let mut left = deadline.saturating_duration_since(Instant::now());
        if kind == Kind::Look && self.addresses(None).len() > 1 {
            left = left.min(QUICK);
        }
        Ok(match connection.call(call, left).await {
            Ok(answer) => {
                *questions = Some(connection);
                answer.map_err(ClientError::Rejected)
            }
            Err(lost) => {
                let doubted = self.named(&connection);
                *self.inner.doubted.lock().unwrap_or_else(PoisonError::into_inner) = Some(doubted);
                Err(lost)
            }
        })
    }

    async fn connect_again(&self, deadline: Instant) -> Result<Connection, ClientError> {
        let doubted = self.inner.doubted.lock().unwrap_or_else(PoisonError::into_inner).take();
        let connection = connect(self.config(), self.addresses(doubted.as_ref()), deadline).await?;
        if connection.server().cluster_id != self.cluster_id() {
            return Err(ClientError::Protocol {
                address: connection.address().clone(),
                why: "it belongs to another cluster than before".to_owned(),
            });
        }
        *self.inner.answered.lock().unwrap_or_else(PoisonError::into_inner) = Answered::from(&connection);
        Ok(connection)
    }

    /// Where a broker may be, in the order in which to try: who answered last, who is alive as last heard, who was named at
    /// the beginning. After one that failed: the others that are alive, then it, and only then addresses that may be its
    /// other names.
    pub(super) fn addresses(&self, failed: Option<&Address>) -> Vec<Address> {
        let brokers = self.brokers().into_iter().map(|broker| Address::new(broker.host, broker.port));
        let mut known: Vec<Address> = brokers.collect();
        let mut rest = vec![self.connected_to()];
        rest.extend_from_slice(&self.config().bootstrap);
        match failed {
            None => known.insert(0, rest[0].clone()),
            Some(failed) => match known.iter().position(|address| address == failed) {
                Some(at) => known.rotate_left(at + 1),
                None => {
                    rest.retain(|address| address != failed);
                    rest.push(failed.clone());
                }
            },
        }
        let mut addresses = Vec::with_capacity(known.len() + rest.len());
        for address in known.into_iter().chain(rest) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// The address by which the cluster names the broker at the other end, if it is known: it may have been reached by
    /// another, and whoever looks for another broker must not find it again.
    pub(super) fn named(&self, connection: &Connection) -> Address {
        let named = self.address_of(connection.server().broker_id);
        named.unwrap_or_else(|| connection.address().clone())
    }

    fn no_answer(&self, operation: &'static str) -> ClientError {
        let timeout = self.config().request_timeout;
        ClientError::NoAnswer { address: self.connected_to(), operation, timeout }
    }
}

fn is_worth_another_try(failure: &ClientError) -> bool {
    match failure {
        ClientError::Rejected(rejection) => rejection.code.is_retriable(),
        ClientError::Connection { .. } | ClientError::NoAnswer { .. } => true,
        _ => false,
    }
}

fn retry_after(failure: &ClientError) -> Duration {
    let ms = match failure {
        ClientError::Rejected(rejection) => rejection.retry_after_ms.unwrap_or(0),
        _ => 0,
    };
    Duration::from_millis(ms.into())
}

/// Tries the addresses in turn, again and again until the deadline, for the first that answers.
pub(super) async fn connect(
    config: &ClientConfig,
    addresses: Vec<Address>,
    deadline: Instant,
) -> Result<Connection, ClientError> {
    let mut backoff = Backoff::new(config);
    let tried = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut why = None;
    // One that hangs is not waited for while there are others.
    let patience =
        if addresses.len() > 1 { QUICK.min(config.connect_timeout) } else { config.connect_timeout };
    loop {
        let mut any_resolves = false;
        // Somebody else's port; another address may still be a broker's.
        let mut stranger = None;
        for address in &addresses {
            let attempt = tokio::select! {
                attempt = Connection::open_within(address, config, patience) => attempt,
                () = sleep_until(deadline) => break,
            };
            match attempt {
                Ok(connection) => return Ok(connection),
                Err(OpenError::Talk(error)) if !error.is_retriable() => _ = stranger.get_or_insert(error),
                Err(error) => {
                    any_resolves |= !matches!(error, OpenError::Dial(DialError::DoesNotResolve));
                    why = Some(reason(&error));
                }
            }
        }
        if let Some(stranger) = stranger {
            return Err(stranger);
        }
        let pause = backoff.next();
        if !any_resolves || Instant::now() + pause >= deadline {
            let why =
                why.unwrap_or_else(|| format!("nothing within {} ms", config.request_timeout.as_millis()));
            return Err(ClientError::NoBroker { addresses: tried, why });
        }
        tracing::info!(addresses = %tried, ?why, "no broker answers yet");
        sleep(pause).await;
    }
}

fn reason(error: &OpenError) -> String {
    match error {
        OpenError::Dial(error) => error.why(),
        OpenError::Talk(ClientError::Connection { why, .. }) => why.clone(),
        OpenError::Talk(ClientError::NoAnswer { timeout, .. }) => {
            format!("connected, but no answer within {} ms", timeout.as_millis())
        }
        OpenError::Talk(error) => error.to_string(),
    }
}
