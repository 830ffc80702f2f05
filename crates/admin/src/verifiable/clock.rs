//! Milliseconds since 1970 that never go back.

use std::time::Instant;

/// The wall clock as it stood at the start, carried on by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    wall_ms: i64,
    start: Instant,
}

impl Clock {
    /// Reads the wall clock, once.
    pub(super) fn start() -> Self {
        Self { wall_ms: yak_cli::time::now().get(), start: Instant::now() }
    }

    /// What time it is.
    pub(super) fn now_ms(&self) -> i64 {
        let since = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.wall_ms.saturating_add(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_wall_clock_and_do_not_go_back() {
        let clock = Clock::start();
        let times: Vec<i64> = (0..1_000).map(|_| clock.now_ms()).collect();
        assert!(times.is_sorted());
        assert!((times[0] - yak_cli::time::now().get()).abs() < 60_000);
    }
}
