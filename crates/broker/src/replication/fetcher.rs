//! One leader's follower: a task with one connection, over which all partitions that follow that leader fetch.
//!
//! ```text
//!   connect, hello ─► fetch (what is new or moved) ─► held by the leader ─► reply ─► append ─► fetch ...
//!                       progress, new partitions ─────┘ answers the held one at once
//!   anything wrong ─► drop the connection, wait 20 to 500 ms, connect, say everything anew
//! ```
//!
//! Invariant: at most one fetch is outstanding, so that records are never sent twice, and at most
//! [`MAX_PROGRESS`] requests of progress behind it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use yak_model::api::ReplicaFetch;

use super::following::Following;
use crate::broker::Broker;
use crate::link::{Link, LinkError, Peer};
use crate::partitions::{Mailbox, Partition, PartitionKey};

/// Longest that a leader holds a fetch.
const MAX_WAIT_MS: u32 = 500;
/// Most bytes of records asked for at once.
const MAX_BYTES: u32 = 8 * 1024 * 1024;
/// A leader that has not answered so long after it had to hangs.
const ANSWER_DELAY: Duration = Duration::from_secs(2);
/// Requests of progress that may be unanswered.
const MAX_PROGRESS: usize = 4;
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
const LONGEST_BACKOFF: Duration = Duration::from_millis(500);

/// The partitions that follow one leader now.
pub(super) type Assigned = Arc<BTreeMap<PartitionKey, Arc<Partition>>>;

/// What a fetcher works with.
#[derive(Debug)]
pub(super) struct Fetcher {
    pub(super) broker: Arc<Broker>,
    pub(super) peer: Peer,
    pub(super) assigned: watch::Receiver<Assigned>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) stop: CancellationToken,
}

impl Fetcher {
    /// Fetches until it is told to stop; then the connection is gone at once.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.fetch_for_ever() => {}
        }
    }

    async fn fetch_for_ever(&mut self) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let began = Instant::now();
            let Err(error) = self.fetch().await;
            self.broker.departures.broke(self.peer.broker_id);
            // A refusal that metadata will mend, or a process that starts again: nothing to be alarmed by.
            tracing::warn!(leader = %self.peer.broker_id, host = self.peer.host, port = self.peer.port, %error, "replication_interrupted");
            if began.elapsed() > LONGEST_BACKOFF {
                backoff = FIRST_BACKOFF;
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
        }
    }

    /// Fetches over one connection until something is wrong with it.
    async fn fetch(&mut self) -> Result<std::convert::Infallible, LinkError> {
        let mut link = Link::open(&self.peer).await?;
        self.broker.departures.is_there(self.peer.broker_id);
        let mut following = Following::new(self.peer.broker_id);
        following.assign(&self.assigned.borrow_and_update().clone());
        // Replies that are due, oldest first: until when.
        let mut due: std::collections::VecDeque<Due> = std::collections::VecDeque::new();
        loop {
            following.moved(self.mailbox.take());
            let is_fetching = due.iter().any(|due| due.is_fetch);
            if !is_fetching || (following.has_changes() && due.len() <= MAX_PROGRESS) {
                let request = self.request(&mut following, !is_fetching)?;
                link.send(&request).await?;
                let wait = Duration::from_millis(request.max_wait_ms.into()) + ANSWER_DELAY;
                due.push_back(Due { is_fetch: !is_fetching, until: Instant::now() + wait });
            }
            let until = due.front().map_or_else(Instant::now, |due| due.until);
            tokio::select! {
                answer = link.receive() => {
                    due.pop_front();
                    following.take(answer?)?;
                }
                changed = self.assigned.changed() => {
                    if changed.is_err() {
                        std::future::pending::<()>().await;
                    }
                    following.assign(&self.assigned.borrow_and_update().clone());
                }
                () = self.mailbox.noted.notified() => {}
                () = following.retry() => {}
                () = sleep_until(until) => return Err(LinkError::Silent(ANSWER_DELAY)),
            }
        }
    }

    fn request(&self, following: &mut Following, is_fetch: bool) -> Result<ReplicaFetch, LinkError> {
        let Some(key) = self.broker.membership.keys().current() else {
            let why = "this broker has not been told the cluster's key".to_owned();
            return Err(LinkError::BadRecords(why));
        };
        let (entries, forget) = following.changes();
        Ok(ReplicaFetch {
            broker_id: self.broker.id(),
            broker_epoch: self.broker.epoch(),
            key,
            max_wait_ms: if is_fetch { MAX_WAIT_MS } else { 0 },
            max_bytes: if is_fetch { MAX_BYTES } else { 0 },
            attachments: self.broker.config.replica_fetch_attachments,
            entries,
            forget,
        })
    }
}

/// A reply that is due.
struct Due {
    is_fetch: bool,
    until: Instant,
}
