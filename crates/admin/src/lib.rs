//! yak-topics, yak-status, yak-perf and yak-dump-log.

pub mod dump_log;
pub mod perf;
pub mod status;
pub mod topics;
mod watch;
