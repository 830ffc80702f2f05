//! Pauses between retries: each twice as long as the one before, up to a limit.

use std::time::Duration;

use crate::ClientConfig;

/// How long to wait before the next attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        Self { first: config.retry_backoff, next: config.retry_backoff, max: config.retry_backoff_max }
    }

    /// The pause that is due now.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next.min(self.max);
        self.next = pause * 2;
        pause
    }

    /// Something worked: begin anew.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit() {
        let config = ClientConfig {
            retry_backoff: Duration::from_millis(20),
            retry_backoff_max: Duration::from_millis(100),
            ..ClientConfig::default()
        };
        let mut backoff = Backoff::new(&config);
        let pauses: Vec<_> = (0..5).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(pauses, [20, 40, 80, 100, 100]);
        backoff.reset();
        assert_eq!(backoff.next().as_millis(), 20);
    }
}
