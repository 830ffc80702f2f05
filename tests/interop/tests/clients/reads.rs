//! What a client reads: every codec, records of every kind, from the beginning, an offset or a time.

use serde_json::{Value, json};
use yak_test_interop::samples::{CODECS, START, assert_read, at, kinds, record, repetitive};
use yak_test_interop::{Client, Speaker};

use crate::support::Trial;

pub(crate) fn run(client: Client) {
    let Some(mut trial) = Trial::start(client) else { return };
    for codec in CODECS {
        let topic = trial.topic(codec, 1);
        put(&mut *trial.witness, (&topic, 0), codec, &repetitive());
        read(&mut trial, &format!("reads {codec}"), codec, (&topic, 0), &repetitive());
    }
    let topic = trial.topic("kinds", kinds().len());
    for (partition, (kind, records)) in kinds().into_iter().enumerate() {
        put(&mut *trial.witness, (&topic, partition), "none", &records);
        read(&mut trial, &format!("reads {kind}"), kind, (&topic, partition), &records);
    }
    places(&mut trial);
}

fn put(witness: &mut dyn Speaker, (topic, partition): (&str, usize), codec: &str, records: &[Value]) {
    let request = json!({ "op": "produce", "topic": topic, "partition": partition, "compression": codec,
        "idempotent": false, "records": records });
    drop(witness.ask(request).done());
}

/// The client reads exactly these records.
fn read(trial: &mut Trial, feature: &str, kind: &str, (topic, partition): (&str, usize), records: &[Value]) {
    if !trial.can_read(feature, kind) {
        return;
    }
    let request = json!({ "op": "consume", "topic": topic, "partition": partition, "from": "beginning",
        "count": records.len() });
    if let Some(found) = trial.ask(feature, request) {
        assert_read(&found, records, feature);
        trial.cells.passes(feature);
    }
}

/// Thirty records in three batches, ten milliseconds apart, with the largest time in the middle.
fn places(trial: &mut Trial) {
    let topic = trial.topic("places", 1);
    let time = |number: i64| if number == 17 { START + 5000 } else { START + 10 * number };
    let value = |number: i64| number.to_string().into_bytes();
    let records: Vec<_> =
        (0..30).map(|number| at(record(None, Some(&value(number)), &[]), time(number))).collect();
    for batch in records.chunks(10) {
        put(&mut *trial.witness, (&topic, 0), "none", batch);
    }
    let starts = [
        ("reads from the beginning", json!("beginning"), 0),
        ("reads from an offset", json!(13), 13),
        ("reads from a time", json!({ "time": START + 75 }), 8),
    ];
    for (feature, from, first) in starts {
        let expected = &records[first..first + 5];
        let request = json!({ "op": "consume", "topic": topic, "partition": 0, "from": from, "count": 5 });
        if let Some(found) = trial.ask(feature, request) {
            assert_read(&found, expected, feature);
            assert_eq!(found["records"][0]["offset"], first, "{feature}");
            trial.cells.passes(feature);
        }
    }
    let offsets = [
        ("asks for the earliest offset", json!("earliest"), json!(0)),
        ("asks for the latest offset", json!("latest"), json!(30)),
        ("asks for the offset of a time", json!({ "time": START + 125 }), json!(13)),
        ("asks for the offset of a time after the last", json!({ "time": START + 6000 }), json!(null)),
        ("asks for the offset of the largest time", json!("max_timestamp"), json!(17)),
    ];
    for (feature, at, expected) in offsets {
        let request = json!({ "op": "offset", "topic": topic, "partition": 0, "at": at });
        if let Some(found) = trial.ask(feature, request) {
            assert_eq!(found["offset"], expected, "{feature}");
            trial.cells.passes(feature);
        }
    }
}
