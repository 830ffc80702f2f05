//! Leaders are killed again and again under Apache Kafka's verifiable producer, made idempotent: nothing that it says was acknowledged is lost, and
//! nothing is there twice. `YAK_JAVA_KILLS` says how often; `scripts/soak.sh java` makes it 50.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use yak_test_interop::{Setup, Three};
use yak_testkit::signal;

const TOPIC: &str = "verifiable";
const PER_SECOND: &str = "500";
/// So many must be acknowledged before each kill and after it.
const BETWEEN: usize = 200;
const PATIENCE: Duration = Duration::from_secs(90);

/// The producer as a process, and what it has said.
struct Producer {
    child: Child,
    lines: Receiver<String>,
    /// Offset of each value that was acknowledged.
    acknowledged: BTreeMap<i64, i64>,
    _directory: TempDir,
}

impl Producer {
    fn start(setup: &Setup, bootstrap: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("idempotent.properties");
        fs::write(&file, "enable.idempotence=true\nretries=2147483647\n").expect("the file can be written");
        let mut java = setup.java("kafka");
        java.args([
            "org.apache.kafka.tools.VerifiableProducer",
            "--bootstrap-server",
            bootstrap,
            "--topic",
            TOPIC,
        ])
        .args(["--throughput", PER_SECOND, "--command-config"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
        let mut child = java.spawn().expect("java runs");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .take_while(|line| sender.send(line.clone()).is_ok())
                .for_each(drop);
        });
        Self { child, lines, acknowledged: BTreeMap::new(), _directory: directory }
    }

    /// Takes note of a line; its name.
    fn note(&mut self, line: &str) -> String {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let name = event["name"].as_str().unwrap_or_default().to_owned();
        assert_ne!(name, "producer_send_error", "{line}");
        if name == "producer_send_success" {
            let value = event["value"].as_str().and_then(|text| text.parse().ok()).expect("a number");
            let offset = event["offset"].as_i64().expect("an offset");
            assert_eq!(self.acknowledged.insert(value, offset), None, "{line}");
        }
        name
    }

    /// Waits for so many acknowledgements more.
    fn wait_for_more(&mut self, count: usize) {
        let wanted = self.acknowledged.len() + count;
        while self.acknowledged.len() < wanted {
            let line = self.lines.recv_timeout(PATIENCE).expect("it goes on");
            self.note(&line);
        }
    }

    /// Ends it in order, and hears it out.
    fn finish(&mut self) {
        signal(self.child.id(), "TERM");
        let mut last = String::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            last = self.note(&line);
        }
        self.child.wait().expect("it ends");
        assert_eq!(last, "tool_data", "it ended in order");
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn kills_of_leaders_lose_and_repeat_nothing() {
    let Some(setup) = Setup::find() else { return };
    let kills =
        std::env::var("YAK_JAVA_KILLS").map_or(3, |text| text.parse().expect("YAK_JAVA_KILLS is a number"));
    let mut three = Three::start(&setup);
    three.create_topic(TOPIC, 1);
    let mut producer = Producer::start(&setup, &three.bootstrap());
    for _ in 0..kills {
        producer.wait_for_more(BETWEEN);
        let killed = three.kill_leader(TOPIC);
        producer.wait_for_more(BETWEEN);
        three.restart(killed, &[TOPIC]);
    }
    producer.finish();
    let found = read(&three);
    let values: BTreeSet<_> = found.values().collect();
    let twice = found.len() - values.len();
    let lost =
        producer.acknowledged.iter().filter(|(value, offset)| found.get(offset) != Some(value)).count();
    println!(
        "java totals: {kills} kills, {} records acknowledged, {lost} lost, {twice} twice",
        producer.acknowledged.len()
    );
    assert_eq!((lost, twice), (0, 0));
    let in_order: Vec<_> = found.values().copied().collect();
    assert!(in_order.is_sorted(), "records are in the order in which they were sent");
}

/// Value by offset: the whole log.
fn read(three: &Three) -> BTreeMap<i64, i64> {
    let mut witness = three.witness();
    let end = witness.ask(json!({ "op": "offset", "topic": TOPIC, "partition": 0, "at": "latest" })).done();
    let count = end["offset"].as_i64().expect("an offset");
    let read = witness
        .ask(json!({ "op": "consume", "topic": TOPIC, "partition": 0, "from": "beginning", "count": count }));
    let read = read.done();
    let records = read["records"].as_array().expect("records");
    assert_eq!(i64::try_from(records.len()).ok(), Some(count));
    let value = |record: &Value| {
        let bytes = STANDARD.decode(record["value"].as_str()?).ok()?;
        Some((record["offset"].as_i64()?, String::from_utf8(bytes).ok()?.parse().ok()?))
    };
    records.iter().map(|record| value(record).expect("a number")).collect()
}
