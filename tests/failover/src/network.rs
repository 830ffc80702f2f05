//! Networks that can be cut, one way or both: each process in a network namespace of its own.
//!
//! ```text
//! hub: the test and its clients, 10.77.0.254 on a bridge
//!  ├── veth ── zookeeper 10.77.0.100
//!  ├── veth ── broker 1  10.77.0.1
//!  └── veth ── broker 2  10.77.0.2 ...
//! ```
//!
//! Who has which hardware address is written down on both sides and never asked for. To cut the way from A to B, A is given
//! an address for B that nobody has: what A sends to B goes nowhere, without an error, and what B sends to A arrives. This
//! needs neither filters nor queueing disciplines, which not every kernel has.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use yak_testkit::Site;

use crate::command::run;

/// Nobody has this one.
const NOWHERE: &str = "02:00:00:00:ff:ff";
/// The test and its clients.
const HUB: u8 = 254;
const ZOOKEEPER: u8 = 100;

/// One end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// The zookeeper.
    Zookeeper,
    /// A broker.
    Broker(i32),
    /// The test and all clients.
    Clients,
}

impl Node {
    fn number(self) -> u8 {
        match self {
            Self::Zookeeper => ZOOKEEPER,
            Self::Broker(id) => u8::try_from(id).unwrap(),
            Self::Clients => HUB,
        }
    }

    /// Its address in the network of all.
    #[must_use]
    pub fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.number())
    }

    fn hardware(self) -> String {
        format!("02:00:00:00:00:{:02x}", self.number())
    }

    const fn device(self) -> &'static str {
        match self {
            Self::Clients => "br0",
            Self::Zookeeper | Self::Broker(_) => "eth0",
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zookeeper => f.write_str("the zookeeper"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::Clients => f.write_str("the clients"),
        }
    }
}

/// The namespaces of a cluster; gone when dropped.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    nodes: Vec<Node>,
}

impl Network {
    /// Makes the networks of a zookeeper and brokers 1 to `brokers`.
    ///
    /// # Errors
    /// Why this machine cannot.
    pub fn create(brokers: i32) -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("yak-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let nodes = [Node::Clients, Node::Zookeeper].into_iter().chain((1..=brokers).map(Node::Broker));
        let network = Self { prefix, nodes: nodes.collect() };
        for node in &network.nodes {
            run("ip", &["netns", "add", &network.name(*node)])?;
            network.ip(*node, &["link", "set", "lo", "up"])?;
        }
        network.ip(Node::Clients, &["link", "add", "br0", "type", "bridge"])?;
        for node in &network.nodes {
            network.connect(*node)?;
        }
        for (from, to) in network.ways() {
            network.heal(from, to)?;
        }
        Ok(network)
    }

    fn connect(&self, node: Node) -> Result<(), String> {
        if node != Node::Clients {
            let (end, namespace) = (format!("veth{}", node.number()), self.name(node));
            let pair = ["link", "add", &end, "type", "veth", "peer", "name", "eth0", "netns", &namespace];
            self.ip(Node::Clients, &pair)?;
            self.ip(Node::Clients, &["link", "set", &end, "master", "br0", "up"])?;
        }
        let (device, address) = (node.device(), format!("{}/24", node.address()));
        self.ip(node, &["addr", "add", &address, "dev", device])?;
        self.ip(node, &["link", "set", device, "address", &node.hardware(), "up"])
    }

    /// Runs a test whose thread, with everything that it starts, is among the clients.
    ///
    /// # Errors
    /// Why this machine cannot; then the test was not run.
    pub fn with(brokers: i32, test: impl FnOnce(Self) + Send) -> Result<(), String> {
        std::thread::scope(|scope| {
            let test = scope.spawn(|| {
                let network = Self::create(brokers)?;
                network.enter(Node::Clients)?;
                test(network);
                Ok(())
            });
            test.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Does something where a process of the cluster runs.
    ///
    /// # Errors
    /// Why this machine cannot.
    pub fn inside<T: Send>(&self, node: Node, act: impl FnOnce() -> T + Send) -> Result<T, String> {
        std::thread::scope(|scope| {
            let acting = scope.spawn(|| self.enter(node).map(|()| act()));
            acting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Takes the calling thread there.
    #[cfg(target_os = "linux")]
    fn enter(&self, node: Node) -> Result<(), String> {
        use std::os::fd::AsFd;

        use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

        let path = format!("/run/netns/{}", self.name(node));
        let namespace = std::fs::File::open(&path).map_err(|e| format!("{path}: {e}"))?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|e| format!("{path}: {e}"))
    }

    #[cfg(not(target_os = "linux"))]
    fn enter(&self, _node: Node) -> Result<(), String> {
        Err("network namespaces are Linux's".to_owned())
    }

    /// Where each process of the cluster runs.
    #[must_use]
    pub fn sites(&self) -> Vec<Site> {
        let nodes = self.nodes.iter().filter(|node| **node != Node::Clients);
        nodes.map(|node| self.site(*node, node.address())).collect()
    }

    /// Where a process runs, listening on an address of its choice.
    #[must_use]
    pub fn site(&self, node: Node, address: impl Into<IpAddr>) -> Site {
        let prefix = ["ip", "netns", "exec", &self.name(node)].map(str::to_owned).to_vec();
        Site { address: address.into(), prefix }
    }

    /// Gives a node a second address, in a network where everybody's last number stays the same.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn second_address(&self, node: Node) -> Result<Ipv4Addr, String> {
        let address = Ipv4Addr::new(10, 77, 1, node.number());
        self.ip(node, &["addr", "add", &format!("{address}/24"), "dev", node.device()])?;
        Ok(address)
    }

    /// Gives a node a way to everybody else in the world, by the clients.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn default_route(&self, node: Node) -> Result<(), String> {
        let clients = Node::Clients.address().to_string();
        self.ip(node, &["route", "add", "default", "via", &clients])
    }

    /// What `from` sends to `to` does not arrive any more.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn cut(&self, from: Node, to: Node) -> Result<(), String> {
        self.direct(from, to, NOWHERE)
    }

    /// It arrives again.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn heal(&self, from: Node, to: Node) -> Result<(), String> {
        self.direct(from, to, &to.hardware())
    }

    /// Everything arrives again.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn heal_all(&self) -> Result<(), String> {
        self.ways().into_iter().try_for_each(|(from, to)| self.heal(from, to))
    }

    /// Every way there is.
    fn ways(&self) -> Vec<(Node, Node)> {
        let pairs = |from: &Node| self.nodes.iter().map(|to| (*from, *to)).collect::<Vec<_>>();
        self.nodes.iter().flat_map(pairs).filter(|(from, to)| from != to).collect()
    }

    fn direct(&self, from: Node, to: Node, hardware: &str) -> Result<(), String> {
        let address = to.address().to_string();
        let entry =
            ["neigh", "replace", &address, "lladdr", hardware, "nud", "permanent", "dev", from.device()];
        self.ip(from, &entry)
    }

    fn name(&self, node: Node) -> String {
        format!("{}-{}", self.prefix, node.number())
    }

    fn ip(&self, node: Node, args: &[&str]) -> Result<(), String> {
        let name = self.name(node);
        let args: Vec<&str> = ["-n", &name].iter().chain(args).copied().collect();
        run("ip", &args).map(drop)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in &self.nodes {
            // One that could not be made cannot be removed.
            drop(run("ip", &["netns", "del", &self.name(*node)]));
        }
    }
}
