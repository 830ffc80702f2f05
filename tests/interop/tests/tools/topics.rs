//! kafka-topics and kafka-configs.

use serde_json::json;
use yak_test_interop::unique;

use crate::bench::Bench;

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";

pub(crate) fn run(mut bench: Bench) {
    let topic = unique("topic");
    create_and_describe(&mut bench, &topic);
    configure_a_topic(&mut bench, &topic);
    configure_a_broker(&mut bench);
    bench.tool(TOPICS, &["--alter", "--topic", &topic, "--partitions", "4"]);
    assert_eq!(partitions(&mut bench, &topic), 4);
    bench.cells.passes("kafka-topics --alter");
    bench.tool(TOPICS, &["--delete", "--topic", &topic]);
    assert!(!bench.tool(TOPICS, &["--list"]).lines().any(|line| line == topic));
    bench.cells.passes("kafka-topics --delete");
}

fn partitions(bench: &mut Bench, topic: &str) -> usize {
    bench.ask(json!({ "op": "describe_topic", "topic": topic }))["partitions"].as_array().unwrap().len()
}

fn create_and_describe(bench: &mut Bench, topic: &str) {
    let create = ["--create", "--topic", topic, "--partitions", "3", "--replication-factor", "1"];
    let said = bench.tool(TOPICS, &[&create[..], &["--config", "retention.ms=7000000"]].concat());
    assert!(said.contains(&format!("Created topic {topic}.")), "{said}");
    assert_eq!(partitions(bench, topic), 3);
    let again = bench.raw(TOPICS, &create, "");
    assert_eq!(again.code, Some(1));
    assert!(again.stdout.contains("already exists"), "{again:?}");
    bench.cells.passes("kafka-topics --create");

    assert!(bench.tool(TOPICS, &["--list"]).lines().any(|line| line == topic));
    bench.cells.passes("kafka-topics --list");

    let said = bench.tool(TOPICS, &["--describe", "--topic", topic]);
    let (head, lines) = said.split_once('\n').unwrap();
    assert!(head.contains("PartitionCount: 3\tReplicationFactor: 1\tConfigs: "), "{said}");
    assert!(head.contains("retention.ms=7000000"), "{said}");
    for at in 0..3 {
        let line = format!("\tTopic: {topic}\tPartition: {at}\tLeader: 1\tReplicas: 1\tIsr: 1");
        assert!(lines.lines().any(|found| found.starts_with(&line)), "{said}");
    }
    bench.cells.passes("kafka-topics --describe");
}

fn configure_a_topic(bench: &mut Bench, topic: &str) {
    let entity = ["--entity-type", "topics", "--entity-name", topic];
    let said = bench.tool(CONFIGS, &[&["--describe", "--all"], &entity[..]].concat());
    for line in [
        "  cleanup.policy=delete sensitive=false synonyms={DEFAULT_CONFIG:log.cleanup.policy=delete}",
        "  max.message.bytes=1048588 sensitive=false synonyms={DEFAULT_CONFIG:message.max.bytes=1048588}",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    let retention = said.lines().find(|line| line.starts_with("  retention.ms=7000000 ")).unwrap_or(&said);
    assert!(retention.contains("{DYNAMIC_TOPIC_CONFIG:retention.ms=7000000"), "{retention}");
    bench.cells.passes("kafka-configs --describe --all of a topic");

    let change = ["--alter", "--add-config", "max.message.bytes=123456", "--delete-config", "retention.ms"];
    bench.tool(CONFIGS, &[&change[..], &entity].concat());
    let configs = bench.ask(json!({ "op": "describe_configs", "topic": topic }));
    assert_eq!(configs["configs"]["max.message.bytes"], "123456");
    assert_eq!(configs["configs"]["retention.ms"], "604800000");
    bench.cells.passes("kafka-configs --alter of a topic");

    let said = bench.tool(CONFIGS, &[&["--describe"], &entity[..]].concat());
    assert!(
        said.contains("  max.message.bytes=123456 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:"),
        "{said}"
    );
    assert!(!said.contains("retention.ms"), "{said}");
    bench.cells.passes("kafka-configs --describe of a topic");
}

fn configure_a_broker(bench: &mut Bench) {
    let entity = ["--entity-type", "brokers", "--entity-name", "1"];
    let said = bench.tool(CONFIGS, &[&["--describe", "--all"], &entity[..]].concat());
    let line = "  num.partitions=1 sensitive=false synonyms={";
    assert!(said.lines().any(|found| found.starts_with(line)), "{said}");
    bench.cells.passes("kafka-configs --describe --all of a broker");

    bench.tool(CONFIGS, &[&["--alter", "--add-config", "log.retention.ms=7777777"], &entity[..]].concat());
    let said = bench.tool(CONFIGS, &[&["--describe"], &entity[..]].concat());
    let line =
        "  log.retention.ms=7777777 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:log.retention.ms=7777777";
    assert!(said.lines().any(|found| found.starts_with(line)), "{said}");
    bench.tool(CONFIGS, &[&["--alter", "--delete-config", "log.retention.ms"], &entity[..]].concat());
    let said = bench.tool(CONFIGS, &[&["--describe"], &entity[..]].concat());
    assert!(!said.contains("log.retention.ms"), "{said}");
    bench.cells.passes("kafka-configs --alter of a broker");
}
