//! The broker: partitions on disk, served to clients.
//!
//! ```text
//!   connections  by its first byte each speaks one of two languages:
//!   ndjson       lines ◄─► operations in domain types               (knows yak-protocol, decides nothing)
//!   kafka        Kafka's frames ◄─► the same operations             (knows yak-kafka, decides nothing)
//!   addresses    what clients are told of where brokers are
//!   ops          one file an operation, for every protocol
//!   forwarding   what others lead, asked of them for a line typed by hand
//!   groups       coordinators of consumer groups, over partitions of __consumer_offsets
//!   partitions   one lock over (core, log) for each; a lock-free gate for readers
//!   broker       the metadata image as this broker works by it, clients, producer ids
//!   session      the zookeeper in another process: registration, heartbeats, watch, commands
//!   server       start, follow the zookeeper, retention, stop
//!   config, args what was written, what it means
//! ```
//!
//! Invariant: whatever is answered about metadata is what the partitions here work by already; an image is
//! swapped in only after it was applied.

mod addresses;
mod answer;
pub mod args;
mod broker;
mod clients;
mod clock;
pub mod config;
mod connections;
mod departures;
mod forwarding;
mod groups;
mod kafka;
mod link;
mod ndjson;
mod ops;
mod partitions;
mod producer_ids;
mod program;
mod random;
mod recompress;
mod replication;
pub mod server;
mod session;
mod split;
mod wakeups;

/// The log on disk as `yak_core::partition` sees it; the simulation drives replicas over the very same.
pub use partitions::DiskLog;
