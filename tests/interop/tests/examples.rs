//! The programs in `examples/` do what their page says, with the client that they were written for.

use std::env;
use std::fs;
use std::time::Duration;

use tempfile::tempdir;
use yak_test_interop::{Example, Examples};
use yak_testkit::{Broker, DEADLINE, wait_for};

/// What `examples/tutorial/input.txt` holds, as Python prints bytes.
const INPUT: [&str; 3] = [
    "value=b'This is a message'",
    "value=b'This is another message'",
    r"value=b'\xc3\x9cn\xc3\xafc\xc3\xb6d\xc3\xa9 comes through as well'",
];

/// Counts the pixels of a plot's three colours.
const COLOURS: &str = "
import sys
from matplotlib.image import imread
pixels = imread(sys.argv[1])[:, :, :3]
for name, colour in {'red': (1, 0, 0), 'blue': (0, 0, 1), 'green': (0, 0x80 / 255, 0)}.items():
    print(name, (abs(pixels - colour).max(axis=2) < 0.01).sum())
";

fn start(examples: &Examples, broker: &Broker, what: &str, more: &[&str]) -> Example {
    let at = ["--bootstrap-server", broker.bootstrap()];
    examples.start(what, &[&at[..], more].concat())
}

fn send(broker: &Broker, topic: &str, value: &str) {
    broker
        .connect()
        .ok(&format!(r#"{{"op":"produce","topic":"{topic}","records":[{{"value":"{value}"}}]}}"#));
}

fn assert_values(lines: &[String], values: &[&str]) {
    for (line, value) in lines.iter().zip(values) {
        assert!(
            line.starts_with("ConsumerRecord(topic='test', partition=0, ") && line.contains(value),
            "{line}"
        );
    }
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn the_tutorials_consumer_prints_what_is_there_and_what_comes_and_all_of_it_again() {
    let Some(examples) = Examples::find() else { return };
    let data = tempdir().unwrap();
    let broker = Broker::start(data.path());
    let producer = start(&examples, &broker, "tutorial/producer.py", &[]);
    assert_eq!(producer.finish().ok(), "3 records are in test\n");

    let mut consumer = start(&examples, &broker, "tutorial/consumer.py", &[]);
    assert_values(&consumer.wait_for_lines(3), &INPUT);
    // It goes on waiting, and gets what somebody sends who speaks the other protocol.
    send(&broker, "test", "by hand");
    let all = [&INPUT[..], &["value=b'by hand'"]].concat();
    let lines = consumer.wait_for_lines(4);
    assert_values(&lines, &all);
    assert_eq!(consumer.interrupt().code, Some(130));

    let mut again = start(&examples, &broker, "tutorial/consumer.py", &[]);
    assert_eq!(again.wait_for_lines(4), lines);
    assert!(again.is_running(), "without a timeout it waits for ever");
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn with_latest_the_tutorials_consumer_prints_only_what_comes_from_then_on() {
    let Some(examples) = Examples::find() else { return };
    let data = tempdir().unwrap();
    let broker = Broker::start(data.path());
    let _sent = start(&examples, &broker, "tutorial/producer.py", &[]).finish().ok();

    let consumer = start(&examples, &broker, "tutorial/consumer.py", &["--auto-offset-reset", "latest"]);
    // When it has found out what is latest, nobody outside knows: until it prints something, more is sent.
    let mut sent = 0;
    let lines = wait_for("a line", || {
        send(&broker, "test", &format!("probe {sent}"));
        sent += 1;
        Some(consumer.said()).filter(|lines| !lines.is_empty())
    });
    let first = lines[0].split("value=b'probe ").nth(1).and_then(|rest| rest.split('\'').next());
    let first: usize = first.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{lines:?}"));
    assert!(first < sent);
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn the_iris_lab_goes_as_it_was_written() {
    let Some(examples) = Examples::find() else { return };
    let data = tempdir().unwrap();
    let broker = Broker::start(data.path());
    let plot = examples.directory().join("iris.png");
    // In full it is more than a minute in which two of the consumers do nothing; so long are soaks, not tests.
    let idle = env::var("YAK_IRIS_IDLE_S").unwrap_or_else(|_| "12".to_owned());
    let more = ["--plot", plot.to_str().unwrap(), "--idle-s", &idle];
    let mut consumers = start(&examples, &broker, "iris/consumer.py", &more);
    let _waiting = consumers.wait_for_lines(1);
    let producer = start(&examples, &broker, "iris/producer.py", &[]);
    assert_eq!(producer.finish().ok(), "150 irises sent\n");

    let mut lines = consumers.wait_for_lines(3);
    assert_eq!(
        lines[1],
        "consumer 1: 150 irises in versicolor-0, versicolor-1, virginicasetosa-0, virginicasetosa-1"
    );
    assert_eq!(lines[2], format!("consumer 1: plotted in {}", plot.display()));
    let patience = DEADLINE + Duration::from_secs(idle.parse().unwrap());
    lines = consumers.finish_within(patience).ok().lines().map(str::to_owned).collect();

    // The first and the last of Fisher's setosas, in the second partition.
    assert_eq!(lines[3], "consumer 2: setosa");
    assert_eq!(lines[5].split_whitespace().collect::<Vec<_>>(), ["0", "5.1", "3.5", "1.4", "0.2"]);
    assert_eq!(lines[54].split_whitespace().collect::<Vec<_>>(), ["49", "5.0", "3.3", "1.4", "0.2"]);
    assert_eq!(lines[55], "consumer 3: virginica, from the start of the partition");
    assert_eq!(
        lines[56],
        "{'species': 'virginica', 'sepal_length': 6.3, 'sepal_width': 3.3, 'petal_length': 6.0, 'petal_width': 2.5}"
    );
    assert!(lines[56..].iter().all(|line| line.starts_with("{'species': 'virginica', ")), "{lines:?}");
    assert_eq!(lines.len(), 56 + 50);
    plot_has_its_colours(&examples, plot.to_str().unwrap());
}

/// Each of the three colours covers what some dozens of points cover.
fn plot_has_its_colours(examples: &Examples, plot: &str) {
    let counted = examples.python(COLOURS, &[plot]).ok();
    let counts: Vec<(&str, u32)> = counted
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, count)| (name, count.parse().expect("a number")))
        .collect();
    assert_eq!(counts.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["red", "blue", "green"]);
    assert!(counts.iter().all(|(_, count)| *count > 1_000), "{counted}");
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn irises_that_never_come_end_the_labs_consumers_without_a_complaint() {
    let Some(examples) = Examples::find() else { return };
    let data = tempdir().unwrap();
    let broker = Broker::start(data.path());
    let plot = examples.directory().join("none.png");
    let more = ["--timeout-ms", "300", "--plot", plot.to_str().unwrap()];
    let said = start(&examples, &broker, "iris/consumer.py", &more).finish().ok();
    assert!(said.contains("consumer 1: 0 irises in ") && said.contains("\nconsumer 3: "), "{said}");
    assert!(!plot.exists());
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn a_broker_for_each_test_comes_of_a_fixture() {
    let Some(examples) = Examples::find() else { return };
    let said = examples.start("pytest examples/pytest", &["-p", "no:cacheprovider"]).finish().ok();
    assert!(said.contains("2 passed"), "{said}");
}

#[test]
fn the_irises_are_fishers() {
    let table =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/iris/iris.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    for species in ["setosa", "versicolor", "virginica"] {
        assert_eq!(rows.iter().filter(|row| row[4] == species).count(), 50, "{species}");
    }
    // In millimetres, so that sums are exact: means of 5.843, 3.057, 3.758 and 1.199 cm.
    let sum =
        |column: usize| rows.iter().map(|row| row[column].replace('.', "").parse::<u32>().unwrap()).sum();
    let sums: [u32; 4] = [0, 1, 2, 3].map(sum);
    assert_eq!(sums, [8_765, 4_586, 5_637, 1_799]);
}
