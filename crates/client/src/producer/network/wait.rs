//! What the network task waits for.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, sleep_until};

use super::Network;

impl Network {
    /// Until the owner, news, a socket, a task or a deadline has something to do.
    pub(super) async fn wait(&mut self, now: Instant) {
        let deadline = self.next_deadline(now);
        let shared = std::sync::Arc::clone(&self.shared);
        let mut woken = pin!(shared.wake.notified());
        // (Cloning only takes note of what was seen; the loop looks for itself.)
        let mut news = self.news.clone();
        let mut news = pin!(news.changed());
        // Without a deadline the timer is never looked at.
        let mut timer = pin!(sleep_until(deadline.unwrap_or(now)));
        let done = poll_fn(|context| {
            if let Poll::Ready(Some(done)) = self.tasks.poll_join_next(context) {
                return Poll::Ready(Some(done));
            }
            let is_ready = woken.as_mut().poll(context).is_ready()
                || news.as_mut().poll(context).is_ready()
                || self.poll_links(context)
                || (deadline.is_some() && timer.as_mut().poll(context).is_ready());
            if is_ready { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        match done {
            Some(Ok(done)) => self.done(done, Instant::now()),
            Some(Err(error)) => tracing::error!(%error, "a task of the producer failed"),
            None => {}
        }
    }

    fn poll_links(&self, context: &mut Context<'_>) -> bool {
        // Every one is asked, so that every one wakes this task.
        self.links.values().filter(|link| link.poll_ready(context).is_ready()).count() > 0
    }

    /// When something is due although nothing happens, for one who has done everything that was due at `now`.
    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let links = self.links.values().filter_map(super::Link::deadline);
        let queues = self.listed.iter().flat_map(|slot| {
            let partition = &self.partitions[slot.0];
            let expires = partition.queue.front().map(|batch| batch.opened + self.config.delivery_timeout);
            let resumes = if partition.in_flight == 0 { partition.not_before } else { None };
            [expires, resumes.filter(|resumes| *resumes > now)]
        });
        let dialled = self.dialling.values().filter(|dialling| !dialling.is_under_way);
        let refresh =
            (self.refresh.is_wanted && !self.refresh.is_under_way).then_some(self.refresh.not_before);
        let redial =
            dialled.map(|dialling| dialling.not_before).filter(|at| *at > now && !self.listed.is_empty());
        links
            .chain(queues.flatten())
            .chain(redial)
            .chain(refresh)
            .chain(self.lingers_until)
            .chain(self.closing)
            .min()
    }
}
