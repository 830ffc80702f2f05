//! What replies bring: records, stops, refusals, positions that are out of range.

use std::io::ErrorKind;

use tokio::time::Instant;
use yak_model::api::{ListOffsets, ListOffsetsEntry, OffsetSpec, Rejection};
use yak_model::{BrokerId, ErrorCode, Offset, TopicPartition};

use super::engine::Done;
use super::link::Link;
use super::metadata::is_used;
use super::partition::Partition;
use super::reading::Fetching;
use super::{Consumer, Event, OutOfRange};
use crate::connection::{ReplyError, plain};
use crate::{Admin, ClientError};

impl Consumer {
    /// Reads one reply of each link that has one.
    pub(super) fn read(&mut self, now: Instant) {
        let brokers: Vec<BrokerId> = self.links.keys().copied().collect();
        for broker in brokers {
            let Some(mut link) = self.links.remove(&broker) else { continue };
            match self.read_link(broker, &mut link, now) {
                Ok(()) if is_used(&self.partitions, broker) => _ = self.links.insert(broker, link),
                // Its reply said that somebody else is to be asked.
                Ok(()) => {}
                Err(error) => {
                    tracing::info!(%broker, %error, "connection to a leader lost");
                    self.outage.failed(error, now);
                    self.leave_follower(broker);
                    self.refresh.is_wanted = true;
                }
            }
        }
    }

    fn read_link(&mut self, broker: BrokerId, link: &mut Link, now: Instant) -> Result<(), ClientError> {
        let lost = |error: &std::io::Error, link: &Link| ClientError::Connection {
            address: link.address.clone(),
            why: plain(error),
        };
        link.write().map_err(|error| lost(&error, link))?;
        let is_open = link.read().map_err(|error| lost(&error, link))?;
        let line = link.take_line().map_err(|too_long| ReplyError::from(too_long).at(&link.address))?;
        let Some(line) = line else {
            if !is_open {
                return Err(lost(&ErrorKind::UnexpectedEof.into(), link));
            }
            if link.asked.as_ref().is_some_and(|asked| asked.deadline <= now) {
                let timeout = self.cluster.config().request_timeout;
                return Err(ClientError::NoAnswer {
                    address: link.address.clone(),
                    operation: "fetch",
                    timeout,
                });
            }
            return Ok(());
        };
        let patience = self.cluster.config().request_timeout;
        let fetching = Fetching { broker, config: &self.config, patience, now };
        let brought =
            fetching.read(link, &mut self.partitions, &line).map_err(|error| error.at(&link.address))?;
        self.outage_ended();
        for (slot, generation, chunk) in brought.chunks {
            self.ready.push_back((Some((slot, generation)), Event::Records(chunk)));
        }
        for slot in brought.stopped {
            let (partition, generation) =
                (self.partitions[slot].id.clone(), self.partitions[slot].generation);
            self.ready.push_back((Some((slot, generation)), Event::Stopped { partition }));
        }
        for (slot, rejection) in brought.refused {
            self.refused(slot, rejection);
        }
        Ok(())
    }

    fn refused(&mut self, slot: usize, rejection: Rejection) {
        let partition = &mut self.partitions[slot];
        partition.is_lost = false;
        // A follower that is behind, or ahead of what is known here, will do soon.
        let passes = matches!(
            rejection.code,
            ErrorCode::OffsetNotAvailable | ErrorCode::UnknownLeaderEpoch | ErrorCode::FencedLeaderEpoch
        );
        if partition.asks_follower() && !passes {
            // It is none, or not in sync (any more): the leader knows.
            partition.is_leader_only = true;
            return self.update_source(slot);
        }
        if rejection.code == ErrorCode::OffsetOutOfRange {
            return self.find(slot);
        }
        if !rejection.code.is_retriable() {
            self.failure.get_or_insert(rejection.into());
            return;
        }
        partition.is_doubted = rejection.code == ErrorCode::UnknownTopicOrPartition;
        if let Some(hint) = &rejection.leader {
            self.cluster.learn_leader(&partition.id, hint);
            self.update_leader(slot);
        }
        self.refresh.is_wanted = true;
    }

    /// The position is out of range: looks up where to go on.
    fn find(&mut self, slot: usize) {
        let partition = &mut self.partitions[slot];
        partition.is_lost = true;
        let at = match self.config.out_of_range {
            OutOfRange::Earliest => OffsetSpec::Earliest,
            OutOfRange::Latest => OffsetSpec::Latest,
            OutOfRange::Fail => {
                let error = ClientError::OffsetOutOfRange {
                    partition: partition.id.clone(),
                    offset: partition.fetch_offset,
                };
                self.failure.get_or_insert(error);
                return;
            }
        };
        let TopicPartition { topic, partition: index } = partition.id.clone();
        let entry = ListOffsetsEntry { topic, partition: index, leader_epoch: None, at };
        let (admin, generation) = (Admin::new(&self.cluster), partition.generation);
        self.tasks.spawn(async move {
            let found =
                admin.list_offsets(&ListOffsets { entries: vec![entry], ..ListOffsets::default() }).await;
            let found = found.and_then(|reply| match reply.partitions.into_iter().next() {
                Some(Ok(listed)) => Ok(listed.offset.unwrap_or(Offset::ZERO)),
                Some(Err(refused)) => Err(refused.rejection.into()),
                None => Err(ClientError::Usage("no offset was found".to_owned())),
            });
            Done::Found(slot, generation, found)
        });
    }

    /// Where a partition that was out of range goes on.
    pub(super) fn found(
        &mut self,
        slot: usize,
        generation: u64,
        found: Result<Offset, ClientError>,
        now: Instant,
    ) {
        let partition = &mut self.partitions[slot];
        if partition.generation != generation {
            return;
        }
        match found {
            Ok(to) => {
                let from = partition.fetch_offset;
                partition.move_to(to);
                self.ready.push_back((None, Event::Reset { partition: partition.id.clone(), from, to }));
            }
            Err(error) if error.is_retriable() => {
                partition.is_lost = false;
                partition.pause(now);
                self.outage.failed(error, now);
            }
            Err(error) => _ = self.failure.get_or_insert(error),
        }
    }

    /// Puts a partition into its slot, a new one or the one it had.
    pub(super) fn place(&mut self, mut partition: Partition) {
        match self.slot_of(&partition.id) {
            Some(slot) => {
                self.release(slot);
                partition.generation = self.partitions[slot].generation + 1;
                self.partitions[slot] = partition;
            }
            None => {
                // A fetch that is held would keep the new one waiting.
                if let Some(source) = partition.source {
                    self.release_held(source);
                }
                self.partitions.push(partition);
            }
        }
    }

    /// Makes sure that no held fetch keeps the partition from being fetched anew.
    pub(super) fn release(&mut self, slot: usize) {
        if let Some(source) = self.partitions[slot].source {
            self.release_held(source);
        }
    }

    /// A fetch at the end of everything is held by the broker until something comes; closing its connection is
    /// the only way to take it back.
    pub(super) fn release_held(&mut self, leader: BrokerId) {
        let is_held =
            self.links.get(&leader).and_then(|link| link.asked.as_ref()).is_some_and(|asked| {
                asked.entries.iter().all(|(slot, _)| self.partitions[*slot].is_at_end())
            });
        if is_held {
            self.links.remove(&leader);
        }
    }
}
