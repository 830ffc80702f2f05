//! The verifiable clients with a real broker: each record has its event, and the two histories agree.

use std::collections::BTreeMap;

use serde_json::Value;
use yak_testkit::{Broker, Running, run, wait_for};

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["name"] == name).collect()
}

#[test]
fn every_record_sent_and_read_has_its_event() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let broker = Broker::start(&directory.path().join("broker-1"));
    let address = broker.bootstrap();
    drop(run("yak-topics", &["-b", address, "--create", "--topic", "t", "--partitions", "3"]).ok());

    let producer = ["-b", address, "--topic", "t", "--max-messages", "1000", "--value-prefix", "a"];
    let sent = events(&run("yak-verifiable-producer", &producer).ok().text());
    assert_eq!((&sent[0]["name"], &sent[0]["idempotent"]), (&"startup_complete".into(), &true.into()));
    let acknowledged = named(&sent, "producer_send_success");
    assert_eq!(acknowledged.len(), 1_000);
    let mut places = BTreeMap::new();
    for event in acknowledged {
        assert!(event["invoked_ms"].as_i64() <= event["completed_ms"].as_i64(), "{event}");
        assert_eq!(event["value"], format!("a.{}", event["number"]));
        places.insert((event["partition"].as_i64(), event["offset"].as_i64()), event["value"].clone());
    }
    assert_eq!(places.len(), 1_000);
    let summary = named(&sent, "tool_data")[0];
    assert_eq!(
        (&summary["sent"], &summary["acked"], &summary["unknown"]),
        (&1000.into(), &1000.into(), &0.into())
    );
    assert_eq!(sent.last().expect("events")["name"], "shutdown_complete");

    let consumer = ["-b", address, "--topic", "t", "--verbose", "--exit"];
    let read = events(&run("yak-verifiable-consumer", &consumer).ok().text());
    let found: BTreeMap<_, _> = named(&read, "record_data")
        .into_iter()
        .map(|event| ((event["partition"].as_i64(), event["offset"].as_i64()), event["value"].clone()))
        .collect();
    assert_eq!(found, places);
    let consumed = named(&read, "records_consumed");
    assert_eq!(consumed.iter().filter_map(|event| event["count"].as_u64()).sum::<u64>(), 1_000);
    let last = read.last().expect("events");
    assert_eq!((&last["name"], &last["reached_end"]), (&"shutdown_complete".into(), &true.into()));
}

#[test]
fn a_signal_ends_both_in_order() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let broker = Broker::start(&directory.path().join("broker-1"));
    let address = broker.bootstrap();
    let producer =
        Running::start("yak-verifiable-producer", &["-b", address, "--topic", "t", "--throughput", "500"]);
    let consumer = Running::start("yak-verifiable-consumer", &["-b", address, "--topic", "t", "--verbose"]);
    wait_for("some records", || {
        let end = broker.connect().ask(r#"{"op":"list_offsets","topic":"t","partition":0,"at":"latest"}"#);
        (end["ok"]["partitions"][0]["offset"].as_u64() > Some(100)).then_some(())
    });
    for running in [&producer, &consumer] {
        running.signal("TERM");
    }
    for finished in [producer.finish(), consumer.finish()] {
        let events = events(&finished.ok().text());
        assert_eq!(events.last().expect("events")["name"], "shutdown_complete");
    }
}

/// What cannot be a record is refused before anything is sent, in JSON.
#[test]
fn failures_are_json_too() {
    let refused = run("yak-verifiable-producer", &["--topic", "t", "--max-messages", "0"]);
    assert_eq!(refused.code, Some(2));
    let failed =
        run("yak-verifiable-consumer", &["-b", "127.0.0.1:1", "--topic", "t", "--request-timeout-ms", "200"]);
    assert_eq!(failed.code, Some(1));
    let error: Value = serde_json::from_str(&failed.stderr).expect("a line of JSON");
    assert_eq!(error["error"]["code"], "NETWORK_EXCEPTION");
}
