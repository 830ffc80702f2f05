//! Tail: records of topics as they come, from a starting point on.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::watch;
use yak_model::api::{OffsetSpec, ReadFrom, Rejection, Tail, TailStart};
use yak_model::{ErrorCode, MetadataIndex, Offset, PartitionIndex, TopicName};
use yak_record::Records;

use crate::broker::Broker;
use crate::ops::metadata::auto_create;
use crate::partitions::Partition;
use crate::wakeups::Wait;

/// Bytes of batches read for one partition before the next has its turn.
const CHUNK_BYTES: u64 = 256 * 1024;

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
}

/// How far one partition is.
#[derive(Debug)]
struct Cursor {
    partition: Arc<Partition>,
    next: Offset,
    /// Where it ends, if the tail ends at the ends as they stood at its start.
    stop: Option<Offset>,
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
    pub(crate) records: Records,
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
        let left = request.max_records;
        let mut tailing = Self { broker, request, cursors: Vec::new(), turn: 0, left, applied };
        tailing.add_partitions(tailing.request.from)?;
        Ok(tailing)
    }

    /// Adds partitions that are not yet tailed, each from `from` on.
    fn add_partitions(&mut self, from: TailStart) -> Result<(), Rejection> {
        let image = self.broker.image();
        for topic in &self.request.topics {
            let found = image.topic(topic).ok_or_else(|| self.broker.unknown_topic(&image, topic))?;
            let all = (0..found.partition_count()).map(PartitionIndex::new);
            let wanted: Vec<PartitionIndex> = match &self.request.partitions {
                None => all.collect(),
                Some(wanted) => wanted.clone(),
            };
            for index in wanted {
                let known = |cursor: &Cursor| {
                    cursor.partition.id().partition == index && cursor.partition.topic_id() == found.id()
                };
                if self.cursors.iter().any(known) {
                    continue;
                }
                let partition = self.broker.partition(topic, index)?;
                let who = self.request.read_from;
                let next = begin(&partition, who, from)?;
                let stop = if self.request.stop_at_end { Some(end(&partition, who)?) } else { None };
                self.cursors.push(Cursor { partition, next, stop });
            }
        }
        Ok(())
    }

    /// The next records, waiting until there are some; `None` when the tail is complete. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>, Rejection> {
        loop {
            if self.left == Some(0) || self.cursors.iter().all(Cursor::is_done) {
                return Ok(None);
            }
            if let Some(chunk) = self.read()? {
                return Ok(Some(chunk));
            }
            let waiting = self.cursors.iter().filter(|cursor| !cursor.is_done());
            let wait = Wait::new(waiting.map(|cursor| Arc::clone(&cursor.partition)).collect());
            wait.arm();
            if let Some(chunk) = self.read()? {
                return Ok(Some(chunk));
            }
            tokio::select! {
                () = wait.grown() => {}
                changed = self.applied.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    // Partitions added while tailing are followed from their beginning.
                    if !self.request.stop_at_end && self.request.partitions.is_none() {
                        self.add_partitions(TailStart::Beginning)?;
                    }
                }
            }
        }
    }

    /// Looks at every partition once, in turn.
    fn read(&mut self) -> Result<Option<Chunk>, Rejection> {
        let who = self.request.read_from;
        for _ in 0..self.cursors.len() {
            let at = self.turn % self.cursors.len();
            self.turn = at + 1;
            let cursor = &mut self.cursors[at];
            if cursor.is_done() {
                continue;
            }
            let read = match cursor.partition.read_from(who, None, cursor.next, CHUNK_BYTES) {
                Err(rejection) if rejection.code == ErrorCode::OffsetOutOfRange => {
                    // Retention or delete-records took what came next; go on with what is there.
                    cursor.next = cursor.next.max(cursor.partition.reader().log_start());
                    cursor.partition.read_from(who, None, cursor.next, CHUNK_BYTES)?
                }
                read => read?,
            };
            if !read.records.is_empty() {
                return Ok(Some(Chunk {
                    cursor: at,
                    topic: cursor.partition.id().topic.clone(),
                    partition: cursor.partition.id().partition,
                    from: cursor.next,
                    stop: cursor.stop,
                    most: self.left.unwrap_or(u64::MAX),
                    records: read.records,
                }));
            }
        }
        Ok(None)
    }

    /// Appends the batches of a chunk to `out`.
    pub(crate) fn load(&self, chunk: &Chunk, out: &mut BytesMut) -> Result<(), Rejection> {
        self.cursors[chunk.cursor].partition.load(&chunk.records, chunk.from, out)
    }

    /// Of a chunk, `sent` records were sent, and the next is at `next`.
    pub(crate) fn advance(&mut self, chunk: &Chunk, next: Offset, sent: u64) {
        self.cursors[chunk.cursor].next = next;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(sent);
        }
    }

    /// Whether records that are JSON are to be returned as JSON.
    pub(crate) const fn json_values(&self) -> bool {
        self.request.json_values
    }
}

impl Cursor {
    fn is_done(&self) -> bool {
        self.stop.is_some_and(|stop| self.next >= stop)
    }
}

fn end(partition: &Partition, who: ReadFrom) -> Result<Offset, Rejection> {
    if who == ReadFrom::Any {
        // Of a follower, as far as it knows.
        let first = partition.reader().log_start();
        return Ok(partition.read_from(who, None, first, 0)?.high_watermark);
    }
    let latest = partition.offset_at(None, OffsetSpec::Latest)?;
    Ok(latest.map_or(Offset::ZERO, |latest| latest.offset))
}

fn begin(partition: &Partition, who: ReadFrom, from: TailStart) -> Result<Offset, Rejection> {
    let first = partition.reader().log_start();
    match from {
        TailStart::Beginning => Ok(first),
        TailStart::End => end(partition, who),
        TailStart::Last(count) => {
            let back = i64::try_from(count).unwrap_or(i64::MAX);
            let end = end(partition, who)?;
            Ok(Offset::new(end.get().saturating_sub(back)).max(first))
        }
        TailStart::Time(time) => match partition.offset_at(None, OffsetSpec::Time(time))? {
            Some(found) => Ok(found.offset),
            None => end(partition, who),
        },
        TailStart::Offset(offset) => {
            // Says precisely why, if it is not there.
            partition.read_from(who, None, offset, 1)?;
            Ok(offset)
        }
    }
}
