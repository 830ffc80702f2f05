//! The operations, one file each, both directions: request and reply, server's side and client's side.

pub(crate) mod alter_configs;
pub(crate) mod controller;
pub(crate) mod create_partitions;
pub(crate) mod create_topics;
pub(crate) mod delete_records;
pub(crate) mod delete_topics;
pub(crate) mod deregister;
pub(crate) mod describe_configs;
pub(crate) mod elect_leaders;
pub(crate) mod fetch;
pub(crate) mod forwarded_by;
pub(crate) mod groups;
pub(crate) mod hello;
pub(crate) mod init_producer_id;
pub(crate) mod list_offsets;
pub(crate) mod metadata;
pub(crate) mod produce;
pub(crate) mod register;
pub(crate) mod replica_fetch;
pub(crate) mod shared;
pub(crate) mod status;
pub(crate) mod subscribe;
pub(crate) mod tail;
