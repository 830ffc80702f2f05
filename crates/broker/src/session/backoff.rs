//! How long to wait before a connection is made anew, and what is said of it.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(500);

/// Waits that double from 20 ms to half a second, and the zookeeper whose turn it is.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    attempts: usize,
    said: Option<String>,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST, attempts: 0, said: None }
    }

    /// Begins again: something worked.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
        self.said = None;
    }

    /// Which of `count` to try now.
    pub(super) fn turn(&self, count: usize) -> usize {
        self.attempts % count.max(1)
    }

    /// Waits, and turns to the next.
    pub(super) async fn wait(&mut self) {
        self.attempts = self.attempts.wrapping_add(1);
        let wait = self.next;
        self.next = LONGEST.min(wait * 2);
        tokio::time::sleep(wait).await;
    }

    /// Whether this is news: the same thing is said once until something works.
    pub(super) fn is_news(&mut self, what: &str) -> bool {
        if self.said.as_deref() == Some(what) {
            return false;
        }
        self.said = Some(what.to_owned());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn waits_double_up_to_half_a_second_and_news_is_told_once() {
        let mut backoff = Backoff::new();
        backoff.wait().await;
        assert_eq!((backoff.next, backoff.turn(2)), (Duration::from_millis(40), 1));
        backoff.next = Duration::from_millis(400);
        backoff.wait().await;
        assert_eq!((backoff.next, backoff.turn(2)), (LONGEST, 0));
        assert!(backoff.is_news("away") && !backoff.is_news("away") && backoff.is_news("refused"));
        backoff.reset();
        assert!(backoff.next == FIRST && backoff.is_news("refused"));
    }
}
