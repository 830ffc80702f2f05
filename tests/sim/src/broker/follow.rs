//! The follower's end of replication: one connection to each leader, one fetch in flight on it.

use yak_core::partition::{AppendFailure, Followed};
use yak_model::BrokerId;
use yak_model::api::{ReplicaData, ReplicaFetchEntry};

use super::{Broker, Stage, wall};
use crate::message::{Fetch, Key, Message, Part};
use crate::net::{ConnectionId, Node, World};

const TIMEOUT_US: u64 = 1_500_000;
const RETRY_US: u64 = 50_000;

/// A connection to a leader.
#[derive(Debug, Default)]
pub(crate) struct Fetcher {
    pub(super) connection: Option<ConnectionId>,
    /// Since when a fetch is in flight.
    since_us: Option<u64>,
    not_before_us: u64,
}

impl Fetcher {
    pub(super) const fn lost(&mut self, not_before_us: u64) {
        self.connection = None;
        self.since_us = None;
        self.not_before_us = not_before_us;
    }
}

fn number(id: BrokerId) -> usize {
    usize::try_from(id.get() - 1).unwrap_or(usize::MAX)
}

impl Broker {
    /// Where its followers stand, by leader.
    fn following(&self) -> std::collections::BTreeMap<usize, Vec<ReplicaFetchEntry>> {
        let mut leaders = std::collections::BTreeMap::<usize, Vec<ReplicaFetchEntry>>::new();
        for hosted in self.process.iter().flat_map(|process| process.hosted.values()) {
            if let Some((leader, entry)) = hosted.replica.following() {
                leaders.entry(number(leader)).or_default().push(entry);
            }
        }
        leaders
    }

    /// Fetches from every leader from which nothing is awaited.
    pub(super) fn follow(&mut self, world: &mut World) {
        let (id, node, now_us) = (self.id(), self.node(), world.now_us);
        let leaders = self.following();
        let Some(process) = &mut self.process else { return };
        let Stage::Member { epoch, .. } = process.stage else { return };
        process.fetchers.retain(|leader, fetcher| {
            let follows = leaders.contains_key(leader);
            if !follows && let Some(connection) = fetcher.connection {
                world.close(connection, node);
            }
            follows
        });
        for (leader, entries) in leaders {
            let fetcher = process.fetchers.entry(leader).or_default();
            if fetcher.since_us.is_some_and(|since| now_us > since + TIMEOUT_US)
                && let Some(connection) = fetcher.connection
            {
                world.close(connection, node);
                fetcher.lost(now_us + RETRY_US);
            }
            if fetcher.since_us.is_some() || now_us < fetcher.not_before_us {
                continue;
            }
            let connection =
                *fetcher.connection.get_or_insert_with(|| world.connect(node, Node::Broker(leader)));
            fetcher.since_us = Some(now_us);
            let fetch = Fetch { broker_id: id, broker_epoch: epoch, progress: false, entries };
            world.send(connection, node, Message::Fetch(fetch));
        }
    }

    /// Its durable end moved: the leader is told at once, even while it holds a fetch.
    pub(super) fn progress(&mut self, world: &mut World, key: Key) {
        let (id, node) = (self.id(), self.node());
        let Some(process) = &self.process else { return };
        let Stage::Member { epoch, .. } = process.stage else { return };
        let Some((leader, entry)) = process.hosted.get(&key).and_then(|hosted| hosted.replica.following())
        else {
            return;
        };
        let fetcher = process.fetchers.get(&number(leader));
        if let Some(connection) = fetcher.and_then(|fetcher| fetcher.connection) {
            let fetch = Fetch { broker_id: id, broker_epoch: epoch, progress: true, entries: vec![entry] };
            world.send(connection, node, Message::Fetch(fetch));
        }
    }

    /// A leader answered.
    pub(super) fn fetched(&mut self, world: &mut World, connection: ConnectionId, parts: &[Part]) {
        let (now_ms, wall) = (world.now_ms(), wall(world));
        let Some(process) = &mut self.process else { return };
        let Some((leader, fetcher)) =
            process.fetchers.iter_mut().find(|(_, fetcher)| fetcher.connection == Some(connection))
        else {
            return;
        };
        let leader = BrokerId::new(i32::try_from(*leader + 1).unwrap_or(0));
        fetcher.since_us = None;
        if parts.iter().any(|(_, _, result)| result.is_err()) {
            fetcher.not_before_us = world.now_us + RETRY_US;
        }
        for (key, epoch, result) in parts {
            let Some(process) = &mut self.process else { return };
            let (Ok(data), Some(hosted)) = (result, process.hosted.get_mut(key)) else { continue };
            let data = ReplicaData {
                high_watermark: data.high_watermark,
                log_start_offset: data.log_start_offset,
                diverging: data.diverging,
                records: data.records.as_ref(),
            };
            match hosted.replica.handle_fetched((now_ms, wall), (leader, *epoch), &data) {
                Ok(Followed::Truncated { from, to }) => {
                    world.note(|| format!("broker {}: p{} cut from {from} to {to}", self.number + 1, key.1));
                }
                Ok(_) => {}
                Err(AppendFailure::Refused(rejection)) => {
                    let problem =
                        format!("broker {} refuses its leader's records: {rejection}", self.number + 1);
                    world.note(|| problem.clone());
                    world.oracle.borrow_mut().violated(problem);
                }
                Err(AppendFailure::Failed(_)) => {}
            }
            self.drain(world, *key);
        }
    }
}
