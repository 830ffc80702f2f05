//! Membership: a task that joins, hears, and joins again.
//!
//! ```text
//!   find the coordinator ─► group_stream ─► joined ─► assignments, signs of life
//!        ▲                       │ refused              │ 1 s of silence, an end, fenced
//!        └───────── pause ◄──────┴──────────────────────┘
//! ```
//!
//! The coordinator ends the membership when the stream closes; dropping the [`Membership`] closes it. A connection may outlast
//! a process that hangs: so the task also says regularly that it lives, on the connection for what a member says.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};
use yak_model::ErrorCode;
use yak_model::api::{ClientRole, GroupEvent, GroupStream, GroupStreamReply, Register, Rejection};
use yak_protocol::parse_group_event;

use super::standing::SILENCE;
use super::{Coordinator, Ended, Identity, Standing};
use crate::cluster::Backoff;
use crate::connection::{Lines, ReplyError, plain};
use crate::{Address, ClientConfig, ClientError};

/// Longest pause before joining again: a group whose coordinator died is to go on soon after there is another.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A member's task, and what it knows.
#[derive(Debug)]
pub(crate) struct Membership {
    standing: watch::Receiver<Standing>,
    task: AbortHandle,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Membership {
    /// Begins to join. `request` says as whom and for what.
    pub(crate) fn begin(coordinator: Coordinator, request: GroupStream) -> Self {
        let (sender, standing) = watch::channel(Standing::new());
        let member = Member { coordinator, request, standing: sender };
        Self { standing, task: tokio::spawn(member.run()).abort_handle() }
    }

    /// What the task knows, now and whenever it changes.
    pub(crate) const fn standing(&self) -> &watch::Receiver<Standing> {
        &self.standing
    }
}

struct Member {
    coordinator: Coordinator,
    request: GroupStream,
    standing: watch::Sender<Standing>,
}

/// A stream, joined.
struct Stream {
    address: Address,
    /// How often the member is to say that it lives.
    heartbeat_interval: Option<Duration>,
    stream: TcpStream,
    lines: Lines,
}

impl Member {
    async fn run(mut self) {
        let config = self.coordinator.cluster().config();
        let mut backoff = Backoff::new(&ClientConfig {
            retry_backoff_max: config.retry_backoff_max.min(LONGEST_PAUSE),
            ..config.clone()
        });
        loop {
            let ended = match self.join().await {
                Ok(stream) => {
                    let begun = Instant::now();
                    let ended = tokio::select! {
                        never = self.say_alive(stream.heartbeat_interval) => match never {},
                        ended = self.listen(stream) => ended,
                    };
                    // (Who is thrown out again and again joins more and more slowly.)
                    if begun.elapsed() >= SILENCE {
                        backoff.reset();
                    }
                    ended
                }
                Err(error) => self.refused(error),
            };
            let is_final = matches!(ended, Ended::Failed(_));
            tracing::info!(group = %self.request.group_id, ?ended, "no member of the group");
            self.standing.send_modify(|standing| {
                standing.member = None;
                standing.ended = Some(ended);
            });
            if is_final {
                return;
            }
            sleep(backoff.next()).await;
        }
    }

    /// What a failure to join means.
    fn refused(&mut self, error: ClientError) -> Ended {
        if let ClientError::Rejected(Rejection { code, .. }) = &error
            && matches!(code, ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch)
        {
            // Whoever this was is not known any more: as somebody new, then.
            self.request.member_id = None;
            return Ended::Interrupted(error);
        }
        let passes = self.coordinator.is_worth_another_try(&error)
            || matches!(&error, ClientError::Rejected(rejection) if rejection.code == ErrorCode::UnreleasedInstanceId);
        if passes || error.is_retriable() { Ended::Interrupted(error) } else { Ended::Failed(error) }
    }

    async fn join(&mut self) -> Result<Stream, ClientError> {
        let mut connection = self.coordinator.connect().await?;
        let config = self.coordinator.cluster().config();
        let patience = config.request_timeout;
        // So that the broker lists it as what it is, also while it has no partitions.
        let register = Register {
            role: ClientRole::Consumer,
            client_id: config.client_id.clone(),
            topics: self.request.topics.clone(),
            group: Some(self.request.group_id.to_string()),
        };
        connection.call(&register, patience).await?.map_err(ClientError::Rejected)?;
        let GroupStreamReply { member_id, member_epoch, heartbeat_interval_ms } =
            connection.call(&self.request, patience).await?.map_err(ClientError::Rejected)?;
        tracing::info!(group = %self.request.group_id, %member_id, %member_epoch, "joined the group");
        self.request.member_id = Some(member_id.clone());
        self.standing.send_modify(|standing| {
            standing.incarnation += 1;
            standing.member = Some(Identity { member_id, member_epoch });
            standing.assignment = None;
            standing.ended = None;
            standing.heard = Instant::now();
        });
        let address = connection.address().clone();
        let (stream, lines, _next_id) = connection.into_parts();
        let heartbeat_interval = heartbeat_interval_ms.map(|ms| Duration::from_millis(ms.into()));
        Ok(Stream { address, heartbeat_interval, stream, lines })
    }

    /// Says again and again that the member lives. What is answered does not count: the stream tells.
    async fn say_alive(&self, every: Option<Duration>) -> Infallible {
        let Some(every) = every else { return std::future::pending().await };
        loop {
            sleep(every).await;
            let Some(identity) = self.standing.borrow().member.clone() else { continue };
            let heartbeat = self.coordinator.heartbeat(identity, self.request.instance_id.as_ref(), None);
            if let Err(error) = self.coordinator.ask(&heartbeat).await {
                tracing::debug!(group = %self.request.group_id, %error, "the coordinator took no sign of life");
            }
        }
    }

    /// Until the stream ends.
    async fn listen(&self, mut stream: Stream) -> Ended {
        loop {
            match stream.next().await {
                Ok(Some(GroupEvent::Assignment(assignment))) => self.standing.send_modify(|standing| {
                    if let Some(member) = &mut standing.member {
                        member.member_epoch = assignment.member_epoch;
                    }
                    standing.assignment = Some(Arc::new(assignment));
                    standing.version += 1;
                    standing.heard = Instant::now();
                }),
                // No news for anybody.
                Ok(Some(GroupEvent::Alive) | None) => {
                    _ = self.standing.send_if_modified(|standing| {
                        standing.heard = Instant::now();
                        false
                    })
                }
                Ok(Some(GroupEvent::Fenced(rejection))) => {
                    if rejection.code == ErrorCode::FencedInstanceId {
                        // Another process has taken this one's place: joining would be taking it back.
                        return Ended::Failed(rejection.into());
                    }
                    // It moved, and says so in this way: no reason to give anything up.
                    let passes = self.coordinator.is_worth_another_try(&rejection.clone().into());
                    return if passes {
                        Ended::Interrupted(rejection.into())
                    } else {
                        Ended::Fenced(rejection)
                    };
                }
                Err(error) => {
                    // What is under way on the other connection hangs, too.
                    self.coordinator.give_up();
                    return Ended::Interrupted(error);
                }
            }
        }
    }
}

impl Stream {
    async fn next(&mut self) -> Result<Option<GroupEvent>, ClientError> {
        let lost = |address: &Address, why: String| ClientError::Connection { address: address.clone(), why };
        loop {
            let len = self.lines.next_len().map_err(|long| ReplyError::from(long).at(&self.address))?;
            if let Some(len) = len {
                let event = parse_group_event(self.lines.line(len))
                    .map_err(|malformed| ReplyError::from(malformed).at(&self.address))?;
                self.lines.consume(len);
                return Ok(event?);
            }
            let space: &mut BytesMut = self.lines.space();
            let why = match timeout(SILENCE, self.stream.read_buf(space)).await {
                Ok(Ok(0)) => "the broker closed the connection".to_owned(),
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => plain(&error),
                Err(_elapsed) => format!("nothing was heard for {} ms", SILENCE.as_millis()),
            };
            return Err(lost(&self.address, why));
        }
    }
}
