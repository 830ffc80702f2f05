//! A zookeeper with its brokers: who starts first, what a `kill -9` leaves, and disks that are full or fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use serde_json::Value;
use yak_testkit::{Cluster, ClusterBuilder, Socket, ZookeeperBuilder, wait_for};

const STATUS: &str = r#"{"op":"status"}"#;
const METADATA: &str = r#"{"op":"metadata"}"#;

/// Registers a broker by hand and beats until it may lead. Keep the connection: the session ends with it.
fn join(mut socket: Socket) -> Socket {
    let session = socket.ok(
        r#"{"op":"register_broker","broker_id":1,"incarnation_id":"AgICAgICQgKCAgICAgICAg","directory_ids":["AQEBAQEBQQGBAQEBAQEBAQ"],"host":"localhost","port":9092}"#,
    );
    let beat = format!(
        r#"{{"op":"heartbeat","broker_epoch":{},"applied":{},"recovered":true}}"#,
        session["broker_epoch"], session["index"]
    );
    wait_for("unfenced", || (socket.ok(&beat)["fenced"] == false).then_some(()));
    socket
}

fn journal_index(cluster: &Cluster) -> u64 {
    cluster.connect_zookeeper().ok(STATUS)["index"].as_u64().unwrap()
}

#[test]
fn brokers_that_are_started_first_wait_for_the_zookeeper_and_say_so() {
    let mut cluster = ClusterBuilder::new(2).prepare();
    (1..=2).for_each(|id| cluster.start_broker(id));
    let says = format!("waiting for zookeeper at {}", cluster.zookeeper_address());
    for id in 1..=2 {
        wait_for("a broker that waits", || cluster.stderr(id).contains(&says).then_some(()));
    }
    cluster.start_zookeeper();
    (1..=2).for_each(|id| _ = cluster.wait_ready(id));
    cluster.create_topic(2, "t", 1, 2);
    cluster.wait_for_isr(1, ("t", 0), &[1, 2]);
    // A broker that comes later finds everything there.
    assert_eq!(cluster.shut_down(1), Some(0));
    cluster.restart(1);
    cluster.wait_for_isr(1, ("t", 0), &[1, 2]);
}

#[test]
fn a_zookeeper_that_was_killed_goes_on_where_it_was_with_the_same_topics_leaders_and_ids() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic(1, "t", 3, 3);
    cluster.create_topic(1, "u", 2, 2);
    for partition in 0..3 {
        cluster.wait_for_isr(1, ("t", partition), &[1, 2, 3]);
    }
    let seen = |cluster: &Cluster| {
        let status = cluster.connect_zookeeper().ok(STATUS);
        let registrations: Vec<(Value, Value)> = status["brokers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|broker| (broker["broker_id"].clone(), broker["broker_epoch"].clone()))
            .collect();
        (cluster.connect_zookeeper().ok(METADATA), registrations, status["index"].clone())
    };
    let before = seen(&cluster);
    cluster.kill_zookeeper();
    // The data goes on without it.
    let leader = cluster.leader_of(1, "t", 0).expect("somebody leads");
    cluster
        .connect(leader)
        .ok(r#"{"op":"produce","topic":"t","partition":0,"records":[{"value":"v"}],"acks":"all"}"#);
    cluster.start_zookeeper();
    wait_for("the brokers' return", || {
        let status = cluster.connect_zookeeper().ok(STATUS);
        status["brokers"].as_array()?.iter().all(|broker| broker["connected"] == true).then_some(())
    });
    assert_eq!(seen(&cluster), before, "no line was written, and nobody leads but who led");
    let index = journal_index(&cluster);
    cluster.create_topic(2, "w", 1, 3);
    assert_eq!(journal_index(&cluster), index + 1, "the index goes on");
}

#[test]
fn a_person_at_the_zookeepers_terminal_reads_each_change_and_its_cause() {
    let mut cluster = Cluster::start(1);
    cluster.create_topic(1, "t", 1, 1);
    assert_eq!(cluster.shut_down(1), Some(0));
    let said = cluster.zookeeper_stderr();
    for says in [
        "metadata_changed index=2 cause=\"broker 1 registered (first time) at ",
        "cause=\"broker 1 is ready\"",
        "cause=\"topic t created",
        "cause=\"broker 1 shut down\"",
    ] {
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn inv_22_a_full_disk_refuses_changes_keeps_sessions_and_heals() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("zookeeper");
    let zookeeper =
        ZookeeperBuilder::new(&data).small_disk(4 * 1024).set("session.timeout.ms", "60s").start();
    let mut broker = join(zookeeper.connect());
    let filler = zookeeper.inside(&data).join("filler");
    // All but nothing of what the journal has not reserved.
    let mut bytes = 4 << 20;
    while fs::write(&filler, vec![0; bytes]).is_err() {
        bytes -= 64 * 1024;
    }
    let mut socket = zookeeper.connect();
    let create = |number: u32| format!(r#"{{"op":"create_topics","topic":"t{number}","partitions":200}}"#);
    let refused = (0..200).find_map(|number| socket.ask(&create(number)).get("error").cloned());
    let refused = refused.expect("the disk was never full");
    assert_eq!(
        (&refused["code"], &refused["retriable"]),
        (&"KAFKA_STORAGE_ERROR".into(), &true.into()),
        "{refused}"
    );
    assert!(refused["message"].as_str().unwrap().starts_with("nothing was changed: "), "{refused}");
    let index = socket.ok(STATUS)["index"].clone();
    let beat = r#"{"op":"heartbeat","broker_epoch":2,"applied":3,"recovered":true}"#;
    assert_eq!(broker.ok(beat)["fenced"], false, "who lives goes on living");
    assert_eq!(socket.error(&create(1_000)).0, "KAFKA_STORAGE_ERROR");
    assert_eq!(socket.ok(STATUS)["index"], index, "nothing was changed");
    fs::remove_file(&filler).unwrap();
    socket.ok(&create(1_001));
    let text =
        fs::read_to_string(zookeeper.inside(&data).join("journal-00000000000000000001.ndjson")).unwrap();
    let last = text.lines().last().unwrap();
    assert!(last.contains("topic t1001 created") && text.ends_with('\n'), "{last}");
    assert_eq!(
        text.lines().count() as u64,
        1 + index.as_u64().unwrap() + 1,
        "a line for each change and no other"
    );
}

/// The first failed sync ends the process: the second one would succeed, though the bytes are gone.
#[test]
fn inv_17_a_failed_sync_ends_the_process_and_a_restart_goes_on() {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        assert!(std::env::var_os("YAK_REQUIRE_ALL").is_none(), "strace is missing");
        println!("skipped: strace, which makes a sync fail, is missing");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("zookeeper");
    let trace = directory.path().join("trace");
    // The first syncs are those of the start; the eighth is one of a change.
    let words = ["strace", "-f", "-o", trace.to_str().unwrap(), "-e", "trace=fdatasync"];
    let inject = "inject=fdatasync:error=EIO:when=8+";
    let wrapped = [&words[..], &["-e", inject]].concat();
    let zookeeper = ZookeeperBuilder::new(&data).by(&wrapped).set("session.timeout.ms", "60s").start();
    let mut broker = join(zookeeper.connect());
    let mut acknowledged = 0;
    let last = loop {
        let create = format!(r#"{{"op":"create_topics","topic":"t{acknowledged}"}}"#);
        broker.send(&create);
        let Some(line) = broker.read_line() else { break None };
        if !line.contains("\"ok\"") {
            break Some(line);
        }
        acknowledged += 1;
        assert!(acknowledged < 20, "the sync never failed");
    };
    if let Some(line) = last {
        assert!(line.contains("whether the change was made is unknown"), "{line}");
    }
    let (code, stderr) = zookeeper.wait_end();
    assert_eq!(code, Some(1), "{stderr}");
    let error = stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains("cannot sync") && error.contains("journal-"), "{error}");
    let zookeeper = ZookeeperBuilder::new(&data).start();
    let topics = zookeeper.connect().ok(METADATA)["topics"].as_array().unwrap().len();
    assert!(topics >= acknowledged, "{topics} topics of {acknowledged} that were acknowledged");
}
