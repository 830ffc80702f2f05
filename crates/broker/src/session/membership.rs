//! What a broker and its session tell each other. Nobody waits for anybody here.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use yak_core::partition::LEASE_MS;
use yak_model::{MetadataIndex, ReplicationKey};

use crate::clients::Clients;
use crate::clock::Clock;
use crate::replication::ReplicationKeys;

/// A connection that was lost so long ago is not just being made anew: the zookeeper is away.
const AWAY_MS: u64 = 300;
/// Longest that anybody is kept waiting while it is not known whether the zookeeper is away.
const SETTLE: Duration = Duration::from_secs(1);

/// Nothing was answered yet.
const NEVER: u64 = u64::MAX;

/// What the broker says of itself in each heartbeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// The last journal index that its partitions work by.
    pub(crate) applied: MetadataIndex,
    /// Its logs are recovered and it does not leave: it may be unfenced.
    pub(crate) recovered: bool,
}

/// A broker's place in its cluster.
#[derive(Debug)]
pub(crate) struct Membership {
    clock: Clock,
    reports: watch::Sender<Report>,
    clients: OnceLock<Arc<Clients>>,
    lease_until_ms: AtomicU64,
    answered_ms: AtomicU64,
    connected: AtomicBool,
    /// When the connection was lost last.
    lost_ms: AtomicU64,
    /// Told whenever it may have become known whether the zookeeper is there.
    settled: Notify,
    keys: ReplicationKeys,
}

impl Membership {
    fn new(clock: Clock, lease_until_ms: u64) -> Self {
        Self {
            clock,
            reports: watch::Sender::default(),
            clients: OnceLock::new(),
            lease_until_ms: AtomicU64::new(lease_until_ms),
            answered_ms: AtomicU64::new(NEVER),
            connected: AtomicBool::new(false),
            lost_ms: AtomicU64::new(0),
            settled: Notify::new(),
            keys: ReplicationKeys::default(),
        }
    }

    /// That of a broker whose zookeeper shares its process and its fate. Nobody tells it a key: it has no peers.
    pub(crate) fn embedded(clock: Clock) -> Arc<Self> {
        Arc::new(Self::new(clock, u64::MAX))
    }

    /// That of a broker whose zookeeper is elsewhere: no lease until a heartbeat was answered.
    pub(crate) fn remote(clock: Clock) -> Arc<Self> {
        Arc::new(Self::new(clock, 0))
    }

    /// Until when, on the broker's monotonic clock, a leader may acknowledge without its followers.
    pub(crate) fn lease_until_ms(&self) -> u64 {
        self.lease_until_ms.load(Ordering::Acquire)
    }

    /// What brokers show each other.
    pub(crate) const fn keys(&self) -> &ReplicationKeys {
        &self.keys
    }

    /// Age of the last heartbeat that was answered.
    pub(crate) fn heartbeat_age_ms(&self) -> Option<u64> {
        let answered = self.answered_ms.load(Ordering::Relaxed);
        (answered != NEVER).then(|| self.clock.now_ms().saturating_sub(answered))
    }

    /// Whether the session's connection is open.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Waits, a second at most, as long as this process may have been stopped and not know it: no heartbeat counts any
    /// more, and yet the zookeeper is not known to be away. What the broker knows of the cluster is either made current
    /// within that time, or all that there is.
    pub(crate) async fn settle(&self) {
        let until = Instant::now() + SETTLE;
        loop {
            // Before the look, so that nothing that comes between is missed.
            let settled = self.settled.notified();
            let away_at_ms = self.lost_ms.load(Ordering::Relaxed) + AWAY_MS;
            let now_ms = self.now_ms();
            let is_open = now_ms >= self.lease_until_ms() && (self.is_connected() || now_ms < away_at_ms);
            if !is_open || Instant::now() >= until {
                return;
            }
            let away_at = Instant::from_std(self.clock.instant(away_at_ms));
            let look_at = if self.is_connected() { until } else { until.min(away_at) };
            tokio::select! {
                () = settled => {}
                () = sleep_until(look_at) => {}
            }
        }
    }

    /// The broker's partitions work by this index now.
    pub(crate) fn applied(&self, index: MetadataIndex) {
        self.reports.send_if_modified(|report| std::mem::replace(&mut report.applied, index) != index);
    }

    /// The broker's logs are recovered.
    pub(crate) fn recovered(&self, clients: &Arc<Clients>) {
        self.clients.get_or_init(|| Arc::clone(clients));
        self.reports.send_modify(|report| report.recovered = true);
    }

    /// The broker leaves: once it is fenced it shall stay so.
    pub(crate) fn leaving(&self) {
        self.reports.send_modify(|report| report.recovered = false);
    }

    /// Tells of each change of what the broker says.
    pub(super) fn reports(&self) -> watch::Receiver<Report> {
        self.reports.subscribe()
    }

    /// The broker's clients, once it serves.
    pub(super) fn clients(&self) -> Option<&Arc<Clients>> {
        self.clients.get()
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The session's connection is open.
    pub(super) fn opened(&self, key: ReplicationKey) {
        self.keys.set(key);
        self.connected.store(true, Ordering::Relaxed);
        self.settled.notify_waiters();
    }

    /// A heartbeat was answered.
    pub(super) fn answered(&self) {
        self.answered_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// The heartbeat sent at `sent_ms` counts.
    pub(super) fn grant_lease(&self, sent_ms: u64) {
        self.lease_until_ms.store(sent_ms + LEASE_MS, Ordering::Release);
        self.settled.notify_waiters();
    }

    /// No heartbeat counts any more: an answer said that the broker is fenced.
    pub(super) fn end_lease(&self) {
        self.lease_until_ms.store(0, Ordering::Release);
    }

    /// The session's connection is lost.
    pub(super) fn lost(&self) {
        self.end_lease();
        self.lost_ms.store(self.now_ms(), Ordering::Relaxed);
        self.connected.store(false, Ordering::Relaxed);
        self.settled.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether somebody who asks now has to wait.
    async fn waits(membership: &Membership) -> bool {
        tokio::time::timeout(Duration::from_millis(20), membership.settle()).await.is_err()
    }

    #[tokio::test]
    async fn only_who_may_have_been_stopped_settles_first() {
        assert!(!waits(&Membership::embedded(Clock::start())).await, "the zookeeper is in this process");
        let membership = Membership::remote(Clock::start());
        membership.opened(ReplicationKey::default());
        assert!(waits(&membership).await, "connected, and no heartbeat counts");
        membership.grant_lease(membership.now_ms());
        assert!(!waits(&membership).await, "a heartbeat was answered");
        membership.lost();
        assert!(waits(&membership).await, "the connection may be made anew at once");
        tokio::time::timeout(SETTLE, membership.settle()).await.expect("then the zookeeper is away");
        membership.opened(ReplicationKey::default());
        let granted = async {
            assert!(waits(&membership).await, "connected again");
            membership.grant_lease(membership.now_ms());
        };
        let settled = tokio::time::timeout(SETTLE / 2, membership.settle());
        tokio::join!(granted, settled).1.expect("whoever waits is told of the heartbeat that counts");
        membership.lost();
        tokio::time::timeout(SETTLE, membership.settle()).await.expect("away again");
        assert!(!waits(&membership).await, "and what is known is told without waiting");
        membership.opened(ReplicationKey::default());
        let began = Instant::now();
        membership.settle().await;
        assert!(began.elapsed() >= SETTLE, "connected to one that says nothing: not longer than this");
    }
}
