//! A whole cluster in one thread, by one seed.
//!
//! ```text
//!   nemesis ──► World: virtual time, connections, cuts, pauses ◄── clients (produce again, consume)
//!                 │                     │
//!            Zookeeper               Broker × 3        each a machine with a disk that forgets
//!        core::controller        core::partition
//!        core::sessions          log over MemDir ──► Watched ──► Oracle: the invariants, by name
//! ```
//!
//! The machines and the log are the product's; what is here is the shell around them, in virtual time. Faults are drawn
//! from the seed; they stop, and then the cluster must come to rest: every replica in every ISR, what was produced
//! answered, logs the same. The same seed gives the same trace.
//!
//! Consumer groups have a simulation of their own, [`groups`]: a coordinator, a log, members.

pub mod broker;
pub mod client;
/// The broker's own adapter, compiled in here: what of it the simulation needs is built without the rest of the broker.
#[path = "../../../crates/broker/src/partitions/log.rs"]
pub mod disk_log;
pub mod groups;
pub mod message;
pub mod nemesis;
pub mod net;
pub mod oracle;
mod outcome;
pub mod sim;
pub mod stage;
pub mod trace;
pub mod watched;
pub mod zookeeper;

pub(crate) use broker::wall as broker_wall;
pub use outcome::{Outcome, Tally};
pub use sim::{Sim, run_seed};
