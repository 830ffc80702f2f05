//! Captures the requests of real clients for `crates/kafka/tests/frames`:
//! `cargo run -p yak-test-interop --example record_frames -- DIRECTORY`; with `YAK_INTEROP_PEER=apache` what they send to
//! Apache Kafka.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use yak_test_interop::samples::record;
use yak_test_interop::{Answer, Apache, Client, Line, Program, Recorder, Setup, Speaker};
use yak_testkit::{BrokerBuilder, free_ports, wait_for};

/// Larger ones are not worth keeping.
const MAX_BYTES: usize = 600;
const TOPIC: &str = "t";
/// The key of Heartbeat.
const HEARTBEAT: i16 = 12;

/// Names of the requests that are kept.
const NAMES: &[(i16, &str)] = &[
    (0, "Produce"),
    (1, "Fetch"),
    (2, "ListOffsets"),
    (3, "Metadata"),
    (8, "OffsetCommit"),
    (9, "OffsetFetch"),
    (10, "FindCoordinator"),
    (11, "JoinGroup"),
    (12, "Heartbeat"),
    (13, "LeaveGroup"),
    (14, "SyncGroup"),
    (15, "DescribeGroups"),
    (16, "ListGroups"),
    (18, "ApiVersions"),
    (19, "CreateTopics"),
    (20, "DeleteTopics"),
    (21, "DeleteRecords"),
    (22, "InitProducerId"),
    (23, "OffsetForLeaderEpoch"),
    (32, "DescribeConfigs"),
    (33, "AlterConfigs"),
    (35, "DescribeLogDirs"),
    (37, "CreatePartitions"),
    (42, "DeleteGroups"),
    (43, "ElectLeaders"),
    (44, "IncrementalAlterConfigs"),
    (46, "ListPartitionReassignments"),
    (47, "OffsetDelete"),
    (60, "DescribeCluster"),
    (61, "DescribeProducers"),
    (68, "ConsumerGroupHeartbeat"),
    (69, "ConsumerGroupDescribe"),
    (75, "DescribeTopicPartitions"),
];

fn main() -> Result<()> {
    let directory = std::env::args().nth(1).context("a directory is wanted")?;
    let setup = Setup::find().context("run scripts/interop-setup.sh")?;
    // A second one of each kind shows that clients differ; more would show nothing new.
    let mut kept: BTreeMap<(i16, i16), Vec<&str>> = BTreeMap::new();
    for client in Client::ALL {
        let family = client.title().split(' ').next().unwrap_or_default();
        let data = tempfile::tempdir()?;
        let ports = free_ports(3);
        let (between, listens) = (ports[0], ports[1]);
        let broker = start(&setup, data.path(), &ports);
        let recorder = Recorder::start(between, listens);
        exercise(client, &setup, (&recorder, &format!("127.0.0.1:{between}")));
        drop(broker);
        for ((key, version), frame) in recorder.take() {
            let Some((_, name)) = NAMES.iter().find(|(number, _)| *number == key) else { continue };
            let families = kept.entry((key, version)).or_default();
            if frame.len() <= MAX_BYTES && families.len() < 2 && !families.contains(&family) {
                families.push(family);
                let who = client.title().replace(' ', "-");
                let file = format!("{name}-v{version}-request-{who}.hex");
                fs::write(Path::new(&directory).join(file), text(client, &frame))?;
            }
        }
    }
    Ok(())
}

/// A broker that listens at the second of these ports and tells clients the first; it lives as long as what is returned.
fn start(setup: &Setup, data: &Path, ports: &[u16]) -> Box<dyn Any> {
    if std::env::var("YAK_INTEROP_PEER").is_ok_and(|peer| peer == "apache") {
        return Box::new(Apache::start_at(setup, ports[1..].to_vec(), &ports[..1]));
    }
    let advertised = format!("PLAINTEXT://127.0.0.1:{}", ports[0]);
    let broker = BrokerBuilder::new(&data.join("broker")).port(ports[1]);
    Box::new(broker.set("advertised.listeners", &advertised).start())
}

fn text(client: Client, frame: &[u8]) -> String {
    let lines = frame.chunks(24).map(|line| {
        let digits: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        digits.join(" ") + "\n"
    });
    format!("# Captured from {}.\n{}", client.title(), lines.collect::<String>())
}

/// A little of everything; what a client lacks or what fails does not matter here.
fn exercise(client: Client, setup: &Setup, (recorder, bootstrap): (&Recorder, &str)) {
    let mut program = Program::start(client, setup, bootstrap);
    everything(&mut program);
    ["classic", "consumer"].iter().for_each(|protocol| groups(&mut program, recorder, protocol));
    if matches!(client, Client::Java4 | Client::Java39) {
        tools(&mut program, bootstrap);
    }
    _ = program.ask(json!({ "op": "delete_topic", "topic": TOPIC }));
}

fn everything(program: &mut Program) {
    let mut ask = |fields: Value| _ = program.ask(fields);
    ask(json!({ "op": "create_topic", "topic": TOPIC, "partitions": 1, "replication_factor": 1,
        "configs": { "retention.ms": "7000000" } }));
    let records =
        [record(Some(b"key"), Some(b"value"), &[("h", Some(b"1"))]), record(None, Some(b"value"), &[])];
    for (compression, idempotent) in [("gzip", false), ("none", true)] {
        ask(json!({ "op": "produce", "topic": TOPIC, "partition": 0, "compression": compression,
            "idempotent": idempotent, "records": records }));
    }
    ask(json!({ "op": "consume", "topic": TOPIC, "partition": 0, "from": "beginning", "count": 2 }));
    for at in [json!("earliest"), json!({ "time": 1000 })] {
        ask(json!({ "op": "offset", "topic": TOPIC, "partition": 0, "at": at }));
    }
    ask(json!({ "op": "list_topics" }));
    ask(json!({ "op": "describe_topic", "topic": TOPIC }));
    ask(json!({ "op": "describe_cluster" }));
    ask(json!({ "op": "describe_configs", "topic": TOPIC }));
    ask(json!({ "op": "alter_configs", "topic": TOPIC, "set": { "max.message.bytes": "123456" },
        "delete": ["retention.ms"] }));
    ask(json!({ "op": "create_partitions", "topic": TOPIC, "total": 2 }));
    ask(json!({ "op": "delete_records", "topic": TOPIC, "partition": 0, "before": 1 }));
}

/// A member reads the record that is left, commits, heartbeats and leaves; then all that may be asked of its group.
fn groups(program: &mut Program, recorder: &Recorder, protocol: &str) {
    let join = json!({ "op": "join", "member": "m", "group": protocol, "topics": [TOPIC], "protocol": protocol,
        "assignor": null, "instance": null, "session_ms": 6000 });
    if !matches!(program.ask(join), Answer::Done(_)) {
        return;
    }
    while !matches!(program.next_line(), Line::Event(event) if event.get("read").is_some()) {}
    if protocol == "classic" {
        wait_for("a heartbeat", || recorder.saw(HEARTBEAT).then_some(()));
    }
    let mut ask = |op: &str| {
        _ = program.ask(json!({ "op": op, "group": protocol, "topic": TOPIC, "partition": 0,
        "offset": 1, "member": "m" }))
    };
    for op in [
        "list_groups",
        "describe_group",
        "group_offsets",
        "leave",
        "alter_group_offset",
        "delete_group_offset",
        "delete_group",
    ] {
        ask(op);
    }
}

fn tools(program: &mut Program, bootstrap: &str) {
    let calls: [(&str, &[&str]); 4] = [
        ("LogDirsCommand", &["--describe", "--topic-list", TOPIC]),
        ("LeaderElectionCommand", &["--election-type", "preferred", "--topic", TOPIC, "--partition", "0"]),
        ("reassign.ReassignPartitionsCommand", &["--list"]),
        ("TransactionsCommand", &["describe-producers", "--topic", TOPIC, "--partition", "0"]),
    ];
    for (name, args) in calls {
        let args = [&["--bootstrap-server", bootstrap], args].concat();
        drop(program.tool(&format!("org.apache.kafka.tools.{name}"), &args, ""));
    }
}
