//! Subscribe: the metadata of topics, and again whenever something of it has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use yak_model::api::{MetadataReply, Rejection, Subscribe, SubscriptionEvent};
use yak_model::limits::at_most_entries;
use yak_model::{BrokerId, MetadataIndex};

use crate::broker::Broker;
use crate::ops::metadata::look;

/// How often a subscription says that its broker is alive.
const ALIVE_EVERY: Duration = Duration::from_millis(500);

/// A subscription in progress.
#[derive(Debug)]
pub(crate) struct Subscription {
    broker: Arc<Broker>,
    request: Subscribe,
    applied: watch::Receiver<MetadataIndex>,
    suspensions: watch::Receiver<Arc<BTreeSet<BrokerId>>>,
    /// What the subscriber knows.
    known: Option<MetadataReply>,
    alive: Interval,
}

impl Subscription {
    /// # Errors
    /// Too many topics.
    pub(crate) fn start(broker: Arc<Broker>, request: Subscribe) -> Result<Self, Rejection> {
        at_most_entries(request.topics.as_ref().map_or(0, Vec::len))?;
        let applied = broker.followed_index();
        let suspensions = broker.zookeeper.suspensions();
        let mut alive = interval(ALIVE_EVERY);
        // A reader that was slow gets one sign of life, not all that it missed.
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        alive.reset();
        Ok(Self { broker, request, applied, suspensions, known: None, alive })
    }

    /// The next event, waiting for it; `None` when the broker ends. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<SubscriptionEvent> {
        loop {
            self.applied.mark_unchanged();
            self.suspensions.mark_unchanged();
            if let Some(news) = self.news() {
                return Some(SubscriptionEvent::Metadata(news));
            }
            tokio::select! {
                biased;
                changed = self.applied.changed() => changed.ok()?,
                changed = self.suspensions.changed() => changed.ok()?,
                _ = self.alive.tick() => return Some(SubscriptionEvent::Alive),
            }
        }
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
