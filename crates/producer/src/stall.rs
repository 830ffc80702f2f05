//! Noticing that acknowledgements have stopped coming, so that whoever waits is told why.

use std::time::{Duration, Instant};

use yak_client::ProducerStats;

/// How long nothing may be acknowledged before it is said.
const STALL: Duration = Duration::from_secs(3);

/// Watches the counts of a producer.
#[derive(Debug)]
pub struct Stall {
    acknowledged: u64,
    since: Instant,
    told: bool,
}

impl Stall {
    /// How often to look while something is outstanding.
    pub const INTERVAL: Duration = Duration::from_secs(1);

    /// Nothing is outstanding yet.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { acknowledged: 0, since: now, told: false }
    }

    /// Takes note of the counts; true once for each time in which nothing was acknowledged for too long.
    pub fn check(&mut self, stats: &ProducerStats, now: Instant) -> bool {
        if stats.outstanding() == 0 || stats.acknowledged != self.acknowledged {
            *self = Self { acknowledged: stats.acknowledged, since: now, told: false };
            return false;
        }
        if self.told || now.duration_since(self.since) < STALL {
            return false;
        }
        self.told = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(pushed: u64, acknowledged: u64) -> ProducerStats {
        ProducerStats { pushed, acknowledged, ..ProducerStats::default() }
    }

    #[test]
    fn a_stall_is_told_once_until_something_moves() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut stall = Stall::new(start);
        for (seconds, pushed, acknowledged, told) in [
            (60, 0, 0, false), // idle for long
            (61, 5, 0, false), // just pushed
            (63, 5, 0, true),  // three seconds without an acknowledgement
            (90, 9, 0, false), // has been told
            (91, 9, 4, false), // it moves
            (93, 9, 4, false),
            (94, 9, 4, true), // and stalls again
            (95, 9, 9, false),
        ] {
            assert_eq!(stall.check(&stats(pushed, acknowledged), at(seconds)), told, "at {seconds} s");
        }
    }
}
