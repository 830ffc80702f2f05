//! yak-topics, yak-groups, yak-status, yak-perf, yak-dump-log and the verifiable clients.

pub mod dump_log;
pub mod groups;
pub mod perf;
pub mod status;
pub mod topics;
pub mod verifiable;

mod flags;
mod pace;
mod watch;
mod zookeeper;
