//! Brokers that may just have died, and those that died a moment ago: what clients of Kafka's protocol should not be told
//! too early, or forget too early.
//!
//! Such a client learns of a leader's death by its broken connection, asks another broker for metadata within a
//! millisecond, and if that still names the dead leader, or none, asks again only after a second or so. Hence:
//!
//! - A leader is *in doubt* while the zookeeper has suspended it, and from the moment on at which this broker's own
//!   connection to it broke (which is the moment at which the client's did), until it is there again, at most
//!   [`DOUBT`]. An answer that would name such a leader waits for the zookeeper's word, at most [`LONGEST_HOLD`].
//! - A broker that was fenced is *still listed* for [`LISTED`]: a librdkafka that is told in one answer that a partition
//!   has moved and that the broker it moved from is gone loses the move, and waits for its timer (seen with 2.16).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use yak_core::image::Image;
use yak_model::api::BrokerMetadata;
use yak_model::{BrokerId, TopicName};

use crate::broker::Broker;

/// How long a broken connection is a reason to doubt: somewhat more than the zookeeper takes to suspend the broker.
const DOUBT: Duration = Duration::from_millis(300);
/// Longest that an answer waits.
const LONGEST_HOLD: Duration = Duration::from_millis(500);
/// How long a fenced broker is still listed.
const LISTED: Duration = Duration::from_secs(10);

/// What this broker knows of others' going.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    /// Leaders to which a connection of ours broke and was not made again, since when.
    broken: Mutex<BTreeMap<BrokerId, Instant>>,
    /// Brokers that were fenced, when.
    fenced: Mutex<BTreeMap<BrokerId, Instant>>,
    /// Told when a doubt is over before its time.
    resolved: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is complete before anything may fail.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Departures {
    /// Our connection to a leader broke, or could not be made.
    pub(crate) fn broke(&self, leader: BrokerId) {
        self.broke_at(leader, Instant::now());
    }

    fn broke_at(&self, leader: BrokerId, now: Instant) {
        lock(&self.broken).entry(leader).or_insert(now);
    }

    /// A leader has accepted a connection of ours.
    pub(crate) fn is_there(&self, leader: BrokerId) {
        if lock(&self.broken).remove(&leader).is_some() {
            self.resolved.notify_waiters();
        }
    }

    /// The metadata has changed.
    pub(crate) fn observe(&self, before: &Image, after: &Image) {
        let gone = before
            .brokers()
            .map(|broker| broker.id())
            .filter(|id| before.is_live(*id) && !after.is_live(*id));
        let gone: Vec<BrokerId> = gone.collect();
        if !gone.is_empty() {
            let mut fenced = lock(&self.fenced);
            fenced.retain(|_, since| since.elapsed() < LISTED);
            fenced.extend(gone.into_iter().map(|id| (id, Instant::now())));
        }
    }

    /// Until when each leader to which a connection broke is in doubt.
    fn doubts(&self, now: Instant) -> BTreeMap<BrokerId, Instant> {
        let broken = lock(&self.broken);
        broken.iter().map(|(id, since)| (*id, *since + DOUBT)).filter(|(_, until)| now < *until).collect()
    }
}

impl Broker {
    /// Returns when no leader of these topics (`None`: of any) is in doubt any more.
    pub(crate) async fn leaders_are_certain(&self, topics: Option<&[TopicName]>) {
        let deadline = Instant::now() + LONGEST_HOLD;
        let (mut applied, mut suspensions) = (self.followed_index(), self.zookeeper.suspensions());
        loop {
            // Before the look, so that nothing that comes between is missed.
            let resolved = self.departures.resolved.notified();
            applied.mark_unchanged();
            let suspended = suspensions.borrow_and_update().clone();
            let doubts = self.departures.doubts(Instant::now());
            if suspended.is_empty() && doubts.is_empty() {
                return;
            }
            let in_doubt: BTreeSet<BrokerId> = suspended.iter().chain(doubts.keys()).copied().collect();
            if Instant::now() >= deadline || !lead(&self.image(), topics, &in_doubt) {
                return;
            }
            let look_at = doubts.into_values().min().unwrap_or(deadline).min(deadline);
            tokio::select! {
                changed = applied.changed() => if changed.is_err() { return },
                changed = suspensions.changed() => if changed.is_err() { return },
                () = resolved => {}
                () = sleep_until(look_at) => {}
                () = self.stopping.cancelled() => return,
            }
        }
    }

    /// Brokers that are not alive but still listed, in order of registration.
    pub(crate) fn still_listed(&self) -> Vec<BrokerMetadata> {
        let fenced = lock(&self.departures.fenced);
        let suspended = self.zookeeper.suspended();
        if fenced.is_empty() && suspended.is_empty() {
            return Vec::new();
        }
        let image = self.image();
        let is_listed = |id: BrokerId| {
            let fenced =
                || fenced.get(&id).is_some_and(|since| since.elapsed() < LISTED) && !image.is_live(id);
            suspended.contains(&id) || fenced()
        };
        let known = image.brokers_by_registration().into_iter();
        known.filter(|broker| is_listed(broker.id())).map(yak_core::image::Broker::metadata).collect()
    }
}

/// Whether any of these brokers leads a partition of these topics.
fn lead(image: &Image, topics: Option<&[TopicName]>, brokers: &BTreeSet<BrokerId>) -> bool {
    let leads = |topic: &yak_core::image::Topic| {
        topic.partitions().iter().any(|one| one.leader.is_some_and(|leader| brokers.contains(&leader)))
    };
    match topics {
        None => image.topics().any(|topic| leads(topic)),
        Some(topics) => topics.iter().any(|name| image.topic(name).is_some_and(|topic| leads(topic))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::timeout;

    use super::*;
    use crate::replication::tests::rig::{Rig, topic};

    #[test]
    fn a_doubt_lasts_until_the_leader_is_there_and_is_not_renewed_by_each_attempt() {
        let (departures, began) = (Departures::default(), Instant::now());
        let in_doubt = |after: Duration| -> Vec<i32> {
            departures.doubts(began + after).into_keys().map(BrokerId::get).collect()
        };
        let (one, two) = (BrokerId::new(1), BrokerId::new(2));
        departures.broke_at(one, began);
        departures.broke_at(two, began);
        assert_eq!(in_doubt(Duration::ZERO), [1, 2]);
        departures.is_there(two);
        departures.broke_at(one, began + DOUBT / 2);
        assert_eq!(in_doubt(DOUBT / 2), [1]);
        assert_eq!(in_doubt(DOUBT), [0; 0]);
        departures.is_there(one);
        departures.broke_at(one, began + DOUBT);
        assert_eq!(in_doubt(DOUBT), [1], "the next time it is news again");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_asks_about_a_leader_in_doubt_waits_for_it_and_nobody_else_does() {
        let rig = Rig::new(&[]);
        let nodes = rig.cluster(1, 1, &[]).await;
        // It follows nobody, so that no connection of its own resolves the doubt.
        let broker = Arc::clone(&nodes[0].broker);
        let leader = broker.image().partitions().next().and_then(|one| one.leader).expect("somebody leads");
        let waits = async |topics: &[TopicName]| {
            timeout(Duration::from_millis(20), broker.leaders_are_certain(Some(topics))).await.is_err()
        };
        assert!(!waits(&[topic()]).await);
        broker.departures.broke(leader);
        assert!(waits(&[topic()]).await);
        assert!(!waits(&["other".parse().expect("a name")]).await);
        let waiting = tokio::spawn({
            let broker = Arc::clone(&broker);
            async move { broker.leaders_are_certain(None).await }
        });
        broker.departures.is_there(leader);
        timeout(LONGEST_HOLD, waiting).await.expect("it is told").expect("it does not panic");
        assert!(!waits(&[topic()]).await);
    }
}
