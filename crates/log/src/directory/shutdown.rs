//! The orderly end of a log directory, and the marker that it leaves.

use std::path::Path;

use yak_model::{BrokerEpoch, Offset};

use super::LogDirectory;
use crate::dir::replace_file;
use crate::disk::Disk;
use crate::error::StorageFailure;
use crate::log::Log;

/// Kafka's clean-shutdown marker. Content: `{"version":0,"brokerEpoch":N}`
const MARKER: &str = ".kafka_cleanshutdown";

/// Whether the marker is there; if so, it is taken away, durably, before anything else changes.
pub(super) fn take_marker(disk: &Disk) -> Result<bool, StorageFailure> {
    let (root, path) = (Path::new(""), Path::new(MARKER));
    match disk.dir().remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        result => {
            disk.change("remove", path, result)?;
            disk.change("sync", root, disk.dir().sync_dir(root))?;
            Ok(true)
        }
    }
}

impl LogDirectory {
    /// Closes all logs in order: everything that waits in memory is written, everything is synced, checkpoints
    /// and slots are written, and the clean-shutdown marker is left, by which the next open checks nothing.
    /// `logs` must be all that were opened and not deleted, else no marker is left; nor is one after a failure, or
    /// while a log is [`LogDirectory::unchecked`] or [`LogDirectory::missing`] that was synced once: what was
    /// found wrong must be found again.
    ///
    /// # Errors
    /// The disk failed, now or earlier. The next open checks the logs.
    pub fn close(self, logs: Vec<Log>, broker_epoch: Option<BrokerEpoch>) -> Result<(), StorageFailure> {
        self.finish(logs, broker_epoch)
    }

    /// The same for a directory that several own. The lock is held until the last of them lets go of it; nothing
    /// may be opened or created here any more.
    ///
    /// # Errors
    /// Those of [`LogDirectory::close`].
    pub fn finish(&self, logs: Vec<Log>, broker_epoch: Option<BrokerEpoch>) -> Result<(), StorageFailure> {
        self.core.check()?;
        let mut all: Vec<_> = self.core.logs().iter().map(|log| log.partition().clone()).collect();
        for log in logs {
            all.retain(|partition| partition != log.partition());
            log.close()?;
        }
        self.checkpoint()?;
        self.stop_flusher();
        if self.core.flusher.owes_checkpoint() {
            // For what the thread was in the middle of.
            self.checkpoint()?;
        }
        self.core.check()?;
        self.empty_trash();
        let unchecked = self.unchecked().len();
        let missing = self.missing().iter().filter(|lost| lost.synced_end > Offset::ZERO).count();
        let owed = self.core.flusher.owes_checkpoint();
        if !all.is_empty() || unchecked > 0 || missing > 0 || owed {
            tracing::warn!(
                open = all.len(),
                unchecked,
                missing,
                checkpoint = !owed,
                "no clean shutdown: the next start checks all logs"
            );
            return Ok(());
        }
        let epoch = broker_epoch.map_or(-1, BrokerEpoch::get);
        let content = format!("{{\"version\":0,\"brokerEpoch\":{epoch}}}");
        let path = Path::new(MARKER);
        let disk = &self.core.disk;
        disk.grow("write", path, replace_file(disk.dir(), path, content.as_bytes()))
    }
}
