//! One exchange with a leader: lines out, answers back, and what it means if they do not come.

use std::future::Future;

use bytes::BytesMut;
use tokio::time::{Instant, sleep_until};
use yak_model::ErrorCode;
use yak_model::api::{ForwardedBy, Rejection};
use yak_protocol::encode_forwarded;

use super::entry::Leader;
use super::pool::{Taken, Use};
use crate::broker::{Broker, RETRY_AFTER_MS};
use crate::link::{Answer, LinkError};

/// Requests that were sent and whose answers are awaited.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    broker: &'a Broker,
    leader: &'a Leader,
    taken: Taken,
    until: Instant,
}

/// Sends lines to a leader, whose answers are awaited until `until`.
///
/// # Errors
/// `LEADER_NOT_AVAILABLE` if nothing was sent; else what [`Asked::line`] says.
pub(super) async fn ask<'a>(
    (broker, leader): (&'a Broker, &'a Leader),
    what_for: Use,
    lines: &[u8],
    until: Instant,
) -> Result<Asked<'a>, Rejection> {
    let taken = tokio::select! {
        taken = broker.forwarding.take(leader, what_for, until) => taken,
        () = gone(broker, leader) => Err("it is not alive any more".to_owned()),
    };
    let taken = taken.map_err(|why| {
        let message = format!("broker {}, which leads, cannot be reached: {why}", leader.id());
        Rejection::new(ErrorCode::LeaderNotAvailable, message).retry_after(RETRY_AFTER_MS)
    })?;
    let mut asked = Asked { broker, leader, taken, until };
    let sent = asked.taken.link.send_lines(lines);
    unless_late((broker, leader), until, sent).await?;
    Ok(asked)
}

impl Asked<'_> {
    /// The next answer, a line.
    ///
    /// # Errors
    /// `NETWORK_EXCEPTION` or `REQUEST_TIMED_OUT` if it does not come: then nobody knows what was done.
    pub(super) async fn line(&mut self) -> Result<BytesMut, Rejection> {
        unless_late((self.broker, self.leader), self.until, self.taken.link.receive_line()).await
    }

    /// The one answer, with records behind it; refused as a whole, if it is.
    ///
    /// # Errors
    /// As for a line, or what the leader says.
    pub(super) async fn records(mut self) -> Result<Answer, Rejection> {
        let receive = async {
            match self.taken.link.receive().await {
                Err(LinkError::Refused(rejection)) => Ok(Err(rejection)),
                received => received.map(Ok),
            }
        };
        let answer = unless_late((self.broker, self.leader), self.until, receive).await?;
        self.done();
        answer
    }

    /// Every answer came.
    pub(super) fn done(self) {
        self.taken.put_back();
    }
}

/// Waits for a leader, but not beyond the deadline nor beyond its death.
async fn unless_late<T>(
    (broker, leader): (&Broker, &Leader),
    until: Instant,
    answer: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, Rejection> {
    let id = leader.id();
    let (code, message) = tokio::select! {
        biased;
        answer = answer => match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => (
                ErrorCode::NetworkException,
                format!("the connection to broker {id}, which leads, ended before its answer came: {error}"),
            ),
        },
        () = sleep_until(until) => {
            (ErrorCode::RequestTimedOut, format!("broker {id}, which leads, did not answer in time"))
        }
        () = gone(broker, leader) => (
            ErrorCode::NetworkException,
            format!("broker {id}, which led, died before its answer came"),
        ),
    };
    Err(Rejection::new(code, message).retry_after(RETRY_AFTER_MS))
}

/// Returns when that process of the leader is not a live broker any more.
async fn gone(broker: &Broker, leader: &Leader) {
    let mut applied = broker.followed_index();
    loop {
        let image = broker.image();
        let known = image.broker(leader.id());
        if !known.is_some_and(|known| !known.fenced && known.epoch() == leader.broker_epoch) {
            return;
        }
        if applied.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Appends a line that is forwarded by this broker.
///
/// # Errors
/// `LEADER_NOT_AVAILABLE` if this broker was not told the cluster's key.
pub(super) fn encode(broker: &Broker, line: &[u8], out: &mut BytesMut) -> Result<(), Rejection> {
    let Some(key) = broker.membership.keys().current() else {
        let message = "this broker cannot ask the leader: it has not been told the cluster's key";
        return Err(Rejection::new(ErrorCode::LeaderNotAvailable, message).retry_after(RETRY_AFTER_MS));
    };
    let by = ForwardedBy {
        broker_id: broker.id(),
        broker_epoch: broker.epoch(),
        key,
        attachments: broker.config.replica_fetch_attachments,
    };
    encode_forwarded(out, &by, line);
    Ok(())
}

/// What a leader's refusal means to who asked this broker. That the two brokers do not know each other yet is of no
/// interest to anybody else, and passes.
pub(super) fn translate(leader: &Leader, rejection: Rejection) -> Rejection {
    match rejection.code {
        ErrorCode::StaleBrokerEpoch | ErrorCode::ClusterAuthorizationFailed => {
            let message = format!("broker {}, which leads, does not take it: {rejection}", leader.id());
            Rejection::new(ErrorCode::LeaderNotAvailable, message).retry_after(RETRY_AFTER_MS)
        }
        _ => rejection,
    }
}
