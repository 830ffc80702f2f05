//! Failover with real processes: what clients were promised is kept, whatever dies.
//!
//! # A run
//!
//! ```text
//! zookeeper + 3 brokers ─► load: producers and consumers of several topics ─► faults, by a plan or one by one
//!     ─► all healed, every replica in sync ─► every producer acknowledged more ─► producers end
//!     ─► everything is read from the beginning ─► consumers have got the same ─► check ─► totals
//! ```
//!
//! - *Cluster*: processes ([`yak_testkit::Cluster`]), three replicas, `min.insync.replicas=2`, small segments;
//!   `flush=sync`, in some runs one topic with `flush=os`.
//! - *Load*: `yak-verifiable-producer` (`acks=all`, idempotent) and `yak-verifiable-consumer --verbose`. Each writes down
//!   what it sent and read and with which outcome; together that is the history.
//! - *Faults*: [`Plan`] draws them from a seed; a test may also do them itself by [`Run`]'s methods. Every fault has its
//!   end, which [`Run::heal`] brings about at the latest.
//! - *Check* ([`yak_test_history::check`], topic by topic, so that memory holds one topic): nothing acknowledged is lost,
//!   nothing is there twice, offsets keep their content, readers leave out and repeat nothing, failed records do not
//!   appear. Beyond it: each consumer that was there all the time read, partition by partition, exactly what is there in the
//!   end; the replicas hold the same bytes; every send has an outcome.
//! - *Totals* ([`Totals`]): out of how much. A run without acknowledged records, or without faults, shows nothing.
//!
//! A run that fails leaves its directory (data, logs, histories, `nemesis.log`) and says where it is.
//!
//! # Time
//!
//! Pauses between faults are part of the faults; everything else waits for a condition, with a deadline that matters only
//! when it fails. Nothing here times performance.
//!
//! # What the machine must permit
//!
//! Networks are namespaces ([`Network`]), power is the `EXT4_IOC_SHUTDOWN` of a file system on a loop device ([`Disk`]).
//! Both need root and tools of Linux. They are tried for real; where that does not work, the test says so by [`skipped`],
//! and `scripts/test.sh` counts and names it.

//! # Bugs put in on purpose
//!
//! Patches of `tests/sim/mutants` that these runs have caught, without knowing of them:
//!
//! - `no-duplicate-window`: every run of the test of kills, small as it is, found `duplicate`;
//! - `acknowledge-before-fsync`: three of four runs of twelve power cuts found `lost-write` and `inconsistent-offsets`.
//!
//! To see it, in a copy of the tree:
//!
//! ```text
//! patch -p1 <tests/sim/mutants/acknowledge-before-fsync.patch
//! cargo build --workspace --bins
//! YAK_POWER_CUTS=50 cargo test -p yak-test-failover --test runs power
//! ```

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod client;
mod command;
mod disk;
mod faults;
mod finish;
mod journal;
mod load;
mod network;
mod plan;
mod replicas;
mod run;
mod scratch;
mod totals;
mod view;

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use disk::Disk;
pub use faults::ways;
pub use finish::Outcome;
pub use journal::{Leaders, leaders};
pub use load::{Acks, Load};
pub use network::{Network, Node};
pub use plan::{CutFrom, Direction, Fault, Plan, Step, Victim};
pub use run::{Flush, Run, Setup, Topic};
pub use totals::Totals;
pub use view::{PartitionView, ask};

/// Each run keeps the whole machine busy, so they take turns.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that a test (`program::path`) cannot run on this machine, also in the file `YAK_SKIPPED`, by which
/// `scripts/test.sh` counts it.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("{test}: {}\n", reason.trim().replace('\n', "; "));
    eprint!("SKIPPED: {line}");
    if let Some(list) = std::env::var_os("YAK_SKIPPED") {
        let list = std::fs::OpenOptions::new().create(true).append(true).open(list);
        list.unwrap().write_all(line.as_bytes()).unwrap();
    }
}

/// A number from the environment, for longer runs of a test.
#[must_use]
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |value| value.parse().unwrap_or_else(|e| panic!("{name}={value}: {e}")))
}
