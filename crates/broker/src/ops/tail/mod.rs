//! Tail: records of topics as they come, from a starting point on, whoever leads their partitions.
//!
//! ```text
//!   led here (or content with any replica) ─► the log itself, woken when it grows
//!   led by 2 ─► a fetch that broker 2 holds ─► batches, kept until they are sent ─► the next fetch
//! ```
//!
//! Where a partition is read is looked up before each read, so that a tail goes on at the next leader, from the next
//! offset, and waits [`PATIENCE`] for one. Invariants: a cursor moves only over records that were sent or that are not
//! there any more; a leader is asked again only when everything it sent was taken by the reader, so that no more than
//! [`FETCH_BYTES`] of each leader's are in memory.

mod away;
mod cursor;
mod start;

use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep};
use yak_model::api::{Rejection, Tail, TailStart};
use yak_model::{ErrorCode, MetadataIndex, Offset, PartitionIndex, TopicName};
use yak_record::Records;

use self::away::Away;
use self::cursor::{Cursor, Look};
use crate::broker::{Broker, RETRY_AFTER_MS};
use crate::ops::metadata::auto_create;
use crate::partitions::Partition;
use crate::wakeups::Wait;

/// Bytes of batches read of one partition before the next has its turn.
const CHUNK_BYTES: u32 = 256 * 1024;
/// Most bytes of batches asked of one leader at once.
const FETCH_BYTES: u32 = 1024 * 1024;
/// How long a partition may have nobody to read it from.
const PATIENCE: Duration = Duration::from_secs(10);

/// A tail in progress.
#[derive(Debug)]
pub(crate) struct Tailing {
    broker: Arc<Broker>,
    request: Tail,
    cursors: Vec<Cursor>,
    /// Whose turn it is.
    turn: usize,
    /// Records that may still be sent.
    left: Option<u64>,
    applied: watch::Receiver<MetadataIndex>,
    /// The metadata changed since partitions were looked for.
    may_grow: bool,
    away: Away,
    /// Since when some partition cannot be read.
    stuck: Option<Instant>,
}

/// Some records of one partition.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Which cursor, for [`Tailing::advance`].
    pub(crate) cursor: usize,
    /// The topic.
    pub(crate) topic: TopicName,
    /// The partition.
    pub(crate) partition: PartitionIndex,
    /// The first offset to send; the first batch may begin before it.
    pub(crate) from: Offset,
    /// The first offset not to send, if there is one.
    pub(crate) stop: Option<Offset>,
    /// Most records to send.
    pub(crate) most: u64,
    /// Whole batches.
    records: Records,
    /// Where they are read from; `None` if a leader sent them.
    source: Option<Arc<Partition>>,
}

impl Chunk {
    /// Appends the batches to `out`.
    pub(crate) fn load(&self, out: &mut BytesMut) -> Result<(), Rejection> {
        match (&self.source, &self.records) {
            (None, Records::Bytes(bytes)) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            (None, Records::Stored(_)) => Err(Rejection::new(
                ErrorCode::UnknownServerError,
                "records of another broker are never on this one's disk",
            )),
            (Some(source), records) => source.load(records, self.from, out),
        }
    }
}

impl Tailing {
    /// Finds the topics, creating those that may be created, and where to begin.
    pub(crate) async fn start(broker: Arc<Broker>, request: Tail) -> Result<Self, Rejection> {
        for topic in &request.topics {
            if broker.image().topic(topic).is_none() && broker.config.auto_create_topics {
                auto_create(&broker, topic).await?;
            }
        }
        let applied = broker.followed_index();
        let (left, from) = (request.max_records, request.from);
        let mut tailing = Self {
            broker,
            request,
            cursors: Vec::new(),
            turn: 0,
            left,
            applied,
            may_grow: false,
            away: Away::default(),
            stuck: None,
        };
        tailing.add_partitions(from).await?;
        Ok(tailing)
    }

    /// Adds partitions that are not yet tailed, each from `from` on.
    async fn add_partitions(&mut self, from: TailStart) -> Result<(), Rejection> {
        let found = start::find(&self.broker, &self.request, &self.cursors)?;
        let cursors = start::begin(&self.broker, &self.request, from, found).await?;
        self.cursors.extend(cursors);
        Ok(())
    }

    /// The next records, waiting until there are some; `None` when the tail is complete. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>, Rejection> {
        loop {
            if self.left == Some(0) || self.cursors.iter().all(Cursor::is_done) {
                return Ok(None);
            }
            if self.may_grow {
                // Partitions added while tailing are followed from their beginning.
                self.add_partitions(TailStart::Beginning).await?;
                self.may_grow = false;
            }
            start::find_lost(&self.broker, &mut self.cursors).await?;
            if let Some(chunk) = self.read()? {
                return Ok(Some(chunk));
            }
            let wait = Wait::new(self.cursors.iter().filter_map(Cursor::awaited).collect());
            wait.arm();
            if let Some(chunk) = self.read()? {
                return Ok(Some(chunk));
            }
            self.away.ask(&self.broker, &self.cursors);
            let pause = Duration::from_millis(RETRY_AFTER_MS.into());
            tokio::select! {
                () = wait.grown() => {}
                fetched = self.away.next(), if !self.away.is_empty() => {
                    fetched.into_iter().try_for_each(|fetched| fetched.take(&mut self.cursors))?;
                }
                changed = self.applied.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    self.may_grow = !self.request.stop_at_end && self.request.partitions.is_none();
                }
                () = sleep(pause), if self.stuck.is_some() => {}
            }
        }
    }

    /// Looks at every partition once, in turn.
    fn read(&mut self) -> Result<Option<Chunk>, Rejection> {
        let mut trouble = None;
        for _ in 0..self.cursors.len() {
            let at = self.turn % self.cursors.len();
            self.turn = at + 1;
            let cursor = &mut self.cursors[at];
            if cursor.is_done() {
                continue;
            }
            match cursor.look(&self.broker, self.request.read_from)? {
                Look::Records(records, source) => {
                    self.stuck = None;
                    return Ok(Some(Chunk {
                        cursor: at,
                        topic: cursor.id.topic.clone(),
                        partition: cursor.id.partition,
                        from: cursor.next,
                        stop: cursor.stop,
                        most: self.left.unwrap_or(u64::MAX),
                        records,
                        source,
                    }));
                }
                Look::Nothing => {}
                Look::Trouble(rejection) => trouble = Some(rejection),
            }
        }
        match (trouble, self.stuck) {
            (None, _) => self.stuck = None,
            (Some(rejection), Some(since)) if since.elapsed() > PATIENCE => return Err(rejection),
            (Some(_), since) => self.stuck = since.or_else(|| Some(Instant::now())),
        }
        Ok(None)
    }

    /// Of a chunk, `sent` records were sent, and the next is at `next`.
    pub(crate) fn advance(&mut self, chunk: &Chunk, next: Offset, sent: u64) {
        self.cursors[chunk.cursor].advance(next);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(sent);
        }
    }

    /// Whether records that are JSON are to be returned as JSON.
    pub(crate) const fn json_values(&self) -> bool {
        self.request.json_values
    }
}

/// Whether a partition that cannot be read for this reason can perhaps soon, here or elsewhere.
const fn passes(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::NetworkException
            | ErrorCode::RequestTimedOut
    )
}
