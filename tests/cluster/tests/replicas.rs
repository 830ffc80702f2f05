//! Replicas of real brokers that come, are lost and come back: the wanted factor heals, damage is filled again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use yak_testkit::{Cluster, ClusterBuilder, wait_for};

const ALL: [i32; 3] = [1, 2, 3];
/// `acks` as JSON.
const ALL_ACKS: &str = "\"all\"";

/// Produces one value to a partition through its leader; the whole reply.
fn produce(
    cluster: &Cluster,
    seen_by: i32,
    (topic, partition): (&str, i32),
    acks: &str,
    value: &str,
) -> Value {
    let leader = cluster.wait_for_leader(seen_by, (topic, partition), |_| true);
    cluster.connect(leader).ask(&format!(
        r#"{{"op":"produce","topic":"{topic}","partition":{partition},"acks":{acks},"records":[{{"value":"{value}"}}]}}"#
    ))
}

/// The same, until it is acknowledged: whoever is asked may just be learning that it leads.
fn acknowledged(cluster: &Cluster, seen_by: i32, at: (&str, i32), value: &str) {
    wait_for(&format!("the acknowledgement of {value}"), || {
        let reply = produce(cluster, seen_by, at, ALL_ACKS, value);
        assert!(reply.get("ok").is_some() || reply["error"]["retriable"] == true, "{reply}");
        reply.get("ok").map(drop)
    });
}

/// Names and bytes of a partition's segments.
fn segments(cluster: &Cluster, id: i32, partition: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(cluster.data(id).join(partition)) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| (PathBuf::from(path.file_name().unwrap()), fs::read(&path).unwrap()))
        .collect();
    found.sort();
    found
}

/// Waits until the files of a partition are the same on all three brokers.
fn wait_until_identical(cluster: &Cluster, partition: &str) {
    wait_for(&format!("identical segments of {partition}"), || {
        let first = segments(cluster, 1, partition);
        let same = ALL.iter().all(|id| segments(cluster, *id, partition) == first);
        (same && first.iter().any(|(_, bytes)| !bytes.is_empty())).then_some(())
    });
}

#[test]
fn brokers_that_join_heal_the_wanted_factor_without_downtime() {
    let builder =
        ClusterBuilder::new(3).set("default.replication.factor", "3").set("min.insync.replicas", "2");
    let mut cluster = builder.prepare();
    cluster.start_zookeeper();
    cluster.restart(1);
    cluster
        .connect(1)
        .ok(r#"{"op":"create_topics","topics":[{"name":"t","partitions":3}],"timeout_ms":30000}"#);
    let refused = produce(&cluster, 1, ("t", 0), ALL_ACKS, "too few");
    assert_eq!(refused["error"]["code"], "NOT_ENOUGH_REPLICAS", "not weakly acknowledged: {refused}");
    assert_eq!(refused["error"]["retriable"], true, "{refused}");
    // One copy is what acks=1 asks for, before, while and after the others join.
    let mut sent = 0;
    let mut one_copy = |cluster: &Cluster| {
        let reply = produce(cluster, 1, ("t", 0), "1", &format!("value {sent}"));
        assert!(reply.get("ok").is_some(), "{reply}");
        sent += 1;
    };
    one_copy(&cluster);
    for id in [2, 3] {
        cluster.start_broker(id);
        wait_for(&format!("broker {id} in the ISR"), || {
            one_copy(&cluster);
            let isr = cluster.partition(1, "t", 0)?["in_sync_replicas"].as_array()?.clone();
            isr.contains(&Value::from(id)).then_some(())
        });
        cluster.wait_ready(id);
    }
    for partition in 0..3 {
        cluster.wait_for_isr(1, ("t", partition), &ALL);
        let seen = cluster.partition(1, "t", partition).unwrap();
        assert_eq!(seen["replicas"], serde_json::json!(ALL), "in order of their coming: {seen}");
        assert_eq!(seen["leader"], 1, "leadership is not taken from who has it: {seen}");
        let reply = produce(&cluster, 1, ("t", partition), ALL_ACKS, "enough");
        let mut holders: Vec<i64> =
            reply["ok"]["acked_by"].as_array().unwrap().iter().filter_map(Value::as_i64).collect();
        holders.sort_unstable();
        assert_eq!(holders, [1, 2, 3], "{reply}");
        wait_until_identical(&cluster, &format!("t-{partition}"));
    }
    let fetched =
        cluster.connect(1).ok(r#"{"op":"fetch","topic":"t","partition":0,"offset":0,"max_bytes":10000000}"#);
    let records = fetched["partitions"][0]["records"].as_array().unwrap();
    assert_eq!(records.len(), sent + 1, "every record is there once");
    // Each is as good a leader as the first.
    assert_eq!(cluster.shut_down(1), Some(0));
    for partition in 0..3 {
        acknowledged(&cluster, 2, ("t", partition), "after");
    }
}

/// Flips a bit in the value of the 21st record.
fn flip(data: &Path) {
    let path = data.join("t-0/00000000000000000000.log");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|window| window == b"value 20").unwrap();
    bytes[at] ^= 4;
    fs::write(&path, bytes).unwrap();
}

/// A broker is killed, loses something, and is started again; what it said meanwhile.
fn comes_back(leads: bool, lose: impl Fn(&Path)) -> (Cluster, i32, String) {
    let mut cluster = ClusterBuilder::new(3).start();
    cluster.connect(1).ok(
        r#"{"op":"create_topics","topics":[{"name":"t","replication_factor":3,"configs":{"segment.bytes":"4096"}}],"timeout_ms":30000}"#,
    );
    cluster.wait_for_isr(1, ("t", 0), &ALL);
    for number in 0..100 {
        acknowledged(&cluster, 1, ("t", 0), &format!("value {number}"));
    }
    let leader = cluster.wait_for_leader(1, ("t", 0), |_| true);
    let victim = if leads { leader } else { leader % 3 + 1 };
    let others: Vec<i32> = ALL.into_iter().filter(|id| *id != victim).collect();
    cluster.kill(victim);
    cluster.wait_for_isr(others[0], ("t", 0), &others);
    for number in 100..120 {
        acknowledged(&cluster, others[0], ("t", 0), &format!("value {number}"));
    }
    let data = cluster.data(victim);
    lose(&data);
    let said_before = cluster.stderr(victim).len();
    cluster.restart(victim);
    cluster.wait_for_isr(others[0], ("t", 0), &ALL);
    wait_until_identical(&cluster, "t-0");
    let seen = cluster.partition(others[0], "t", 0).unwrap();
    assert_eq!(
        seen["in_sync_replicas"].as_array().unwrap().last(),
        Some(&Value::from(victim)),
        "INV-6: it was out of the ISR until it had caught up: {seen}"
    );
    assert_ne!(seen["leader"], victim, "{seen}");
    acknowledged(&cluster, others[0], ("t", 0), "after");
    let said = cluster.stderr(victim).split_off(said_before);
    (cluster, victim, said)
}

fn holds(directory: &Path, suffix: &str) -> bool {
    let mut names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.any(|name| name.to_str().unwrap().ends_with(suffix))
}

#[test]
fn inv_16_a_killed_follower_with_a_flipped_bit_is_filled_again() {
    let (cluster, victim, said) = comes_back(false, flip);
    for says in ["is damaged at position", "damage was set aside", "00000000000000000000.log.damaged"] {
        assert!(said.contains(says), "{says}: {said}");
    }
    assert!(holds(&cluster.data(victim).join("t-0"), ".log.damaged"));
}

#[test]
fn inv_06_a_killed_leader_with_a_flipped_bit_is_filled_again() {
    let (cluster, victim, said) = comes_back(true, flip);
    assert!(said.contains("damage was set aside"), "{said}");
    assert!(holds(&cluster.data(victim).join("t-0"), ".log.damaged"));
}

#[test]
fn inv_06_a_killed_leader_without_its_partition_is_filled_again() {
    let (_cluster, _victim, said) = comes_back(true, |data| fs::remove_dir_all(data.join("t-0")).unwrap());
    assert!(said.contains("t-0: its directory is missing, though it was synced up to offset"), "{said}");
}

#[test]
fn inv_06_a_killed_leader_on_an_empty_disk_is_filled_again() {
    comes_back(true, |data| fs::remove_dir_all(data).unwrap());
}
