//! The end of a log: closed in order, or deleted.

use super::{DirtyFile, Log};
use crate::error::StorageFailure;
use crate::sync::lock;

impl Log {
    /// Writes what waits in memory (index entries, the producer state) and hands all files to the flusher.
    /// Returns once they are written; they are durable when the flusher is done.
    pub(crate) fn close(self) -> Result<(), StorageFailure> {
        let mut dirty: Vec<DirtyFile> = Vec::new();
        if self.end() > self.start() || self.producers.len() > 0 {
            dirty.extend(self.active.flush_indexes(true)?.into_iter().map(DirtyFile::Named));
            if super::open::snapshots(&self.core.disk, self.shared.dir())?.last() != Some(&self.end()) {
                dirty.extend(self.write_snapshot(self.end())?);
                dirty.push(DirtyFile::Dir(self.shared.dir().to_path_buf()));
                self.remove_old_snapshots()?;
            }
        }
        lock(&self.shared.sync).dirty.extend(dirty);
        self.active.seal();
        self.request_sync();
        Ok(())
    }

    /// From now on the flusher leaves the log alone.
    pub(crate) fn retire(self) {
        let mut sync = lock(&self.shared.sync);
        sync.closed = true;
        sync.dirty.clear();
    }
}
