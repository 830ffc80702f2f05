//! Reading a fetch reply. As soon as the last partition's head has been read, before its records, the next fetch
//! is sent: the broker works on it while this side decodes and its owner processes.

use bytes::Bytes;
use tokio::time::Instant;
use yak_model::api::{Fetch, FetchEntry, Rejection};
use yak_model::{BrokerId, ErrorCode, PartitionIndex, TopicName};
use yak_protocol::{FetchSink, FetchedHead, FetchedRecord, parse_fetch_reply};

use super::ConsumerConfig;
use super::chunk::{Chunk, ChunkBuilder};
use super::link::{Asked, Link};
use super::partition::Partition;
use crate::connection::{ReplyError, expect_id};

/// What a reply brought.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// Records, by slot; and the generation they belong to.
    pub(super) chunks: Vec<(usize, u64, Chunk)>,
    /// Slots that have come to their stop.
    pub(super) stopped: Vec<usize>,
    /// Slots that were refused.
    pub(super) refused: Vec<(usize, Rejection)>,
}

/// What fetches of one link are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetching<'a> {
    pub(super) broker: BrokerId,
    pub(super) config: &'a ConsumerConfig,
    /// Longest wait for a reply, beyond what the broker may hold it.
    pub(super) patience: std::time::Duration,
    pub(super) now: Instant,
}

impl Fetching<'_> {
    /// Sends a fetch of everything that is wanted from this broker, if there is anything.
    pub(super) fn ask(&self, link: &mut Link, partitions: &[Partition]) {
        let wanted =
            |partition: &Partition| partition.source == Some(self.broker) && partition.is_wanted(self.now);
        let mut slots: Vec<usize> = (0..partitions.len()).filter(|slot| wanted(&partitions[*slot])).collect();
        if slots.is_empty() {
            return;
        }
        // The first entries fill the reply: they take turns.
        let turn = link.turn % slots.len();
        slots.rotate_left(turn);
        let entry = |slot: &usize| {
            let partition = &partitions[*slot];
            FetchEntry {
                topic_id: None,
                topic: partition.id.topic.clone(),
                partition: partition.id.partition,
                leader_epoch: partition.leader.map(|(_, epoch)| epoch),
                offset: partition.fetch_offset,
                max_bytes: self.config.partition_bytes,
                last_fetched_epoch: None,
            }
        };
        let fetch = Fetch {
            max_wait_ms: u32::try_from(self.config.max_wait.as_millis()).unwrap_or(u32::MAX),
            min_bytes: self.config.min_bytes,
            max_bytes: self.config.fetch_bytes,
            isolation: self.config.isolation,
            read_from: self.config.read_from,
            entries: slots.iter().map(entry).collect(),
        };
        let entries = slots.into_iter().map(|slot| (slot, partitions[slot].generation)).collect();
        link.ask(&fetch, entries, self.now + self.config.max_wait + self.patience);
    }

    /// Reads the reply to the fetch under way.
    pub(super) fn read(
        &self,
        link: &mut Link,
        partitions: &mut [Partition],
        line: &Bytes,
    ) -> Result<Brought, ReplyError> {
        let Some(asked) = link.asked.take() else {
            let answer = parse_fetch_reply(line, &mut link.parser, &mut Nothing)?;
            return Err(answer.result.err().map_or_else(
                || ReplyError::NoReply("an answer to nothing".to_owned()),
                ReplyError::Closing,
            ));
        };
        let mut parser = std::mem::take(&mut link.parser);
        let mut reading = Reading {
            fetching: self,
            link,
            partitions,
            asked: &asked,
            line,
            seen: 0,
            builders: Vec::with_capacity(asked.entries.len()),
            brought: Brought::default(),
            problem: None,
        };
        let parsed = parse_fetch_reply(line, &mut parser, &mut reading);
        let Reading { builders, mut brought, problem, partitions, link, .. } = reading;
        link.parser = parser;
        if let Some(problem) = problem {
            return Err(ReplyError::NoReply(problem));
        }
        if let Err(rejection) = expect_id(parsed, asked.id)? {
            // One entry, or all of them alike.
            for (slot, _) in &asked.entries {
                partitions[*slot].pause(self.now);
            }
            brought.refused = asked.entries.iter().map(|(slot, _)| (*slot, rejection.clone())).collect();
        }
        // (What somebody moved away from in the meantime has no slot.)
        for (slot, generation, builder) in builders {
            let Some(partition) = partitions.get(slot) else { continue };
            let stop = partition.stop;
            brought.chunks.extend(builder.finish(line.clone(), stop).map(|chunk| (slot, generation, chunk)));
        }
        Ok(brought)
    }
}

struct Reading<'a, 'f> {
    fetching: &'a Fetching<'f>,
    link: &'a mut Link,
    partitions: &'a mut [Partition],
    asked: &'a Asked,
    line: &'a Bytes,
    /// Entries of the reply so far.
    seen: usize,
    builders: Vec<(usize, u64, ChunkBuilder)>,
    brought: Brought,
    problem: Option<String>,
}

impl Reading<'_, '_> {
    /// The slot of the next entry, if it is the partition that was asked for there and nobody moved it since.
    fn next_slot(&mut self, topic: &TopicName, partition: PartitionIndex) -> Option<(usize, u64)> {
        let asked = self.asked.entries.get(self.seen).copied();
        self.seen += 1;
        let found = asked.filter(|(slot, _)| {
            let id = &self.partitions[*slot].id;
            id.topic == *topic && id.partition == partition
        });
        if found.is_none() {
            self.problem = Some(format!("a fetch reply brings {topic}-{partition}, which was not due"));
        }
        found.filter(|(slot, generation)| self.partitions[*slot].generation == *generation)
    }

    fn ask_next(&mut self) {
        if self.seen == self.asked.entries.len() && self.problem.is_none() {
            self.fetching.ask(self.link, self.partitions);
        }
    }
}

impl FetchSink for Reading<'_, '_> {
    fn partition(&mut self, head: FetchedHead) {
        let current = self.next_slot(&head.topic, head.partition);
        let (slot, generation) = current.unwrap_or((usize::MAX, 0));
        if let Some(partition) = self.partitions.get_mut(slot) {
            partition.high_watermark = head.high_watermark;
            partition.log_start_offset = head.log_start_offset;
            partition.fetch_offset = head.next_offset.max(partition.fetch_offset);
            partition.succeeded();
            if partition.is_stopped() {
                self.brought.stopped.push(slot);
            }
        }
        self.builders.push((slot, generation, ChunkBuilder::new(head, self.line)));
        self.ask_next();
    }

    #[inline]
    fn record(&mut self, record: &FetchedRecord<'_>) {
        if let Some((_, _, builder)) = self.builders.last_mut() {
            builder.push(record);
        }
    }

    fn refused(&mut self, topic: TopicName, partition: PartitionIndex, rejection: Rejection) {
        if let Some((slot, _)) = self.next_slot(&topic, partition) {
            let refused = &mut self.partitions[slot];
            if rejection.code == ErrorCode::OffsetOutOfRange {
                refused.is_lost = true;
            } else {
                refused.pause(self.fetching.now);
            }
            self.brought.refused.push((slot, rejection));
        }
        self.ask_next();
    }
}

/// For lines that answer nothing.
struct Nothing;

impl FetchSink for Nothing {
    fn partition(&mut self, _: FetchedHead) {}
    fn record(&mut self, _: &FetchedRecord<'_>) {}
    fn refused(&mut self, _: TopicName, _: PartitionIndex, _: Rejection) {}
}
