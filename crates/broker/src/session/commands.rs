//! Commands: what is submitted through the Handle goes to the zookeeper, several at a time, answered in order.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep_until};
use yak_core::controller::CommandReply;
use yak_model::api::Rejection;
use yak_model::{ErrorCode, MetadataIndex};
use yak_zookeeper::{Submission, Submissions};

use super::backoff::Backoff;
use super::link::Link;
use super::wire::{self, ReadAnswer};
use super::{Lost, Shared};

/// Commands that may be under way at a time; the others wait in the queue.
const MOST_IN_FLIGHT: usize = 64;
/// Without an answer for so long, the connection is made anew. A change takes a sync of the journal.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was sent and what was answered.
#[derive(Default)]
struct Commands {
    in_flight: VecDeque<(Submission, ReadAnswer)>,
    /// Answered, and not yet to be seen in the own image.
    decided: VecDeque<(MetadataIndex, Submission, CommandReply)>,
}

/// Serves the queue for as long as the session lasts.
pub(super) async fn run(shared: &Shared, mut submissions: Submissions) {
    let mut commands = Commands::default();
    let mut backoff = Backoff::new();
    // A submission that no connection was there for yet.
    let mut first = None;
    loop {
        if first.is_none() {
            first = match commands.idle(shared, &mut submissions).await {
                Some(submission) => Some(submission),
                None => return std::future::pending().await,
            };
        }
        let address = &shared.zookeepers[backoff.turn(shared.zookeepers.len())];
        let lost = match Link::dial(address).await {
            Ok(link) => {
                backoff.reset();
                let Err(lost) = commands.serve(shared, link, &mut submissions, &mut first).await;
                lost
            }
            Err(lost) => lost,
        };
        tracing::debug!(zookeeper = %address, reason = lost.0, "commands_lost");
        commands.give_up(&lost);
        first = first.filter(|submission| !submission.is_abandoned());
        backoff.wait().await;
    }
}

impl Commands {
    /// Waits for something to do while there is no connection.
    async fn idle(&mut self, shared: &Shared, submissions: &mut Submissions) -> Option<Submission> {
        let mut images = shared.handle.subscribe();
        loop {
            self.settle(shared);
            tokio::select! {
                submission = submissions.next() => match submission {
                    Some(submission) if submission.is_abandoned() => {}
                    submission => return submission,
                },
                _ = images.changed(), if !self.decided.is_empty() => {}
            }
        }
    }

    /// Serves over one connection.
    async fn serve(
        &mut self,
        shared: &Shared,
        mut link: Link,
        submissions: &mut Submissions,
        first: &mut Option<Submission>,
    ) -> Result<Infallible, Lost> {
        let mut images = shared.handle.subscribe();
        let mut patient_until = Instant::now() + PATIENCE;
        loop {
            self.settle(shared);
            if let Some(submission) = first.take() {
                if self.in_flight.is_empty() {
                    patient_until = Instant::now() + PATIENCE;
                }
                self.send(&mut link, submission).await?;
            }
            tokio::select! {
                submission = submissions.next(), if self.in_flight.len() < MOST_IN_FLIGHT => match submission {
                    Some(submission) => *first = Some(submission),
                    None => return std::future::pending().await,
                },
                line = link.line() => {
                    self.answered(&line?)?;
                    patient_until = Instant::now() + PATIENCE;
                }
                _ = images.changed(), if !self.decided.is_empty() => {}
                () = sleep_until(patient_until), if !self.in_flight.is_empty() => {
                    return Err(Lost::new("does not answer"));
                }
            }
        }
    }

    async fn send(&mut self, link: &mut Link, submission: Submission) -> Result<(), Lost> {
        if submission.is_abandoned() {
            return Ok(());
        }
        let mut line = BytesMut::new();
        let Some(read) = wire::encode(submission.command(), &mut line) else {
            let message = "only the zookeeper itself decides that";
            submission.answer(Err(Rejection::new(ErrorCode::InvalidRequest, message)));
            return Ok(());
        };
        // Noted first: what was sent in part may be decided.
        self.in_flight.push_back((submission, read));
        link.send(&line).await
    }

    fn answered(&mut self, line: &Bytes) -> Result<(), Lost> {
        let Some((submission, read)) = self.in_flight.pop_front() else {
            return Err(Lost::new("answered what was not asked"));
        };
        match read(line) {
            Ok(Ok((reply, index))) => self.decided.push_back((index, submission, reply)),
            Ok(Err(rejection)) => submission.answer(Err(rejection)),
            Err(lost) => {
                self.in_flight.push_front((submission, read));
                return Err(lost);
            }
        }
        Ok(())
    }

    /// Answers what is to be seen in the own image by now.
    fn settle(&mut self, shared: &Shared) {
        let index = shared.handle.image().index();
        while self.decided.front().is_some_and(|(decided, ..)| *decided <= index) {
            let Some((_, submission, reply)) = self.decided.pop_front() else { return };
            submission.answer(Ok(reply));
        }
    }

    /// The connection broke: nobody knows what became of what was sent.
    fn give_up(&mut self, lost: &Lost) {
        for (submission, _) in self.in_flight.drain(..) {
            let message = format!("the zookeeper {}; whether the change was made is unknown", lost.0);
            submission.answer(Err(Rejection::new(ErrorCode::RequestTimedOut, message).retry_after(100)));
        }
    }
}
