//! The life of topics on one broker: created, grown, listed, kept in files that roll, shortened, deleted.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::tempdir;
use yak_testkit::{Broker, BrokerBuilder, Finished, run, run_with_input, wait_for};

fn topics(broker: &Broker, args: &[&str]) -> Finished {
    run("yak-topics", &[&["--bootstrap-server", broker.bootstrap()], args].concat())
}

fn done(finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

fn produce(broker: &Broker, topic: &str, lines: &str) {
    let args = ["--bootstrap-server", broker.bootstrap(), "--topic", topic];
    done(&run_with_input("yak-producer", &args, lines.as_bytes()));
}

fn read_all(broker: &Broker, topic: &str) -> String {
    let args = ["--bootstrap-server", broker.bootstrap(), "--topic", topic, "--from-beginning", "--exit"];
    run("yak-consumer", &args).ok().text()
}

/// The files of a directory with this extension, in order.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

#[test]
fn topics_are_created_described_listed_grown_and_deleted() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    assert_eq!(topics(&broker, &["--list"]).ok().text(), "");
    for name in ["virginicasetosa", "versicolor"] {
        let args = ["--create", "--topic", name, "--partitions", "2", "--replication-factor", "1"];
        assert_eq!(topics(&broker, &args).ok().text(), format!("Created topic {name}.\n"));
    }
    assert_eq!(topics(&broker, &["--list"]).ok().text(), "versicolor\nvirginicasetosa\n");
    let described = topics(&broker, &["--describe", "--topic", "versicolor"]).ok().text();
    let mut lines = described.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("Topic: versicolor\tTopicId: "), "{first}");
    assert!(first.contains("\tPartitionCount: 2\tReplicationFactor: 1\t"), "{first}");
    let partition = |n: u32| format!("\tTopic: versicolor\tPartition: {n}\tLeader: 1\tReplicas: 1\tIsr: 1");
    let rest: Vec<&str> = lines.map(str::trim_end).collect();
    assert_eq!(rest, [partition(0), partition(1)]);

    produce(&broker, "versicolor", "a\nb\n");
    done(&topics(&broker, &["--alter", "--topic", "versicolor", "--partitions", "4"]));
    let described = topics(&broker, &["--describe", "--topic", "versicolor"]).ok().text();
    assert_eq!(described.lines().count(), 5);
    assert_eq!(read_all(&broker, "versicolor").len(), 4, "records from before are still there");
    let shrunk = topics(&broker, &["--alter", "--topic", "versicolor", "--partitions", "1"]);
    assert_eq!(shrunk.code, Some(1), "{}", shrunk.stderr);

    done(&topics(&broker, &["--delete", "--topic", "versicolor", "--yes"]));
    assert_eq!(topics(&broker, &["--list"]).ok().text(), "virginicasetosa\n");
    let again = topics(&broker, &["--delete", "--topic", "versicolor", "--yes"]);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert_eq!(topics(&broker, &["--delete", "--topic", "versicolor", "--yes", "--if-exists"]).code, Some(0));
    done(&topics(&broker, &["--create", "--topic", "versicolor", "--partitions", "1"]));
    assert_eq!(read_all(&broker, "versicolor"), "", "the new topic has nothing of the old one");
}

#[test]
fn each_partition_is_a_directory_of_files_of_the_broker() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    done(&topics(&broker, &["--create", "--topic", "orders", "--partitions", "3"]));
    produce(&broker, "orders", "one\ntwo\nthree\nfour\n");
    for partition in 0..3 {
        let directory = broker.data().join(format!("orders-{partition}"));
        let log = directory.join("00000000000000000000.log");
        assert!(fs::metadata(&log).unwrap().len() > 0, "{}", log.display());
        assert!(directory.join("partition.metadata").is_file());
    }
    assert!(!broker.data().join("orders-3").exists());
    // A segment holds record batches: 61 bytes of header, magic 2 at byte 16, then the value in clear.
    let bytes = fs::read(broker.data().join("orders-0/00000000000000000000.log")).unwrap();
    assert_eq!(bytes[16], 2);
    assert!(bytes.windows(3).any(|window| window == b"one"));
}

#[test]
fn segments_roll_by_size_and_old_ones_are_discarded_by_retention() {
    let data = tempdir().unwrap();
    let builder = BrokerBuilder::new(&data.path().join("broker-1"))
        .set("log.retention.check.interval.ms", "50")
        .set("log.segment.delete.delay.ms", "0");
    let broker = builder.start();
    let create = ["--create", "--topic", "t", "--partitions", "1", "--config", "segment.bytes=4KiB"];
    done(&topics(&broker, &create));
    let text: String = (0..400).map(|n| format!("{n:0>99}\n")).collect();
    for lines in text.as_bytes().chunks(2_000) {
        produce(&broker, "t", std::str::from_utf8(lines).unwrap());
    }
    assert_eq!(read_all(&broker, "t"), text);
    let directory = broker.data().join("t-0");
    let segments = files(&directory, "log");
    assert!(segments.len() >= 10, "{} segments", segments.len());
    for segment in &segments {
        assert!(fs::metadata(segment).unwrap().len() <= 4_096, "{}", segment.display());
    }

    let alter = ["--alter", "--topic", "t", "--config", "retention.bytes=8KiB"];
    done(&topics(&broker, &alter));
    wait_for("old segments to be discarded", || (files(&directory, "log").len() <= 4).then_some(()));
    let left = read_all(&broker, "t");
    assert!(text.ends_with(&left) && !left.is_empty(), "the newest records stay");
}

#[test]
fn a_subscriber_hears_of_every_change_of_its_topics_and_of_no_other() {
    let data = tempdir().unwrap();
    let broker = Broker::start(&data.path().join("broker-1"));
    let mut admin = broker.connect();
    let mut socket = broker.connect();
    // The next event that is no sign of life, as the number of partitions or the error.
    let mut next = |request: Option<&str>| {
        if let Some(request) = request {
            socket.send(request);
        }
        let mut event = socket.read();
        while event["event"] == "alive" {
            event = socket.read();
        }
        assert_eq!(event["event"], "metadata", "{event}");
        let topic = &event["topics"][0];
        match topic["error"]["code"].as_str() {
            Some(code) => code.to_owned(),
            None => topic["partitions"].as_array().map_or(0, Vec::len).to_string(),
        }
    };
    assert_eq!(next(Some(r#"{"op":"subscribe","topics":["t"]}"#)), "UNKNOWN_TOPIC_OR_PARTITION");
    admin.ok(r#"{"op":"create_topics","topics":[{"name":"other","partitions":1}]}"#);
    admin.ok(r#"{"op":"create_topics","topics":[{"name":"t","partitions":2}]}"#);
    assert_eq!(next(None), "2");
    admin.ok(r#"{"op":"create_partitions","topic":"t","total":3}"#);
    assert_eq!(next(None), "3");
    admin.ok(r#"{"op":"delete_topics","topics":["other"]}"#);
    admin.ok(r#"{"op":"delete_topics","topics":["t"]}"#);
    assert_eq!(next(None), "UNKNOWN_TOPIC_OR_PARTITION");
}
