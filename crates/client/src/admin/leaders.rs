//! Questions that only the leader of each partition can answer: every leader gets its share of the entries, and the
//! answers come back in the order in which was asked.
//!
//! ```text
//!            leader known            answered, or refused for good
//!   waiting ──────────────► asked ────────────────────────────────► settled
//!      ▲                      │
//!      └── pause, metadata ◄──┘ refused in a way that passes, not reached, or no longer the leader
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use yak_model::api::Rejection;
use yak_model::{ErrorCode, LeaderEpoch, TopicName, TopicPartition};
use yak_protocol::Call;

use crate::cluster::{Backoff, Leader};
use crate::connection::DOES_NOT_RESOLVE;
use crate::{ClientError, Cluster};

/// How long a leader may be silent before it is looked whether it leads still; and how long a topic that nobody knows is
/// asked for, because whoever answers may be a little behind.
const QUICK: Duration = Duration::from_secs(1);

/// A request of entries that each belong to one partition, answered one for one. Asking twice must do no harm.
pub(super) trait OfPartitions: Call<Reply: Send + 'static> + Sized + Send + Sync + 'static {
    /// What is asked of one partition.
    type Entry: Clone + Send;
    /// What comes back for it.
    type Answer;

    /// What is asked.
    fn entries(&self) -> &[Self::Entry];
    /// The partition of an entry.
    fn partition(entry: &Self::Entry) -> TopicPartition;
    /// The same request of these entries alone, for the leader in this epoch of each.
    fn part(&self, entries: Vec<(Self::Entry, LeaderEpoch)>) -> Self;
    /// The answers of a reply.
    fn answers(reply: Self::Reply) -> Vec<Self::Answer>;
    /// Why an entry was refused, if it was.
    fn rejection(answer: &Self::Answer) -> Option<&Rejection>;
    /// An entry that nobody could be asked for.
    fn refused(entry: &Self::Entry, rejection: Rejection) -> Self::Answer;
}

/// Asks the leaders. One answer for each entry, in order; what was refused in a way that passes is asked again until the
/// request timeout.
pub(super) async fn ask<Q: OfPartitions>(
    cluster: &Cluster,
    request: &Q,
) -> Result<Vec<Q::Answer>, ClientError> {
    let begun = Instant::now();
    let deadline = begun + cluster.config().request_timeout;
    let mut asking = Asking {
        cluster,
        request,
        waiting: (0..request.entries().len()).collect(),
        last: request.entries().iter().map(|_| None).collect(),
        under_way: JoinSet::new(),
        give_up_unknown: begun + QUICK,
    };
    let mut backoff = Backoff::new(cluster.config());
    asking.send();
    let mut look_again = Instant::now();
    while !(asking.waiting.is_empty() && asking.under_way.is_empty()) {
        tokio::select! {
            Some(done) = asking.under_way.join_next() => {
                // The task is this one's own, and is aborted with it alone.
                let Ok((entries, outcome)) = done else { continue };
                asking.take_in(entries, outcome)?;
            }
            () = sleep_until(look_again), if !asking.waiting.is_empty() => {
                asking.look_up().await?;
                asking.send();
                look_again = Instant::now() + backoff.next();
            }
            () = sleep_until(deadline) => break,
        }
    }
    asking.finish()
}

/// Where in the request the entries stand, and what their leader said to them.
type Shared<Q> = (Vec<usize>, Result<<Q as Call>::Reply, ClientError>);

/// One request on its way. Every entry is settled, waiting, or under way.
struct Asking<'a, Q: OfPartitions> {
    cluster: &'a Cluster,
    request: &'a Q,
    /// Entries to be asked again.
    waiting: Vec<usize>,
    /// What each entry got last; of one that is settled, for good.
    last: Vec<Option<Result<Q::Answer, ClientError>>>,
    under_way: JoinSet<Shared<Q>>,
    give_up_unknown: Instant,
}

impl<Q: OfPartitions> Asking<'_, Q> {
    /// Asks each leader for its part of what waits; what has no leader goes on waiting.
    fn send(&mut self) {
        let mut shares: BTreeMap<_, (Leader, Vec<(usize, LeaderEpoch)>)> = BTreeMap::new();
        let waiting = std::mem::take(&mut self.waiting);
        for at in waiting {
            match self.cluster.leader(&self.partition(at)) {
                None => self.waiting.push(at),
                Some(leader) => {
                    let epoch = leader.leader_epoch;
                    shares.entry(leader.broker_id).or_insert((leader, Vec::new())).1.push((at, epoch));
                }
            }
        }
        for (leader, share) in shares.into_values() {
            let entries = share.iter().map(|(at, epoch)| (self.request.entries()[*at].clone(), *epoch));
            let part = self.request.part(entries.collect());
            let led = share.iter().map(|(at, epoch)| (self.partition(*at), *epoch)).collect();
            let asked = ask_leader(self.cluster.clone(), leader, part, led);
            let places = share.into_iter().map(|(at, _)| at).collect();
            self.under_way.spawn(async move { (places, asked.await) });
        }
    }

    fn partition(&self, at: usize) -> TopicPartition {
        Q::partition(&self.request.entries()[at])
    }

    /// Settles what a leader answered, and lets the rest wait.
    fn take_in(
        &mut self,
        entries: Vec<usize>,
        outcome: Result<Q::Reply, ClientError>,
    ) -> Result<(), ClientError> {
        let answers = match outcome {
            Ok(reply) => Q::answers(reply),
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => {
                tracing::debug!(operation = Q::OPERATION, %error, "asking again");
                for at in entries {
                    self.last[at] = Some(Err(error.clone()));
                    self.waiting.push(at);
                }
                return Ok(());
            }
        };
        if answers.len() != entries.len() {
            let why = format!("{} answers to {} entries of {}", answers.len(), entries.len(), Q::OPERATION);
            return Err(ClientError::Protocol { address: self.cluster.connected_to(), why });
        }
        for (at, answer) in entries.into_iter().zip(answers) {
            if let Some(rejection) = Q::rejection(&answer).filter(|rejection| rejection.code.is_retriable()) {
                if let Some(hint) = &rejection.leader {
                    self.cluster.learn_leader(&self.partition(at), hint);
                }
                self.waiting.push(at);
            }
            self.last[at] = Some(Ok(answer));
        }
        Ok(())
    }

    /// Asks who leads what waits. What does not exist is settled, after a while.
    async fn look_up(&mut self) -> Result<(), ClientError> {
        let topics: BTreeSet<TopicName> = self.waiting.iter().map(|at| self.partition(*at).topic).collect();
        let found = self.cluster.refresh(Some(topics.into_iter().collect())).await?;
        let is_patient = Instant::now() < self.give_up_unknown;
        for at in std::mem::take(&mut self.waiting) {
            let entry = &self.request.entries()[at];
            let partition = Q::partition(entry);
            let of_topic = found.topics.iter().find(|topic| match topic {
                Ok(topic) => topic.name == partition.topic,
                Err((name, _)) => *name == partition.topic,
            });
            let missing = match of_topic {
                Some(Ok(topic))
                    if topic.partitions.iter().all(|known| known.partition != partition.partition) =>
                {
                    let count = topic.partitions.len();
                    let message = format!("{partition} does not exist: the topic has {count} partition(s)");
                    Some(Rejection::new(ErrorCode::UnknownTopicOrPartition, message))
                }
                Some(Err((_, rejection))) => Some(rejection.clone()),
                Some(Ok(_)) | None => None,
            };
            let is_settled = missing.as_ref().is_some_and(|missing| {
                !missing.code.is_retriable()
                    || (missing.code == ErrorCode::UnknownTopicOrPartition && !is_patient)
            });
            if let Some(missing) = missing {
                self.last[at] = Some(Ok(Q::refused(entry, missing)));
            }
            if !is_settled {
                self.waiting.push(at);
            }
        }
        Ok(())
    }

    /// What is known when all is settled, or the time is over.
    fn finish(self) -> Result<Vec<Q::Answer>, ClientError> {
        let timeout = self.cluster.config().request_timeout;
        let mut answers = Vec::with_capacity(self.last.len());
        for (at, last) in self.last.into_iter().enumerate() {
            let entry = &self.request.entries()[at];
            answers.push(match last {
                Some(answer) => answer?,
                None if self.waiting.contains(&at) => {
                    let message = format!("{} has no leader", Q::partition(entry));
                    Q::refused(entry, Rejection::new(ErrorCode::LeaderNotAvailable, message))
                }
                // It is under way still, to a leader that says nothing.
                None => {
                    let leader = self.cluster.leader(&Q::partition(entry)).map(|leader| leader.address);
                    let address = leader.unwrap_or_else(|| self.cluster.connected_to());
                    return Err(ClientError::NoAnswer { address, operation: Q::OPERATION, timeout });
                }
            });
        }
        Ok(answers)
    }
}

/// Asks one leader, over a connection of its own, for as long as it leads any of it.
async fn ask_leader<Q: OfPartitions>(
    cluster: Cluster,
    leader: Leader,
    part: Q,
    led: Vec<(TopicPartition, LeaderEpoch)>,
) -> Result<Q::Reply, ClientError> {
    let exchange = async {
        let mut connection = cluster.open_to(leader.broker_id).await?;
        connection.call(&part, cluster.config().request_timeout).await?.map_err(ClientError::Rejected)
    };
    tokio::select! {
        outcome = exchange => outcome,
        () = left(&cluster, &led) => {
            let why = format!("broker {} does not lead any more", leader.broker_id);
            Err(ClientError::Connection { address: leader.address.clone(), why })
        }
    }
}

/// Returns when each of these has another leader, another epoch, or none: whoever led may hang for ever.
async fn left(cluster: &Cluster, led: &[(TopicPartition, LeaderEpoch)]) {
    let topics: BTreeSet<_> = led.iter().map(|(partition, _)| partition.topic.clone()).collect();
    let topics: Vec<_> = topics.into_iter().collect();
    loop {
        sleep(QUICK).await;
        // Who cannot be asked says nothing of leaders.
        let is_known = cluster.refresh(Some(topics.clone())).await.is_ok();
        let is_led = |(partition, epoch): &(TopicPartition, LeaderEpoch)| {
            cluster.leader(partition).is_some_and(|leader| leader.leader_epoch == *epoch)
        };
        if is_known && !led.iter().any(is_led) {
            return;
        }
    }
}

/// Whether asking again is pointless.
fn is_final(error: &ClientError) -> bool {
    match error {
        ClientError::AdvertisedAddress { why, .. } => why == DOES_NOT_RESOLVE,
        other => !other.is_retriable(),
    }
}
