//! What a broker and its session tell each other. Nobody waits for anybody here.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;
use yak_core::partition::LEASE_MS;
use yak_model::{MetadataIndex, ReplicationKey};

use crate::clients::Clients;
use crate::clock::Clock;
use crate::replication::ReplicationKeys;

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
    }

    /// A heartbeat was answered.
    pub(super) fn answered(&self) {
        self.answered_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// The heartbeat sent at `sent_ms` counts.
    pub(super) fn grant_lease(&self, sent_ms: u64) {
        self.lease_until_ms.store(sent_ms + LEASE_MS, Ordering::Release);
    }

    /// No heartbeat counts any more: an answer said that the broker is fenced.
    pub(super) fn end_lease(&self) {
        self.lease_until_ms.store(0, Ordering::Release);
    }

    /// The session's connection is lost.
    pub(super) fn lost(&self) {
        self.end_lease();
        self.connected.store(false, Ordering::Relaxed);
    }
}
