//! Cuts of single connections between real processes: a broker from its zookeeper only, a leader from its followers only.
//!
//! ```text
//!   broker N ── proxy ──► zookeeper          every broker is advertised at a proxy of its own, and goes to the
//!   others   ── proxy ──► broker N           zookeeper through another one; a proxy that is cut lets no byte pass
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use yak_testkit::{Cluster, ClusterBuilder, Socket, binary, free_ports, wait_for};

/// `acks` as JSON.
const ALL_ACKS: &str = "\"all\"";

/// Passes bytes on, both ways, unless it is cut.
struct Proxy {
    port: u16,
    cut: Arc<AtomicBool>,
}

impl Proxy {
    fn to(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&cut);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                // Whoever is not there yet refuses the connection.
                let Ok(far) = TcpStream::connect(&address) else { continue };
                pass(&near, &far, &shared);
                pass(&far, &near, &shared);
            }
        });
        Self { port, cut }
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    fn heal(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

/// Passes bytes on one way, until the end. What comes while it is cut waits, as packets that are sent again.
fn pass(from: &TcpStream, to: &TcpStream, cut: &Arc<AtomicBool>) {
    let (mut from, mut to, cut) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(cut));
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            while cut.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(2));
            }
            if count == 0 || to.write_all(&buffer[..count]).is_err() {
                drop(to.shutdown(Shutdown::Both));
                drop(from.shutdown(Shutdown::Both));
                return;
            }
        }
    });
}

/// A broker behind its proxies; killed when dropped.
struct Behind {
    process: Child,
    /// Where it really listens.
    address: String,
    to_it: Proxy,
    to_zookeeper: Proxy,
}

impl Behind {
    fn start(cluster: &Cluster, id: i32) -> Self {
        let port = free_ports(1)[0];
        let address = format!("127.0.0.1:{port}");
        let (to_it, to_zookeeper) = (Proxy::to(address.clone()), Proxy::to(cluster.zookeeper_address()));
        let stderr = File::create(cluster.data(id).with_extension("stderr")).unwrap();
        let process = Command::new(binary("yak-broker"))
            .args(["--id", &id.to_string(), "--port", &port.to_string()])
            .args(["--zookeeper", &format!("127.0.0.1:{}", to_zookeeper.port)])
            .args([
                "--override",
                &format!("advertised.listeners=PLAINTEXT://127.0.0.1:{}", to_it.port),
                "--data",
            ])
            .arg(cluster.data(id))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        Self { process, address, to_it, to_zookeeper }
    }

    /// A connection past the proxy, for a client that nobody cuts off.
    fn connect(&self) -> Socket {
        Socket::connect(&self.address)
    }

    fn produce(&self, acks: &str, value: &str) -> Value {
        self.connect().ask(&format!(
            r#"{{"op":"produce","topic":"t","partition":0,"leader_epoch":{},"acks":{acks},"timeout_ms":1000,"records":[{{"value":"{value}"}}]}}"#,
            self.partition()["leader_epoch"]
        ))
    }

    /// The partition as this broker sees it.
    fn partition(&self) -> Value {
        let mut status = self.connect().ok(r#"{"op":"status"}"#);
        let all = status["partitions"].as_array_mut().unwrap();
        all.iter_mut().find(|at| at["topic"] == "t").map(Value::take).unwrap_or_default()
    }

    fn wait_for_isr(&self, size: usize) {
        wait_for(&format!("an ISR of {size}"), || {
            (self.partition()["in_sync_replicas"].as_array()?.len() == size).then_some(())
        });
    }

    fn log(&self, cluster: &Cluster, id: i32) -> Vec<u8> {
        std::fs::read(cluster.data(id).join("t-0/00000000000000000000.log")).unwrap_or_default()
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Three brokers behind proxies, topic `t` on all of them, and the place of its leader among them.
fn three() -> (Cluster, Vec<Behind>, usize) {
    let mut cluster = ClusterBuilder::new(3).prepare();
    cluster.start_zookeeper();
    let brokers: Vec<Behind> = (1..=3).map(|id| Behind::start(&cluster, id)).collect();
    wait_for("three live brokers", || {
        let status = cluster.connect_zookeeper().ok(r#"{"op":"status"}"#);
        let live = status["brokers"].as_array()?.iter().filter(|broker| broker["fenced"] == false).count();
        (live == 3 && brokers.iter().all(|broker| TcpStream::connect(&broker.address).is_ok())).then_some(())
    });
    brokers[0]
        .connect()
        .ok(r#"{"op":"create_topics","topics":[{"name":"t","replication_factor":3}],"timeout_ms":30000}"#);
    brokers[0].wait_for_isr(3);
    let leader = brokers[0].partition()["leader"].as_u64().unwrap();
    let at = usize::try_from(leader).unwrap() - 1;
    wait_for("the first acknowledgement", || brokers[at].produce(ALL_ACKS, "first").get("ok").map(drop));
    (cluster, brokers, at)
}

/// Waits until all logs are the same, and acks=all works at whoever leads.
fn wait_until_whole(cluster: &Cluster, brokers: &[Behind]) {
    brokers.iter().for_each(|broker| broker.wait_for_isr(3));
    let leader = brokers[0].partition()["leader"].as_u64().unwrap();
    let leader = &brokers[usize::try_from(leader).unwrap() - 1];
    wait_for("an acknowledgement by all", || leader.produce(ALL_ACKS, "last").get("ok").map(drop));
    wait_for("identical logs", || {
        let logs: Vec<Vec<u8>> = (1..).zip(brokers).map(|(id, broker)| broker.log(cluster, id)).collect();
        (!logs[0].is_empty() && logs.iter().all(|log| *log == logs[0])).then_some(())
    });
}

#[test]
fn inv_05_a_leader_cut_from_the_zookeeper_only_is_fenced_and_comes_back() {
    let (cluster, brokers, at) = three();
    let (old, other) = (&brokers[at], &brokers[(at + 1) % 3]);
    let first = other.partition()["leader_epoch"].as_i64().unwrap();
    old.to_zookeeper.cut();
    // It goes on, or refuses; whatever it acknowledges to all, the next leader has.
    let mut acknowledged = Vec::new();
    let mut number = 0;
    wait_for("another leader", || {
        let value = format!("acknowledged {number}");
        number += 1;
        if old.produce(ALL_ACKS, &value).get("ok").is_some() {
            acknowledged.push(value);
        }
        let seen = other.partition();
        (seen["leader"].is_i64() && seen["leader_epoch"].as_i64()? > first).then_some(())
    });
    let refused = wait_for("acks=1 to be refused", || {
        let reply = old.produce("1", "by one who is cut off");
        reply.get("error").map(|error| error["code"].clone())
    });
    assert_eq!(refused, "NOT_LEADER_OR_FOLLOWER", "the lease is over");
    let zombie = old.produce(ALL_ACKS, "by one who is cut off");
    assert!(zombie.get("ok").is_none(), "INV-5: {zombie}");
    let status = cluster.connect_zookeeper().ok(r#"{"op":"status"}"#);
    let fenced: Vec<i64> = status["brokers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|broker| broker["fenced"] == true)
        .filter_map(|broker| broker["broker_id"].as_i64())
        .collect();
    assert!(fenced.contains(&(i64::try_from(at).unwrap() + 1)), "{status}");
    old.to_zookeeper.heal();
    wait_until_whole(&cluster, &brokers);
    let leader = other.partition()["leader"].as_u64().unwrap();
    let leader = &brokers[usize::try_from(leader).unwrap() - 1];
    let fetched =
        leader.connect().ok(r#"{"op":"fetch","topic":"t","partition":0,"offset":0,"max_bytes":10000000}"#);
    let records = fetched["partitions"][0]["records"].as_array().unwrap();
    for value in acknowledged {
        let times = records.iter().filter(|record| record["value"] == value.as_str()).count();
        assert_eq!(times, 1, "INV-12: {value}");
    }
}

#[test]
fn inv_13_a_leader_cut_from_its_followers_only_acknowledges_nothing_until_it_heals() {
    let (cluster, brokers, at) = three();
    let leader = &brokers[at];
    let epoch = leader.partition()["leader_epoch"].clone();
    leader.to_it.cut();
    let waited = leader.produce(ALL_ACKS, "nobody else has it");
    assert_eq!(waited["error"]["retriable"], true, "unknown, or refused: {waited}");
    leader.wait_for_isr(1);
    let refused = leader.produce(ALL_ACKS, "too few");
    assert_eq!(refused["error"]["code"], "NOT_ENOUGH_REPLICAS", "{refused}");
    let seen = leader.partition();
    assert_eq!(seen["leader_epoch"], epoch, "its session lives, so it leads on: {seen}");
    leader.to_it.heal();
    wait_until_whole(&cluster, &brokers);
}
