//! A segment's log file as readers hold it, and how it goes when the last of them lets go.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use yak_record::ReadAt;

use crate::dir::File;
use crate::directory::Trash;

/// What happens to a segment's files when nobody uses them any more: nothing, or removal.
#[derive(Debug, Default)]
pub(crate) struct Fate(OnceLock<Doom>);

#[derive(Debug)]
struct Doom {
    trash: Arc<Trash>,
    files: Vec<PathBuf>,
    delay: Duration,
}

impl Fate {
    /// The files, already renamed, are to be removed at least `delay` after now and after the last user.
    pub(crate) fn doom(&self, trash: &Arc<Trash>, files: Vec<PathBuf>, delay: Duration) {
        // A second doom names the same files.
        drop(self.0.set(Doom { trash: trash.clone(), files, delay }));
    }
}

impl Drop for Fate {
    fn drop(&mut self) {
        if let Some(Doom { trash, files, delay }) = self.0.take() {
            trash.put(files, delay);
        }
    }
}

/// The open log file of a segment. Stored records hold it.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: Arc<dyn File>,
    path: PathBuf,
    /// Whether it is on the list of what the flusher has to sync.
    dirty: AtomicBool,
    /// Removal waits for this.
    #[expect(dead_code, reason = "held, so that the segment's fate is not sealed while the file is read")]
    fate: Arc<Fate>,
}

impl LogFile {
    pub(crate) fn new(file: Arc<dyn File>, path: PathBuf, fate: Arc<Fate>) -> Self {
        Self { file, path, dirty: AtomicBool::new(false), fate }
    }

    pub(crate) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Marks the file dirty; `true` if it was clean.
    pub(crate) fn mark_dirty(&self) -> bool {
        !self.dirty.swap(true, Ordering::AcqRel)
    }

    /// The file is about to be synced; what is written from now on is dirty again.
    pub(crate) fn take_dirty(&self) {
        self.dirty.swap(false, Ordering::AcqRel);
    }
}

impl ReadAt for LogFile {
    fn read_exact_at(&self, buf: &mut [u8], position: u64) -> io::Result<()> {
        self.file.read_exact_at(buf, position)
    }
}
