//! Where the processes of a cluster run.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use crate::binary;

/// Where one process of a cluster runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Where it listens.
    pub address: IpAddr,
    /// The words in front of its command, which bring it there (`ip netns exec NAME`).
    pub prefix: Vec<String>,
}

impl Default for Site {
    /// Loopback, in the network of the test itself.
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), prefix: Vec::new() }
    }
}

impl Site {
    pub(crate) fn command(&self, program: &str) -> Command {
        let program = binary(program);
        let Some((first, rest)) = self.prefix.split_first() else { return Command::new(program) };
        let mut command = Command::new(first);
        command.args(rest).arg(program);
        command
    }

    /// The setting that makes it listen here; `--port` says the port.
    pub(crate) fn listeners(&self) -> String {
        format!("listeners=PLAINTEXT://{}", SocketAddr::new(self.address, 0))
    }
}
