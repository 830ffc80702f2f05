//! Out of how much.

use std::fmt;
use std::ops::AddAssign;

/// The denominators of one run, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Runs, each with a cluster of its own.
    pub runs: u64,
    /// Records that were acknowledged.
    pub acknowledged: u64,
    /// Records that surely were not written.
    pub failed: u64,
    /// Records that perhaps were written.
    pub unknown: u64,
    /// Records that were read, by all readers together.
    pub read: u64,
    /// `kill -9` of a broker.
    pub kills: u64,
    /// Those of them after which it was started again within half a second.
    pub restarts_at_once: u64,
    /// Those of them when what had happened before was not recovered from: some replica was not in sync yet.
    pub kills_in_recovery: u64,
    /// `SIGSTOP` of a broker.
    pub stops: u64,
    /// `kill -9` of the zookeeper.
    pub zookeeper_kills: u64,
    /// `SIGSTOP` of the zookeeper.
    pub zookeeper_stops: u64,
    /// Clean shutdowns of a broker.
    pub shutdowns: u64,
    /// Cuts of the network.
    pub cuts: u64,
    /// Cuts of the power of everything at once.
    pub power_cuts: u64,
    /// Changes of leaders.
    pub elections: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.read += other.read;
        self.kills += other.kills;
        self.restarts_at_once += other.restarts_at_once;
        self.kills_in_recovery += other.kills_in_recovery;
        self.stops += other.stops;
        self.zookeeper_kills += other.zookeeper_kills;
        self.zookeeper_stops += other.zookeeper_stops;
        self.shutdowns += other.shutdowns;
        self.cuts += other.cuts;
        self.power_cuts += other.power_cuts;
        self.elections += other.elections;
    }
}

impl fmt::Display for Totals {
    /// One line; kinds of faults that were not there are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, acknowledged, failed, unknown, read, .. } = *self;
        write!(
            f,
            "{runs} runs, {acknowledged} records acknowledged, {failed} failed, {unknown} unknown, {read} read"
        )?;
        if self.kills > 0 {
            let (at_once, early) = (self.restarts_at_once, self.kills_in_recovery);
            write!(
                f,
                "; {} kill -9 ({at_once} started again within 0.5 s, {early} inside a recovery)",
                self.kills
            )?;
        }
        let others = [
            (self.stops, "SIGSTOP"),
            (self.zookeeper_kills, "kill -9 of the zookeeper"),
            (self.zookeeper_stops, "SIGSTOP of the zookeeper"),
            (self.shutdowns, "clean shutdowns"),
            (self.cuts, "cuts of the network"),
            (self.power_cuts, "cuts of the power"),
            (self.elections, "elections"),
        ];
        others
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, what)| write!(f, "; {count} {what}"))
    }
}
