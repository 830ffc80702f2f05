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
/// ...and is not tried again for so long.
const BACK_OFF: Duration = Duration::from_secs(60);

/// What rounds remember of each other.
#[derive(Debug, Default)]
pub(super) struct RoundState {
    one_by_one_until: Duration,
    cannot_sync_all: bool,
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
        if files.len() > FEW && !self.cannot_sync_all && now >= self.one_by_one_until {
            let synced = {
                let _busy = core.disk.busy.begin();
                core.disk.dir().sync_all()
            };
            match synced {
                Err(error) if error.kind() == std::io::ErrorKind::Unsupported => self.cannot_sync_all = true,
                result => {
                    core.disk.change("sync", std::path::Path::new(""), result)?;
                    let took = core.elapsed().saturating_sub(now);
                    if took > SLOW {
                        tracing::info!(
                            ?took,
                            "syncing the file system was slow: one file at a time for a while"
                        );
                        self.one_by_one_until = now + BACK_OFF;
                    }
                    return Ok(());
                }
            }
        }
        files.iter().try_for_each(|file| {
            let _busy = core.disk.busy.begin();
            file.sync(&core.disk)
        })
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
