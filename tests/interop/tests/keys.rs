//! Keys through kafka-python: a serializer makes their bytes, and they decide partitions as in every other client.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use yak_test_interop::{Answer, Client, Line, Program, Setup, Speaker, Target, unique};
use yak_testkit::{Random, run_with_input, wait_for};

const PARTITIONS: usize = 7;

/// A broker with a topic, and the program.
struct Bench {
    target: Target,
    program: Program,
    witness: Box<dyn Speaker>,
    topic: String,
}

impl Bench {
    /// `None` if there is no kafka-python.
    fn start() -> Option<Self> {
        let setup = Setup::find()?;
        let target = Target::start(&setup);
        let program = Program::python("keys.py", &setup, target.bootstrap());
        let (witness, topic) = (target.witness(), unique("keys"));
        let mut bench = Self { target, program, witness, topic };
        let topic = bench.topic.clone();
        bench.create(&topic);
        Some(bench)
    }

    fn create(&mut self, topic: &str) {
        drop(
            self.witness
                .ask(json!({ "op": "create_topic", "topic": topic, "partitions": PARTITIONS,
            "replication_factor": 1, "configs": {} }))
                .done(),
        );
    }

    /// Sends a record for each key; the partitions that kafka-python says they went to.
    fn send(&mut self, keys: &[Value], serializer: Option<&str>, partitioner: &str) -> Answer {
        self.program.ask(json!({ "op": "send", "topic": self.topic, "keys": keys, "serializer": serializer,
            "partitioner": partitioner }))
    }

    /// The same, where nothing may go wrong.
    fn sent(&mut self, keys: &[Value], serializer: Option<&str>, partitioner: &str) -> Vec<usize> {
        let mut done = self.send(keys, serializer, partitioner).done();
        serde_json::from_value(done["partitions"].take()).unwrap()
    }

    /// What a topic holds: partition by partition the keys in base64 and the values.
    fn stored(&mut self, topic: &str) -> Vec<Vec<(Option<String>, String)>> {
        (0..PARTITIONS).map(|partition| self.stored_in(topic, partition)).collect()
    }

    fn stored_in(&mut self, topic: &str, partition: usize) -> Vec<(Option<String>, String)> {
        let place = json!({ "op": "offset", "topic": topic, "partition": partition, "at": "latest" });
        let end = self.witness.ask(place).done()["offset"].take();
        let read = json!({ "op": "consume", "topic": topic, "partition": partition, "from": "beginning", "count": end });
        let read = self.witness.ask(read).done();
        let record = |record: &Value| {
            let value = STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
            (record["key"].as_str().map(str::to_owned), String::from_utf8(value).unwrap())
        };
        read["records"].as_array().unwrap().iter().map(record).collect()
    }

    /// The partition of each key of a topic, in base64; no key is in two.
    fn partitions_by_key(&mut self, topic: &str) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for (partition, records) in self.stored(topic).into_iter().enumerate() {
            for (key, _) in records {
                let key = key.expect("every record has a key");
                let elsewhere = found.insert(key.clone(), partition).filter(|before| *before != partition);
                assert_eq!(elsewhere, None, "{key} is in partition {partition}, too");
            }
        }
        found
    }
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn a_key_serializer_makes_the_bytes_and_without_one_they_are_taken_as_they_are() {
    let Some(mut bench) = Bench::start() else { return };
    let mut expected = Vec::new();
    let partitions = bench.sent(&[json!(17), json!(["größe", null]), json!("k")], Some("json"), "default");
    let keys = [r"17", r#"["gr\u00f6\u00dfe", null]"#, r#""k""#];
    expected.extend(keys.map(|key| Some(base64(key))).into_iter().zip(partitions));
    let partitions = bench.sent(&[json!("größe")], Some("text"), "default");
    expected.push((Some(base64("größe")), partitions[0]));

    // The default is none: bytes stay what they are, and no key stays none.
    let bytes = STANDARD.encode([0xff, 0x00, b'k']);
    let partitions = bench.sent(&[json!({ "bytes": bytes }), json!(null)], None, "default");
    expected.extend([Some(bytes), None].into_iter().zip(partitions));
    // What is no bytes is not sent.
    let Answer::Failed(why) = bench.send(&[json!("text")], None, "default") else {
        panic!("a text was taken for bytes");
    };
    assert!(why.starts_with("TypeError: "), "{why}");

    let topic = bench.topic.clone();
    let stored = bench.stored(&topic).into_iter().enumerate();
    let mut stored: Vec<_> = stored
        .flat_map(|(partition, records)| records.into_iter().map(move |(key, _)| (key, partition)))
        .collect();
    stored.sort();
    expected.sort();
    assert_eq!(stored, expected);
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn kafka_python_kafkas_own_producer_and_ours_agree_on_the_partition_of_every_key() {
    let Some(mut bench) = Bench::start() else { return };
    // Of every length modulo the four bytes that the hash takes at once.
    let mut random = Random::new(17);
    let mut texts: Vec<_> =
        ["21", "foobar", "größe", "😀", "a-little-bit-longer-string"].map(str::to_owned).into();
    texts.extend((0..400).map(|number| format!("{number}{}", "ß".repeat(random.below(9)))));
    let keys: Vec<_> = texts.iter().map(|text| json!(text)).collect();
    let partitions = bench.sent(&keys, Some("text"), "default");
    let told: BTreeMap<_, _> = texts.iter().map(|text| base64(text)).zip(partitions).collect();
    let topic = bench.topic.clone();
    assert_eq!(bench.partitions_by_key(&topic), told);
    for partition in 0..PARTITIONS {
        assert!(told.values().any(|found| *found == partition), "no key for partition {partition}");
    }

    let java = unique("java");
    bench.create(&java);
    let input: String = texts.iter().map(|text| format!("{text}\tvalue\n")).collect();
    let bootstrap = bench.target.bootstrap().to_owned();
    let property = ["--reader-property", "parse.key=true"];
    let args = [&["--bootstrap-server", &bootstrap, "--topic", &java], &property[..]].concat();
    let mut program = bench.target.program(Client::Java4);
    let dump = program.tool("org.apache.kafka.tools.ConsoleProducer", &args, &input);
    assert_eq!(dump.code, Some(0), "{dump:?}");
    // What it lingers over is sent while its process goes on.
    wait_for("all records", || (bench.partitions_by_key(&java).len() == told.len()).then_some(()));
    assert_eq!(bench.partitions_by_key(&java), told);

    if bench.target.is_ours() {
        let ours = unique("ours");
        bench.create(&ours);
        let producer = ["--bootstrap-server", &bootstrap, "--topic", &ours, "--key-separator", "\t"];
        drop(run_with_input("yak-producer", &producer, input.as_bytes()).ok());
        assert_eq!(bench.partitions_by_key(&ours), told);
    }
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn without_a_key_partitions_are_random_and_a_partitioner_of_ones_own_decides() {
    let Some(mut bench) = Bench::start() else { return };
    let partitions = bench.sent(&vec![json!(null); 300 * PARTITIONS], None, "default");
    for partition in 0..PARTITIONS {
        let there = partitions.iter().filter(|found| **found == partition).count();
        // 300 on average, with a standard deviation of 16.
        assert!((150..450).contains(&there), "{there} records in partition {partition}");
    }
    let taken_in_turn = (0..partitions.len()).all(|at| partitions[at] == (partitions[0] + at) % PARTITIONS);
    assert!(!taken_in_turn, "at random, not in turn");

    let keys = ["abcd", "abc", "", "abcde"].map(|key| json!(key));
    let partitions = bench.sent(&keys, Some("text"), "long keys first");
    assert_eq!(partitions, [0, PARTITIONS - 1, PARTITIONS - 1, 0]);
    let topic = bench.topic.clone();
    for (key, partition) in [("abcd", 0), ("abc", PARTITIONS - 1), ("", PARTITIONS - 1), ("abcde", 0)] {
        let stored = bench.stored_in(&topic, partition);
        assert!(stored.iter().any(|(found, _)| *found == Some(base64(key))), "{key}: {stored:?}");
    }
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn a_consumer_that_polls_every_tenth_of_a_second_gets_each_keys_records_in_order() {
    const KEYS: usize = 25;
    const EACH: usize = 80;
    let Some(mut bench) = Bench::start() else { return };
    let mut random = Random::new(5);
    let key = |number: usize| format!("key {number}");
    let keys: Vec<_> = (0..KEYS * EACH).map(|_| key(random.below(KEYS))).collect();
    let mut consumer = Program::python("keys.py", &Setup::find().unwrap(), bench.target.bootstrap());
    consumer.send(&json!({ "op": "poll", "topic": bench.topic, "count": keys.len(), "interval_ms": 100 }));
    for some in keys.chunks(200) {
        let some: Vec<_> = some.iter().map(|key| json!(key)).collect();
        drop(bench.sent(&some, Some("text"), "default"));
    }
    let Line::Answer(answer) = consumer.next_line() else { panic!("it tells no events") };
    let read = answer.done();
    assert!(read["polls"].as_i64() > Some(1), "records came while it polled: {read}");
    let records = read["records"].as_array().unwrap();
    assert_eq!(records.len(), keys.len());

    let mut next = [0; PARTITIONS];
    let mut found: BTreeMap<_, (usize, Vec<_>)> = BTreeMap::new();
    for record in records {
        let partition: usize = serde_json::from_value(record["partition"].clone()).unwrap();
        assert_eq!(record["offset"], next[partition], "each offset once, in order");
        next[partition] += 1;
        let key = STANDARD.decode(record["key"].as_str().unwrap()).unwrap();
        let (of_key, values) = found.entry(key).or_insert_with(|| (partition, Vec::new()));
        assert_eq!(*of_key, partition, "one partition for each key");
        values.push(record["value"].as_u64().unwrap());
    }
    for number in 0..KEYS {
        let sent: Vec<_> = keys.iter().zip(0..).filter(|(sent, _)| **sent == key(number)).collect();
        let sent: Vec<u64> = sent.into_iter().map(|(_, at)| at % 200).collect();
        assert_eq!(found[key(number).as_bytes()].1, sent, "{}", key(number));
    }
}
