//! When each record is due at a fixed rate, and waiting for that to the microsecond.

use std::time::{Duration, Instant};

/// The last stretch of a wait is spent looking at the clock: a sleep ends late by about as much.
const SPIN: Duration = Duration::from_micros(80);

/// A fixed rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    begin: Instant,
    per_second: u64,
}

impl Pace {
    pub(crate) const fn new(begin: Instant, per_second: u64) -> Self {
        Self { begin, per_second }
    }

    /// When the record of this number is due, from 0.
    pub(crate) fn due(&self, number: u64) -> Instant {
        let (seconds, rest) = (number / self.per_second, number % self.per_second);
        let nanos = u128::from(rest) * 1_000_000_000 / u128::from(self.per_second);
        let nanos = u64::try_from(nanos).expect("less than a second");
        self.begin + Duration::from_secs(seconds) + Duration::from_nanos(nanos)
    }

    /// How many records are due by now.
    pub(crate) fn due_by(&self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.begin).as_nanos();
        u64::try_from(nanos * u128::from(self.per_second) / 1_000_000_000)
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }
}

/// Sleeps until then. This blocks the thread: a runtime's timer would be a millisecond late.
pub(crate) fn sleep_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left > SPIN {
        std::thread::sleep(left - SPIN);
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_at_even_distances() {
        let begin = Instant::now();
        let pace = Pace::new(begin, 3);
        assert_eq!(pace.due(0), begin);
        assert_eq!(pace.due(3), begin + Duration::from_secs(1));
        assert_eq!(pace.due(4), begin + Duration::from_nanos(1_333_333_333));
        assert_eq!(pace.due_by(begin), 1);
        assert_eq!(pace.due_by(begin + Duration::from_millis(999)), 3);
        assert_eq!(pace.due_by(begin + Duration::from_millis(1_001)), 4);
    }

    #[test]
    fn a_wait_ends_when_it_should() {
        let due = Instant::now() + Duration::from_millis(3);
        sleep_until(due);
        assert!(Instant::now() >= due);
    }
}
