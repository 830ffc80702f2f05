//! The zookeeper: the controller machine hosted over a durable journal.
//!
//! ```text
//!  Handle ─ submit ─┐        one thread owns controller and journal
//!  Handle ─ submit ─┼──► queue ──► take all that wait ──► decide each ──► one write ──► one sync
//!  Handle ─ submit ─┘ (bounded)                                                            │
//!      ▲  ▲                                                                                ▼
//!      │  └──────────────── replies, in order ◄──────────────────────────── publish the image
//!      └─ image(), subscribe(): without a lock
//! ```
//!
//! # Contract
//!
//! - A reply is given when the command's records, and those of every command before it, are on disk, and after
//!   the image with them was published: whoever has the reply finds its effect in [`Handle::image`].
//! - Commands that wait together share one write and one sync. Nothing wakes the thread when nobody asks.
//! - A restart replays the journal to the same image; commands that were acknowledged are in it.
//! - The first failed write, sync, truncation or rename is final: nothing is acknowledged after it, the thread ends,
//!   [`Handle::ended`] says so, and the process must end, because what is on disk is known only after a restart.
//!   A caller that still waits learns that the outcome is unknown (`REQUEST_TIMED_OUT`).
//! - A full disk is not that: the commands that did not fit are taken back and refused (`KAFKA_STORAGE_ERROR`,
//!   retriable), the partial bytes are cut off, and the journal goes on. A megabyte of room is kept reserved.
//! - A torn end of the journal, which was never acknowledged, is cut at the start, and said aloud. Damage anywhere
//!   else refuses to start and says where ([`JournalError::Damaged`]).
//!
//! With [`Options::durable`] off nothing is synced (`--ephemeral`): all of it survives a killed process, not the
//! machine.
//!
//! Sessions with brokers over sockets, and pushing journal lines to them, come on top: [`server`].

pub mod args;
mod channel;
pub mod config;
mod ended;
mod feed;
mod handle;
mod journal;
mod options;
mod program;
mod random;
pub mod server;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;
use std::thread;

pub use channel::{Publisher, Submission, Submissions};
pub use ended::Ended;
use feed::Feed;
pub use handle::Handle;
pub use journal::{Cut, Journal, JournalError, NotWritten, Recovered};
pub use options::{JournalLimits, Options};
use random::random_bytes;
use thiserror::Error;
use yak_log::dir::Dir;

use worker::Worker;

/// A running zookeeper: the thread. Its [`Handle`]s talk to it.
#[derive(Debug)]
pub struct Zookeeper {
    handle: Handle,
    feed: Arc<Feed>,
    thread: thread::JoinHandle<()>,
}

/// Why a zookeeper did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal belongs to another cluster than the directory it is in.
    #[error("the journal belongs to cluster {found}, this directory to cluster {expected}")]
    OtherCluster {
        /// The cluster that was expected.
        expected: yak_model::ClusterId,
        /// The cluster in the journal.
        found: yak_model::ClusterId,
    },
    /// The system has no randomness or no thread to give.
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
}

impl Zookeeper {
    /// Opens the journal in its folder under `dir`, or begins a new cluster there, and starts the thread.
    ///
    /// # Errors
    ///
    /// The directory is in use, the journal is damaged or of another cluster, or the disk fails.
    pub fn start(dir: Arc<dyn Dir>, options: Options) -> Result<Self, StartError> {
        let (worker, handle, feed) = Worker::open(dir, options)?;
        let thread = thread::Builder::new().name("zookeeper".to_owned()).spawn(move || worker.run())?;
        Ok(Self { handle, feed, thread })
    }

    /// A way to talk to it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The newest lines of the journal.
    pub(crate) fn feed(&self) -> Arc<Feed> {
        Arc::clone(&self.feed)
    }

    /// Ends it once everything submitted before is answered; what is submitted later is refused.
    pub async fn shutdown(self) -> Ended {
        self.handle.stop().await;
        let ended = self.handle.ended().await;
        join(self.thread);
        ended
    }

    /// The same for a thread that has no runtime.
    ///
    /// # Panics
    /// On a thread of an asynchronous runtime.
    pub fn shutdown_blocking(self) -> Ended {
        self.handle.stop_blocking();
        join(self.thread);
        self.handle.outcome()
    }
}

/// The thread has said how it ended, or will in a moment.
fn join(thread: thread::JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("the zookeeper's thread panicked");
    }
}
