//! Records: produce, fetch, offsets, producer ids.

use serde_json::{Value, json};
use yak_kafka::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use yak_kafka::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse,
};
use yak_model::ErrorCode;

use super::{Both, Case, code};
use crate::batch::{new_producer, plain, read, stamped, values};

pub(super) const CASES: &[Case] = &[
    ("produce", places_and_refusals_of_a_produce),
    ("produce", sequences_of_a_producer_over_both_protocols),
    ("fetch", what_is_read_and_what_is_refused),
    ("list_offsets", every_way_to_ask_for_an_offset),
    ("init_producer_id", ids_and_epochs),
];

/// An NDJSON produce of values, as a program sends it that knows the leader: nothing is created or forwarded.
fn produce(topic: &str, partition: i32, epoch: i32, values: &[&str]) -> String {
    let records: Vec<Value> = values.iter().map(|value| json!({"value": value})).collect();
    json!({"op": "produce", "topic": topic, "partition": partition, "leader_epoch": epoch, "records": records})
        .to_string()
}

fn places_and_refusals_of_a_produce(both: &mut Both) {
    let cases = [("t", 0), ("t", 0), ("t", 5), ("__consumer_offsets", 0)];
    let mut end = 0;
    for (topic, partition) in cases {
        let reply = both.lines.ask(&produce(topic, partition, 0, &["x", "y"]));
        let by_lines = match code(&reply["error"]) {
            Some(code) => Err(code),
            None => Ok(reply["ok"]["partitions"][0]["base_offset"].as_i64().unwrap()),
        };
        let produced = both.kafka.produce(9, (topic, partition), &mut plain(&["x", "y"]));
        let by_kafka = produced.error_code.map_or(Ok(produced.base_offset), Err);
        if by_lines.is_ok() {
            assert_eq!((by_lines, by_kafka), (Ok(end), Ok(end + 2)), "one log, one after the other");
            end += 4;
        } else {
            assert_eq!(by_lines, by_kafka, "{topic}-{partition}");
        }
    }
    assert_eq!(end, 8);
    // A Kafka client creates a missing topic by asking for its metadata, before it produces; who types a line does both
    // in one.
    let produced = both.kafka.produce(9, ("missing", 0), &mut plain(&["x"]));
    assert_eq!(produced.error_code, Some(ErrorCode::UnknownTopicOrPartition));
    both.lines.ok(&produce("missing", 0, 0, &["x"]));
}

fn sequences_of_a_producer_over_both_protocols(both: &mut Both) {
    let begun: InitProducerIdResponse = both.kafka.ask(4, &new_producer());
    let id = begun.producer_id;
    let mut lines = |sequence: i32, value: &str| {
        let line = json!({"op": "produce", "topic": "t", "partition": 0, "leader_epoch": 0, "producer_id": id,
            "producer_epoch": 0, "base_sequence": sequence, "records": [{"value": value}]});
        let reply = both.lines.ask(&line.to_string());
        code(&reply["error"])
            .map_or_else(|| Ok(reply["ok"]["partitions"][0]["base_offset"].as_i64().unwrap()), Err)
    };
    let mut kafka = |sequence, value| {
        let produced = both.kafka.produce(9, ("t", 0), &mut stamped(id, 0, sequence, &[value]));
        produced.error_code.map_or(Ok(produced.base_offset), Err)
    };
    assert_eq!(lines(0, "a"), Ok(0));
    assert_eq!(kafka(1, "b"), Ok(1), "it goes on where the other protocol was");
    assert_eq!(kafka(0, "a"), Ok(0), "sent again by the other protocol: the original's offset");
    assert_eq!(lines(1, "b"), Ok(1));
    assert_eq!(lines(7, "z"), Err(ErrorCode::OutOfOrderSequenceNumber));
    assert_eq!(kafka(7, "z"), Err(ErrorCode::OutOfOrderSequenceNumber));
    assert_eq!(values(&both.kafka.fetch(11, ("t", 0), 0).records), ["a", "b"]);
}

fn what_is_read_and_what_is_refused(both: &mut Both) {
    both.kafka.produce(9, ("t", 0), &mut plain(&["a"]));
    both.lines.ok(&produce("t", 0, 0, &["b", "c"]));
    for (topic, partition, offset) in
        [("t", 0, 0), ("t", 0, 1), ("t", 0, 2), ("t", 0, 3), ("t", 0, 4), ("t", 3, 0), ("missing", 0, 0)]
    {
        let line = json!({"op": "fetch", "topic": topic, "partition": partition, "offset": offset,
            "leader_epoch": 0, "max_wait_ms": 0});
        let reply = both.lines.ask(&line.to_string());
        let by_lines = code(&reply["error"]).map_or_else(
            || {
                let found = &reply["ok"]["partitions"][0];
                let records = found["records"].as_array().unwrap().iter();
                let texts: Vec<_> = records.map(|one| one["value"].as_str().unwrap().to_owned()).collect();
                Ok((found["high_watermark"].as_i64(), found["log_start_offset"].as_i64(), texts))
            },
            Err,
        );
        let fetched = both.kafka.fetch(11, (topic, partition), offset);
        let by_kafka = match fetched.error_code {
            Some(code) => Err(code),
            None => {
                // A batch comes whole; what is before the offset is the reader's to pass over.
                let wanted = read(&fetched.records).into_iter().filter(|(at, _)| *at >= offset);
                let texts = wanted.map(|(_, one)| String::from_utf8(one.value.unwrap()).unwrap()).collect();
                Ok((Some(fetched.high_watermark), Some(fetched.log_start_offset), texts))
            }
        };
        assert_eq!(by_lines, by_kafka, "{topic}-{partition} from {offset}");
    }
}

fn every_way_to_ask_for_an_offset(both: &mut Both) {
    // Kafka's batches carry the time that every test record has.
    both.kafka.produce(9, ("t", 0), &mut plain(&["a", "b"]));
    let time = crate::batch::TIME;
    for (topic, partition, at, timestamp) in [
        ("t", 0, json!("earliest"), -2),
        ("t", 0, json!("latest"), -1),
        ("t", 0, json!("max_timestamp"), -3),
        ("t", 0, json!({"time": 0}), 0),
        ("t", 0, json!({"time": time}), time),
        ("t", 0, json!({"time": time + 1}), time + 1),
        ("t", 9, json!("latest"), -1),
        ("missing", 0, json!("latest"), -1),
    ] {
        let line = json!({"op": "list_offsets", "topic": topic, "partition": partition, "at": at,
            "leader_epoch": 0});
        let reply = both.lines.ask(&line.to_string());
        let by_lines = code(&reply["error"]).map_or_else(
            || {
                let found = &reply["ok"]["partitions"][0];
                Ok((found["offset"].as_i64().unwrap_or(-1), found["timestamp"].as_i64().unwrap_or(-1)))
            },
            Err,
        );
        let partitions = vec![ListOffsetsPartition {
            partition_index: partition,
            timestamp,
            ..ListOffsetsPartition::default()
        }];
        let topics = vec![ListOffsetsTopic { name: topic.to_owned(), partitions }];
        let request = ListOffsetsRequest { topics, ..ListOffsetsRequest::default() };
        let response: ListOffsetsResponse = both.kafka.ask(7, &request);
        let found = &response.topics[0].partitions[0];
        let by_kafka = found.error_code.map_or(Ok((found.offset, found.timestamp)), Err);
        assert_eq!(by_lines, by_kafka, "{topic}-{partition} {at}");
    }
}

fn ids_and_epochs(both: &mut Both) {
    let by_lines = both.lines.ok(r#"{"op":"init_producer_id"}"#);
    let by_kafka: InitProducerIdResponse = both.kafka.ask(4, &new_producer());
    let id = by_lines["producer_id"].as_i64().unwrap();
    assert_eq!((by_kafka.producer_id, by_kafka.producer_epoch), (id + 1, 0), "out of one block");
    // The epoch of the one is raised by the other.
    let request = InitProducerIdRequest { producer_id: id, producer_epoch: 0, ..new_producer() };
    let raised: InitProducerIdResponse = both.kafka.ask(4, &request);
    assert_eq!((raised.producer_id, raised.producer_epoch), (id, 1));
    let line = json!({"op": "init_producer_id", "producer_id": id, "producer_epoch": 1}).to_string();
    assert_eq!(both.lines.ok(&line), json!({"producer_id": id, "producer_epoch": 2}));
    let request = InitProducerIdRequest { producer_id: id, producer_epoch: -1, ..new_producer() };
    let refused: InitProducerIdResponse = both.kafka.ask(4, &request);
    let line = json!({"op": "init_producer_id", "producer_id": id, "producer_epoch": -1}).to_string();
    assert_eq!(refused.error_code, code(&both.lines.ask(&line)["error"]));
}
