//! yak-status over a cluster of real programs: every member speaks for itself, and whoever is silent is shown as such.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use yak_testkit::{Cluster, ClusterBuilder, Running, binary, run, signal, wait_for};

/// `yak-status --json` through every broker's address.
fn status(cluster: &Cluster) -> Value {
    let finished = run("yak-status", &["--json", "--bootstrap-server", &cluster.bootstrap()]).ok();
    serde_json::from_str(&finished.text()).unwrap()
}

/// The same as a screen.
fn screen(cluster: &Cluster) -> String {
    run("yak-status", &["--bootstrap-server", &cluster.bootstrap()]).ok().text()
}

fn broker(status: &Value, id: i32) -> Value {
    let all = status["brokers"].as_array().unwrap();
    all.iter().find(|broker| broker["broker_id"] == id).cloned().unwrap()
}

/// Brokers 1 to `count`, registered in this order.
fn in_order(count: i32) -> Cluster {
    begin(&ClusterBuilder::new(count), count)
}

fn begin(builder: &ClusterBuilder, count: i32) -> Cluster {
    let mut cluster = builder.prepare();
    cluster.start_zookeeper();
    (1..=count).for_each(|id| cluster.restart(id));
    cluster
}

fn produce(cluster: &Cluster, lines: &str) {
    let args = ["--topic", "orders", "--bootstrap-server", &cluster.bootstrap()];
    _ = yak_testkit::run_with_input("yak-producer", &args, lines.as_bytes()).ok();
}

#[test]
fn three_brokers_and_a_zookeeper_are_one_screen() {
    let cluster = in_order(3);
    cluster.create_topic(1, "orders", 1, 3);
    produce(&cluster, "a\nb\nc\n");
    let seen = wait_for("followers without lag", || {
        let seen = status(&cluster);
        let followers = seen["partitions"][0]["followers"].as_array().unwrap().clone();
        let all = followers.len() == 2 && followers.iter().all(|follower| follower["lag"] == 0);
        all.then_some(seen)
    });
    for id in 1..=3 {
        let broker = broker(&seen, id);
        assert_eq!((&broker["fenced"], &broker["silent"]), (&Value::Bool(false), &Value::Null), "{broker}");
        assert_eq!(broker["directory"], cluster.data(id).display().to_string().as_str());
        assert!(broker["heartbeat_age_ms"].is_u64(), "{broker}");
        assert_eq!(format!("127.0.0.1:{}", broker["port"]), cluster.address(id));
    }
    assert_eq!(seen["zookeeper"]["address"], cluster.zookeeper_address().as_str());
    assert!(seen["zookeeper"]["journal"].as_str().unwrap().starts_with("journal-"), "{seen}");
    let partition = &seen["partitions"][0];
    assert_eq!((&partition["log_end_offset"], &partition["high_watermark"]), (&3.into(), &3.into()));

    let screen = screen(&cluster);
    assert!(screen.contains("answered by brokers 1,2,3\n"), "{screen}");
    assert!(screen.lines().any(|line| line.starts_with("orders-0") && line.ends_with("2:0 3:0")), "{screen}");
    assert!(!screen.contains("does not answer"), "{screen}");
}

#[test]
fn a_dead_broker_is_shown_as_such_with_the_election_it_caused() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic(2, "orders", 1, 3);
    let leader = cluster.wait_for_leader(2, ("orders", 0), |_| true);
    cluster.kill(leader);
    let seen = wait_for("the election in the status", || {
        let seen = status(&cluster);
        (!seen["elections"].as_array().unwrap().is_empty()).then_some(seen)
    });
    let election = &seen["elections"][0];
    assert_eq!((&election["topic"], &election["from"]), (&"orders".into(), &leader.into()), "{election}");
    assert!(election["cause"].as_str().unwrap().contains(&format!("broker {leader} fenced")), "{election}");
    let dead = broker(&seen, leader);
    assert_eq!(dead["fenced"], true, "{dead}");
    assert!(dead["silent"].as_str().unwrap().contains("connection refused"), "{dead}");
    let followers = seen["partitions"][0]["followers"].as_array().unwrap();
    let lag = |id: i32| followers.iter().find(|follower| follower["broker_id"] == id).unwrap()["lag"].clone();
    assert_eq!(lag(leader), Value::Null, "nobody guesses: {followers:?}");

    let screen = screen(&cluster);
    let row = screen.lines().find(|line| line.starts_with(&format!("{leader} "))).unwrap();
    assert!(row.contains(" dead "), "{screen}");
    assert!(screen.contains(&format!("broker {leader} does not answer: connection refused")), "{screen}");
    assert!(screen.lines().any(|line| line.contains(&format!("{leader} -> "))), "{screen}");

    cluster.restart(leader);
    wait_for("it to be back", || {
        let back = broker(&status(&cluster), leader);
        (back["fenced"] == false && back["silent"].is_null()).then_some(())
    });
}

#[test]
fn a_broker_that_hangs_does_not_hold_up_the_screen() {
    let cluster = Cluster::start(3);
    cluster.create_topic(1, "orders", 1, 3);
    cluster.pause(2);
    let seen = wait_for("the hung broker to be fenced", || {
        let seen = status(&cluster);
        (broker(&seen, 2)["fenced"] == true).then_some(seen)
    });
    assert!(broker(&seen, 2)["silent"].is_string(), "{seen}");
    assert!(broker(&seen, 2)["heartbeat_age_ms"].as_u64().unwrap() >= 1_000, "{seen}");
    assert!(broker(&seen, 1)["silent"].is_null(), "{seen}");
    cluster.resume(2);
    wait_for("it to answer again", || broker(&status(&cluster), 2)["silent"].is_null().then_some(()));
}

#[test]
fn an_absent_zookeeper_is_said_in_words() {
    let mut cluster = Cluster::start(2);
    cluster.create_topic(1, "orders", 1, 2);
    cluster.kill_zookeeper();
    let seen = status(&cluster);
    assert!(seen["zookeeper"]["silent"].as_str().unwrap().contains("connection refused"), "{seen}");
    assert_eq!(seen["partitions"][0]["in_sync_replicas"].as_array().unwrap().len(), 2, "as heard last");
    let screen = screen(&cluster);
    assert!(screen.contains("the zookeeper does not answer: connection refused"), "{screen}");
    cluster.start_zookeeper();
    wait_for("the zookeeper to answer", || status(&cluster)["zookeeper"]["silent"].is_null().then_some(()));
}

#[test]
fn producers_and_consumers_of_every_broker_are_listed_until_they_go() {
    // Long sessions: what a broker said of its clients is shown until it is fenced.
    let cluster = begin(&ClusterBuilder::new(3).set_zookeeper("session.timeout.ms", "30000"), 3);
    // One leader on each broker.
    cluster.create_topic(1, "orders", 3, 3);
    let bootstrap = cluster.bootstrap();
    let common = ["--topic", "orders", "--bootstrap-server", &bootstrap, "--client-id"];
    let on = |role: &str, name: &str| {
        let clients = status(&cluster)["clients"].as_array().unwrap().clone();
        let named = clients.iter().filter(|client| client["role"] == role && client["client_id"] == name);
        let mut on: Vec<i64> = named.map(|client| client["broker_id"].as_i64().unwrap()).collect();
        on.sort_unstable();
        on
    };
    let consumer = Running::start("yak-consumer", &[&common[..], &["reader", "--from-beginning"]].concat());
    let mut producer = Running::start("yak-producer", &[&common[..], &["writer"]].concat());
    producer.write(b"a\nb\nc\n");
    wait_for("the consumer on every broker", || (on("consumer", "reader") == [1, 2, 3]).then_some(()));
    wait_for("the producer on every broker", || (on("producer", "writer") == [1, 2, 3]).then_some(()));
    wait_for("what was sent and read", || {
        let clients = status(&cluster)["clients"].as_array().unwrap().clone();
        let records = |role: &str| -> u64 {
            let of = clients.iter().filter(|client| client["role"] == role);
            of.map(|client| client["records"].as_u64().unwrap()).sum()
        };
        (records("producer") == 3 && records("consumer") == 3).then_some(())
    });
    let screen = screen(&cluster);
    assert_eq!(screen.lines().filter(|line| line.starts_with("reader ")).count(), 3, "{screen}");

    // What a hung broker would have said of its clients, the zookeeper heard before, with a heartbeat.
    wait_for("a heartbeat that tells of broker 3's producer", || {
        let seen = cluster.connect_zookeeper().ok(r#"{"op":"status"}"#);
        let clients = broker(&seen, 3)["clients"].as_array()?.clone();
        clients.iter().any(|client| client["client_id"] == "writer").then_some(())
    });
    cluster.pause(3);
    wait_for("hearsay of broker 3's producer", || {
        let clients = status(&cluster)["clients"].as_array().unwrap().clone();
        let of_three = |client: &&Value| client["broker_id"] == 3 && client["client_id"] == "writer";
        clients.iter().find(of_three).filter(|client| client["records"].is_null()).map(|_| ())
    });
    cluster.resume(3);
    assert_eq!(producer.finish().code, Some(0));
    consumer.signal("INT");
    assert_eq!(consumer.finish().code, Some(0));
    wait_for("both to be gone", || {
        (on("consumer", "reader").is_empty() && on("producer", "writer").is_empty()).then_some(())
    });
}

#[test]
fn a_watch_goes_on_through_a_failover() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic(1, "orders", 1, 3);
    let leader = cluster.wait_for_leader(1, ("orders", 0), |_| true);
    let mut watch = Command::new(binary("yak-status"))
        .args(["--json", "--watch", "100ms", "--bootstrap-server", &cluster.bootstrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // So many screens are far more than a failover takes.
    let mut screens = BufReader::new(watch.stdout.take().unwrap()).lines().take(2_000);
    let mut leads = |wanted: &dyn Fn(&Value) -> bool| {
        screens.any(|line| {
            wanted(&serde_json::from_str::<Value>(&line.unwrap()).unwrap()["partitions"][0]["leader"])
        })
    };
    assert!(leads(&|seen| *seen == leader));
    cluster.kill(leader);
    assert!(leads(&|seen| seen.is_i64() && *seen != leader), "the next leader was never shown");
    signal(watch.id(), "INT");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}
