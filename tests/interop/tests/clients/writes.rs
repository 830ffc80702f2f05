//! What a client writes: with every codec, records of every kind, idempotently.

use serde_json::{Value, json};
use yak_test_interop::Client;
use yak_test_interop::samples::{CODECS, assert_read, kinds, repetitive};

use crate::support::Trial;

pub(crate) fn run(client: Client) {
    let Some(mut trial) = Trial::start(client) else { return };
    for codec in CODECS {
        with_codec(&mut trial, codec);
    }
    every_kind(&mut trial);
    idempotently(&mut trial);
}

fn with_codec(trial: &mut Trial, codec: &str) {
    let topic = trial.topic(codec, 1);
    let feature = format!("writes {codec}");
    if write(trial, &feature, (&topic, 0), (codec, false), &repetitive()) {
        if let Some(dump) = trial.target.dump(&topic, 0) {
            assert!(dump.contains(&format!(" compresscodec: {codec} ")), "{topic}: {dump}");
        }
        trial.cells.passes(&feature);
    }
}

fn every_kind(trial: &mut Trial) {
    let topic = trial.topic("kinds", kinds().len());
    for (partition, (kind, records)) in kinds().into_iter().enumerate() {
        let feature = format!("writes {kind}");
        if write(trial, &feature, (&topic, partition), ("none", false), &records) {
            trial.cells.passes(&feature);
        }
    }
}

fn idempotently(trial: &mut Trial) {
    let topic = trial.topic("idempotent", 1);
    let feature = "writes idempotently";
    if write(trial, feature, (&topic, 0), ("none", true), &repetitive()) {
        if let Some(dump) = trial.target.dump(&topic, 0) {
            assert!(!dump.contains(" producerId: -1 "), "{topic}: {dump}");
        }
        trial.cells.passes(feature);
    }
}

/// Whether the client has that; what it wrote is there.
fn write(
    trial: &mut Trial,
    feature: &str,
    (topic, partition): (&str, usize),
    (codec, idempotent): (&str, bool),
    records: &[Value],
) -> bool {
    let request = json!({ "op": "produce", "topic": topic, "partition": partition, "compression": codec,
        "idempotent": idempotent, "records": records });
    let Some(done) = trial.ask(feature, request) else { return false };
    let offsets: Vec<_> = (0..records.len()).collect();
    assert_eq!(done["offsets"], json!(offsets), "{feature}");
    let read = trial.witness.ask(json!({ "op": "consume", "topic": topic, "partition": partition,
        "from": "beginning", "count": records.len() }));
    assert_read(&read.done(), records, feature);
    true
}
