//! Each operation of a broker, once, in domain types. `protocol` and `kafka` only convert to and from them.
//!
//! An operation has one file with its request and its reply. A request comes with a [`Context`]; a reply is
//! `Result<..., Rejection>` for the whole or for each entry, and [`Reply`] adds room for a throttle time.

mod clients;
mod configs;
mod consumer_group_heartbeat;
mod controller;
mod describe_cluster;
mod describe_groups;
mod describe_producers;
mod fetch;
mod find_coordinator;
mod forwarded_by;
mod group_stream;
mod groups;
mod list_offsets;
mod log_dirs;
mod metadata;
mod offset_commit;
mod offset_for_leader_epoch;
mod produce;
mod reassignments;
mod replica_fetch;
mod status;
mod subscribe;
mod topics;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

pub use clients::{
    ClientRole, ClientStatus, InitProducerId, InitProducerIdReply, PartitionPosition, Register, RegisterReply,
};
pub use configs::{
    AlterConfigs, AlterConfigsReply, AlteredConfigs, ConfigAlteration, ConfigChange, ConfigEntry,
    ConfigSource, ConfigSynonym, ConfigType, DescribeConfigs, DescribeConfigsReply, DescribedConfigs,
};
pub use consumer_group_heartbeat::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, TopicPartitions};
pub use controller::{
    AllocateProducerIds, AlterIsr, AlterIsrReply, ClientPresence, ElectLeaders, ElectLeadersReply,
    ElectionKind, ForwardedCreateTopics, Heartbeat, HeartbeatReply, IsrProposal, LogProof, OpenSession,
    ProducerIdBlock, RegisterBroker, Registered, ResumeSession, SessionOpened, SessionReport, ShutdownBroker,
    TopicDefaults, UnfenceBroker, Watch, ZookeeperReport,
};
pub use describe_cluster::{DescribeCluster, DescribeClusterReply, DescribedBroker};
pub use describe_groups::{
    DeleteGroups, DeleteGroupsReply, DescribeGroups, DescribeGroupsReply, DescribedGroup, DescribedMember,
    GroupKind, GroupState, ListGroups, ListGroupsReply, ListedGroup, RebalanceRecord,
};
pub use describe_producers::{ActiveProducer, DescribeProducers, DescribeProducersReply, DescribedProducers};
pub use fetch::{Fetch, FetchEntry, FetchReply, FetchedPartition, Isolation, ReadFrom, Tail, TailStart};
pub use find_coordinator::{FindCoordinator, FindCoordinatorReply};
pub use forwarded_by::ForwardedBy;
pub use group_stream::{AssignedTopic, GroupAssignment, GroupEvent, GroupStream, GroupStreamReply};
pub use groups::{
    GroupHeartbeat, GroupProtocol, JoinGroup, JoinGroupReply, JoinRefused, JoinedMember, LeaveGroup,
    LeavingMember, MemberIdentity, SyncGroup, SyncGroupReply,
};
pub use list_offsets::{
    ListOffsets, ListOffsetsEntry, ListOffsetsReply, ListedOffset, OffsetSpec, RefusedListOffsets,
};
pub use log_dirs::{DescribeLogDirs, DescribeLogDirsReply, LogDescription, LogDirDescription};
pub use metadata::{BrokerMetadata, Metadata, MetadataReply, PartitionMetadata, TopicMetadata};
pub use offset_commit::{
    CommittedOffset, FetchedOffset, OffsetCommit, OffsetCommitEntry, OffsetCommitReply, OffsetDelete,
    OffsetDeleteReply, OffsetFetch, OffsetFetchReply,
};
pub use offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpoch, OffsetForLeaderEpochEntry, OffsetForLeaderEpochReply,
};
pub use produce::{Acks, BatchOrigin, Produce, ProduceEntry, ProduceReply, Produced, RefusedProduce};
pub use reassignments::{ListPartitionReassignments, ListPartitionReassignmentsReply, OngoingReassignment};
pub use replica_fetch::{
    EpochEnd, ReplicaData, ReplicaFetch, ReplicaFetchEntry, ReplicaFetchReply, ReplicaFetched,
};
pub use status::{ElectionStatus, PartitionStatus, ReplicaStatus, StatusReply, ZookeeperStatus};
pub use subscribe::{Subscribe, SubscriptionEvent};
pub use topics::{
    CreatePartitions, CreatePartitionsReply, CreateTopic, CreateTopics, CreateTopicsReply, CreatedTopic,
    DeleteRecords, DeleteRecordsEntry, DeleteRecordsReply, DeleteTopics, DeleteTopicsReply, DeletedRecords,
    DeletedTopic,
};

use crate::{BrokerId, ErrorCode, LeaderEpoch, Offset};

/// Who asks, and over which connection.
#[derive(Clone, Debug)]
pub struct Context {
    /// Number of the connection within this broker process.
    pub connection: ConnectionId,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The client id it gave itself, if any.
    pub client_id: Option<Arc<str>>,
    /// Who it has proven to be.
    pub principal: Principal,
}

/// Number of a connection within one broker process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Who a peer has proven to be. Everybody is anonymous until authentication is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Principal {
    /// Nobody in particular.
    #[default]
    Anonymous,
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<T> {
    /// What was asked for.
    pub body: T,
    /// How long the client should hold back its next request; 0 without quotas.
    pub throttle_ms: u32,
}

impl<T> Reply<T> {
    /// A reply that throttles nobody.
    pub const fn new(body: T) -> Self {
        Self { body, throttle_ms: 0 }
    }
}

/// Why an operation, or one entry of it, was not done: the caller's fault or the cluster's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Kafka's code.
    pub code: ErrorCode,
    /// What, and why, for a person.
    pub message: String,
    /// With `NOT_LEADER_OR_FOLLOWER`: who leads instead, if known.
    pub leader: Option<LeaderHint>,
    /// With a retriable code: when asking again makes sense.
    pub retry_after_ms: Option<u32>,
    /// With a produce that the leader's log refused for its sequences: the first offset still there. By it an idempotent
    /// producer tells records that were deleted in time from records that were lost (KIP-360).
    pub log_start_offset: Option<Offset>,
}

/// Who leads a partition instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderHint {
    /// The leader.
    pub broker_id: BrokerId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// Host to connect to.
    pub host: String,
    /// Port to connect to.
    pub port: u16,
}

impl Rejection {
    /// A rejection with a message for a person.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), leader: None, retry_after_ms: None, log_start_offset: None }
    }

    /// The same, telling when asking again makes sense.
    #[must_use]
    pub fn retry_after(mut self, ms: u32) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// The same, telling who leads instead.
    #[must_use]
    pub fn with_leader(mut self, leader: LeaderHint) -> Self {
        self.leader = Some(leader);
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Rejection {}
