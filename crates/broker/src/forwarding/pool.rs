//! Links to other brokers that are used again, few of them, and closed when nobody uses them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};
use yak_model::BrokerId;

use super::entry::Leader;
use super::{IDLE, MAX_HELD, MAX_LINKS};
use crate::link::Link;

/// What a link is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// It is answered soon.
    Short,
    /// It may be held until there are records.
    Held,
}

/// The links to all brokers.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    lanes: Mutex<BTreeMap<(BrokerId, Use), Arc<Lane>>>,
}

/// The links to one broker, for one use.
#[derive(Debug)]
pub(super) struct Lane {
    permits: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The one used last stands last.
    links: Vec<(Link, Leader, Instant)>,
    /// A task will close them.
    is_watched: bool,
}

/// A link in use. Dropping it closes it: only after a whole answer may somebody else use it.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) link: Link,
    leader: Leader,
    lane: Arc<Lane>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// A link to a broker, an idle one or a new one.
    ///
    /// # Errors
    /// Why there is none until the deadline.
    pub(super) async fn take(&self, leader: &Leader, what_for: Use, until: Instant) -> Result<Taken, String> {
        let lane = self.lane(leader.id(), what_for);
        let late = |_elapsed| "all links to it are in use".to_owned();
        let permit = timeout_at(until, Arc::clone(&lane.permits).acquire_owned()).await.map_err(late)?;
        let permit = permit.map_err(|closed| closed.to_string())?;
        let link = match lane.take_idle(leader) {
            Some(link) => link,
            None => {
                let opened = timeout_at(until, Link::open(&leader.peer)).await;
                let opened = opened.map_err(|_elapsed| "it does not answer".to_owned())?;
                opened.map_err(|error| error.to_string())?
            }
        };
        Ok(Taken { link, leader: leader.clone(), lane, _permit: permit })
    }

    fn lane(&self, broker: BrokerId, what_for: Use) -> Arc<Lane> {
        let permits = match what_for {
            Use::Short => MAX_LINKS,
            Use::Held => MAX_HELD,
        };
        let lane = || Arc::new(Lane { permits: Arc::new(Semaphore::new(permits)), idle: Mutex::default() });
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry((broker, what_for)).or_insert_with(lane))
    }

    /// How many links are in use.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let most =
            lanes.keys().map(|(_, what_for)| if *what_for == Use::Held { MAX_HELD } else { MAX_LINKS });
        most.sum::<usize>() - lanes.values().map(|lane| lane.permits.available_permits()).sum::<usize>()
    }

    /// How many links are idle.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.values().map(|lane| lane.lock().links.len()).sum()
    }
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A link to this very process that is still open. Those to another one are of no use any more.
    fn take_idle(&self, leader: &Leader) -> Option<Link> {
        let mut idle = self.lock();
        while let Some((link, whose, _)) = idle.links.pop() {
            if whose == *leader && link.is_open() {
                return Some(link);
            }
        }
        None
    }

    fn put_back(self: &Arc<Self>, link: Link, leader: Leader) {
        let mut idle = self.lock();
        idle.links.push((link, leader, Instant::now()));
        if !std::mem::replace(&mut idle.is_watched, true) {
            tokio::spawn(close_idle(Arc::downgrade(self)));
        }
    }
}

impl Taken {
    /// The answer came whole: the next one may use the link.
    pub(super) fn put_back(self) {
        let Self { link, leader, lane, _permit } = self;
        lane.put_back(link, leader);
    }
}

/// Closes what was not used for a while, as long as there is anything to close.
async fn close_idle(lane: Weak<Lane>) {
    let mut pause = IDLE;
    loop {
        sleep(pause).await;
        let Some(lane) = lane.upgrade() else { return };
        let mut idle = lane.lock();
        idle.links.retain(|(_, _, since)| since.elapsed() < IDLE);
        // The one that was used longest ago stands first.
        let Some((_, _, since)) = idle.links.first() else {
            idle.is_watched = false;
            return;
        };
        pause = IDLE.saturating_sub(since.elapsed());
    }
}
