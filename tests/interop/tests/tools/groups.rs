//! kafka-consumer-groups, and the tools that read as members of a group.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use yak_test_interop::samples::{START, at, record};
use yak_test_interop::unique;
use yak_testkit::wait_for;

use crate::bench::Bench;

const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const PERF: &str = "org.apache.kafka.tools.ConsumerPerformance";
/// Of each partition; they are a second apart.
const RECORDS: i64 = 10;

pub(crate) fn run(mut bench: Bench) {
    let topic = unique("in-groups");
    // The records are as old as their times say.
    bench.ask(json!({ "op": "create_topic", "topic": topic, "partitions": 2, "replication_factor": 1,
        "configs": { "retention.ms": "-1" } }));
    let group = unique("group");
    let records: Vec<_> =
        (0..RECORDS).map(|number| at(record(None, Some(b"value"), &[]), START + 1000 * number)).collect();
    for partition in 0..2 {
        bench.ask(json!({ "op": "produce", "topic": topic, "partition": partition, "compression": "none",
            "idempotent": false, "records": records }));
    }
    console_consumer(&mut bench, &topic, &group);
    with_a_member(&mut bench, &topic, &group);
    without_members(&mut bench, &topic, &group);
    reset(&mut bench, &topic, &group);
    from_file(&mut bench, &topic, &group);
    delete(&mut bench, &topic, &group);
    consumer_perf(&mut bench, &topic);
}

/// What the group has committed: partition to offset.
fn committed(bench: &mut Bench, group: &str) -> BTreeMap<i64, i64> {
    let found = bench.client(json!({ "op": "group_offsets", "group": group }));
    let pair = |entry: &Value| Some((entry[1].as_i64()?, entry[2].as_i64()?));
    found["offsets"].as_array().into_iter().flatten().filter_map(pair).collect()
}

fn console_consumer(bench: &mut Bench, topic: &str, group: &str) {
    let read =
        ["--topic", topic, "--group", group, "--from-beginning", "--timeout-ms", "20000", "--max-messages"];
    let said = bench.tool(CONSUMER, &[&read[..], &["14"]].concat());
    assert_eq!(said.lines().count(), 14, "{said}");
    let said = bench.tool(CONSUMER, &[&read[..], &["6"]].concat());
    assert_eq!(said.lines().count(), 6, "the rest: {said}");
    assert_eq!(committed(bench, group), BTreeMap::from([(0, RECORDS), (1, RECORDS)]));
    bench.cells.passes("kafka-console-consumer --group, twice");
}

/// The fields of the one line that begins with these.
fn line<'a>(said: &'a str, begin: &[&str]) -> Vec<&'a str> {
    let lines = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut found: Vec<_> = lines.filter(|line| line.starts_with(begin)).collect();
    assert_eq!(found.len(), 1, "{begin:?} in {said}");
    found.remove(0)
}

fn with_a_member(bench: &mut Bench, topic: &str, group: &str) {
    let join = json!({ "op": "join", "member": "m", "group": group, "topics": [topic], "protocol": "classic",
        "assignor": "roundrobin", "instance": "named", "session_ms": 300_000 });
    bench.client(join);
    wait_for("a member", || (state(bench, group) == "Stable").then_some(()));

    let said = bench.tool(GROUPS, &["--describe", "--group", group]);
    for partition in ["0", "1"] {
        let fields = line(&said, &[group, topic, partition]);
        assert_eq!(fields[3..6], ["10", "10", "0"], "{said}");
        assert!(fields[6].contains("named-") && fields[7] == "/127.0.0.1", "{said}");
    }
    bench.cells.passes("kafka-consumer-groups --describe");

    let said = bench.tool(GROUPS, &["--describe", "--group", group, "--members", "--verbose"]);
    let fields = line(&said, &[group]);
    assert!(fields[1].contains("named-") && fields[2] == "named" && fields[5] == "2", "{said}");
    // The older one forgets to print the topic's name.
    let place = bench.named(":0,1", "(0,1)");
    assert!(fields[6..].iter().any(|field| field.ends_with(place)), "{said}");
    bench.cells.passes("kafka-consumer-groups --describe --members --verbose");

    let said = bench.tool(GROUPS, &["--describe", "--group", group, "--state"]);
    let fields = line(&said, &[group]);
    assert_eq!(fields[fields.len() - 3..], ["roundrobin", "Stable", "1"], "{said}");
    bench.cells.passes("kafka-consumer-groups --describe --state");

    let said = bench.tool(GROUPS, &["--list", "--state"]);
    assert_eq!(line(&said, &[group]).last(), Some(&"Stable"), "{said}");
    let said = bench.raw(
        GROUPS,
        &["--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute"],
        "",
    );
    assert!(said.stdout.contains("inactive"), "{said:?}");
    let said = bench.raw(GROUPS, &["--delete", "--group", group], "");
    assert!(said.stdout.contains("GroupNotEmptyException"), "{said:?}");
    bench.client(json!({ "op": "leave", "member": "m" }));
    remove_members(bench, group);
}

/// A member with a name of its own stays when its process goes, until somebody says otherwise.
fn remove_members(bench: &mut Bench, group: &str) {
    assert_eq!(state(bench, group), "Stable");
    bench.client(json!({ "op": "remove_member", "group": group, "instance": "named" }));
    assert_eq!(state(bench, group), "Empty");
}

fn state(bench: &mut Bench, group: &str) -> Value {
    bench.client(json!({ "op": "describe_group", "group": group }))["state"].take()
}

fn without_members(bench: &mut Bench, topic: &str, group: &str) {
    let said = bench.tool(GROUPS, &["--list"]);
    assert!(said.lines().any(|line| line == group), "{said}");
    bench.cells.passes("kafka-consumer-groups --list");
    let said = bench.tool(GROUPS, &["--describe", "--group", group]);
    assert_eq!(line(&said, &[group, topic, "1"])[3..], ["10", "10", "0", "-", "-", "-"], "{said}");
}

fn reset(bench: &mut Bench, topic: &str, group: &str) {
    let moment = "2023-11-14T22:13:24.500";
    for (how, expected) in [
        (&["--to-earliest"][..], [0, 0]),
        (&["--to-offset", "4"], [4, 4]),
        (&["--shift-by", "3"], [7, 7]),
        (&["--to-current"], [7, 7]),
        (&["--to-latest"], [10, 10]),
        (&["--shift-by", "-4"], [6, 6]),
        (&["--to-datetime", moment], [5, 5]),
        // Everything is older than that.
        (&["--by-duration", "PT1H"], [10, 10]),
    ] {
        let place = ["--reset-offsets", "--group", group, "--topic", topic];
        let dry = bench.tool(GROUPS, &[&place[..], how, &["--dry-run"]].concat());
        let said = bench.tool(GROUPS, &[&place[..], how, &["--execute"]].concat());
        for (partition, offset) in ["0", "1"].into_iter().zip(expected) {
            let new = offset.to_string();
            for said in [&dry, &said] {
                // The older one writes them all into one line.
                let words: Vec<_> = said.split_whitespace().collect();
                assert!(
                    words.windows(4).any(|words| words == [group, topic, partition, &new]),
                    "{how:?}: {said}"
                );
            }
        }
        assert_eq!(committed(bench, group), BTreeMap::from([(0, expected[0]), (1, expected[1])]), "{how:?}");
        bench.cells.passes(&format!("kafka-consumer-groups --reset-offsets {}", how[0]));
    }
    let one = format!("{topic}:1");
    bench.tool(
        GROUPS,
        &["--reset-offsets", "--group", group, "--topic", &one, "--to-offset", "3", "--execute"],
    );
    assert_eq!(committed(bench, group), BTreeMap::from([(0, 10), (1, 3)]));
}

fn from_file(bench: &mut Bench, topic: &str, group: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("offsets.csv");
    let reset = ["--reset-offsets", "--group", group];
    let said = bench
        .tool(GROUPS, &[&reset[..], &["--topic", topic, "--to-current", "--export", "--dry-run"]].concat());
    let mut lines: Vec<_> = said.lines().filter(|line| line.contains(topic)).collect();
    lines.sort_unstable();
    assert_eq!(lines, [format!("\"{topic}\",0,10"), format!("\"{topic}\",1,3")], "{said}");
    fs::write(&file, format!("{topic},0,2\n{topic},1,8\n")).unwrap();
    bench.tool(GROUPS, &[&reset[..], &["--from-file", file.to_str().unwrap(), "--execute"]].concat());
    assert_eq!(committed(bench, group), BTreeMap::from([(0, 2), (1, 8)]));
    bench.cells.passes("kafka-consumer-groups --reset-offsets --export and --from-file");
}

fn delete(bench: &mut Bench, topic: &str, group: &str) {
    let one = format!("{topic}:0");
    let said = bench.tool(GROUPS, &["--delete-offsets", "--group", group, "--topic", &one]);
    assert!(said.contains("Request succeed"), "{said}");
    assert_eq!(committed(bench, group), BTreeMap::from([(1, 8)]));
    bench.cells.passes("kafka-consumer-groups --delete-offsets");

    let said = bench.tool(GROUPS, &["--delete", "--group", group]);
    assert!(said.contains("was successful"), "{said}");
    assert!(!bench.tool(GROUPS, &["--list"]).lines().any(|line| line == group));
    bench.cells.passes("kafka-consumer-groups --delete");
}

fn consumer_perf(bench: &mut Bench, topic: &str) {
    let group = unique("perf");
    let count = bench.named("--num-records", "--messages");
    let said = bench.tool(PERF, &["--topic", topic, "--group", &group, count, "20", "--timeout", "20000"]);
    let figures = said.lines().last().unwrap();
    let records = figures.split(", ").nth(4);
    assert_eq!(records, Some("20"), "{said}");
    bench.cells.passes("kafka-consumer-perf-test");
}
