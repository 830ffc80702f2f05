//! Which writes and syncs are under way, so that one that never returns is noticed by a thread that touches no disk.
//!
//! An operation takes a free slot for as long as it lasts. With more operations under way than there are slots, the
//! latest of them are not seen; those that hang keep their slots, so a disk that hangs is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SLOTS: usize = 16;
const FREE: u64 = 0;

/// The operations under way.
#[derive(Debug)]
pub(crate) struct Busy {
    origin: Instant,
    /// When the operation in each slot began, in milliseconds after the origin plus one.
    since: [AtomicU64; SLOTS],
}

/// An operation that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct BusyGuard<'a>(Option<&'a AtomicU64>);

impl Busy {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), since: [const { AtomicU64::new(FREE) }; SLOTS] }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// An operation begins.
    pub(crate) fn begin(&self) -> BusyGuard<'_> {
        let now = self.now();
        let take = |slot: &&AtomicU64| {
            slot.load(Ordering::Relaxed) == FREE
                && slot.compare_exchange(FREE, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        BusyGuard(self.since.iter().find(take))
    }

    /// How long the longest has been under way.
    pub(crate) fn longest(&self) -> Option<Duration> {
        let began = self.since.iter().map(|slot| slot.load(Ordering::Relaxed)).filter(|since| *since != FREE);
        began.min().map(|began| Duration::from_millis(self.now().saturating_sub(began)))
    }
}

impl Drop for BusyGuard<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            slot.store(FREE, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_operation_is_seen_until_it_is_over() {
        let busy = Busy::new();
        assert_eq!(busy.longest(), None);
        let first = busy.begin();
        while busy.longest() < Some(Duration::from_millis(3)) {
            std::thread::yield_now();
        }
        let more: Vec<_> = (0..2 * SLOTS).map(|_| busy.begin()).collect();
        assert!(busy.longest() >= Some(Duration::from_millis(3)));
        drop(more);
        assert!(busy.longest() >= Some(Duration::from_millis(3)), "the first one still hangs");
        drop(first);
        assert_eq!(busy.longest(), None);
    }
}
