//! What is measured, how often and how long.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

/// A figure, or several that come of the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// From the start of a zookeeper and three brokers to all ready.
    Start,
    /// `kill -9` of a leader to the next acknowledged record.
    Kill,
    /// `SIGSTOP` of a leader to the next acknowledged record.
    Stop,
    /// Clean shutdown of a leader under load.
    Shutdown,
    /// Rolling restart of all three brokers under load.
    Rolling,
    /// The zookeeper away under load.
    Zookeeper,
    /// Three brokers at full load with fsync: sessions lost, leaders moved.
    Saturated,
    /// A file through `yak-producer`.
    File,
    /// An idle cluster.
    Idle,
    /// Thousands of partitions.
    Partitions,
    /// A new group's first member: to its first record.
    GroupFirst,
    /// Ten members of a classic group that start together.
    GroupClassic,
    /// Ten members on group streams that start together, and one that dies.
    GroupStreams,
    /// `kill -9` of the broker that coordinates a group.
    GroupMoved,
    /// A thousand groups.
    GroupMany,
    /// One consumer that commits after every record.
    GroupCommits,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// What is measured. [`Plan::for_the_record`] is what the expected figures are about.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What, in this order.
    pub figures: Vec<Figure>,
    /// Starts of a whole cluster.
    pub starts: usize,
    /// Leaders killed.
    pub kills: usize,
    /// Leaders stopped.
    pub stops: usize,
    /// Leaders shut down.
    pub shutdowns: usize,
    /// Rolling restarts.
    pub rollings: usize,
    /// How long the zookeeper is away.
    pub zookeeper_away: Duration,
    /// How long the cluster is saturated.
    pub saturated: Duration,
    /// Runs of each kind of file.
    pub files: usize,
    /// Lines of the file.
    pub lines: u64,
    /// How long the idle cluster is watched.
    pub idle: Duration,
    /// How many partitions, all in all.
    pub partitions: i32,
    /// Runs with them.
    pub partition_runs: usize,
    /// Runs of what groups do.
    pub group_runs: usize,
    /// How many groups where there are many.
    pub many_groups: usize,
    /// How long a consumer commits.
    pub committing: Duration,
    /// A record in every such interval where the load is steady.
    pub every: Duration,
    /// Where input is written; data are in the system's temporary directory.
    pub work: PathBuf,
}

impl Plan {
    /// All figures at full length.
    #[must_use]
    pub fn for_the_record(work: PathBuf) -> Self {
        Self {
            figures: Figure::value_variants().to_vec(),
            starts: 10,
            kills: 50,
            stops: 20,
            shutdowns: 20,
            rollings: 5,
            zookeeper_away: Duration::from_secs(60),
            saturated: Duration::from_secs(15 * 60),
            files: 3,
            lines: 10_000_000,
            idle: Duration::from_secs(60),
            partitions: 3_000,
            partition_runs: 3,
            group_runs: 20,
            many_groups: 1_000,
            committing: Duration::from_secs(10),
            every: Duration::from_millis(2),
            work,
        }
    }

    /// The same, but short: to see whether it all works, not to measure.
    #[must_use]
    pub fn short(work: PathBuf) -> Self {
        Self {
            starts: 2,
            kills: 3,
            stops: 2,
            shutdowns: 3,
            rollings: 1,
            zookeeper_away: Duration::from_secs(5),
            saturated: Duration::from_secs(10),
            files: 1,
            lines: 100_000,
            idle: Duration::from_secs(5),
            partitions: 90,
            partition_runs: 1,
            group_runs: 2,
            many_groups: 50,
            committing: Duration::from_secs(1),
            ..Self::for_the_record(work)
        }
    }

    /// Repeats what is repeated at all so many times.
    pub const fn repeat(&mut self, runs: usize) {
        (self.starts, self.kills, self.stops, self.shutdowns) = (runs, runs, runs, runs);
        (self.rollings, self.files, self.partition_runs, self.group_runs) = (runs, runs, runs, runs);
    }
}
