//! What a partition is told by the flusher, and what it tells everyone after each input.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, Weak};

use tokio_util::sync::CancellationToken;
use yak_core::partition::{Effect, Role};
use yak_log::{DurableObserver, StorageFailure};
use yak_model::Offset;

use super::{CLOSED, Partition, State};

impl Partition {
    /// Tells everyone what the last input came to, and releases the lock.
    pub(super) fn publish(&self, mut state: MutexGuard<'_, State>) {
        let leading = match state.replica.role() {
            Role::Leader(epoch) if state.replica.failure().is_none() => epoch.get(),
            _ => CLOSED,
        };
        let mut grown = self.leading.swap(leading, Ordering::Release) != leading;
        while let Some(effect) = state.replica.poll_effect() {
            match effect {
                Effect::Sync => {
                    if let Some(writer) = state.replica.log_mut().writer() {
                        writer.request_sync();
                    }
                }
                Effect::HighWatermark(offset) => {
                    self.high_watermark.store(offset.get(), Ordering::Release);
                    if let Some(writer) = state.replica.log_mut().writer() {
                        writer.set_high_watermark(offset);
                    }
                    grown = true;
                }
                Effect::Progress => {
                    if let Some((leader, entry)) = state.replica.following() {
                        self.outgoing.progressed(leader, (entry.topic_id, entry.partition));
                    }
                }
                Effect::ProposeIsr(proposal) => self.outgoing.propose(proposal),
                Effect::ProduceDone { token, result } => {
                    if let Some(waiter) = state.waiting.remove(&token) {
                        // A connection that ended meanwhile wants no answer.
                        drop(waiter.send(result));
                    }
                }
            }
        }
        drop(state);
        if grown {
            self.wakeups.wake();
            self.followers.tell();
        }
    }
}

/// What the flusher tells. It does not keep a partition alive that was closed.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) partition: Weak<Partition>,
    pub(super) storage_failed: CancellationToken,
}

impl DurableObserver for Observer {
    fn durable(&self, end: Offset) {
        if let Some(partition) = self.partition.upgrade() {
            let mut state = partition.lock();
            state.replica.handle_durable(partition.clock.now_ms(), end);
            partition.publish(state);
        }
    }

    fn failed(&self, failure: &StorageFailure) {
        self.storage_failed.cancel();
        if let Some(partition) = self.partition.upgrade() {
            let mut state = partition.lock();
            state.replica.handle_log_failed(&failure.to_string());
            partition.publish(state);
        }
    }
}
