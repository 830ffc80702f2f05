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

    /// Takes note of the counts; says so once when nothing was acknowledged for too long, and once when it goes on.
    pub fn check(&mut self, stats: &ProducerStats, now: Instant) -> Option<News> {
        if stats.outstanding() == 0 || stats.acknowledged != self.acknowledged {
            let goes_on = self.told && stats.acknowledged != self.acknowledged;
            *self = Self { acknowledged: stats.acknowledged, since: now, told: false };
            return goes_on.then_some(News::GoesOn);
        }
        if self.told || now.duration_since(self.since) < STALL {
            return None;
        }
        self.told = true;
        Some(News::Stalled)
    }
}

/// What is worth telling about acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// None has come for too long.
    Stalled,
    /// They come again.
    GoesOn,
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
            (60, 0, 0, None),                // idle for long
            (61, 5, 0, None),                // just pushed
            (63, 5, 0, Some(News::Stalled)), // three seconds without an acknowledgement
            (90, 9, 0, None),                // has been told
            (91, 9, 4, Some(News::GoesOn)),
            (93, 9, 4, None),
            (94, 9, 4, Some(News::Stalled)), // and stalls again
            (95, 9, 9, Some(News::GoesOn)),
            (96, 9, 9, None),
        ] {
            assert_eq!(stall.check(&stats(pushed, acknowledged), at(seconds)), told, "at {seconds} s");
        }
    }
}
