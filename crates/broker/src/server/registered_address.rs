//! The address that a broker registers: where brokers find it, and clients on other machines.
//!
//! It is `advertised.listeners`, else the host of `listeners`. A broker that listens on every interface takes the first of
//! these that it has: the address that its connection to the zookeeper comes from, the address from which this machine
//! reaches the rest of the world, loopback. Loopback counts only as the last: nobody else can use it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::config::BrokerConfig;

/// Addresses that documents use as examples: far away for everybody.
const FAR_AWAY: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
];
/// `discard`; nothing is sent to it.
const ANY_PORT: u16 = 9;

/// Where a broker says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegisteredAddress {
    pub(super) host: String,
    pub(super) port: u16,
    /// Everybody is to be told this address and no other.
    pub(super) advertised: bool,
}

impl RegisteredAddress {
    /// Of a broker whose listener is bound to `bound`, and which the zookeeper sees come from `to_zookeeper`, if that is
    /// another process.
    pub(super) fn new(config: &BrokerConfig, bound: SocketAddr, to_zookeeper: Option<IpAddr>) -> Self {
        if let Some(endpoint) = &config.advertised {
            // The port that was really taken, where none was chosen.
            let port = if endpoint.port == 0 { bound.port() } else { endpoint.port };
            return Self { host: endpoint.host.clone(), port, advertised: true };
        }
        let host = if bound.ip().is_unspecified() {
            reachable(bound.ip(), [to_zookeeper, towards(FAR_AWAY[0]), towards(FAR_AWAY[1])]).to_string()
        } else {
            config.listener.host.clone()
        };
        Self { host, port: bound.port(), advertised: false }
    }
}

/// The first of the addresses that others can use, of a family that is listened on; else loopback.
fn reachable(bound: IpAddr, addresses: [Option<IpAddr>; 3]) -> IpAddr {
    let is_useful = |address: &IpAddr| {
        let is_link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
        // A socket for IPv6 takes IPv4 too, unless the system was told otherwise.
        let is_served = bound.is_ipv6() || address.is_ipv4();
        is_served && !is_link_local && !address.is_loopback() && !address.is_unspecified()
    };
    let loopback =
        if bound.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
    let addresses = addresses.into_iter().flatten().map(|address| address.to_canonical());
    addresses.into_iter().find(is_useful).unwrap_or(loopback)
}

/// The address of ours from which packets to somebody would come. None is sent.
fn towards((any, somebody): (IpAddr, IpAddr)) -> Option<IpAddr> {
    let look = || -> io::Result<IpAddr> {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((somebody, ANY_PORT))?;
        Ok(socket.local_addr()?.ip())
    };
    // Without a route there is none, whatever the system calls that.
    look().ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::BrokerArgs;
    use crate::config::load;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn config(settings: &[&str]) -> BrokerConfig {
        let overrides = settings.iter().flat_map(|setting| ["--override", setting]);
        let words = ["yak-broker", "--standalone"].into_iter().chain(overrides);
        let args = BrokerArgs::try_parse_from(words).expect("a valid command line");
        load(&args, []).expect("no faults").config
    }

    fn registered(settings: &[&str], bound: &str) -> (String, u16, bool) {
        let bound = bound.parse().expect("an address");
        let RegisteredAddress { host, port, advertised } =
            RegisteredAddress::new(&config(settings), bound, Some(ip("10.0.0.5")));
        (host, port, advertised)
    }

    #[test]
    fn what_is_advertised_comes_first_then_what_is_listened_on() {
        let own = |host: &str, port, advertised| (host.to_owned(), port, advertised);
        let bound = "127.0.0.1:4711";
        assert_eq!(registered(&[], bound), own("127.0.0.1", 4711, false));
        assert_eq!(registered(&["listeners=PLAINTEXT://localhost:0"], bound), own("localhost", 4711, false));
        let everywhere = "listeners=PLAINTEXT://0.0.0.0:0";
        assert_eq!(registered(&[everywhere], "0.0.0.0:4711"), own("10.0.0.5", 4711, false));
        let advertised = "advertised.listeners=PLAINTEXT://broker.example:9092";
        assert_eq!(registered(&[everywhere, advertised], "0.0.0.0:4711"), own("broker.example", 9092, true));
        let any_port = "advertised.listeners=PLAINTEXT://broker.example:0";
        assert_eq!(registered(&[any_port], bound), own("broker.example", 4711, true));
    }

    #[test]
    fn of_every_interface_the_first_address_that_others_can_use() {
        let (v4, v6) = (ip("0.0.0.0"), ip("::"));
        let choose = |bound, addresses: [&str; 3]| {
            reachable(bound, addresses.map(|text| (!text.is_empty()).then(|| ip(text)))).to_string()
        };
        assert_eq!(choose(v4, ["10.0.0.5", "10.0.0.6", ""]), "10.0.0.5");
        assert_eq!(choose(v4, ["127.0.0.1", "10.0.0.6", ""]), "10.0.0.6", "the zookeeper is on this machine");
        assert_eq!(choose(v4, ["", "", ""]), "127.0.0.1");
        assert_eq!(choose(v4, ["2001:db8::5", "10.0.0.6", "2001:db8::6"]), "10.0.0.6", "IPv6 is not served");
        assert_eq!(choose(v6, ["2001:db8::5", "10.0.0.6", ""]), "2001:db8::5");
        assert_eq!(choose(v6, ["::ffff:10.0.0.5", "", ""]), "10.0.0.5");
        assert_eq!(
            choose(v6, ["fe80::1", "", "2001:db8::6"]),
            "2001:db8::6",
            "of no use without an interface"
        );
        assert_eq!(choose(v6, ["::1", "", ""]), "::1");
    }
}
