//! A registered broker.

use yak_model::api::BrokerMetadata;
use yak_model::metadata::BrokerRegistration;
use yak_model::{BrokerEpoch, BrokerId, DirectoryId};

/// A registered broker. It stays registered when it dies; it is fenced then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// What it said of itself.
    pub registration: BrokerRegistration,
    /// Whether it may not lead.
    pub fenced: bool,
}

impl Broker {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> BrokerId {
        self.registration.broker_id
    }

    /// The index of its registration, which orders brokers by their coming.
    #[must_use]
    pub fn epoch(&self) -> BrokerEpoch {
        self.registration.broker_epoch
    }

    /// As clients are told of it.
    #[must_use]
    pub fn metadata(&self) -> BrokerMetadata {
        let BrokerRegistration { broker_id, host, port, rack, .. } = &self.registration;
        BrokerMetadata { broker_id: *broker_id, host: host.clone(), port: *port, rack: rack.clone() }
    }

    /// The directory in which it creates replicas; zero if it named none.
    #[must_use]
    pub fn directory(&self) -> DirectoryId {
        self.registration.directory_ids.first().copied().unwrap_or_default()
    }
}
