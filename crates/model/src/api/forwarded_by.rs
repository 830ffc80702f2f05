//! Forwarded requests: a broker passes on to the leader what somebody asked of it by hand.

use crate::{BrokerEpoch, BrokerId, ReplicationKey};

/// Who forwards a request. A request that has it came from a broker, is answered here or nowhere, and makes nobody a
/// client of this broker: the client is the forwarding broker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedBy {
    /// The broker that forwards.
    pub broker_id: BrokerId,
    /// Its registration; a leader refuses any but the current one (`STALE_BROKER_EPOCH`).
    pub broker_epoch: BrokerEpoch,
    /// The key that registration returned; without it the request is `CLUSTER_AUTHORIZATION_FAILED`.
    pub key: ReplicationKey,
    /// Send the records of a fetch as raw bytes behind the reply line.
    pub attachments: bool,
}
