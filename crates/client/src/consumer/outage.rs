//! How long nobody has been reached.

use std::time::Duration;

use tokio::time::Instant;

use crate::ClientError;

/// An outage shorter than this is not worth a word.
const WORTH_SAYING: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Outage {
    timeout: Option<Duration>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    since: Instant,
    is_said: bool,
    error: ClientError,
}

impl Outage {
    pub(super) const fn new(timeout: Option<Duration>) -> Self {
        Self { timeout, current: None }
    }

    /// Something failed; an outage begins, unless there is one.
    pub(super) fn failed(&mut self, error: ClientError, now: Instant) {
        match &mut self.current {
            Some(current) => current.error = error,
            None => self.current = Some(Current { since: now, is_said: false, error }),
        }
    }

    /// Somebody answered. True if it was said that nobody does.
    pub(super) fn ended(&mut self) -> bool {
        self.current.take().is_some_and(|ended| ended.is_said)
    }

    /// What is to be said now, once for each outage.
    ///
    /// # Errors
    /// When it has lasted too long.
    pub(super) fn check(&mut self, now: Instant) -> Result<Option<ClientError>, ClientError> {
        let Some(current) = &mut self.current else { return Ok(None) };
        if self.timeout.is_some_and(|timeout| now >= current.since + timeout) {
            let error = current.error.clone();
            self.current = None;
            return Err(error);
        }
        if current.is_said || now < current.since + WORTH_SAYING {
            return Ok(None);
        }
        current.is_said = true;
        Ok(Some(current.error.clone()))
    }

    /// When to check next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let current = self.current.as_ref()?;
        let said = (!current.is_said).then_some(current.since + WORTH_SAYING);
        let over = self.timeout.map(|timeout| current.since + timeout);
        said.into_iter().chain(over).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_said_once_and_ends_the_consumer_when_it_lasts() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let mut outage = Outage::new(Some(Duration::from_secs(3)));
        assert_eq!((outage.check(at(0)), outage.deadline()), (Ok(None), None));
        outage.failed(ClientError::Closed, at(0));
        assert_eq!((outage.check(at(999)), outage.deadline()), (Ok(None), Some(at(1000))));
        assert_eq!(outage.check(at(1000)), Ok(Some(ClientError::Closed)));
        assert_eq!((outage.check(at(1500)), outage.deadline()), (Ok(None), Some(at(3000))));
        assert!(outage.ended(), "it was said, so its end is worth a word too");
        assert_eq!(outage.check(at(9000)), Ok(None));
        outage.failed(ClientError::Closed, at(9000));
        assert!(!outage.ended(), "nobody heard of it");
        outage.failed(ClientError::Closed, at(9000));
        assert_eq!(outage.check(at(12_000)), Err(ClientError::Closed));
    }
}
