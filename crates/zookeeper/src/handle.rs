//! What talks to a running zookeeper.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use yak_core::controller::{Command, CommandReply, Operation};
use yak_core::image::{Elections, Image};
use yak_model::api::Rejection;
use yak_model::{BrokerId, ErrorCode};

use crate::{Ended, Submission};

/// Commands that may wait to be taken; whoever submits more waits.
pub(crate) const QUEUE_LEN: usize = 1_024;

/// Talks to a running zookeeper, in this process or, through a [`Handle::channel`], elsewhere. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    images: watch::Receiver<Arc<Image>>,
}

/// What comes through the queue.
#[derive(Debug)]
pub(crate) enum Message {
    /// Decide this.
    Submit(Submission),
    /// End.
    Stop,
}

/// What the thread publishes.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) image: ArcSwap<Image>,
    pub(crate) elections: ArcSwap<Elections>,
    pub(crate) suspended: ArcSwap<BTreeSet<BrokerId>>,
    pub(crate) ended: OnceLock<Ended>,
}

impl Shared {
    pub(crate) fn new(image: Arc<Image>, elections: Arc<Elections>) -> Self {
        Self {
            image: ArcSwap::new(image),
            elections: ArcSwap::new(elections),
            suspended: ArcSwap::default(),
            ended: OnceLock::new(),
        }
    }
}

impl Handle {
    pub(crate) fn new(
        queue: mpsc::Sender<Message>,
        shared: Arc<Shared>,
        images: watch::Receiver<Arc<Image>>,
    ) -> Self {
        Self { queue, shared, images }
    }

    /// The metadata as of the last durable command.
    #[must_use]
    pub fn image(&self) -> Arc<Image> {
        self.shared.image.load_full()
    }

    /// The last elections.
    #[must_use]
    pub fn elections(&self) -> Arc<Elections> {
        self.shared.elections.load_full()
    }

    /// Brokers whose connection to the zookeeper was lost a moment ago and that may yet come back in time: what they
    /// lead counts as leaderless meanwhile.
    #[must_use]
    pub fn suspended(&self) -> Arc<BTreeSet<BrokerId>> {
        self.shared.suspended.load_full()
    }

    /// Tells of each new image; images that come faster than they are looked at are skipped.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Image>> {
        let mut images = self.images.clone();
        images.mark_unchanged();
        images
    }

    /// Has a command decided, and waits until its effect is durable and published.
    ///
    /// # Errors
    ///
    /// The controller's rejection; `KAFKA_STORAGE_ERROR` if the disk is full and nothing was changed;
    /// `NOT_CONTROLLER` if the zookeeper has ended; `REQUEST_TIMED_OUT` if it ended meanwhile, and the outcome is
    /// unknown.
    pub async fn submit<O: Operation>(&self, operation: O) -> Result<O::Reply, Rejection> {
        let (message, reply) = message(operation.into());
        if self.queue.send(message).await.is_err() {
            return Err(self.not_taken());
        }
        match reply.await {
            Ok(decided) => decided.map(O::reply),
            Err(_) => Err(self.unknown()),
        }
    }

    /// The same for a thread that has no runtime.
    ///
    /// # Errors
    ///
    /// Those of [`Handle::submit`].
    ///
    /// # Panics
    /// On a thread of an asynchronous runtime.
    pub fn submit_blocking<O: Operation>(&self, operation: O) -> Result<O::Reply, Rejection> {
        let (message, reply) = message(operation.into());
        if self.queue.blocking_send(message).is_err() {
            return Err(self.not_taken());
        }
        match reply.blocking_recv() {
            Ok(decided) => decided.map(O::reply),
            Err(_) => Err(self.unknown()),
        }
    }

    /// Waits until the zookeeper has ended, and says how.
    pub async fn ended(&self) -> Ended {
        self.queue.closed().await;
        self.outcome()
    }

    /// Shows which brokers are suspended.
    pub(crate) fn suspend(&self, brokers: BTreeSet<BrokerId>) {
        self.shared.suspended.store(Arc::new(brokers));
    }

    pub(crate) fn outcome(&self) -> Ended {
        // The thread says how it ended before it gives up its end of the queue.
        self.shared.ended.get().cloned().unwrap_or(Ended::Panicked)
    }

    pub(crate) async fn stop(&self) {
        // An error means that it has ended already.
        self.queue.send(Message::Stop).await.ok();
    }

    pub(crate) fn stop_blocking(&self) {
        self.queue.blocking_send(Message::Stop).ok();
    }

    fn not_taken(&self) -> Rejection {
        Rejection::new(ErrorCode::NotController, self.outcome().to_string())
    }

    fn unknown(&self) -> Rejection {
        let message = format!("{}; whether the change was made is unknown", self.outcome());
        Rejection::new(ErrorCode::RequestTimedOut, message)
    }
}

fn message(command: Command) -> (Message, oneshot::Receiver<Result<CommandReply, Rejection>>) {
    let (reply, receiver) = oneshot::channel();
    (Message::Submit(Submission { command, reply }), receiver)
}
