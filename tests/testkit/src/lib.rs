//! What the end-to-end tests share: running binaries, raw sockets, waiting for conditions.
//!
//! Binaries are taken from the directory in which the test or bench itself was built, so they must be built first
//! (`cargo build --workspace --bins`, which `scripts/test.sh` does). Every process that is started here is
//! killed when its handle is dropped.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod broker;
mod cluster;
pub mod examples;
mod kafka;
mod node;
mod ports;
mod process;
mod random;
mod site;
mod socket;
mod zookeeper;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use broker::{Broker, BrokerBuilder};
pub use cluster::{Cluster, ClusterBuilder};
pub use kafka::KafkaSocket;
pub use node::Node;
pub use ports::free_ports;
pub use process::{Finished, Running, run, run_with_input, signal};
pub use random::Random;
pub use site::Site;
pub use socket::Socket;
pub use zookeeper::{Zookeeper, ZookeeperBuilder};

/// How long a condition may take to come true. Generous: it only matters when a test fails.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The binary `name`, built beside this test or program.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    let directory = program.parent().expect("a program is in a directory");
    // Tests are built into <profile>/deps, examples into <profile>/examples.
    let below = ["deps", "examples"].iter().any(|name| directory.ends_with(name));
    let profile = below.then(|| directory.parent()).flatten().unwrap_or(directory);
    let path = profile.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "{} is missing: build it first with `cargo build --workspace --bins`",
        path.display()
    );
    path
}

/// Waits until `condition` yields something, checking often.
///
/// # Panics
/// After [`DEADLINE`], naming `what` was waited for.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
