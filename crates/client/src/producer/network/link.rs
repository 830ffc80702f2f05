//! A connection to one leader: produce lines out, acknowledgements in the same order.
//!
//! ```text
//!   pending   |  written whole, waiting for their replies  | being written | not begun |
//!             0                                          sent           sent+1
//! ```
//!
//! Invariants: the first `written` bytes of `pending[sent]` are on their way; only entries before `sent` may have
//! given their batch away.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use tokio::time::Instant;
use yak_model::api::{ProduceReply, Rejection, Reply};
use yak_model::{BrokerId, LeaderEpoch, PartitionIndex, TopicName};
use yak_protocol::{ProduceHead, parse_produce_reply};

use super::super::batch::Batch;
use super::super::{ProducerConfig, Slot};
use super::partition::Partition;
use crate::connection::{Lines, ReplyError, expect_id};
use crate::{Address, Connection};

/// Most lines gathered into one write.
const MAX_GATHERED: usize = 16;
/// Enough bytes for one write.
const GATHERED_BYTES: usize = 512 * 1024;
/// Most requests under way; the broker stops reading beyond its own limit, which is higher.
const MAX_PENDING: usize = 48;
/// Bytes of replies that are taken in at once.
const MAX_UNREAD_BYTES: usize = 1024 * 1024;
/// Bytes to be written beyond which batches rather wait in their partitions' queues.
const MAX_UNSENT_BYTES: usize = 256 * 1024;

/// See the head of the file.
#[derive(Debug)]
pub(in crate::producer) struct Link {
    pub(super) broker: BrokerId,
    pub(super) address: Address,
    stream: TcpStream,
    lines: Lines,
    next_id: u64,
    pending: VecDeque<Pending>,
    sent: usize,
    written: usize,
    unsent_bytes: usize,
}

/// A produce under way.
#[derive(Debug)]
pub(super) struct Pending {
    id: u64,
    pub(super) slot: Slot,
    topic: TopicName,
    partition: PartitionIndex,
    leader_epoch: LeaderEpoch,
    /// `None` once it was taken back, to be sent elsewhere.
    pub(super) batch: Option<Batch>,
    /// When the connection is given up for lack of a reply.
    deadline: Instant,
}

/// A reply, and what it is for.
pub(super) type Replied = (Pending, Result<Reply<ProduceReply>, Rejection>);

impl Link {
    pub(super) fn new(broker: BrokerId, connection: Connection) -> Self {
        let address = connection.address().clone();
        let (stream, lines, next_id) = connection.into_parts();
        Self {
            broker,
            address,
            stream,
            lines,
            next_id,
            pending: VecDeque::new(),
            sent: 0,
            written: 0,
            unsent_bytes: 0,
        }
    }

    /// Whether another batch may be given to this connection now.
    pub(super) fn has_room(&self) -> bool {
        self.pending.len() < MAX_PENDING && self.unsent_bytes < MAX_UNSENT_BYTES
    }

    /// Puts a batch at the end of what is to be written.
    pub(super) fn push(
        &mut self,
        batch: Batch,
        partition: &Partition,
        leader_epoch: LeaderEpoch,
        deadline: Instant,
    ) {
        self.unsent_bytes += batch.line.line_len();
        self.pending.push_back(Pending {
            id: self.next_id,
            slot: batch.slot,
            topic: partition.topic.clone(),
            partition: partition.index,
            leader_epoch,
            batch: Some(batch),
            deadline,
        });
        self.next_id += 1;
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(&mut self, config: &ProducerConfig, timeout_ms: u32) -> io::Result<()> {
        while self.sent < self.pending.len() {
            let mut slices = [IoSlice::new(&[]); MAX_GATHERED];
            let mut count = 0;
            let mut bytes = 0;
            for pending in self.pending.iter_mut().skip(self.sent).take(MAX_GATHERED) {
                let line = pending.seal(config, timeout_ms);
                let begin = if count == 0 { self.written } else { 0 };
                slices[count] = IoSlice::new(&line[begin..]);
                count += 1;
                bytes += line.len();
                if bytes >= GATHERED_BYTES {
                    break;
                }
            }
            let lens = slices.map(|slice| slice.len());
            let taken = match self.stream.try_write_vectored(&slices[..count]) {
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            self.advance(taken, &lens[..count]);
        }
        Ok(())
    }

    /// The socket took so many bytes of lines, of which so many were still to be written.
    fn advance(&mut self, mut taken: usize, lens: &[usize]) {
        for &len in lens {
            if taken < len {
                self.written += taken;
                return;
            }
            taken -= len;
            let line_len = self.pending[self.sent].batch.as_ref().map_or(0, |batch| batch.line.line_len());
            self.unsent_bytes = self.unsent_bytes.saturating_sub(line_len);
            self.sent += 1;
            self.written = 0;
        }
    }

    /// With `acks=0`: takes what has been written whole.
    pub(super) fn take_written(&mut self) -> impl Iterator<Item = Pending> {
        self.pending.drain(..std::mem::take(&mut self.sent))
    }

    /// Reads what there is, up to a limit. False at the end of the stream.
    pub(super) fn read(&mut self) -> io::Result<bool> {
        while self.lines.len() < MAX_UNREAD_BYTES {
            match self.stream.try_read_buf(self.lines.space()) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The next reply that has come in whole.
    pub(super) fn next_reply(&mut self) -> Result<Option<Replied>, ReplyError> {
        let Some(len) = self.lines.next_len()? else { return Ok(None) };
        let line = self.lines.line(len);
        let Some(pending) = self.pending.front().filter(|_| self.sent > 0) else {
            return Err(unsolicited(line));
        };
        let result = expect_id(parse_produce_reply(line, &pending.topic), pending.id)?;
        self.lines.consume(len);
        self.sent -= 1;
        Ok(self.pending.pop_front().map(|pending| (pending, result)))
    }

    /// With `acks=0`, replies are refusals of what was taken for written: the next one.
    pub(super) fn next_refusal(&mut self) -> Result<Option<Rejection>, ReplyError> {
        let Some(len) = self.lines.next_len()? else { return Ok(None) };
        let refusal = parse_produce_reply(self.lines.line(len), &any_topic())?.result.err();
        self.lines.consume(len);
        Ok(refusal)
    }

    /// Whether a line of the partition is in the middle of being written.
    pub(super) fn is_writing(&self, slot: Slot) -> bool {
        self.written > 0 && self.pending.get(self.sent).is_some_and(|pending| pending.slot == slot)
    }

    /// Takes a partition's batches back, as far as their lines are not in the middle of being written.
    pub(super) fn take_back(&mut self, slot: Slot) -> Vec<Batch> {
        let mut taken = Vec::new();
        for pending in self.pending.iter_mut().take(self.sent).filter(|pending| pending.slot == slot) {
            taken.extend(pending.batch.take().map(|batch| Batch { is_perhaps_written: true, ..batch }));
        }
        let first_untouched = self.sent + usize::from(self.written > 0);
        let mut at = first_untouched;
        while at < self.pending.len() {
            if self.pending[at].slot == slot {
                if let Some(batch) = self.pending.remove(at).and_then(|pending| pending.batch) {
                    self.unsent_bytes = self.unsent_bytes.saturating_sub(batch.line.line_len());
                    taken.push(batch);
                }
            } else {
                at += 1;
            }
        }
        taken
    }

    /// The connection is over: everything that was given to it, the possibly written marked so.
    pub(super) fn into_pending(self) -> impl Iterator<Item = Pending> {
        let begun = self.sent + usize::from(self.written > 0);
        self.pending.into_iter().enumerate().map(move |(at, mut pending)| {
            if let Some(batch) = &mut pending.batch {
                batch.is_perhaps_written |= at < begun;
            }
            pending
        })
    }

    /// The batches that the connection still had.
    pub(super) fn into_batches(self) -> impl Iterator<Item = Batch> {
        self.into_pending().filter_map(|pending| pending.batch)
    }

    /// When the oldest request must have been answered.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.front().map(|pending| pending.deadline)
    }

    /// Ready when there is something to read, or room for what is to be written.
    pub(super) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        // An error of the socket is found by the read or write that follows.
        if self.stream.poll_read_ready(context).is_ready() {
            return Poll::Ready(());
        }
        if self.sent < self.pending.len() && self.stream.poll_write_ready(context).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Pending {
    fn seal(&mut self, config: &ProducerConfig, timeout_ms: u32) -> &[u8] {
        let batch = self.batch.as_mut().expect("only what was written whole gives its batch away");
        batch.line.seal(&ProduceHead {
            id: Some(self.id),
            topic: &self.topic,
            partition: Some(self.partition),
            leader_epoch: Some(self.leader_epoch),
            producer: batch.stamp,
            acks: config.acks,
            timeout_ms,
            compression: config.compression,
            timestamp: Some(batch.timestamp),
        })
    }
}

/// A line although nothing was asked: the broker's last word, or nonsense.
fn unsolicited(line: &[u8]) -> ReplyError {
    match parse_produce_reply(line, &any_topic()) {
        Ok(response) => match response.result {
            Err(rejection) => ReplyError::Closing(rejection),
            Ok(_) => ReplyError::NoReply("an answer to nothing".to_owned()),
        },
        Err(malformed) => malformed.into(),
    }
}

/// A refusal names no topic; the parser needs one.
fn any_topic() -> TopicName {
    "none".parse().expect("a valid name")
}
