//! The leader's end of replication: it counts what followers say, and holds a fetch while there is nothing to send.

use bytes::{Bytes, BytesMut};
use yak_core::partition::{FollowerAnswer, FollowerFetch, ReplicaLog as _};
use yak_model::api::{ReplicaData, ReplicaFetchEntry};
use yak_model::{ErrorCode, Offset};

use super::Broker;
use crate::message::{Fetch, Message, Part};
use crate::net::{ConnectionId, World};

/// Longest hold.
const HOLD_US: u64 = 300_000;

/// A fetch that waits for something to send.
#[derive(Debug)]
pub(crate) struct HeldFetch {
    pub(super) connection: ConnectionId,
    entries: Vec<ReplicaFetchEntry>,
    /// The high watermarks that the follower was told last.
    told: Vec<Offset>,
    until_us: u64,
    /// The follower said something since: answer.
    hurry: bool,
}

impl Broker {
    /// A follower fetches.
    pub(super) fn fetch(&mut self, world: &mut World, connection: ConnectionId, fetch: &Fetch) {
        let (now_ms, now_us) = (world.now_ms(), world.now_us);
        let Some(process) = &mut self.process else { return };
        // A progress may have been sent before the answer that is under way.
        let sent_after_ms = process.answered.get(&connection).copied().filter(|_| !fetch.progress);
        let known = process.applied.broker(fetch.broker_id).map(yak_core::image::Broker::epoch);
        let current = known == Some(fetch.broker_epoch);
        if current {
            world.oracle.borrow_mut().inv_7_accepted(fetch.broker_id, fetch.broker_epoch.get());
        }
        let mut parts: Vec<Part> = Vec::new();
        for entry in &fetch.entries {
            let key = (entry.topic_id, entry.partition.get());
            let Some(process) = &mut self.process else { return };
            let answer = match process.hosted.get_mut(&key) {
                _ if !current => Err(ErrorCode::StaleBrokerEpoch),
                None => Err(ErrorCode::UnknownTopicId),
                Some(hosted) => {
                    let said = FollowerFetch {
                        broker_id: fetch.broker_id,
                        broker_epoch: fetch.broker_epoch,
                        leader_epoch: entry.leader_epoch,
                        fetch_offset: entry.fetch_offset,
                        last_fetched_epoch: entry.last_fetched_epoch,
                        durable_offset: entry.durable_offset,
                        sent_after_ms,
                    };
                    hosted.replica.handle_follower_fetch(now_ms, &said).map_err(|rejection| rejection.code)
                }
            };
            self.drain(world, key);
            let part = match answer {
                Err(code) => Err(code),
                Ok(FollowerAnswer::Send(_)) => self.data(entry),
                Ok(FollowerAnswer::Diverging(end, bound)) => Ok(ReplicaData {
                    high_watermark: bound.high_watermark,
                    log_start_offset: bound.log_start_offset,
                    diverging: Some(end),
                    records: Bytes::new(),
                }),
            };
            parts.push((key, entry.leader_epoch, part));
        }
        let Some(process) = &mut self.process else { return };
        if fetch.progress {
            for held in process.held.iter_mut().filter(|held| held.connection == connection) {
                held.hurry = true;
            }
            return;
        }
        let quiet = |part: &Part| {
            part.2.as_ref().is_ok_and(|data| data.records.is_empty() && data.diverging.is_none())
        };
        // One in a few is not held, so that followers hear of high watermarks soon.
        if !parts.is_empty() && parts.iter().all(quiet) {
            let told =
                parts.iter().map(|part| part.2.as_ref().map_or(Offset::ZERO, |data| data.high_watermark));
            let told: Vec<Offset> =
                told.zip(&fetch.entries).map(|(known, entry)| known.min(entry.fetch_offset)).collect();
            let behind = process.held.iter().any(|held| held.connection == connection);
            if !behind && !world.random.chance(20) {
                let Some(process) = &mut self.process else { return };
                process.held.push(HeldFetch {
                    connection,
                    entries: fetch.entries.clone(),
                    told,
                    until_us: now_us + HOLD_US,
                    hurry: false,
                });
                return;
            }
        }
        self.answer(world, connection, parts);
    }

    fn answer(&mut self, world: &mut World, connection: ConnectionId, parts: Vec<Part>) {
        let (node, now_ms) = (self.node(), world.now_ms());
        if let Some(process) = &mut self.process {
            process.answered.insert(connection, now_ms);
        }
        world.send(connection, node, Message::Fetched(parts));
    }

    /// Records for a follower that stands at an entry's offset, of the epoch that it follows.
    fn data(&self, entry: &ReplicaFetchEntry) -> Result<ReplicaData<Bytes>, ErrorCode> {
        let key = (entry.topic_id, entry.partition.get());
        let hosted = self.process.as_ref().and_then(|process| process.hosted.get(&key));
        let hosted = hosted.ok_or(ErrorCode::UnknownTopicId)?;
        hosted.replica.check_leads(Some(entry.leader_epoch)).map_err(|rejection| rejection.code)?;
        let log = hosted.replica.log();
        let (start, end) = (log.start(), log.end());
        let mut records = BytesMut::new();
        if entry.fetch_offset < end && entry.fetch_offset >= start {
            let reader = log.disk_ref().reader();
            let range =
                reader.read(entry.fetch_offset, self.fetch_max_bytes, end).map_err(|error| error.code())?;
            range.read_into(&mut records).map_err(|_unreadable| ErrorCode::KafkaStorageError)?;
        }
        Ok(ReplicaData {
            high_watermark: hosted.replica.high_watermark(),
            log_start_offset: start,
            diverging: None,
            records: records.freeze(),
        })
    }

    /// Answers held fetches for which there is something to send, or whose time has come.
    pub(super) fn answer_held(&mut self, world: &mut World) {
        let now_us = world.now_us;
        let Some(process) = &mut self.process else { return };
        let held = std::mem::take(&mut process.held);
        let mut kept = Vec::new();
        for fetch in held {
            let news = fetch.entries.iter().zip(&fetch.told).any(|(entry, told)| {
                let key = (entry.topic_id, entry.partition.get());
                let hosted = self.process.as_ref().and_then(|process| process.hosted.get(&key));
                hosted.is_none_or(|hosted| {
                    hosted.replica.check_leads(Some(entry.leader_epoch)).is_err()
                        || hosted.replica.log().end() > entry.fetch_offset
                        || hosted.replica.high_watermark() > *told
                })
            });
            if !news && !fetch.hurry && now_us < fetch.until_us {
                kept.push(fetch);
                continue;
            }
            let parts: Vec<Part> = fetch
                .entries
                .iter()
                .map(|entry| ((entry.topic_id, entry.partition.get()), entry.leader_epoch, self.data(entry)))
                .collect();
            self.answer(world, fetch.connection, parts);
        }
        if let Some(process) = &mut self.process {
            kept.append(&mut process.held);
            process.held = kept;
        }
    }
}
