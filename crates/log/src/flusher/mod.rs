//! The flusher of a log directory: makes appended records durable, many partitions at once.
//!
//! ```text
//!  append (flush=sync) ──► urgent ─┐                 ┌─► segments synced ─► slots written ─► durable ends
//!  append (flush=os)   ──► lazy ───┴─ one round ─────┤                                       published, observers
//!                        (5 s later)                 └─► sometime after: epochs, recovery points, high
//!                                                        watermarks, log starts replaced (checkpoint)
//! ```
//!
//! Requests that come while a round runs share the next one. A round syncs each dirty file when they are few
//! and the whole file system with one call when they are many, unless that call was slow lately (other
//! people's dirty pages) and one by one they would take less. Nothing is polled: the thread sleeps without a timer while everything is durable
//! and checkpointed. The first failure is final; nothing is reported durable after it.

mod checkpoints;
mod round;

use std::fmt::Debug;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::time::Duration;

use yak_model::Offset;

use crate::directory::Core;
use crate::error::StorageFailure;
use crate::log::Shared;
use crate::sync::lock;

/// How long records of a `flush=os` log may wait for the background sync.
const LAZY_AFTER: Duration = Duration::from_secs(5);
/// How long a moved durable end, high watermark or log start may wait for the checkpoints.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(5);

/// Is told what the flusher achieved for one log. Called on the flusher's thread, or on that of whoever calls
/// [`LogDirectory::flush_now`](crate::LogDirectory::flush_now) and its like. It may take the lock in which the
/// log's writer is kept (which those callers must not hold), and must not flush itself.
pub trait DurableObserver: Send + Sync + Debug {
    /// Everything before `end` survives a power cut.
    fn durable(&self, end: Offset);

    /// The log directory failed and is offline for good.
    fn failed(&self, failure: &StorageFailure);
}

/// What waits for the flusher.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    queue: Mutex<Queue>,
    wake: Condvar,
    state: Mutex<round::RoundState>,
}

#[derive(Debug, Default)]
struct Queue {
    urgent: Vec<Arc<Shared>>,
    lazy: Vec<Weak<Shared>>,
    lazy_due: Option<Duration>,
    /// A failure happened elsewhere, and the observers do not know it.
    announce: bool,
    checkpoint_due: Option<Duration>,
    stop: bool,
}

/// How soon a log wants to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// With the next round.
    Now,
    /// With the next background sync.
    Soon,
}

/// What is due.
#[derive(Debug, Default)]
struct Due {
    logs: Vec<Arc<Shared>>,
    checkpoint: bool,
}

impl Flusher {
    /// Asks for a sync of what the log has now.
    pub(crate) fn request(&self, core: &Core, log: &Arc<Shared>, urgency: Urgency) {
        let queued = match urgency {
            Urgency::Now => &log.queued_now,
            Urgency::Soon => &log.queued_soon,
        };
        // Once in the queue is enough: a round takes a log's end after it took the log from the queue.
        if queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut queue = lock(&self.queue);
        let was_idle = queue.urgent.is_empty() && queue.lazy_due.is_none();
        match urgency {
            Urgency::Now => queue.urgent.push(log.clone()),
            Urgency::Soon => {
                queue.lazy.push(Arc::downgrade(log));
                queue.lazy_due.get_or_insert_with(|| core.elapsed() + LAZY_AFTER);
            }
        }
        if was_idle || (urgency == Urgency::Now && queue.urgent.len() == 1) {
            self.wake.notify_one();
        }
    }

    /// Something that belongs into a checkpoint has changed.
    pub(crate) fn request_checkpoint(&self, core: &Core) {
        let mut queue = lock(&self.queue);
        if queue.checkpoint_due.is_none() {
            queue.checkpoint_due = Some(core.elapsed() + CHECKPOINT_AFTER);
            self.wake.notify_one();
        }
    }

    /// Whether something that belongs into a checkpoint is in none.
    pub(crate) fn owes_checkpoint(&self) -> bool {
        lock(&self.queue).checkpoint_due.is_some()
    }

    /// The directory failed: the observers are told, on the flusher's thread.
    pub(crate) fn announce_failure(&self) {
        lock(&self.queue).announce = true;
        self.wake.notify_one();
    }

    /// The thread's life: rounds until it is told to stop.
    pub(crate) fn run(&self, core: &Arc<Core>) {
        while self.wait(core) {
            // A failure is kept by the disk, and everybody was told.
            drop(self.flush(core, false));
        }
    }

    /// Ends the thread after the round it is in.
    pub(crate) fn stop(&self) {
        lock(&self.queue).stop = true;
        self.wake.notify_all();
    }

    /// Does at once what waits: `everything`, or what is due. What was requested before is done on return.
    pub(crate) fn flush(&self, core: &Core, everything: bool) -> Result<(), StorageFailure> {
        // One round at a time, whoever drives it. What waits is taken under the lock, so that nobody returns
        // while another is still busy with it.
        let mut state = lock(&self.state);
        let due = lock(&self.queue).take(if everything { Duration::MAX } else { core.elapsed() });
        let result = self.work(core, &mut state, &due);
        core.tell_failure();
        result
    }

    /// Sleeps until something is due; `false` when it is time to stop.
    fn wait(&self, core: &Core) -> bool {
        let mut queue = lock(&self.queue);
        loop {
            let now = core.elapsed();
            if queue.stop || queue.has_due(now) {
                return !queue.stop;
            }
            queue = match queue.next_due() {
                None => self.wake.wait(queue).unwrap_or_else(std::sync::PoisonError::into_inner),
                Some(next) => {
                    let wait = self.wake.wait_timeout(queue, next.saturating_sub(now));
                    wait.unwrap_or_else(std::sync::PoisonError::into_inner).0
                }
            };
        }
    }

    fn work(&self, core: &Core, state: &mut round::RoundState, due: &Due) -> Result<(), StorageFailure> {
        core.check()?;
        if !due.logs.is_empty() {
            state.round(core, &due.logs)?;
            if !due.checkpoint {
                self.request_checkpoint(core);
            }
        }
        if due.checkpoint { checkpoints::write(core) } else { Ok(()) }
    }
}

impl Queue {
    fn take(&mut self, now: Duration) -> Due {
        let mut due = Due { logs: std::mem::take(&mut self.urgent), checkpoint: false };
        self.announce = false;
        // Swaps, not stores: whoever found itself queued before this must be seen with what it appended.
        due.logs.iter().for_each(|log| _ = log.queued_now.swap(false, Ordering::AcqRel));
        if self.lazy_due.is_some_and(|lazy_due| lazy_due <= now) {
            self.lazy_due = None;
            for log in std::mem::take(&mut self.lazy).iter().filter_map(Weak::upgrade) {
                log.queued_soon.swap(false, Ordering::AcqRel);
                due.logs.push(log);
            }
        }
        if self.checkpoint_due.is_some_and(|checkpoint_due| checkpoint_due <= now) {
            self.checkpoint_due = None;
            due.checkpoint = true;
        }
        due
    }

    fn has_due(&self, now: Duration) -> bool {
        self.announce || !self.urgent.is_empty() || self.next_due().is_some_and(|due| due <= now)
    }

    fn next_due(&self) -> Option<Duration> {
        self.lazy_due.into_iter().chain(self.checkpoint_due).min()
    }
}
