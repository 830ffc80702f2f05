//! Follows the zookeeper: whenever it publishes an image, the broker's partitions become what it says.
//!
//! A thread of its own, because it makes, opens and deletes directories.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::broker::Broker;

/// How often logs that could not be created are tried again.
const PENDING_EVERY: Duration = Duration::from_secs(1);

/// The thread that follows.
#[derive(Debug)]
pub(crate) struct Follower {
    stop: CancellationToken,
    thread: JoinHandle<()>,
    failures: mpsc::Receiver<StartError>,
}

impl Follower {
    /// Starts following on a new thread of the current runtime.
    pub(crate) fn start(broker: Arc<Broker>) -> Self {
        let stop = CancellationToken::new();
        let (failed, failures) = mpsc::channel(1);
        let stopped = stop.clone();
        let runtime = Handle::current();
        let work = move || {
            let followed = runtime.block_on(async {
                tokio::select! {
                    () = stopped.cancelled() => Ok(()),
                    followed = follow(&broker) => followed,
                }
            });
            if let Err(error) = followed {
                tracing::error!(%error, "the metadata cannot be followed any more");
                // Nobody listens any more only when the broker is ending anyway.
                drop(failed.blocking_send(error));
            }
        };
        let thread = std::thread::Builder::new()
            .name("yak-metadata".to_owned())
            .spawn(work)
            .expect("a process that just started can start a thread");
        Self { stop, thread, failures }
    }

    /// Why following ended, if it did by itself.
    pub(crate) async fn failure(&mut self) -> StartError {
        match self.failures.recv().await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// Ends it.
    pub(crate) fn stop(self) {
        self.stop.cancel();
        if self.thread.join().is_err() {
            tracing::error!("the thread that follows the metadata panicked");
        }
    }
}

async fn follow(broker: &Broker) -> Result<(), StartError> {
    let mut published = broker.zookeeper.subscribe();
    loop {
        let newest = broker.zookeeper.image();
        if newest.index() > broker.image().index() {
            broker.apply(newest)?;
        }
        let pending = broker.apply_pending()?;
        let changed = tokio::select! {
            changed = published.changed() => changed,
            // Only while something is pending: an idle broker has no timer here.
            () = tokio::time::sleep(PENDING_EVERY), if pending => Ok(()),
        };
        if changed.is_err() {
            return Err(StartError::Follow("the zookeeper ended".to_owned()));
        }
    }
}
