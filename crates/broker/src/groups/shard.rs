//! The coordinator of the groups of one partition, while this broker leads it in one epoch.
//!
//! ```text
//!   start ──► Loading ──the log is read, all of it acknowledged──► Active ──┐
//!                ▲                                                         │ a record's fate is unknown
//!                └─────────────────────────────────────────────────────────┘
//!   any of them ──another leader, another epoch, the end──► Ended
//! ```

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use yak_model::api::Rejection;
use yak_model::metadata::PartitionRecord;
use yak_model::{GroupId, LeaderEpoch};

use super::around::Around;
use super::state::{Group, Machine, Phase, State};
use crate::partitions::Partition;

/// A coordinator.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(super) partition: Arc<Partition>,
    pub(super) epoch: LeaderEpoch,
    pub(super) around: Arc<Around>,
    state: Mutex<State>,
    /// A group is to be reminded earlier than the timer knows.
    earlier: Notify,
    /// Whether it has loaded.
    active: watch::Sender<bool>,
    ended: CancellationToken,
}

impl Shard {
    /// Begins to coordinate: first what is known is read.
    pub(super) fn start(partition: Arc<Partition>, epoch: LeaderEpoch, around: Arc<Around>) -> Arc<Self> {
        let shard = Arc::new(Self {
            partition,
            epoch,
            around,
            state: Mutex::new(State::new()),
            earlier: Notify::new(),
            active: watch::Sender::new(false),
            ended: CancellationToken::new(),
        });
        shard.load(0);
        shard.around.runtime.spawn(keep_time(Arc::clone(&shard)));
        shard
    }

    /// Whether it coordinates by this record.
    pub(super) fn is_of(&self, record: &PartitionRecord) -> bool {
        self.epoch == record.leader_epoch && self.partition.topic_id() == record.topic_id
    }

    /// A panic while it was held may have left a group half-changed; what is in the log is in order.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|_| {
            tracing::error!(partition = %self.partition.id(), "a panic happened in a group coordinator; giving up");
            std::process::abort()
        })
    }

    /// It coordinates no more. Who waits is told that the coordinator moved.
    pub(super) fn end(&self) {
        self.ended.cancel();
        self.lock().forget(Phase::Ended);
        tracing::info!(partition = %self.partition.id(), epoch = %self.epoch, "coordinator_ended");
    }

    pub(crate) const fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// It has loaded.
    pub(super) fn activated(&self) {
        self.active.send_replace(true);
    }

    /// Waits until it answers, or never will.
    pub(crate) async fn ready(&self) {
        let mut active = self.active.subscribe();
        tokio::select! {
            () = self.ended.cancelled() => {}
            // Its sender lives as long as this does.
            _ = active.wait_for(|active| *active) => {}
        }
    }

    /// What is in memory may not be what is in the log: who waits is turned away, and the log is read again.
    pub(super) fn reload(self: &Arc<Self>, state: &mut State) {
        if state.phase == Phase::Ended {
            return;
        }
        tracing::warn!(partition = %self.partition.id(), epoch = %self.epoch, "coordinator_reloads");
        state.forget(Phase::Loading);
        self.active.send_replace(false);
        self.load(state.loaded);
    }

    /// Does something with a group, which is made if it is not known, and with what comes of it.
    ///
    /// # Errors
    /// The coordinator is not ready, or is none any more.
    pub(super) fn with<T>(
        self: &Arc<Self>,
        id: &GroupId,
        work: impl FnOnce(&mut State, u64) -> T,
    ) -> Result<T, Rejection> {
        let mut state = self.lock();
        state.check()?;
        // Read under the lock: the machines' time never goes back.
        let now_ms = self.around.clock.now_ms();
        let done = work(&mut state, now_ms);
        self.after(&mut state, id);
        state.sweep(id);
        Ok(done)
    }

    /// The same with what concerns no member, or no member but the one that speaks: nothing else comes of it, and nothing
    /// is due earlier. So it costs the same in a group of thousands.
    ///
    /// # Errors
    /// The coordinator is not ready, or is none any more.
    pub(super) fn with_one<T>(
        self: &Arc<Self>,
        id: &GroupId,
        work: impl FnOnce(&mut State, u64) -> T,
    ) -> Result<T, Rejection> {
        let mut state = self.lock();
        state.check()?;
        let now_ms = self.around.clock.now_ms();
        let done = work(&mut state, now_ms);
        state.sweep(id);
        Ok(done)
    }

    /// Does what a group's machine wants done after an input.
    pub(super) fn after(self: &Arc<Self>, state: &mut State, id: &GroupId) {
        let Some(group) = state.groups.get(id) else { return };
        match &group.machine {
            Machine::None => {}
            Machine::Classic(_) => self.after_classic(state, id),
            // A heartbeat among thousands, of which nothing comes.
            Machine::Consumer(consumer) if !consumer.core.has_effects() && group.deadline_ms.is_some() => {
                return;
            }
            Machine::Consumer(_) => self.after_consumer(state, id),
        }
        let now = self.around.clock.wall();
        let Some(group) = state.groups.get_mut(id) else { return };
        group.note_emptiness(now);
        let bytes = group.bytes();
        group.share.set(&self.around.members_bytes, bytes);
        let next = group.next_deadline_ms();
        if state.remind(id, next) {
            self.earlier.notify_one();
        }
    }

    /// Tells every group whose time has come.
    fn handle_time(self: &Arc<Self>) {
        let mut state = self.lock();
        let now_ms = self.around.clock.now_ms();
        let due: Vec<GroupId> = state
            .deadlines
            .iter()
            .take_while(|(at_ms, _)| *at_ms <= now_ms)
            .map(|(_, id)| id.clone())
            .collect();
        for id in due {
            state.remind(&id, None);
            // What another group writes may settle what this one has written, which tells it a later time.
            let now_ms = self.around.clock.now_ms();
            if let Some(group) = state.groups.get_mut(&id) {
                match &mut group.machine {
                    Machine::None => {}
                    Machine::Classic(classic) => classic.core.handle_time(now_ms),
                    Machine::Consumer(consumer) => consumer.handle_time(now_ms, &self.around.topics()),
                }
            }
            self.after(&mut state, &id);
            state.sweep(&id);
        }
    }
}

/// Reminds groups of the time. Without any it sleeps.
async fn keep_time(shard: Arc<Shard>) {
    loop {
        let next = shard.lock().deadlines.first().map(|(at_ms, _)| *at_ms);
        let at = next.map(|at_ms| shard.around.clock.instant(at_ms).into());
        tokio::select! {
            () = shard.ended.cancelled() => return,
            () = shard.earlier.notified() => {}
            () = sleep_until(at) => shard.handle_time(),
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl State {
    /// A group, made if it is not known.
    pub(super) fn group(&mut self, id: &GroupId) -> &mut Group {
        self.groups.entry(id.clone()).or_default()
    }
}
