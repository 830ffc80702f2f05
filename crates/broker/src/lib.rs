//! The broker: partitions on disk, served to clients.
//!
//! ```text
//!   connection   NDJSON lines ◄─► operations in domain types        (knows yak-protocol, decides nothing)
//!   ops          one file an operation, for every protocol
//!   forwarding   what others lead, asked of them for a line typed by hand
//!   partitions   one lock over (core, log) for each; a lock-free gate for readers
//!   broker       the metadata image as this broker works by it, clients, producer ids
//!   session      the zookeeper in another process: registration, heartbeats, watch, commands
//!   server       start, follow the zookeeper, retention, stop
//!   config, args what was written, what it means
//! ```
//!
//! Invariant: whatever is answered about metadata is what the partitions here work by already; an image is
//! swapped in only after it was applied. The Kafka protocol will be a second `connection` over the same `ops`,
//! replication a client of `partitions`.

mod answer;
pub mod args;
mod broker;
mod clients;
mod clock;
pub mod config;
mod connection;
mod forwarding;
mod link;
mod ops;
mod partitions;
mod producer_ids;
mod program;
mod random;
mod replication;
pub mod server;
mod session;
mod split;
mod wakeups;

/// The log on disk as `yak_core::partition` sees it; the simulation drives replicas over the very same.
pub use partitions::DiskLog;
