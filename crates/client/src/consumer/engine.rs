//! What drives a consumer: fetches, connections, results of tasks, deadlines.

use std::collections::BTreeSet;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};
use yak_model::{BrokerId, Offset};

use super::group::Said;
use super::link::Link;
use super::partition::Partition;
use super::reading::Fetching;
use super::{Consumer, Event};
use crate::cluster::Backoff;
use crate::{ClientConfig, ClientError, Cluster, Connection};

/// So many times less often metadata is asked for while news comes by itself.
const RARELY: u32 = 60;

/// What has been done meanwhile.
#[derive(Debug)]
pub(super) enum Done {
    /// A connection to a leader was tried.
    Connected(BrokerId, Result<Connection, ClientError>),
    /// Metadata was asked for.
    Refreshed(Result<(), ClientError>),
    /// New partitions of a topic, and where they begin.
    Added(Result<Vec<Partition>, ClientError>),
    /// Where a partition that was out of range goes on (at a generation).
    Found(usize, u64, Result<Offset, ClientError>),
    /// Something was said to the group's coordinator.
    Group(Said),
}

/// A leader that could not be connected to.
#[derive(Debug)]
pub(super) struct Redial {
    is_under_way: bool,
    not_before: Instant,
    backoff: Backoff,
}

/// How up to date metadata is.
#[derive(Debug)]
pub(super) struct Refresh {
    pub(super) is_under_way: bool,
    pub(super) is_wanted: bool,
    pub(super) not_before: Instant,
    pub(super) heard: Instant,
    pub(super) backoff: Backoff,
}

impl Redial {
    pub(super) const fn is_under_way(&self) -> bool {
        self.is_under_way
    }
}

impl Refresh {
    pub(super) fn new(config: &ClientConfig) -> Self {
        let now = Instant::now();
        let backoff = Backoff::new(config);
        Self { is_under_way: false, is_wanted: false, not_before: now, heard: now, backoff }
    }

    /// When metadata is asked for although nothing calls for it. News makes that a rare look.
    pub(super) fn old_at(&self, cluster: &Cluster) -> Instant {
        let age = cluster.config().metadata_max_age;
        self.heard + if cluster.is_subscribed() { age.saturating_mul(RARELY) } else { age }
    }
}

impl Consumer {
    /// Fetches from every leader that has something wanted and nothing under way; connects to those that are
    /// not connected.
    pub(super) fn dispatch(&mut self, now: Instant) {
        let mut sources = BTreeSet::new();
        for partition in self.partitions.iter().filter(|partition| partition.is_wanted(now)) {
            match partition.source {
                Some(source) => _ = sources.insert(source),
                None => self.refresh.is_wanted = true,
            }
        }
        let fetching = |broker| Fetching {
            broker,
            config: &self.config,
            patience: self.cluster.config().request_timeout,
            now,
        };
        let mut missing = Vec::new();
        for broker in sources {
            match self.links.get_mut(&broker) {
                Some(link) if link.asked.is_none() => fetching(broker).ask(link, &self.partitions),
                Some(_) => {}
                None => missing.push(broker),
            }
        }
        for broker in missing {
            self.dial(broker, now);
        }
        self.refresh_if_due(now);
    }

    fn dial(&mut self, broker: BrokerId, now: Instant) {
        let backoff = Backoff::new(self.cluster.config());
        let fresh = Redial { is_under_way: false, not_before: now, backoff };
        let redial = self.redials.entry(broker).or_insert(fresh);
        if redial.is_under_way || redial.not_before > now {
            return;
        }
        redial.is_under_way = true;
        let cluster = self.cluster.clone();
        let registering = self.registering(self.topics());
        self.tasks
            .spawn(async move { Done::Connected(broker, cluster.connect_to(broker, registering).await) });
    }

    /// Until a socket, a task or a deadline has something to do. Loses nothing when it is dropped.
    pub(super) async fn wait(&mut self, now: Instant) {
        self.wait_for(now, true).await;
    }

    /// The same, whatever leaders say: it stays in the sockets.
    pub(super) async fn wait_for_tasks(&mut self, now: Instant) {
        self.wait_for(now, false).await;
    }

    async fn wait_for(&mut self, now: Instant, with_links: bool) {
        let deadline = if with_links {
            self.next_deadline(now)
        } else {
            self.group.as_ref().and_then(|group| group.deadline(now))
        };
        // Without a deadline the timer is never looked at.
        let mut timer = pin!(sleep_until(deadline.unwrap_or(now)));
        // (Cloning only takes note of what was seen; the loop looks for itself.)
        let mut news = self.news.clone();
        let mut news = pin!(news.changed());
        let mut standing = self.group.as_ref().map(|group| group.standing().clone());
        let mut standing = pin!(async {
            // (Its end is the end of the member's task, which has been said.)
            let Some(standing) = &mut standing else { return std::future::pending().await };
            if standing.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        let done = poll_fn(|context| {
            if let Poll::Ready(Some(done)) = self.tasks.poll_join_next(context) {
                return Poll::Ready(Some(done));
            }
            if news.as_mut().poll(context).is_ready() || standing.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            // Every one is asked, so that every one wakes this task.
            let any = with_links
                && self.links.values().filter(|link| link.poll_ready(context).is_ready()).count() > 0;
            let is_due = deadline.is_some() && timer.as_mut().poll(context).is_ready();
            if any || is_due { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        match done {
            Some(Ok(done)) => self.done(done, Instant::now()),
            Some(Err(error)) => tracing::error!(%error, "a task of the consumer failed"),
            None => {}
        }
    }

    /// When something is due although nothing happens, for one who has done everything that was due at `now`. `None`
    /// while all depends on a task that is under way: a time that has passed would be due again and again.
    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let links = self.links.values().filter_map(|link| link.asked.as_ref().map(|asked| asked.deadline));
        let partitions = self.partitions.iter().filter_map(|partition| partition.not_before);
        let redials =
            self.redials.values().filter(|redial| !redial.is_under_way).map(|redial| redial.not_before);
        let old = self.refresh.old_at(&self.cluster);
        let refresh =
            if self.refresh.is_wanted { self.refresh.not_before } else { old.max(self.refresh.not_before) };
        let refresh = (!self.refresh.is_under_way).then_some(refresh);
        let later = partitions.chain(redials).filter(|at| *at > now);
        let group = self.group.as_ref().and_then(|group| group.deadline(now));
        links.chain(later).chain(refresh).chain(self.outage.deadline()).chain(group).min()
    }

    fn done(&mut self, done: Done, now: Instant) {
        match done {
            Done::Connected(broker, Ok(connection)) => {
                // It has answered; its next fetch may be held for long.
                self.outage_ended();
                self.redials.remove(&broker);
                self.links.insert(broker, Link::new(connection));
            }
            Done::Connected(broker, Err(error)) => {
                if let Some(redial) = self.redials.get_mut(&broker) {
                    redial.is_under_way = false;
                    redial.not_before = now + redial.backoff.next();
                }
                self.outage.failed(error, now);
                self.leave_follower(broker);
                self.refresh.is_wanted = true;
            }
            Done::Refreshed(Ok(())) => self.refreshed(now),
            Done::Refreshed(Err(error)) => {
                self.refresh.is_under_way = false;
                self.refresh.is_wanted = true;
                self.refresh.not_before = now + self.refresh.backoff.next();
                self.outage.failed(error, now);
            }
            Done::Added(Ok(added)) => self.added(added),
            Done::Added(Err(error)) => tracing::warn!(%error, "cannot begin to read new partitions yet"),
            Done::Found(slot, generation, found) => self.found(slot, generation, found, now),
            Done::Group(said) => self.group_done(said, now),
        }
    }

    /// Somebody answered.
    pub(super) fn outage_ended(&mut self) {
        if self.outage.ended() {
            self.ready.push_back((None, Event::Resumed));
        }
    }

    pub(super) fn look_after_outage(&mut self, now: Instant) -> Result<(), ClientError> {
        if let Some(error) = self.outage.check(now)? {
            self.ready.push_back((None, Event::Waiting { error }));
        }
        Ok(())
    }
}
