//! The two clocks: a monotonic one that decides, a wall clock that stamps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use yak_model::TimestampMs;

/// The clocks of one broker process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// Clocks whose monotonic time begins now.
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Monotonic milliseconds since the start.
    pub(crate) fn now_ms(self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The instant of a monotonic time.
    pub(crate) fn instant(self, now_ms: u64) -> Instant {
        self.origin + Duration::from_millis(now_ms)
    }

    /// The wall clock. Only for timestamps and retention.
    pub(crate) fn wall(self) -> TimestampMs {
        wall()
    }
}

/// The wall clock; before 1970 counts as 1970.
pub(crate) fn wall() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
