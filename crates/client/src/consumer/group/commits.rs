//! What a member wants committed: gathered by partition, sent one batch at a time, so that no commit overtakes another.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use yak_model::api::Rejection;
use yak_model::{Offset, TopicPartition};

use super::say::{Commit, CommitOutcome, Unsaid, commit};
use super::{Consumer, Event, Group, Stage};
use crate::cluster::Backoff;
use crate::{ClientConfig, ClientError};

#[derive(Debug)]
pub(super) struct Commits {
    /// To be sent.
    pending: BTreeMap<TopicPartition, Commit>,
    /// Sent and not answered.
    under_way: BTreeSet<TopicPartition>,
    not_before: Option<Instant>,
    backoff: Backoff,
    /// Somebody waits for these.
    awaited: BTreeSet<TopicPartition>,
    /// What the first of them failed for.
    failure: Option<ClientError>,
    interval: Option<Duration>,
    next: Instant,
}

impl Commits {
    pub(super) fn new(config: &ClientConfig, interval: Option<Duration>) -> Self {
        Self {
            pending: BTreeMap::new(),
            under_way: BTreeSet::new(),
            not_before: None,
            backoff: Backoff::new(config),
            awaited: BTreeSet::new(),
            failure: None,
            interval,
            next: Instant::now() + interval.unwrap_or_default(),
        }
    }

    /// Whether something about the partition is not answered yet.
    pub(super) fn is_concerned(&self, id: &TopicPartition) -> bool {
        self.pending.contains_key(id) || self.under_way.contains(id)
    }

    /// The partition is another's: nothing is to be committed of it any more.
    pub(super) fn lost(&mut self, id: &TopicPartition, why: &ClientError) {
        self.pending.remove(id);
        self.settle(id, Some(why));
    }

    fn settle(&mut self, id: &TopicPartition, failure: Option<&ClientError>) {
        if self.pending.contains_key(id) {
            // What was wanted later is still to come.
            return;
        }
        if self.awaited.remove(id)
            && let Some(failure) = failure
        {
            self.failure.get_or_insert_with(|| failure.clone());
        }
    }
}

impl Group {
    /// Wants these committed. The owner of offsets that are not its own any more gets an error.
    pub(super) fn want(
        &mut self,
        offsets: Vec<(TopicPartition, Offset, String)>,
        is_told: bool,
    ) -> Result<(), ClientError> {
        for (id, ..) in &offsets {
            if !self.owned.contains_key(id) {
                return Err(ClientError::Usage(format!("{id} is not assigned to this member")));
            }
        }
        for (id, offset, metadata) in offsets {
            let Some(owned) = self.owned.get(&id) else { continue };
            let commit = Commit { id: id.clone(), topic_id: owned.topic_id, offset, metadata, is_told };
            self.commits.pending.insert(id, commit);
        }
        Ok(())
    }

    /// Wants what the owner has taken committed, of partitions in a stage, where it is not.
    pub(super) fn want_commit(&mut self, stage: Stage) {
        let news = self.owned.iter().filter(|(_, owned)| owned.stage == stage && owned.is_news());
        let news: Vec<_> = news.map(|(id, owned)| (id.clone(), owned.taken, String::new())).collect();
        // (All of them are owned.)
        self.want(news, false).unwrap_or_default();
    }

    /// Commits what was taken, if it is time.
    pub(super) fn commit_by_itself(&mut self, now: Instant) {
        let Some(interval) = self.commits.interval else { return };
        if now >= self.commits.next {
            self.commits.next = now + interval;
            self.want_commit(Stage::Reading);
        }
    }

    /// When the next commit is due, if there is anything to commit.
    pub(super) fn commit_due(&self) -> Option<Instant> {
        if !self.commits.pending.is_empty() && self.commits.under_way.is_empty() {
            return self.commits.not_before;
        }
        let is_news = self.owned.values().any(|owned| owned.stage == Stage::Reading && owned.is_news());
        (self.commits.interval.is_some() && is_news).then_some(self.commits.next)
    }

    /// Sends what is wanted, when the batch before is answered. What is being looked up after an interruption waits.
    pub(super) fn start_commit(&mut self, consumer: &mut Consumer, now: Instant) {
        let commits = &mut self.commits;
        if !commits.under_way.is_empty() || commits.not_before.is_some_and(|at| at > now) {
            return;
        }
        let owned = &self.owned;
        let is_ready = |id: &TopicPartition| {
            owned.get(id).is_some_and(|owned| !matches!(owned.stage, Stage::Starting(_)))
        };
        let ready: Vec<_> = commits.pending.keys().filter(|id| is_ready(id)).cloned().collect();
        let batch: Vec<Commit> = ready.iter().filter_map(|id| commits.pending.remove(id)).collect();
        if batch.is_empty() {
            return;
        }
        commits.under_way = ready.into_iter().collect();
        let saying = self.saying();
        consumer.begin(commit(saying, batch));
    }

    /// A batch is answered.
    pub(super) fn committed(&mut self, consumer: &mut Consumer, outcome: CommitOutcome, now: Instant) {
        let CommitOutcome { incarnation, batch, results } = outcome;
        self.commits.under_way.clear();
        match results {
            Ok(results) => {
                self.commits.not_before = None;
                self.commits.backoff.reset();
                for (commit, result) in batch.into_iter().zip(results) {
                    self.answered(consumer, commit, result);
                }
            }
            Err(Unsaid::Interrupted) => {
                // To be said again after joining again, of what is owned then.
                if incarnation == self.incarnation {
                    self.commits.not_before = Some(now + self.commits.backoff.next());
                }
                for commit in batch {
                    self.commits.pending.entry(commit.id.clone()).or_insert(commit);
                }
                let owned = &self.owned;
                let gone: Vec<_> =
                    self.commits.pending.keys().filter(|id| !owned.contains_key(id)).cloned().collect();
                for id in gone {
                    self.commits.lost(&id, &ClientError::Closed);
                }
            }
            Err(Unsaid::Failed(error)) => {
                self.commits.not_before = Some(now + self.commits.backoff.next());
                let told: Vec<_> =
                    batch.iter().filter(|commit| commit.is_told).map(|commit| commit.id.clone()).collect();
                if !told.is_empty() {
                    let event = Event::CommitFailed { partitions: told, error: error.clone() };
                    consumer.ready.push_back((None, event));
                }
                for commit in &batch {
                    self.commits.settle(&commit.id, Some(&error));
                }
            }
        }
    }

    fn answered(&mut self, consumer: &mut Consumer, commit: Commit, result: Result<(), Rejection>) {
        match result {
            Ok(()) => {
                let owned = self.owned.get_mut(&commit.id);
                if let Some(owned) = owned.filter(|owned| owned.topic_id == commit.topic_id) {
                    owned.committed = Some(commit.offset);
                }
                self.commits.settle(&commit.id, None);
            }
            Err(rejection) => {
                let error = ClientError::Rejected(rejection);
                self.commits.settle(&commit.id, Some(&error));
                if commit.is_told {
                    let event = Event::CommitFailed { partitions: vec![commit.id], error };
                    consumer.ready.push_back((None, event));
                } else {
                    tracing::info!(partition = %commit.id, %error, "not committed");
                }
            }
        }
    }

    /// Begins to wait for the commits of these partitions.
    pub(super) fn await_commits(&mut self, ids: BTreeSet<TopicPartition>) {
        self.commits.awaited = ids;
        self.commits.failure = None;
        // Whoever waits does not wait for a pause, too.
        self.commits.not_before = None;
    }

    /// Partitions of which something is not answered.
    pub(super) fn unanswered(&self) -> BTreeSet<TopicPartition> {
        self.commits.pending.keys().chain(&self.commits.under_way).cloned().collect()
    }

    /// What became of the commits that are waited for; `None`: not all are answered.
    pub(super) fn awaited(&mut self) -> Option<Result<(), ClientError>> {
        if !self.commits.awaited.is_empty() {
            return None;
        }
        Some(self.commits.failure.take().map_or(Ok(()), Err))
    }
}

impl super::Owned {
    fn is_news(&self) -> bool {
        self.committed != Some(self.taken)
    }
}
