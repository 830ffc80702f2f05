//! `--rate N`: records spread evenly over time, without drift.

use std::time::Duration;

use tokio::time::Instant;

/// A billion records a second is as fast as anything: one a nanosecond.
const MOST: u64 = 1_000_000_000;

/// When the next record may go.
#[derive(Debug)]
pub struct Pace {
    per_second: u64,
    start: Instant,
    sent: u64,
}

impl Pace {
    /// Begins now; the first record may go at once.
    #[must_use]
    pub fn new(per_second: u64) -> Self {
        Self { per_second: per_second.clamp(1, MOST), start: Instant::now(), sent: 0 }
    }

    /// Counts a record as sent; when the next one is due. What was missed is caught up with.
    pub fn next_due(&mut self) -> Instant {
        self.sent += 1;
        let (seconds, rest) = (self.sent / self.per_second, self.sent % self.per_second);
        let nanos = rest * 1_000_000_000 / self.per_second;
        self.start + Duration::from_secs(seconds) + Duration::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_at_even_distances() {
        let mut pace = Pace::new(4);
        let start = pace.start;
        let due: Vec<_> = (0..6).map(|_| (pace.next_due() - start).as_millis()).collect();
        assert_eq!(due, [250, 500, 750, 1_000, 1_250, 1_500]);
    }
}
