//! The other end of a [`Handle`]: for a controller that is elsewhere, and for the thread of one that is here.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use yak_core::controller::{Command, CommandReply};
use yak_core::image::{Elections, Image};
use yak_model::BrokerId;
use yak_model::api::Rejection;

use crate::handle::{Message, QUEUE_LEN, Shared};
use crate::{Ended, Handle};

/// A command that waits for its answer.
#[derive(Debug)]
pub struct Submission {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<CommandReply, Rejection>>,
}

impl Submission {
    /// What is to be decided.
    #[must_use]
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// Whether whoever submitted it has given up waiting.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Answers it. What it changed must be in the published image by now.
    pub fn answer(self, result: Result<CommandReply, Rejection>) {
        // Who does not wait any more does not mind.
        self.reply.send(result).ok();
    }
}

/// What was submitted, in order. While it exists, submitters may wait; dropping it tells them that the controller
/// has ended.
#[derive(Debug)]
pub struct Submissions {
    queue: mpsc::Receiver<Message>,
}

impl Submissions {
    /// The next one; `None` once nobody can submit any more.
    pub async fn next(&mut self) -> Option<Submission> {
        match self.queue.recv().await? {
            Message::Submit(submission) => Some(submission),
            Message::Stop => None,
        }
    }
}

/// Publishes what a [`Handle`] shows. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    images: watch::Sender<Arc<Image>>,
    shared: Arc<Shared>,
}

impl Publisher {
    /// Shows a newer image, with the elections up to it.
    pub fn publish(&self, image: Arc<Image>, elections: Arc<Elections>) {
        self.shared.elections.store(elections);
        self.shared.image.store(Arc::clone(&image));
        self.images.send_replace(image);
    }

    /// Shows which brokers have lost their connection to the controller and may yet come back in time.
    pub fn suspend(&self, brokers: BTreeSet<BrokerId>) {
        self.shared.suspended.send_replace(Arc::new(brokers));
    }

    /// Says how it ended. The first word counts; to be said before the [`Submissions`] are dropped.
    pub fn end(&self, ended: Ended) {
        self.shared.ended.get_or_init(|| ended);
    }
}

impl Handle {
    /// A handle, with both its other ends, to a controller that is not in this process. It shows `image` at first.
    #[must_use]
    pub fn channel(image: Image) -> (Self, Submissions, Publisher) {
        let image = Arc::new(image);
        let (images, watching) = watch::channel(Arc::clone(&image));
        let (sender, queue) = mpsc::channel(QUEUE_LEN);
        let shared = Arc::new(Shared::new(image, Arc::default()));
        let publisher = Publisher { images, shared: Arc::clone(&shared) };
        (Self::new(sender, shared, watching), Submissions { queue }, publisher)
    }
}

#[cfg(test)]
mod tests {
    use yak_core::controller::CreateCluster;
    use yak_model::{ClusterId, MetadataIndex};

    use super::*;

    fn create_cluster() -> CreateCluster {
        CreateCluster { cluster_id: ClusterId::from_random([1; 16]) }
    }

    #[tokio::test]
    async fn what_is_submitted_comes_out_and_is_answered() {
        let (handle, mut submissions, publisher) = Handle::channel(Image::default());
        let asking = tokio::spawn({
            let handle = handle.clone();
            async move { handle.submit(create_cluster()).await }
        });
        let submission = submissions.next().await.expect("something was submitted");
        assert!(matches!(submission.command(), Command::CreateCluster(_)) && !submission.is_abandoned());
        let mut image = Image::default();
        image.set_index(MetadataIndex::new(7));
        publisher.publish(Arc::new(image), Arc::default());
        submission.answer(Ok(CommandReply::CreateCluster(())));
        asking.await.expect("no panic").expect("answered");
        assert_eq!(handle.image().index(), MetadataIndex::new(7));
    }

    #[tokio::test]
    async fn the_end_is_told_to_who_waits_and_who_comes() {
        let (handle, submissions, publisher) = Handle::channel(Image::default());
        publisher.end(Ended::Session("broker 1 was replaced".into()));
        drop(submissions);
        let refused = handle.submit(create_cluster()).await.expect_err("nobody decides");
        assert_eq!(refused.message, "broker 1 was replaced");
        assert_eq!(handle.ended().await.to_string(), "broker 1 was replaced");
    }

    #[tokio::test]
    async fn suspended_brokers_are_shown_until_they_are_not() {
        let (handle, _submissions, publisher) = Handle::channel(Image::default());
        assert!(handle.suspended().is_empty());
        let mut changes = handle.suspensions();
        publisher.suspend(BTreeSet::from([BrokerId::new(2)]));
        assert!(handle.suspended().contains(&BrokerId::new(2)));
        assert!(changes.has_changed().expect("the handle lives"));
        changes.mark_unchanged();
        publisher.suspend(BTreeSet::new());
        assert!(changes.has_changed().expect("the handle lives"));
        assert!(handle.suspended().is_empty());
    }
}
