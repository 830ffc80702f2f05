//! Files that were deleted and wait to be removed: until their last reader let go and the delay is over.
//!
//! A thread does it, because removing a large file takes the kernel a while; it lives only while there is
//! something to remove. What is left when the process ends is removed at the next start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::disk::Disk;
use crate::sync::lock;

/// The files and the thread.
#[derive(Debug)]
pub(crate) struct Trash {
    disk: Arc<Disk>,
    /// Whether removal is by a thread, or by [`Trash::empty`] alone.
    threaded: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<(PathBuf, Instant)>,
    running: bool,
}

impl Trash {
    pub(crate) fn new(disk: Arc<Disk>, threaded: bool) -> Arc<Self> {
        Arc::new(Self { disk, threaded, state: Mutex::default() })
    }

    /// Removes files, at least `delay` from now.
    pub(crate) fn put(self: &Arc<Self>, files: Vec<PathBuf>, delay: Duration) {
        let due = Instant::now() + delay;
        let mut state = lock(&self.state);
        state.waiting.extend(files.into_iter().map(|path| (path, due)));
        if self.threaded && !state.running && !state.waiting.is_empty() {
            let trash = self.clone();
            let thread = std::thread::Builder::new().name("yak-trash".to_owned());
            state.running = thread.spawn(move || trash.run()).is_ok();
        }
    }

    /// Removes a deleted partition's directory with all its files.
    pub(crate) fn put_dir(self: &Arc<Self>, dir: PathBuf) {
        self.put(vec![dir], Duration::ZERO);
    }

    /// Removes everything that waits, due or not.
    pub(crate) fn empty(&self) {
        let waiting = std::mem::take(&mut lock(&self.state).waiting);
        waiting.iter().for_each(|(path, _)| self.remove(path));
    }

    fn run(&self) {
        loop {
            let now = Instant::now();
            let mut state = lock(&self.state);
            let (due, waiting): (Vec<_>, Vec<_>) =
                std::mem::take(&mut state.waiting).into_iter().partition(|(_, due)| *due <= now);
            let next = waiting.iter().map(|(_, due)| *due).min();
            state.waiting = waiting;
            state.running = next.is_some() || !due.is_empty();
            drop(state);
            due.iter().for_each(|(path, _)| self.remove(path));
            match next {
                Some(next) if due.is_empty() => std::thread::sleep(next.saturating_duration_since(now)),
                None if due.is_empty() => return,
                _ => {}
            }
        }
    }

    fn remove(&self, path: &Path) {
        // It may be gone with its whole directory. What cannot be removed now is tried at the next start.
        match self.try_remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file = %self.disk.full(path).display(), %error, "cannot remove what was deleted");
            }
            _ => {}
        }
    }

    fn try_remove(&self, path: &Path) -> io::Result<()> {
        let dir = self.disk.dir();
        match dir.list(path) {
            Ok(entries) => {
                // Partition directories have no directories in them.
                entries.iter().try_for_each(|entry| dir.remove_file(&path.join(&entry.name)))?;
                dir.remove_dir(path)
            }
            Err(_) => dir.remove_file(path),
        }
    }
}
