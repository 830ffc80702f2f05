//! Entries of one request to whoever answers each, their answers back in the order of the entries.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until};
use yak_model::api::{ReadFrom, Rejection};
use yak_model::{BrokerId, ErrorCode};

use super::PATIENCE;
use super::entry::{Entry, Leader, Place, place};
use crate::broker::{Broker, RETRY_AFTER_MS};

/// An operation whose entries may be answered by several brokers.
pub(super) trait Scattered: Send + Sync + 'static {
    /// What is asked for.
    type Entry: Entry + Send + Sync + 'static;
    /// What comes back for each.
    type Answer: Send + 'static;

    /// Which replica may answer.
    fn read_from(&self) -> ReadFrom {
        ReadFrom::Leader
    }

    /// This broker answers: one answer for each entry, in order.
    fn here(&self, entries: Vec<Self::Entry>) -> impl Future<Output = Vec<Self::Answer>> + Send;

    /// The leader answers: one answer for each entry, in order.
    fn away(
        &self,
        leader: &Leader,
        entries: &[Self::Entry],
    ) -> impl Future<Output = Vec<Self::Answer>> + Send;

    /// The answer to an entry that nobody is to answer.
    fn refuse(&self, entry: &Self::Entry, rejection: Rejection) -> Self::Answer;

    /// Why the entry was refused, if it was.
    fn refusal(answer: &Self::Answer) -> Option<&Rejection>;

    /// Whether an entry that was refused so by a leader may be asked for again: nothing was done.
    fn may_ask_again(&self, rejection: &Rejection) -> bool {
        is_about_metadata(rejection.code)
    }
}

/// Whether a leader that refuses so did nothing, and will perhaps not refuse once all know the same metadata.
pub(super) const fn is_about_metadata(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::UnknownTopicOrPartition
    )
}

/// Entries with their places in the request.
type Placed<E> = Vec<(usize, E)>;

/// What a task brings: places with answers, and the entries that were sent away, if any were.
struct Brought<F: Scattered> {
    places: Vec<usize>,
    answers: Vec<F::Answer>,
    sent: Vec<F::Entry>,
}

/// Asks everybody at once, and those who know other metadata again for a while.
pub(super) async fn scatter<F: Scattered>(
    broker: &Arc<Broker>,
    operation: F,
    entries: Vec<F::Entry>,
) -> Vec<F::Answer> {
    let operation = Arc::new(operation);
    let until = Instant::now() + PATIENCE;
    let mut answers: Vec<Option<F::Answer>> = entries.iter().map(|_| None).collect();
    let by_hand: Vec<bool> = entries.iter().map(|entry| entry.leader_epoch().is_none()).collect();
    let mut open: Placed<F::Entry> = entries.into_iter().enumerate().collect();
    let mut applied = broker.followed_index();
    loop {
        applied.mark_unchanged();
        let mut refused = ask(broker, &operation, open, (&by_hand, &mut answers)).await;
        let is_over = Instant::now() >= until || broker.stopping.is_cancelled();
        refused.retain(|(place, _)| {
            let refusal = answers[*place].as_ref().and_then(F::refusal);
            !is_over && refusal.is_some_and(|rejection| operation.may_ask_again(rejection))
        });
        open = refused;
        if open.is_empty() {
            return answers.into_iter().flatten().collect();
        }
        let pause = Instant::now() + Duration::from_millis(RETRY_AFTER_MS.into());
        tokio::select! {
            () = sleep_until(pause.min(until)) => {}
            changed = applied.changed() => if changed.is_err() { sleep_until(until).await; },
            () = broker.stopping.cancelled() => {}
        }
    }
}

/// One round. The entries that were sent away, or would have been, are given back.
async fn ask<F: Scattered>(
    broker: &Arc<Broker>,
    operation: &Arc<F>,
    entries: Placed<F::Entry>,
    (by_hand, answers): (&[bool], &mut [Option<F::Answer>]),
) -> Placed<F::Entry> {
    let image = broker.image();
    let mut here: Placed<F::Entry> = Vec::new();
    let mut away: BTreeMap<BrokerId, (Leader, Placed<F::Entry>)> = BTreeMap::new();
    let mut given_back: Placed<F::Entry> = Vec::new();
    for (at, mut entry) in entries {
        let place = if by_hand[at] {
            // Who led when it was asked for before is of no interest.
            entry.meant_for(None);
            place(broker, &image, entry.partition(), operation.read_from())
        } else {
            Place::Here
        };
        match place {
            Place::Here => here.push((at, entry)),
            Place::At(leader, epoch) => {
                entry.meant_for(Some(epoch));
                away.entry(leader.id()).or_insert_with(|| (leader, Vec::new())).1.push((at, entry));
            }
            Place::Leaderless(rejection) => {
                answers[at] = Some(operation.refuse(&entry, rejection));
                given_back.push((at, entry));
            }
        }
    }
    // Dropped with this future: what nobody waits for any more is not asked for any more.
    let mut asked: JoinSet<Brought<F>> = JoinSet::new();
    if !here.is_empty() {
        let (places, entries): (Vec<usize>, Vec<F::Entry>) = here.into_iter().unzip();
        let operation = Arc::clone(operation);
        asked.spawn(async move {
            let answers = operation.here(entries).await;
            Brought { places, answers, sent: Vec::new() }
        });
    }
    for (leader, entries) in away.into_values() {
        let (places, sent): (Vec<usize>, Vec<F::Entry>) = entries.into_iter().unzip();
        let operation = Arc::clone(operation);
        asked.spawn(async move {
            let answers = operation.away(&leader, &sent).await;
            Brought { places, answers, sent }
        });
    }
    for Brought { places, answers: brought, sent } in asked.join_all().await {
        assert_eq!(places.len(), brought.len(), "one answer for each entry");
        for (at, answer) in places.iter().zip(brought) {
            answers[*at] = Some(answer);
        }
        given_back.extend(places.into_iter().zip(sent));
    }
    given_back
}
