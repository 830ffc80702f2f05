//! Subscribe: the metadata of topics, and again whenever something of it has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use yak_model::api::{MetadataReply, Rejection, Subscribe, SubscriptionEvent};
use yak_model::limits::at_most_entries;
use yak_model::{BrokerId, ErrorCode, MetadataIndex};

use crate::broker::Broker;
use crate::ops::metadata::look;

/// How often a subscription says that its broker is alive.
const ALIVE_EVERY: Duration = Duration::from_millis(500);

/// A subscription in progress.
///
/// It promises that news comes as soon as there is any. A broker that does not hear from the zookeeper cannot promise
/// that: it knows nothing of the leader that replaced it. It refuses, or ends what it had promised, and the subscriber
/// goes to another broker.
#[derive(Debug)]
pub(crate) struct Subscription {
    broker: Arc<Broker>,
    request: Subscribe,
    applied: watch::Receiver<MetadataIndex>,
    suspensions: watch::Receiver<Arc<BTreeSet<BrokerId>>>,
    /// What the subscriber knows.
    known: Option<MetadataReply>,
    alive: Interval,
    /// The zookeeper was not heard when that was looked at last. A connection to it that was made anew within moments is
    /// not worth a word.
    is_cut_off: bool,
}

impl Subscription {
    /// # Errors
    /// Too many topics; `NETWORK_EXCEPTION` while the zookeeper is not heard.
    pub(crate) fn start(broker: Arc<Broker>, request: Subscribe) -> Result<Self, Rejection> {
        at_most_entries(request.topics.as_ref().map_or(0, Vec::len))?;
        if is_cut_off(&broker) {
            return Err(late(&broker));
        }
        let applied = broker.followed_index();
        let suspensions = broker.zookeeper.suspensions();
        let mut alive = interval(ALIVE_EVERY);
        // A reader that was slow gets one sign of life, not all that it missed.
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        alive.reset();
        Ok(Self { broker, request, applied, suspensions, known: None, alive, is_cut_off: false })
    }

    /// The next event, waiting for it; `None` when the broker ends. Cancel safe.
    ///
    /// # Errors
    /// `NETWORK_EXCEPTION` when the zookeeper is not heard any more.
    pub(crate) async fn next(&mut self) -> Result<Option<SubscriptionEvent>, Rejection> {
        loop {
            self.applied.mark_unchanged();
            self.suspensions.mark_unchanged();
            if let Some(news) = self.news() {
                return Ok(Some(SubscriptionEvent::Metadata(news)));
            }
            let changed = tokio::select! {
                biased;
                changed = self.applied.changed() => changed,
                changed = self.suspensions.changed() => changed,
                _ = self.alive.tick() => return self.look_after().map(Some),
            };
            if changed.is_err() {
                return Ok(None);
            }
        }
    }

    /// A sign of life, as long as it is worth something.
    fn look_after(&mut self) -> Result<SubscriptionEvent, Rejection> {
        let was_cut_off = std::mem::replace(&mut self.is_cut_off, is_cut_off(&self.broker));
        if was_cut_off && self.is_cut_off { Err(late(&self.broker)) } else { Ok(SubscriptionEvent::Alive) }
    }

    /// What the subscriber does not know yet.
    fn news(&mut self) -> Option<MetadataReply> {
        let newest = look(&self.broker, self.request.topics.as_deref(), &BTreeMap::new());
        let is_news =
            |known: &MetadataReply| known.brokers != newest.brokers || known.topics != newest.topics;
        if !self.known.as_ref().is_none_or(is_news) {
            return None;
        }
        self.known = Some(newest.clone());
        Some(newest)
    }
}

/// Whether no heartbeat counts that the zookeeper answered.
fn is_cut_off(broker: &Broker) -> bool {
    broker.lease_until_ms() <= broker.clock.now_ms()
}

fn late(broker: &Broker) -> Rejection {
    let message = format!(
        "broker {} does not hear from the zookeeper, so its news would be late; subscribe to another broker",
        broker.config.node_id
    );
    Rejection::new(ErrorCode::NetworkException, message)
}
