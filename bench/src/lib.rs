//! The yardsticks (the bare NDJSON loop, the blocking-socket probe) and the figures of a cluster.
//!
//! A figure of YAK's is a ratio to what the same machine does in the same minute with the same bytes and nothing
//! around them: [`bound`] is that for throughput. [`probe`] measures the latency of one record at a time from outside,
//! with nothing of our client library in between. [`cluster`] measures several processes together: failovers, gaps, cost.
//! [`peers`] measures YAK beside Apache Kafka under the same clients, and a sink that bounds both.

pub mod bound;
pub mod cluster;
pub mod lines;
pub mod peers;
pub mod probe;
