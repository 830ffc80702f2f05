//! What a client administers: topics, their partitions, records and configuration.

use serde_json::{Value, json};
use yak_test_interop::samples::repetitive;
use yak_test_interop::{Answer, Client, unique};

use crate::support::Trial;

pub(crate) fn run(client: Client) {
    let Some(mut trial) = Trial::start(client) else { return };
    let topic = create(&mut trial);
    look(&mut trial, &topic);
    configure(&mut trial, &topic);
    grow_and_shrink(&mut trial, &topic);
    delete(&mut trial, &topic);
}

fn create(trial: &mut Trial) -> String {
    let topic = unique("administered");
    let request = json!({ "op": "create_topic", "topic": topic, "partitions": 3, "replication_factor": 1,
        "configs": { "max.message.bytes": "123456" } });
    if trial.ask("creates a topic", request.clone()).is_some() {
        assert_eq!(partitions(trial, &topic), 3);
        assert_eq!(config(trial, &topic, "max.message.bytes"), "123456");
        trial.cells.passes("creates a topic");
    } else {
        // It may be there all the same, without its configuration or an answer.
        drop(trial.witness.ask(request));
        drop(
            trial
                .witness
                .ask(json!({ "op": "alter_configs", "topic": topic,
            "set": { "max.message.bytes": "123456" }, "delete": [] }))
                .done(),
        );
    }
    topic
}

fn partitions(trial: &mut Trial, topic: &str) -> usize {
    let found = trial.witness.ask(json!({ "op": "describe_topic", "topic": topic })).done();
    found["partitions"].as_array().map_or(0, Vec::len)
}

fn config(trial: &mut Trial, topic: &str, key: &str) -> Value {
    trial.witness.ask(json!({ "op": "describe_configs", "topic": topic })).done()["configs"][key].take()
}

fn look(trial: &mut Trial, topic: &str) {
    if let Some(found) = trial.ask("lists topics", json!({ "op": "list_topics" })) {
        assert!(found["topics"].as_array().unwrap().contains(&json!(topic)), "{found}");
        trial.cells.passes("lists topics");
    }
    if let Some(found) = trial.ask("describes a topic", json!({ "op": "describe_topic", "topic": topic })) {
        let mut found = found["partitions"].as_array().unwrap().clone();
        found.sort_by_key(|at| at["partition"].as_i64());
        let expected = |at: i32| json!({ "partition": at, "leader": 1, "replicas": [1], "isr": [1] });
        assert_eq!(found, (0..3).map(expected).collect::<Vec<_>>());
        trial.cells.passes("describes a topic");
    }
    if let Some(found) = trial.ask("describes the cluster", json!({ "op": "describe_cluster" })) {
        let (host, port) = trial.target.bootstrap().rsplit_once(':').unwrap();
        let expected = json!([{ "id": 1, "host": host, "port": port.parse::<u16>().unwrap() }]);
        assert_eq!(found["brokers"], expected);
        trial.cells.passes("describes the cluster");
    }
}

fn configure(trial: &mut Trial, topic: &str) {
    let feature = "describes a topic's configuration";
    if let Some(found) = trial.ask(feature, json!({ "op": "describe_configs", "topic": topic })) {
        let configs = &found["configs"];
        assert_eq!(configs["max.message.bytes"], "123456", "{configs}");
        assert_eq!(configs["cleanup.policy"], "delete", "{configs}");
        assert_eq!(configs["retention.ms"], "604800000", "{configs}");
        trial.cells.passes(feature);
    }
    let feature = "describes a broker's configuration";
    if let Some(found) = trial.ask(feature, json!({ "op": "describe_configs", "broker": 1 })) {
        assert_eq!(found["configs"]["log.segment.bytes"], "1073741824", "{found}");
        assert_eq!(found["configs"]["num.partitions"], "1", "{found}");
        trial.cells.passes(feature);
    }
    let feature = "alters a topic's configuration";
    let request = json!({ "op": "alter_configs", "topic": topic, "set": { "retention.ms": "7000000" },
        "delete": ["max.message.bytes"] });
    if trial.ask(feature, request).is_some() {
        assert_eq!(config(trial, topic, "retention.ms"), "7000000");
        assert_eq!(config(trial, topic, "max.message.bytes"), "1048588");
        trial.cells.passes(feature);
    }
}

fn grow_and_shrink(trial: &mut Trial, topic: &str) {
    let feature = "adds partitions";
    if trial.ask(feature, json!({ "op": "create_partitions", "topic": topic, "total": 5 })).is_some() {
        assert_eq!(partitions(trial, topic), 5);
        trial.cells.passes(feature);
    }
    let produced =
        trial.witness.ask(json!({ "op": "produce", "topic": topic, "partition": 0, "compression": "none",
        "idempotent": false, "records": repetitive() }));
    drop(produced.done());
    let feature = "deletes records";
    let request = json!({ "op": "delete_records", "topic": topic, "partition": 0, "before": 7 });
    if trial.ask(feature, request).is_some() {
        let earliest = json!({ "op": "offset", "topic": topic, "partition": 0, "at": "earliest" });
        assert_eq!(trial.witness.ask(earliest).done()["offset"], 7);
        trial.cells.passes(feature);
    }
}

fn delete(trial: &mut Trial, topic: &str) {
    let feature = "deletes a topic";
    if trial.ask(feature, json!({ "op": "delete_topic", "topic": topic })).is_some() {
        let Answer::Done(left) = trial.witness.ask(json!({ "op": "list_topics" })) else {
            panic!("no topics")
        };
        assert!(!left["topics"].as_array().unwrap().contains(&json!(topic)), "{left}");
        trial.cells.passes(feature);
    }
}
