//! One round: sync what is dirty, write the slots, publish the durable ends.

use std::sync::Arc;
use std::time::Duration;

use yak_model::{LeaderEpoch, Offset};

use crate::directory::Core;
use crate::error::StorageFailure;
use crate::log::{DirtyFile, Shared};
use crate::sync::lock;

/// Up to so many dirty files are synced one by one.
const FEW: usize = 8;
/// A sync of the whole file system that takes longer meets other people's dirty pages...
const SLOW: Duration = Duration::from_millis(50);
/// ...and is not tried again for so long, unless the files are so many that one by one they would take longer.
const BACK_OFF: Duration = Duration::from_secs(60);
/// What the sync of one file takes on a disk in a good mood; how long it really takes is seen.
const EACH: Duration = Duration::from_micros(300);

/// What rounds remember of each other.
#[derive(Debug)]
pub(super) struct RoundState {
    /// How long the whole file system took when it was slow, and until when that is held against it.
    slow: Option<Slow>,
    /// How long one file took in the last round that synced them one by one.
    each: Duration,
    cannot_sync_all: bool,
}

#[derive(Clone, Copy, Debug)]
struct Slow {
    took: Duration,
    until: Duration,
}

impl Default for RoundState {
    fn default() -> Self {
        Self { slow: None, each: EACH, cannot_sync_all: false }
    }
}

/// What one log had when the round began.
struct Target {
    log: Arc<Shared>,
    generation: u64,
    end: Offset,
    epoch: LeaderEpoch,
}

impl RoundState {
    pub(super) fn round(&mut self, core: &Core, logs: &[Arc<Shared>]) -> Result<(), StorageFailure> {
        let mut targets = Vec::with_capacity(logs.len());
        let mut files = Vec::new();
        for log in logs {
            targets.extend(capture(log, &mut files));
        }
        self.sync(core, &files)?;
        for target in &targets {
            target.stage(core);
        }
        match core.slots.write() {
            // Without room the slots stay behind, as after a power cut; they are written with the next round.
            Err(failure) if !failure.is_refused_for_now() => return Err(failure),
            _ => {}
        }
        for target in &targets {
            target.publish();
        }
        Ok(())
    }

    fn sync(&mut self, core: &Core, files: &[DirtyFile]) -> Result<(), StorageFailure> {
        let now = core.elapsed();
        if self.prefers_all(files.len(), now) {
            let synced = {
                let _busy = core.disk.busy.begin();
                core.disk.dir().sync_all()
            };
            match synced {
                Err(error) if error.kind() == std::io::ErrorKind::Unsupported => self.cannot_sync_all = true,
                result => {
                    core.disk.change("sync", std::path::Path::new(""), result)?;
                    self.synced_all(now, core.elapsed().saturating_sub(now));
                    return Ok(());
                }
            }
        }
        for file in files {
            let _busy = core.disk.busy.begin();
            file.sync(&core.disk)?;
        }
        self.synced_each(files.len(), core.elapsed().saturating_sub(now));
        Ok(())
    }

    /// Whether the whole file system is to be synced for so many files.
    fn prefers_all(&self, files: usize, now: Duration) -> bool {
        let one_by_one = self.each.saturating_mul(u32::try_from(files).unwrap_or(u32::MAX));
        let is_cheaper = self.slow.is_none_or(|slow| now >= slow.until || one_by_one > slow.took);
        files > FEW && !self.cannot_sync_all && is_cheaper
    }

    fn synced_all(&mut self, began: Duration, took: Duration) {
        if took > SLOW && self.slow.is_none() {
            tracing::info!(?took, "syncing the file system was slow: few files one at a time for a while");
        }
        self.slow = (took > SLOW).then_some(Slow { took, until: began + BACK_OFF });
    }

    fn synced_each(&mut self, files: usize, took: Duration) {
        if let Some(each) = u32::try_from(files).ok().and_then(|files| took.checked_div(files)) {
            self.each = each;
        }
    }
}

/// Takes what is dirty of a log. The end is read first: everything before it is in a file that is either
/// synced already or among those taken.
fn capture(log: &Arc<Shared>, files: &mut Vec<DirtyFile>) -> Option<Target> {
    let end = log.end();
    let mut sync = lock(&log.sync);
    if sync.closed {
        return None;
    }
    let epoch = lock(&log.epochs).highest();
    let taken = std::mem::take(&mut sync.dirty);
    taken.iter().for_each(DirtyFile::take);
    files.extend(taken);
    Some(Target { log: log.clone(), generation: sync.generation, end, epoch })
}

impl Target {
    /// Unless the log was truncated meanwhile: what it has now was not synced by this round.
    fn stage(&self, core: &Core) {
        let sync = lock(&self.log.sync);
        if sync.generation == self.generation && !sync.closed {
            core.slots.stage(self.log.key(), |slot| {
                slot.synced_end = slot.synced_end.max(self.end);
                slot.leader_epoch = slot.leader_epoch.max(self.epoch);
            });
        }
    }

    fn publish(&self) {
        let sync = lock(&self.log.sync);
        if sync.generation != self.generation || sync.closed || self.log.durable_end() >= self.end {
            return;
        }
        self.log.set_durable_end(self.end);
        drop(sync);
        if let Some(observer) = self.log.observer() {
            observer.durable(self.end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn few_files_are_synced_one_by_one_and_many_together() {
        let state = RoundState::default();
        assert!(!state.prefers_all(FEW, MS(0)));
        assert!(state.prefers_all(FEW + 1, MS(0)));
    }

    #[test]
    fn after_a_slow_sync_together_only_what_would_take_longer_one_by_one() {
        let mut state = RoundState::default();
        state.synced_all(MS(1_000), MS(90));
        assert!(!state.prefers_all(300, MS(2_000)), "300 at 0.3 ms");
        assert!(state.prefers_all(301, MS(2_000)));
        state.synced_each(10, MS(30));
        assert!(!state.prefers_all(30, MS(2_000)), "30 at 3 ms");
        assert!(state.prefers_all(31, MS(2_000)));
        assert!(state.prefers_all(FEW + 1, MS(61_000)), "a minute later");
        state.synced_all(MS(2_000), MS(50));
        assert!(state.prefers_all(FEW + 1, MS(2_000)), "it is fast again");
    }
}
