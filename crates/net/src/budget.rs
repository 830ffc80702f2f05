//! Memory that all connections share: what unfinished requests may hold in all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound on the bytes that all connections together hold in read buffers beyond a small free allowance.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// Bytes charged at the moment.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn try_add(&self, bytes: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit)
            })
            .is_ok()
    }
}

/// What one connection has charged; given back when dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Charge {
    /// Nothing charged yet.
    #[must_use]
    pub const fn new(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Makes the charge `bytes` in all. `false`, and no change, if the budget does not allow the growth.
    #[must_use]
    pub fn set(&mut self, bytes: usize) -> bool {
        if bytes > self.bytes {
            if !self.budget.try_add(bytes - self.bytes) {
                return false;
            }
        } else {
            self.budget.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_over_the_limit_is_refused_and_everything_is_given_back() {
        let budget = Budget::new(100);
        let mut first = Charge::new(Arc::clone(&budget));
        let mut second = Charge::new(Arc::clone(&budget));
        assert!(first.set(60));
        assert!(!second.set(41));
        assert!(second.set(40));
        assert!(first.set(10));
        assert_eq!(budget.used(), 50);
        drop(first);
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
