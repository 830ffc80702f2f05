//! The key that brokers show each other, and nobody else has.

use std::sync::{Mutex, PoisonError};

use yak_model::ReplicationKey;

/// The cluster's key as this broker was told it with its registration. Without one, nobody is a broker.
#[derive(Debug, Default)]
pub(crate) struct ReplicationKeys {
    current: Mutex<Option<ReplicationKey>>,
}

impl ReplicationKeys {
    /// Takes over the key that came with a registration, or with a resumed session.
    pub(crate) fn set(&self, key: ReplicationKey) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
    }

    /// What this broker shows others.
    pub(crate) fn current(&self) -> Option<ReplicationKey> {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody who shows this key is a broker of the cluster. Takes as long for every wrong key.
    pub(crate) fn accepts(&self, shown: ReplicationKey) -> bool {
        let Some(key) = self.current() else { return false };
        let (key, shown) = (key.uuid(), shown.uuid());
        let pairs = key.as_bytes().iter().zip(shown.as_bytes());
        pairs.fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_key_is_accepted_and_none_without_one() {
        let keys = ReplicationKeys::default();
        let (first, second) = (ReplicationKey::from_random([1; 16]), ReplicationKey::from_random([2; 16]));
        assert!(!keys.accepts(first) && !keys.accepts(ReplicationKey::default()));
        keys.set(first);
        assert!(keys.accepts(first) && !keys.accepts(second) && !keys.accepts(ReplicationKey::default()));
        keys.set(second);
        assert!(keys.accepts(second) && !keys.accepts(first));
    }
}
