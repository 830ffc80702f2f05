//! What a fetch is answered: whole batches from any offset, both protocols' records alike, refusals by code.

use std::time::Duration;

use serde_json::{Value, json};
use yak_kafka::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use yak_kafka::messages::{MetadataRequest, MetadataResponse};
use yak_kafka::{FetchResponse, decode_fetch_response};
use yak_model::{ErrorCode, Uuid};
use yak_record::Compression;
use yak_testkit::KafkaSocket;

use crate::Setting;
use crate::batch::{Owned, build, plain, read, values};

/// Records of every kind.
fn records() -> Vec<Owned> {
    let bytes = |bytes: &[u8]| Some(bytes.to_vec());
    vec![
        Owned::value("plain"),
        Owned { key: bytes(b"k"), value: None, headers: Vec::new() },
        Owned { key: bytes(&[0xff, 0]), value: bytes(&[0xfe, 0xc0, 0x80]), headers: Vec::new() },
        Owned { key: bytes(b""), value: bytes(b""), headers: Vec::new() },
        Owned {
            key: None,
            value: bytes("µ \u{1f600} \"quoted\"\n".as_bytes()),
            headers: vec![
                (b"h".to_vec(), bytes(b"1")),
                (b"h".to_vec(), bytes(&[0xff])),
                (b"none".to_vec(), None),
                (Vec::new(), bytes(b"")),
            ],
        },
    ]
}

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// A field of a record as NDJSON has it: text, or base64 of what is none.
fn field(record: &Value, name: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let coded = record.get(format!("{name}_base64"));
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    match coded {
        Some(coded) => Some(decode(coded.as_str().unwrap())),
        None => record.get(name).and_then(Value::as_str).map(|text| text.as_bytes().to_vec()),
    }
}

fn owned(record: &Value) -> Owned {
    let headers = record["headers"].as_array().cloned().unwrap_or_default();
    let header = |one: &Value| (field(one, "key").unwrap(), field(one, "value"));
    Owned {
        key: field(record, "key"),
        value: field(record, "value"),
        headers: headers.iter().map(header).collect(),
    }
}

#[test]
fn what_kafka_clients_produce_ndjson_reads() {
    let setting = Setting::new();
    let (mut kafka, mut lines) = (setting.broker.connect_kafka(), setting.broker.connect());
    for codec in CODECS {
        let produced = kafka.produce(9, ("t", 0), &mut build(&records(), codec, None));
        assert_eq!(produced.error_code, None, "{codec:?}");
        let fetch = json!({"op": "fetch", "entries":
            [{"topic": "t", "partition": 0, "offset": produced.base_offset}]});
        let fetched = lines.ok(&fetch.to_string());
        let found = fetched["partitions"][0]["records"].as_array().unwrap().clone();
        assert_eq!(found.iter().map(owned).collect::<Vec<_>>(), records(), "{codec:?}");
    }
}

#[test]
fn what_ndjson_produces_kafka_clients_read() {
    let setting = Setting::new();
    let (mut kafka, mut lines) = (setting.broker.connect_kafka(), setting.broker.connect());
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let produce = json!({"op": "produce", "topic": "t", "compression": codec, "records": [
            {"value": "plain"},
            {"key": "k", "value": null},
            {"key_base64": "/wA=", "value_base64": "/sCA"},
            {"key": "", "value": ""},
            {"value": "µ \u{1f600} \"quoted\"\n", "headers": [
                {"key": "h", "value": "1"}, {"key": "h", "value_base64": "/w=="},
                {"key": "none", "value": null}, {"key": "", "value": ""}]},
        ]});
        let produced = lines.ok(&produce.to_string());
        let offset = produced["partitions"][0]["base_offset"].as_i64().unwrap();
        let found = read(&kafka.fetch(12, ("t", 0), offset).records);
        let (offsets, found): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        assert_eq!(offsets, (offset..offset + 5).collect::<Vec<_>>());
        assert_eq!(found, records(), "{codec}");
    }
}

#[test]
fn a_fetch_from_the_middle_of_a_batch_gets_the_whole_batch_in_every_version() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    socket.produce(9, ("t", 0), &mut plain(&["a", "b", "c"]));
    for version in 4..=12 {
        let fetched = socket.fetch(version, ("t", 0), 2);
        assert_eq!((fetched.error_code, fetched.high_watermark), (None, 3), "version {version}");
        assert_eq!(values(&fetched.records), ["a", "b", "c"], "version {version}");
    }
}

fn fetch_by_id(socket: &mut KafkaSocket, version: i16, topic_id: Uuid) -> FetchResponse<bytes::Bytes> {
    let partitions = vec![FetchPartition { partition_max_bytes: 1 << 20, ..FetchPartition::default() }];
    let topics = vec![FetchTopic { topic_id, partitions, ..FetchTopic::default() }];
    let request = FetchRequest { max_wait_ms: 50_000, min_bytes: 1, topics, ..FetchRequest::default() };
    socket.send(version, &request);
    let frame = bytes::Bytes::from(socket.read_frame().unwrap());
    decode_fetch_response(&frame.slice(5..), version).unwrap()
}

#[test]
fn topics_are_named_by_their_ids_from_version_13_on() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    socket.produce(9, ("t", 0), &mut plain(&["a"]));
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let metadata: MetadataResponse = socket.ask(12, &request);
    let topic_id = metadata.topics[0].topic_id;
    assert!(!topic_id.is_zero());
    for version in 13..=17 {
        let mut socket = setting.broker.connect_kafka();
        let found = fetch_by_id(&mut socket, version, topic_id);
        assert_eq!((found.session_id, found.topics[0].topic_id), (0, topic_id));
        assert_eq!(values(&found.topics[0].partitions[0].records), ["a"], "version {version}");
        // An id that nobody has is answered at once.
        let mut socket = setting.broker.connect_kafka();
        let unknown = fetch_by_id(&mut socket, version, Uuid::from_bytes([9; 16]));
        assert_eq!(unknown.topics[0].partitions[0].error_code, Some(ErrorCode::UnknownTopicId));
    }
}

#[test]
fn offsets_beyond_the_log_and_partitions_that_are_not_there_are_refused_at_once() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    socket.produce(9, ("t", 0), &mut plain(&["a"]));
    let long = Duration::from_secs(50);
    for (from, offset, code) in [
        (("t", 0), 2, ErrorCode::OffsetOutOfRange),
        (("t", 0), -1, ErrorCode::OffsetOutOfRange),
        (("t", 7), 0, ErrorCode::UnknownTopicOrPartition),
        (("missing", 0), 0, ErrorCode::UnknownTopicOrPartition),
    ] {
        socket.send_fetch(12, from, offset, long);
        let refused = socket.read_fetched(12);
        assert_eq!(refused.error_code, Some(code), "{from:?} {offset}");
        assert!(refused.records.is_empty() && refused.high_watermark == -1);
    }
    // The end of the log is no error: there is nothing yet.
    assert_eq!(socket.fetch(12, ("t", 0), 1).error_code, None);
}

#[test]
fn epochs_are_checked() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    socket.produce(9, ("t", 0), &mut plain(&["a"]));
    for (epoch, expected) in [(-1, None), (0, None), (5, Some(ErrorCode::UnknownLeaderEpoch))] {
        let partitions = vec![FetchPartition {
            current_leader_epoch: epoch,
            partition_max_bytes: 1000,
            ..FetchPartition::default()
        }];
        let topics = vec![FetchTopic { topic: "t".to_owned(), partitions, ..FetchTopic::default() }];
        socket.send(9, &FetchRequest { topics, ..FetchRequest::default() });
        assert_eq!(socket.read_fetched(9).error_code, expected, "epoch {epoch}");
    }
}

#[test]
fn there_are_no_sessions_and_nobody_becomes_a_replica() {
    let setting = Setting::new();
    for (request, code) in [
        (
            FetchRequest { session_id: 5, session_epoch: 1, ..FetchRequest::default() },
            ErrorCode::FetchSessionIdNotFound,
        ),
        (FetchRequest { replica_id: 2, ..FetchRequest::default() }, ErrorCode::ClusterAuthorizationFailed),
    ] {
        let mut socket = setting.broker.connect_kafka();
        socket.send(11, &request);
        let frame = bytes::Bytes::from(socket.read_frame().unwrap());
        let response = decode_fetch_response(&frame.slice(4..), 11).unwrap();
        assert_eq!((response.error_code, response.topics.len()), (Some(code), 0));
    }
}

#[test]
fn a_held_fetch_by_id_never_serves_another_topic_of_the_same_name() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let metadata: MetadataResponse = socket.ask(12, &request);
    let partitions = vec![FetchPartition { partition_max_bytes: 1 << 20, ..FetchPartition::default() }];
    let topic_id = metadata.topics[0].topic_id;
    let topics = vec![FetchTopic { topic_id, partitions, ..FetchTopic::default() }];
    let request = FetchRequest { max_wait_ms: 50_000, min_bytes: 1, topics, ..FetchRequest::default() };
    socket.send(15, &request);
    let mut hand = setting.broker.connect();
    hand.ok(r#"{"op":"delete_topics","topic":"t"}"#);
    hand.ok(r#"{"op":"create_topics","topic":"t","partitions":1}"#);
    hand.ok(r#"{"op":"produce","topic":"t","records":[{"value":"another"}]}"#);
    let frame = bytes::Bytes::from(socket.read_frame().unwrap());
    let response = decode_fetch_response(&frame.slice(5..), 15).unwrap();
    let partition = &response.topics[0].partitions[0];
    assert!(partition.error_code.is_some() && partition.records.is_empty(), "{partition:?}");
}

#[test]
fn whoever_asks_for_more_than_the_limits_let_through_gets_what_there_is() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    for _ in 0..10 {
        let record = Owned::value(&"x".repeat(700));
        socket.produce(9, ("t", 0), &mut build(&[record], Compression::None, None));
    }
    // Whole batches never come to exactly that.
    let limit = 2_000;
    let partitions = vec![FetchPartition { partition_max_bytes: limit, ..FetchPartition::default() }];
    let topics = vec![FetchTopic { topic: "t".to_owned(), partitions, ..FetchTopic::default() }];
    for (min_bytes, max_bytes) in [(limit, limit), (1 << 20, 1 << 20), (i32::MAX, limit)] {
        let topics = topics.clone();
        // It would wait for longer than anybody waits for the answer.
        let request =
            FetchRequest { max_wait_ms: 600_000, min_bytes, max_bytes, topics, ..FetchRequest::default() };
        socket.send(11, &request);
        assert_eq!(values(&socket.read_fetched(11).records).len(), 2);
    }
}
