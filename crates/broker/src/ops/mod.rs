//! The operations, one file each, in domain types: no protocol is spoken here.

pub(crate) mod classic_groups;
pub(crate) mod clients;
pub(crate) mod configs;
pub(crate) mod consumer_group_heartbeat;
pub(crate) mod delete_records;
pub(crate) mod describe_cluster;
pub(crate) mod describe_producers;
pub(crate) mod elect_leaders;
pub(crate) mod fetch;
pub(crate) mod find_coordinator;
pub(crate) mod group_stream;
pub(crate) mod groups;
pub(crate) mod list_offsets;
pub(crate) mod log_dirs;
pub(crate) mod metadata;
pub(crate) mod offset_for_leader_epoch;
pub(crate) mod offsets;
pub(crate) mod produce;
pub(crate) mod reassignments;
pub(crate) mod received;
pub(crate) mod replica_fetch;
pub(crate) mod status;
pub(crate) mod subscribe;
pub(crate) mod tail;
pub(crate) mod topics;
