//! Find coordinator: which broker a group is run by.

use crate::{BrokerId, GroupId};

/// Asks for the coordinator of a group: the leader of the partition of `__consumer_offsets` that the group belongs to.
/// The topic is created when it is asked for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindCoordinator {
    /// The group.
    pub group_id: GroupId,
}

/// The coordinator of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindCoordinatorReply {
    /// The broker.
    pub broker_id: BrokerId,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}
