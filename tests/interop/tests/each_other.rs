//! Every client reads what every other one wrote, with every codec, and so does our own protocol.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::thread;

use serde_json::{Value, json};
use yak_test_interop::samples::{CODECS, assert_read, record};
use yak_test_interop::{Answer, Cells, Client, Program, Setup, Speaker, Target, unique};

/// Of each client.
const COUNT: usize = 10;

fn records(client: Client, codec: &str) -> Vec<Value> {
    let value = |number: usize| format!("{} {codec} {number} {}", client.title(), "and again ".repeat(20));
    (0..COUNT)
        .map(|number| record(Some(b"key"), Some(value(number).as_bytes()), &[("h", Some(b"1"))]))
        .collect()
}

fn write(program: &mut Program, topic: &str, codec: &str, records: &[Value]) -> bool {
    let request = json!({ "op": "produce", "topic": topic, "partition": 0, "compression": codec,
        "idempotent": false, "records": records });
    match program.ask(request) {
        Answer::Done(_) => true,
        Answer::Lacks(_) => false,
        Answer::Failed(why) => panic!("{why}"),
    }
}

fn consume(topic: &str, count: usize) -> Value {
    json!({ "op": "consume", "topic": topic, "partition": 0, "from": "beginning", "count": count })
}

/// What one client finds in all topics.
fn read(client: Client, program: &mut Program, topics: &[(String, Vec<Value>)]) {
    let cannot = program.ask(json!({ "op": "hello" })).done()["cannot_read"].take();
    let mut cells = Cells::of(client.title());
    for ((topic, written), codec) in topics.iter().zip(CODECS) {
        let feature = format!("reads all clients' {codec}");
        let reason = cannot[codec].as_str().map(str::to_owned);
        let answer = reason.map_or_else(|| program.ask(consume(topic, written.len())), Answer::Lacks);
        match answer {
            Answer::Done(found) => {
                assert_read(&found, written, &format!("{}, {feature}", client.title()));
                cells.passes(&feature);
            }
            Answer::Lacks(why) => cells.lacks(&feature, &why),
            Answer::Failed(why) => panic!("{}, {feature}: {why}", client.title()),
        }
    }
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn every_client_reads_what_every_other_wrote() {
    let Some(setup) = Setup::find() else { return };
    let target = Target::start(&setup);
    let mut witness = target.witness();
    let mut programs: Vec<_> =
        Client::ALL.into_iter().map(|client| (client, target.program(client))).collect();
    let mut topics = Vec::new();
    for codec in CODECS {
        let topic = unique(codec);
        drop(
            witness
                .ask(json!({ "op": "create_topic", "topic": topic, "partitions": 1,
            "replication_factor": 1, "configs": {} }))
                .done(),
        );
        let mut written = Vec::new();
        for (client, program) in &mut programs {
            let records = records(*client, codec);
            if write(program, &topic, codec, &records) {
                written.extend(records);
            }
        }
        assert!(written.len() >= 9 * COUNT, "{codec}: {}", written.len());
        assert_read(&witness.ask(consume(&topic, written.len())).done(), &written, codec);
        topics.push((topic, written));
    }
    let name = thread::current().name().map(str::to_owned);
    thread::scope(|scope| {
        for (client, mut program) in programs {
            // The cells are those of this test.
            let thread = thread::Builder::new().name(name.clone().unwrap_or_default());
            let topics = &topics;
            thread.spawn_scoped(scope, move || read(client, &mut program, topics)).expect("a thread starts");
        }
    });
}
