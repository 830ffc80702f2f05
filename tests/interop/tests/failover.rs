//! The leader of three brokers is killed while a client writes and reads: nothing acknowledged is lost, and what is read is in order.
//!
//! With `YAK_INTEROP_PEER=apache` the three are Apache Kafka.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use yak_test_interop::{Answer, Cells, Client, Line, Program, Setup, Speaker, Three};

const COUNT: usize = 300;
const PER_SECOND: usize = 100;
/// So many are acknowledged before the leader is killed.
const BEFORE: usize = 60;
const TOPIC: &str = "failover";

/// Whether sequences of the records are checked by the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Plain,
    Idempotent,
}

fn run(client: Client) {
    let Some(setup) = Setup::find() else { return };
    let mut three = Three::start(&setup);
    three.create_topic(TOPIC, 1);
    let mut cells = Cells::of(client.title());
    let mut producer = three.program(client);
    let mode = mode(&mut producer);
    let mut consumer = three.program(client);
    consumer.send(&json!({ "op": "stream_consume", "topic": TOPIC, "partition": 0, "count": COUNT }));
    producer.send(&json!({ "op": "stream_produce", "topic": TOPIC, "partition": 0, "count": COUNT,
        "per_second": PER_SECOND, "idempotent": mode == Mode::Idempotent }));

    let mut acknowledged = BTreeMap::new();
    let written = loop {
        match producer.next_line() {
            Line::Event(event) => {
                let number = event["acked"].as_i64().expect("acked is a number");
                assert!(acknowledged.insert(number, event["offset"].clone()).is_none(), "{event} twice");
                if acknowledged.len() == BEFORE {
                    three.kill_leader(TOPIC);
                }
            }
            Line::Answer(answer) => break answer,
        }
    };
    assert!(matches!(written, Answer::Done(_)), "{written:?}");
    assert_eq!(acknowledged.len(), COUNT, "every record is acknowledged in the end");
    check_written(&three, &acknowledged, mode);
    cells.passes("goes on writing when the leader is killed");
    check_read(&mut consumer, &acknowledged, mode, &mut cells);
}

fn mode(producer: &mut Program) -> Mode {
    let probe = json!({ "op": "stream_produce", "topic": TOPIC, "partition": 0, "count": 0, "per_second": 1,
        "idempotent": true });
    if matches!(producer.ask(probe), Answer::Lacks(_)) { Mode::Plain } else { Mode::Idempotent }
}

/// What is in the log: every acknowledged record where it was acknowledged, in order. With sequences each is there once; without,
/// one whose answer was lost may be there again. (Without sequences clients have one request in flight.)
fn check_written(three: &Three, acknowledged: &BTreeMap<i64, Value>, mode: Mode) {
    let mut witness = three.witness();
    let end = witness.ask(json!({ "op": "offset", "topic": TOPIC, "partition": 0, "at": "latest" })).done();
    let read = witness.ask(json!({ "op": "consume", "topic": TOPIC, "partition": 0, "from": "beginning",
        "count": end["offset"] }));
    let read = read.done();
    let records: Vec<_> = read["records"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|record| {
            use base64::Engine as _;
            let value = record["value"]
                .as_str()
                .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
            let value = value.and_then(|bytes| String::from_utf8(bytes).ok()).expect("a number was written");
            (value.parse::<i64>().expect("a number was written"), record["offset"].clone())
        })
        .collect();
    for (number, offset) in acknowledged {
        let there = records
            .iter()
            .any(|(found, at)| found == number && (at == offset || offset.is_null() || *offset == -1));
        assert!(there, "{number} at {offset} was acknowledged and is not there: {records:?}");
    }
    let numbers: Vec<_> = records.iter().map(|(number, _)| *number).collect();
    let mut seen = BTreeSet::new();
    let firsts: Vec<_> = numbers.iter().copied().filter(|number| seen.insert(*number)).collect();
    let all: Vec<_> = acknowledged.keys().copied().collect();
    assert_eq!(firsts, all, "in order");
    if mode == Mode::Idempotent {
        assert_eq!(numbers, all, "each once");
    }
}

fn check_read(consumer: &mut Program, acknowledged: &BTreeMap<i64, Value>, mode: Mode, cells: &mut Cells) {
    let feature = "goes on reading when the leader is killed";
    let mut read = Vec::new();
    let answer = loop {
        match consumer.next_line() {
            Line::Event(event) => {
                let number: i64 =
                    event["read"].as_str().and_then(|text| text.parse().ok()).expect("a number");
                read.push((number, event["offset"].as_i64().expect("an offset")));
            }
            Line::Answer(answer) => break answer,
        }
    };
    match answer {
        Answer::Lacks(why) => return cells.lacks(feature, &why),
        Answer::Failed(why) => panic!("{why}"),
        Answer::Done(_) => {}
    }
    assert!(read.len() >= COUNT, "{} of {COUNT} records were read", read.len());
    let offsets: Vec<_> = read.iter().map(|(_, offset)| *offset).collect();
    let expected: Vec<_> = (0..).take(read.len()).collect();
    assert_eq!(offsets, expected, "every offset once, in order");
    if mode == Mode::Idempotent {
        let numbers: Vec<_> = read.iter().map(|(number, _)| *number).take(COUNT).collect();
        let all: Vec<_> = acknowledged.keys().copied().collect();
        assert_eq!(numbers, all);
    }
    cells.passes(feature);
}

macro_rules! clients {
    ($($name:ident: $client:ident,)*) => {$(
        #[test]
        #[ignore = "needs scripts/interop-setup.sh"]
        fn $name() {
            run(Client::$client);
        }
    )*};
}

clients! {
    java_4: Java4,
    java_3_9: Java39,
    kafka_python_3: KafkaPython3,
    kafka_python_2_0_2: KafkaPython202,
    kafka_python_1_4_7: KafkaPython147,
    kafka_python_1_4_4: KafkaPython144,
    confluent_kafka: Confluent,
    aiokafka: Aiokafka,
    kafkajs: Kafkajs,
    kcat: Kcat,
    rskafka: Rskafka,
}
