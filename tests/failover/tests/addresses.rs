//! What clients are told of where brokers are, across networks: each end of a connection in a namespace of its own.
//!
//! ```text
//! the test, 10.77.0.254 and 10.77.1.254 ──┬── a zookeeper     10.77.0.100
//!                                         ├── FIRST machine   10.77.0.1 and 10.77.1.1
//!                                         └── SECOND machine  10.77.0.2
//! ```
//!
//! The brokers listen on every interface of their machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use serde_json::Value;
use yak_kafka::messages::metadata::MetadataResponseBroker;
use yak_kafka::messages::{MetadataRequest, MetadataResponse};
use yak_test_failover::{Network, Node, skipped};
use yak_testkit::{
    BrokerBuilder, Cluster, ClusterBuilder, KafkaSocket, Site, Socket, free_ports, run, run_with_input,
};

/// Where brokers 1, 2 ... are, as somebody is told.
type Told = BTreeMap<i64, String>;

/// How the broker at an address can be asked where all of them are.
type Way = (&'static str, fn(SocketAddr) -> Told);

const WAYS: [Way; 4] = [
    ("metadata", metadata),
    ("subscribe", subscribe),
    ("status", status),
    ("Kafka's Metadata", kafka_metadata),
];

const FIRST: Node = Node::Broker(1);
const SECOND: Node = Node::Broker(2);

fn metadata(at: SocketAddr) -> Told {
    addresses(&connect(at).ok(r#"{"op":"metadata","topics":[]}"#)["brokers"])
}

fn subscribe(at: SocketAddr) -> Told {
    addresses(&connect(at).ask(r#"{"op":"subscribe","topics":[]}"#)["brokers"])
}

fn status(at: SocketAddr) -> Told {
    addresses(&connect(at).ok(r#"{"op":"status"}"#)["brokers"])
}

fn kafka_metadata(at: SocketAddr) -> Told {
    let nothing = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
    let response: MetadataResponse = KafkaSocket::connect(&at.to_string()).ask(12, &nothing);
    let address =
        |broker: MetadataResponseBroker| (broker.node_id.into(), format!("{}:{}", broker.host, broker.port));
    response.brokers.into_iter().map(address).collect()
}

/// Where the other leaders of a topic's partitions are, by what the broker refuses because they lead.
fn hints(at: SocketAddr, topic: &str) -> Told {
    let mut connection = connect(at);
    let metadata = connection.ok(&format!(r#"{{"op":"metadata","topic":"{topic}"}}"#));
    let mut told = Told::new();
    for partition in metadata["topics"][0]["partitions"].as_array().unwrap() {
        let (number, epoch) = (&partition["partition"], &partition["leader_epoch"]);
        let entry = format!(r#""topic":"{topic}","partition":{number},"leader_epoch":{epoch}"#);
        for line in [
            format!(r#"{{"op":"list_offsets",{entry}}}"#),
            format!(r#"{{"op":"fetch","offset":0,{entry}}}"#),
            format!(r#"{{"op":"produce","records":[{{"value":"v"}}],{entry}}}"#),
        ] {
            let reply = connection.ask(&line);
            if reply["ok"].is_null() {
                let (broker, address) = address(&reply["error"]["leader"]);
                let before = told.insert(broker, address.clone());
                assert!(before.is_none_or(|before| before == address), "{line}: {reply}");
            }
        }
    }
    told
}

/// Creates a topic of which each of three brokers leads a partition.
fn create(at: SocketAddr, topic: &str) {
    let topic = format!(r#"{{"name":"{topic}","assignment":[[1],[2],[3]]}}"#);
    connect(at).ok(&format!(r#"{{"op":"create_topics","topics":[{topic}]}}"#));
}

fn connect(at: SocketAddr) -> Socket {
    Socket::connect(&at.to_string())
}

fn addresses(brokers: &Value) -> Told {
    brokers.as_array().unwrap().iter().map(address).collect()
}

fn address(broker: &Value) -> (i64, String) {
    (
        broker["broker_id"].as_i64().unwrap(),
        format!("{}:{}", broker["host"].as_str().unwrap(), broker["port"]),
    )
}

/// Asks a broker in every way, from where the calling thread is.
fn check(at: SocketAddr, hosts: &[&str], ports: &[u16]) {
    let each = (1..).zip(hosts.iter().zip(ports));
    let expected: Told = each.map(|(broker, (host, port))| (broker, format!("{host}:{port}"))).collect();
    for (way, ask) in WAYS {
        assert_eq!(ask(at), expected, "{way}, by {at}");
    }
}

/// Runs `test` in a network of two machines and a zookeeper's, if this machine has such.
fn in_network(name: &str, test: impl FnOnce(&Network) + Send) {
    if let Err(why) = Network::with(2, |network| test(&network)) {
        skipped(&format!("addresses::{name}"), &why);
    }
}

/// On every interface of a machine.
fn everywhere(network: &Network, node: Node) -> Site {
    network.site(node, Ipv4Addr::UNSPECIFIED)
}

/// Brokers 1, 2 ... on every interface of these machines.
fn cluster(network: &Network, machines: &[Node], more: &[(&str, &str)]) -> Cluster {
    let mut sites = vec![network.site(Node::Zookeeper, Node::Zookeeper.address())];
    sites.extend(machines.iter().map(|node| everywhere(network, *node)));
    let builder = ClusterBuilder::new(i32::try_from(machines.len()).unwrap()).sites(sites);
    more.iter().fold(builder, |builder, (key, value)| builder.set(key, value)).start()
}

/// What the brokers said that they are at.
fn ready(cluster: &mut Cluster) -> Vec<String> {
    let brokers = cluster.running();
    brokers.into_iter().map(|id| cluster.wait_ready(id)["bootstrap"].as_str().unwrap().to_owned()).collect()
}

fn port(address: &str) -> u16 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

fn at(host: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(host.into(), port)
}

#[test]
fn by_the_address_by_which_one_came_one_is_told_to_come_again() {
    in_network("by_the_address_by_which_one_came_one_is_told_to_come_again", |network| {
        network.second_address(Node::Clients).unwrap();
        let (address, second_address) = (FIRST.address(), network.second_address(FIRST).unwrap());
        let mut cluster = cluster(network, &[FIRST, FIRST, SECOND], &[]);
        let ready = ready(&mut cluster);
        let ports: Vec<u16> = ready.iter().map(|address| port(address)).collect();
        let [first, second, third] = ports[..] else { unreachable!("three brokers") };
        let registered = [at(address, first), at(address, second), at(SECOND.address(), third)];
        assert_eq!(
            ready,
            registered.map(|address| address.to_string()),
            "from where they reach the zookeeper"
        );

        for host in [address, second_address] {
            let text = host.to_string();
            for port in [first, second] {
                check(at(host, port), &[&text, &text, "10.77.0.2"], &ports);
            }
        }
        check(at(SECOND.address(), third), &["10.77.0.1", "10.77.0.1", "10.77.0.2"], &ports);
        let loopback = Ipv4Addr::LOCALHOST;
        let by_loopback = || check(at(loopback, second), &["127.0.0.1", "127.0.0.1", "10.77.0.2"], &ports);
        network.inside(FIRST, by_loopback).unwrap();
        let by_loopback = || check(at(loopback, third), &["10.77.0.1", "10.77.0.1", "127.0.0.1"], &ports);
        network.inside(SECOND, by_loopback).unwrap();

        create(registered[0], "t");
        let told = |entries: &[(i64, &str, u16)]| -> Told {
            entries.iter().map(|(broker, host, port)| (*broker, format!("{host}:{port}"))).collect()
        };
        let expected = told(&[(2, "10.77.1.1", second), (3, "10.77.0.2", third)]);
        assert_eq!(hints(at(second_address, first), "t"), expected);
        let expected = told(&[(1, "127.0.0.1", first), (3, "10.77.0.2", third)]);
        assert_eq!(network.inside(FIRST, || hints(at(loopback, second), "t")).unwrap(), expected);

        // What is told can be used.
        let bootstrap = at(second_address, second).to_string();
        let brokers = ["--bootstrap-server", &bootstrap, "--topic"];
        create(registered[0], "u");
        let lines = b"a\nb\nc\nd\ne\nf\n";
        let sent = run_with_input("yak-producer", &[&brokers[..], &["u"]].concat(), lines);
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
        let read = run("yak-consumer", &[&brokers[..], &["u", "--from-beginning", "-e"]].concat());
        let mut read: Vec<&[u8]> = read.stdout.split_inclusive(|byte| *byte == b'\n').collect();
        read.sort_unstable();
        assert_eq!(read.concat(), lines);
    });
}

#[test]
fn what_is_advertised_is_told_to_everybody() {
    in_network("what_is_advertised_is_told_to_everybody", |network| {
        // Port 0 is the one that is listened on.
        let advertised = ("advertised.listeners", "PLAINTEXT://broker.example:0");
        let mut cluster = cluster(network, &[FIRST, FIRST], &[advertised]);
        let ports: Vec<u16> = ready(&mut cluster).iter().map(|address| port(address)).collect();
        let hosts = ["broker.example", "broker.example"];
        for port in ports.clone() {
            check(at(FIRST.address(), port), &hosts, &ports);
            let by_loopback = || check(at(Ipv4Addr::LOCALHOST, port), &hosts, &ports);
            network.inside(FIRST, by_loopback).unwrap();
        }
    });
}

/// Its zookeeper is in its own process: no connection says by which address others reach it.
#[test]
fn a_broker_by_itself_is_where_its_default_route_begins() {
    in_network("a_broker_by_itself_is_where_its_default_route_begins", |network| {
        let directory = tempfile::tempdir().unwrap();
        let broker = BrokerBuilder::new(&directory.path().join("broker")).site(everywhere(network, FIRST));
        for host in ["127.0.0.1", "10.77.0.1"] {
            let broker = broker.start();
            let port = port(broker.bootstrap());
            assert_eq!(broker.bootstrap(), format!("{host}:{port}"));
            check(at(FIRST.address(), port), &["10.77.0.1"], &[port]);
            let by_loopback = || check(at(Ipv4Addr::LOCALHOST, port), &["127.0.0.1"], &[port]);
            network.inside(FIRST, by_loopback).unwrap();
            assert_eq!(broker.stop(), Some(0));
            if host == "127.0.0.1" {
                network.default_route(FIRST).unwrap();
            }
        }
    });
}

/// To the socket an IPv4 client has an IPv6 address, which it is not told.
#[test]
fn a_client_of_a_socket_for_both_families_is_told_an_address_of_its_own() {
    let name = "a_client_of_a_socket_for_both_families_is_told_an_address_of_its_own";
    if !Path::new("/proc/net/if_inet6").exists() {
        return skipped(&format!("addresses::{name}"), "there is no IPv6");
    }
    in_network(name, |network| {
        let directory = tempfile::tempdir().unwrap();
        let broker = BrokerBuilder::new(&directory.path().join("broker"))
            .site(network.site(FIRST, Ipv6Addr::UNSPECIFIED))
            .start();
        let port = port(broker.bootstrap());
        check(at(FIRST.address(), port), &["10.77.0.1"], &[port]);
        let by_loopback = || {
            check(at(Ipv4Addr::LOCALHOST, port), &["127.0.0.1"], &[port]);
            check(at(Ipv6Addr::LOCALHOST, port), &["::1"], &[port]);
        };
        network.inside(FIRST, by_loopback).unwrap();
    });
}

/// Hands everything that comes to the listener on to an address, and back.
fn map_port(listener: TcpListener, to: SocketAddr) {
    thread::spawn(move || {
        for client in listener.incoming() {
            // Without a broker the connection ends.
            let (Ok(client), Ok(broker)) = (client, TcpStream::connect(to)) else { continue };
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), broker.try_clone().unwrap()), (broker, client)]
            {
                thread::spawn(move || {
                    drop(std::io::copy(&mut from, &mut to));
                    drop(to.shutdown(Shutdown::Write));
                });
            }
        }
    });
}

/// The clients' machine maps one of its ports to a broker in a network that SECOND has no way to.
#[test]
fn behind_a_port_mapping_the_tools_say_what_is_missing() {
    in_network("behind_a_port_mapping_the_tools_say_what_is_missing", |network| {
        network.second_address(Node::Clients).unwrap();
        let broker_at = at(network.second_address(FIRST).unwrap(), free_ports(1)[0]);
        let listener = TcpListener::bind((Node::Clients.address(), 0)).unwrap();
        let mapped = listener.local_addr().unwrap().to_string();
        map_port(listener, broker_at);
        let directory = tempfile::tempdir().unwrap();
        let broker = BrokerBuilder::new(&directory.path().join("broker"))
            .site(everywhere(network, FIRST))
            .port(broker_at.port());
        let args = ["--bootstrap-server", &mapped, "--topic", "t", "--request-timeout-ms", "500"];
        let produce = || network.inside(SECOND, || run_with_input("yak-producer", &args, b"line\n")).unwrap();

        let unset = broker.start();
        let said = produce();
        let expected = format!(
            "error: connected to {mapped}, which says that broker 1 is at \"{broker_at}\", but that cannot be reached \
             from here: network unreachable"
        );
        assert_eq!((said.code, said.first_error()), (Some(1), expected.as_str()), "{}", said.stderr);
        let hint = "  hint: behind a port mapping, set advertised.listeners on broker 1 to an address this machine can \
                    reach";
        assert!(said.stderr.contains(hint), "{}", said.stderr);
        assert_eq!(unset.stop(), Some(0));

        let _set = broker.set("advertised.listeners", &format!("PLAINTEXT://{mapped}")).start();
        let said = produce();
        assert_eq!(said.code, Some(0), "{}", said.stderr);
    });
}
