//! What yak-consumer does as a member of a group: commits what was printed, and tells what happens to its partitions.

use std::time::{Duration, Instant};

use yak_cli::{Session, messages};
use yak_client::{ClientError, Consumer, Event};
use yak_model::{GroupId, Offset, TopicPartition};

use crate::ledger::Ledger;
use crate::rebalance;

/// How often to commit while records come without a pause.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) group: GroupId,
    pub(crate) ledger: Ledger,
    commits: bool,
    shows: bool,
    /// Say that the group has committed offsets, once: everything was asked for.
    hint: bool,
    last: Instant,
}

impl Member {
    pub(crate) fn new(group: GroupId, commits: bool, (shows, hint): (bool, bool)) -> Self {
        Self { group, ledger: Ledger::default(), commits, shows, hint, last: Instant::now() }
    }

    /// Begins to commit what was printed since the last time: at once when there is nothing to do, else from time to time.
    pub(crate) fn commit_async(&mut self, consumer: &mut Consumer, is_idle: bool) {
        if !is_idle && self.last.elapsed() < COMMIT_INTERVAL {
            return;
        }
        self.last = Instant::now();
        let news = self.news(consumer);
        if !news.is_empty() {
            // (Every one of them is assigned.)
            consumer.commit_offsets_async(news).unwrap_or_default();
        }
    }

    /// Commits what was printed, and waits until it is stored.
    pub(crate) async fn commit(&mut self, consumer: &mut Consumer) -> Result<(), ClientError> {
        let news = self.news(consumer);
        if news.is_empty() { Ok(()) } else { consumer.commit_offsets(news).await }
    }

    /// What was printed of partitions that are still this member's.
    fn news(&mut self, consumer: &Consumer) -> Vec<(TopicPartition, Offset, String)> {
        let mut news = if self.commits { self.ledger.news() } else { Vec::new() };
        news.retain(|(id, ..)| consumer.position(&id.topic, id.partition).is_some());
        news
    }

    pub(crate) fn show(&self, event: &Event, session: &Session) {
        if self.shows
            && let Some((text, json)) = rebalance::show(event)
        {
            session.console.event(&text, || json);
        }
    }

    /// It was given partitions, of some of which the group has committed an offset.
    pub(crate) fn assigned(&mut self, is_committed: bool, session: &Session) {
        if is_committed && std::mem::take(&mut self.hint) {
            session.console.note(&messages::already_committed(&self.group));
        }
    }
}
