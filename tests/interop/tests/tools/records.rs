//! What writes, reads, counts and deletes records.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use yak_test_interop::samples::{CODECS, assert_read, at, record};

use crate::bench::Bench;

const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";
const PERF: &str = "org.apache.kafka.tools.ProducerPerformance";

pub(crate) fn run(mut bench: Bench) {
    for codec in CODECS {
        console_producer(&mut bench, codec);
    }
    console_consumer(&mut bench);
    offsets(&mut bench);
    verifiable_producer(&mut bench);
    producer_perf(&mut bench);
}

fn console_producer(bench: &mut Bench, codec: &str) {
    let topic = bench.topic(codec, 1);
    let main = bench.named("org.apache.kafka.tools.ConsoleProducer", "kafka.tools.ConsoleProducer");
    let property = bench.named("--reader-property", "--property");
    let long = "the same again ".repeat(20);
    let input = format!("h:1,h:2\tkey\tgröße\ni:x\tkey\tNULL\nj:x\tNULL\t{long}\n");
    let settings = ["parse.key=true", "parse.headers=true", "null.marker=NULL"];
    let settings: Vec<_> = settings.iter().flat_map(|setting| [property, setting]).collect();
    let args = [&["--topic", &topic, "--compression-codec", codec], &settings[..]].concat();
    bench.tool_with(main, &args, &input);
    let written = [
        record(Some(b"key"), Some("größe".as_bytes()), &[("h", Some(b"1")), ("h", Some(b"2"))]),
        record(Some(b"key"), None, &[("i", Some(b"x"))]),
        record(None, Some(long.as_bytes()), &[("j", Some(b"x"))]),
    ];
    let read = bench
        .ask(json!({ "op": "consume", "topic": topic, "partition": 0, "from": "beginning", "count": 3 }));
    assert_read(&read, &written, codec);
    if let Some(dump) = bench.target.dump(&topic, 0) {
        assert!(dump.contains(&format!(" compresscodec: {codec} ")), "{dump}");
        assert!(!dump.contains(" producerId: -1 "), "it is idempotent unless told otherwise: {dump}");
    }
    bench.cells.passes(&format!("kafka-console-producer, {codec}, with keys, headers and nulls"));
}

fn write(bench: &mut Bench, topic: &str, codec: &str, records: &[Value]) {
    bench.ask(json!({ "op": "produce", "topic": topic, "partition": 0, "compression": codec,
        "idempotent": false, "records": records }));
}

fn console_consumer(bench: &mut Bench) {
    let property = bench.named("--formatter-property", "--property");
    let settings = [
        "print.key=true",
        "print.headers=true",
        "print.offset=true",
        "print.timestamp=true",
        "null.literal=NULL",
    ];
    let settings: Vec<_> = settings.iter().flat_map(|setting| [property, setting]).collect();
    let topic = bench.topic("console", 1);
    for (number, codec) in (0..).zip(CODECS) {
        let plain =
            record(Some(codec.as_bytes()), Some("größe".as_bytes()), &[("h", Some(b"1")), ("h", Some(b"2"))]);
        let stone = record(Some(codec.as_bytes()), None, &[]);
        write(bench, &topic, codec, &[at(plain, 1000 + number), at(stone, 1000 + number)]);
    }
    let lines: Vec<_> = (0..10)
        .map(|offset: usize| {
            let (codec, time) = (CODECS[offset / 2], 1000 + offset / 2);
            let rest = if offset.is_multiple_of(2) { "h:1,h:2\t{}\tgröße" } else { "NO_HEADERS\t{}\tNULL" };
            format!("CreateTime:{time}\tOffset:{offset}\t{}", rest.replace("{}", codec))
        })
        .collect();
    for (feature, offset, first) in [
        ("kafka-console-consumer --partition, every codec", "earliest", 0),
        ("kafka-console-consumer --offset", "7", 7),
    ] {
        let count = (10 - first).to_string();
        let place = ["--topic", &topic, "--partition", "0", "--offset", offset, "--max-messages", &count];
        let said = bench.tool(CONSUMER, &[&place, &settings[..], &["--timeout-ms", "20000"]].concat());
        let said: Vec<_> = said.lines().collect();
        assert_eq!(said, lines[first..], "{feature}");
        bench.cells.passes(feature);
    }
}

fn offsets(bench: &mut Bench) {
    let topic = bench.topic("offsets", 2);
    let records: Vec<_> = (0..10)
        .map(|number| at(record(None, Some(b"v"), &[]), if number == 4 { 9000 } else { 1000 * number }))
        .collect();
    write(bench, &topic, "none", &records);
    for (feature, time, expected) in [
        ("kafka-get-offsets --time earliest", "earliest", ["0:0", "1:0"].as_slice()),
        ("kafka-get-offsets --time latest", "latest", &["0:10", "1:0"]),
        ("kafka-get-offsets --time of a time", "2500", &["0:3"]),
        ("kafka-get-offsets --time max-timestamp", "max-timestamp", &["0:4"]),
    ] {
        let said = bench.tool(OFFSETS, &["--topic", &topic, "--time", time]);
        let found: Vec<_> = said.lines().filter_map(|line| line.strip_prefix(&format!("{topic}:"))).collect();
        // Of a partition without such a record the tool says nothing.
        assert_eq!(found, expected, "{feature}: {said}");
        bench.cells.passes(feature);
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("offsets.json");
    let wanted = json!({ "version": 1, "partitions": [{ "topic": topic, "partition": 0, "offset": 3 }] });
    fs::write(&file, wanted.to_string()).unwrap();
    let said = bench
        .tool("org.apache.kafka.tools.DeleteRecordsCommand", &["--offset-json-file", file.to_str().unwrap()]);
    assert!(said.contains(&format!("partition: {topic}-0\tlow_watermark: 3")), "{said}");
    let earliest = bench.ask(json!({ "op": "offset", "topic": topic, "partition": 0, "at": "earliest" }));
    assert_eq!(earliest["offset"], 3);
    bench.cells.passes("kafka-delete-records");
}

/// It only ends in order as a process of its own.
fn verifiable_producer(bench: &mut Bench) {
    let topic = bench.topic("verifiable", 1);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("idempotent.properties");
    fs::write(&file, "enable.idempotence=true\nretries=2147483647\n").unwrap();
    let config = bench.named("--command-config", "--producer.config");
    let mut java: Command = bench.setup.java(bench.named("kafka", "kafka-3.9"));
    java.args(["org.apache.kafka.tools.VerifiableProducer", "--bootstrap-server", bench.target.bootstrap()])
        .args(["--topic", &topic, "--max-messages", "100", config])
        .arg(&file);
    let output = java.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches(r#""name":"producer_send_success""#).count(), 100, "{said}");
    let latest = bench.ask(json!({ "op": "offset", "topic": topic, "partition": 0, "at": "latest" }));
    assert_eq!(latest["offset"], 100);
    bench.cells.passes("kafka-verifiable-producer, idempotent");
}

fn producer_perf(bench: &mut Bench) {
    let topic = bench.topic("perf", 1);
    let load = ["--topic", &topic, "--num-records", "2000", "--record-size", "100", "--throughput", "-1"];
    let servers = format!("bootstrap.servers={}", bench.target.bootstrap());
    // The older one has no --bootstrap-server.
    let said = match bench.line {
        crate::Line::Four => bench.tool(PERF, &[&load[..], &["--command-property", "acks=all"]].concat()),
        crate::Line::ThreeNine => {
            bench.bare_tool(PERF, &[&load[..], &["--producer-props", &servers, "acks=all"]].concat())
        }
    };
    assert!(said.contains("2000 records sent, "), "{said}");
    let latest = bench.ask(json!({ "op": "offset", "topic": topic, "partition": 0, "at": "latest" }));
    assert_eq!(latest["offset"], 2000);
    bench.cells.passes("kafka-producer-perf-test");
}
