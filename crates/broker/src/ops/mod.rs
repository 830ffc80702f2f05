//! The operations, one file each, in domain types: no protocol is spoken here.

pub(crate) mod clients;
pub(crate) mod configs;
pub(crate) mod delete_records;
pub(crate) mod elect_leaders;
pub(crate) mod fetch;
pub(crate) mod list_offsets;
pub(crate) mod metadata;
pub(crate) mod produce;
pub(crate) mod replica_fetch;
pub(crate) mod status;
pub(crate) mod subscribe;
pub(crate) mod tail;
pub(crate) mod topics;
