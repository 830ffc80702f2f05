//! Tools that look at brokers and replicas.

use serde_json::json;
use yak_test_interop::samples::repetitive;

use crate::bench::Bench;

pub(crate) fn run(mut bench: Bench) {
    let topic = bench.topic("looked-at", 2);
    for idempotent in [false, true] {
        let mut client = bench.target.program(bench.line.client());
        let request = json!({ "op": "produce", "topic": topic, "partition": 0, "compression": "none",
            "idempotent": idempotent, "records": repetitive() });
        drop(yak_test_interop::Speaker::ask(&mut client, request).done());
    }
    look(&mut bench, &topic);
}

fn look(bench: &mut Bench, topic: &str) {
    let said = bench.tool("org.apache.kafka.tools.LogDirsCommand", &["--describe", "--topic-list", topic]);
    let found: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let partitions = found["brokers"][0]["logDirs"][0]["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 2, "{said}");
    let of = |at: i32| partitions.iter().find(|found| found["partition"] == format!("{topic}-{at}")).unwrap();
    assert!(of(0)["size"].as_i64() > Some(1000) && of(1)["size"] == 0, "{said}");
    bench.cells.passes("kafka-log-dirs --describe");

    let main = bench
        .named("org.apache.kafka.tools.BrokerApiVersionsCommand", "kafka.admin.BrokerApiVersionsCommand");
    let said = bench.tool(main, &[]);
    assert!(said.starts_with(&format!("{} (id: 1 rack: ", bench.target.bootstrap())), "{said}");
    assert!(said.contains("\tProduce(0): 0 to ") && said.contains("\tFetch(1): 4 to "), "{said}");
    bench.cells.passes("kafka-broker-api-versions");

    let said = bench.tool("org.apache.kafka.tools.ClusterTool", &["cluster-id"]);
    assert_eq!(said.trim().strip_prefix("Cluster ID: ").map(str::len), Some(22), "{said}");
    bench.cells.passes("kafka-cluster cluster-id");

    let all = ["--election-type", "preferred", "--all-topic-partitions"];
    bench.tool("org.apache.kafka.tools.LeaderElectionCommand", &all);
    bench.cells.passes("kafka-leader-election --all-topic-partitions");

    let said = bench.tool("org.apache.kafka.tools.reassign.ReassignPartitionsCommand", &["--list"]);
    assert_eq!(said.trim(), "No partition reassignments found.");
    bench.cells.passes("kafka-reassign-partitions --list");

    let place = ["describe-producers", "--topic", topic, "--partition", "0"];
    // Of this tool's flags a command comes last.
    let bootstrap = bench.target.bootstrap().to_owned();
    let said = bench.bare_tool(
        "org.apache.kafka.tools.TransactionsCommand",
        &[&["--bootstrap-server", &bootstrap], &place[..]].concat(),
    );
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 2, "a head and the idempotent producer: {said}");
    let fields: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!((fields[1], fields[3], fields[5]), ("0", "19", "None"), "{said}");
    bench.cells.passes("kafka-transactions describe-producers");
}
