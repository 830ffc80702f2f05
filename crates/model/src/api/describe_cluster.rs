//! Describe cluster: its id, and its brokers, alive or not.

use super::BrokerMetadata;
use crate::{BrokerId, ClusterId};

/// Asks for the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescribeCluster {
    /// Also brokers that are registered and not alive.
    pub include_fenced: bool,
}

/// The cluster as this broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeClusterReply {
    /// Names the cluster.
    pub cluster_id: ClusterId,
    /// To whom clients may send changes: a live broker, for every broker has them decided by the zookeeper. `None` while
    /// none is.
    pub controller_id: Option<BrokerId>,
    /// Brokers, in order of registration.
    pub brokers: Vec<DescribedBroker>,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedBroker {
    /// Its number, address and rack.
    pub broker: BrokerMetadata,
    /// It is registered, and not alive.
    pub is_fenced: bool,
}
