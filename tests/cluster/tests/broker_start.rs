//! What a person reads when a broker cannot start, or starts over something damaged.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use yak_testkit::{Broker, BrokerBuilder, Finished, run, wait_for};

fn refused(builder: &BrokerBuilder) -> String {
    let stderr = builder.try_start().expect_err("the broker must not start");
    let error = stderr.lines().find(|line| line.starts_with("error: "));
    error.unwrap_or_else(|| unreachable!("no error line in: {stderr}")).to_owned()
}

fn broker_command(args: &[&str]) -> Finished {
    run("yak-broker", args)
}

/// The one segment of topic `t`.
fn segment(data: &Path) -> std::path::PathBuf {
    data.join("t-0/00000000000000000000.log")
}

#[test]
fn usage_errors_are_one_line_a_hint_and_exit_code_2() {
    for (args, first_line) in [
        (&["--standalne"][..], "error: unknown option '--standalne'"),
        (&["--standalone", "--port", "seventy"], "error: --port: \"seventy\" is not a whole number"),
        (&["--ephemeral"], "error: --standalone is required"),
    ] {
        let finished = broker_command(args);
        assert_eq!(
            (finished.code, finished.first_error()),
            (Some(2), first_line),
            "{args:?}: {}",
            finished.stderr
        );
        assert!(finished.stderr.contains("hint: "), "{args:?}: {}", finished.stderr);
        assert!(finished.stderr.lines().count() <= 4, "{args:?}: {}", finished.stderr);
        assert_eq!(finished.text(), "");
    }
}

#[test]
fn every_fault_of_a_configuration_is_reported_at_once_with_file_and_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("broker.properties");
    fs::write(&file, "# a comment\nnum.partitions=three\nlog.segment.bytes=1GB\nmin.insync.replica=1\n")
        .unwrap();
    let path = file.to_str().unwrap();
    let finished = broker_command(&["--standalone", path, "--override", "log.retention.ms=soon"]);
    let lines: Vec<&str> = finished.stderr.lines().collect();
    assert_eq!(finished.code, Some(2));
    let expected = [
        format!("{path}:2: num.partitions: \"three\" is not a whole number >= 1"),
        format!("{path}:3: log.segment.bytes: \"1GB\" is not a size (use bytes, or 1GiB)"),
        format!("{path}:4: min.insync.replica: unknown key, did you mean min.insync.replicas?"),
    ];
    for (line, expected) in lines.iter().zip(&expected) {
        assert_eq!(line, expected);
    }
    assert_eq!(lines.len(), 4, "{}", finished.stderr);
    assert!(lines[3].contains("log.retention.ms") && lines[3].contains("\"soon\""), "{}", lines[3]);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = refused(&BrokerBuilder::new(&directory.path().join("broker-1")).port(port));
    assert_eq!(
        error,
        format!("error: cannot listen on 127.0.0.1:{port}: Address already in use (os error 98)")
    );
}

#[test]
fn a_directory_in_use_is_refused_and_its_broker_undisturbed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let broker = Broker::start(&data);
    let error = refused(&BrokerBuilder::new(&data));
    assert_eq!(error, format!("error: log directory {} is in use by another process", data.display()));
    broker.connect().ok(r#"{"op":"produce","topic":"t","records":[{"value":"v"}]}"#);
}

#[test]
fn the_directory_of_another_broker_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    assert_eq!(Broker::start(&data).stop(), Some(0));
    let error = refused(&BrokerBuilder::new(&data).arg("--id").arg("2"));
    assert_eq!(
        error,
        format!("error: log directory {} belongs to broker 1, not to broker 2", data.display())
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for (data, why) in [
        (file.join("broker-1"), "Not a directory (os error 20)"),
        (Path::new("/proc/yak-broker").to_owned(), "No such file or directory (os error 2)"),
    ] {
        let finished = broker_command(&["--standalone", "--port", "0", "--data", data.to_str().unwrap()]);
        let expected = format!("error: cannot create {}: {why}", data.display());
        assert_eq!(
            (finished.code, finished.first_error()),
            (Some(1), expected.as_str()),
            "{}",
            finished.stderr
        );
        assert!(
            finished.stderr.contains("hint: choose a directory that you may write to"),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn a_damaged_segment_keeps_its_partition_offline_and_the_rest_serves() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let broker = Broker::start(&data);
    let mut socket = broker.connect();
    for topic in ["t", "u"] {
        socket.ok(&format!(
            r#"{{"op":"create_topics","topics":[{{"name":"{topic}","configs":{{"flush":"sync"}}}}]}}"#
        ));
        for value in 0..10 {
            socket.ok(&format!(
                r#"{{"op":"produce","topic":"{topic}","records":[{{"value":"value-{value}"}}]}}"#
            ));
        }
    }
    broker.kill();
    let mut bytes = fs::read(segment(&data)).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x10;
    fs::write(segment(&data), &bytes).unwrap();
    let broker = Broker::start(&data);
    let mut socket = broker.connect();
    for line in [
        r#"{"op":"produce","topic":"t","records":[{"value":"v"}]}"#,
        r#"{"op":"fetch","topic":"t","partition":0,"offset":0}"#,
        r#"{"op":"list_offsets","topic":"t","partition":0,"at":"latest"}"#,
    ] {
        let (code, message) = socket.error(line);
        assert_eq!(code, "KAFKA_STORAGE_ERROR", "{line}");
        assert!(message.contains("t-0/00000000000000000000.log is damaged at position"), "{message}");
    }
    let reply = socket.ok(r#"{"op":"fetch","topic":"u","partition":0,"offset":0}"#);
    assert_eq!(reply["partitions"][0]["records"].as_array().unwrap().len(), 10);
    assert_eq!(fs::read(segment(&data)).unwrap(), bytes, "nothing was changed");
    let dumped = run("yak-dump-log", &[segment(&data).to_str().unwrap()]);
    assert_eq!(dumped.code, Some(1), "{}", dumped.stderr);
}

#[test]
fn a_torn_tail_is_cut_and_said_and_deleted_indexes_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let builder =
        BrokerBuilder::new(&data).set("log.segment.bytes", "16KiB").set("log.index.interval.bytes", "256");
    let broker = builder.start();
    let mut socket = broker.connect();
    for value in 0..1000 {
        socket.ok(&format!(r#"{{"op":"produce","topic":"t","records":[{{"value":"value-{value}"}}]}}"#));
    }
    broker.kill();
    let mut logs: Vec<_> = files(&data, "log");
    logs.sort();
    assert!(logs.len() > 3, "several segments: {logs:?}");
    let last = logs.last().unwrap();
    let mut torn = fs::read(last).unwrap();
    let whole = torn.len();
    torn.extend_from_slice(&[0, 0, 0, 0, 0, 0, 3, 0xe8, 0, 0, 0, 99, 1, 2, 3]);
    fs::write(last, torn).unwrap();
    for index in files(&data, "index").into_iter().chain(files(&data, "timeindex")) {
        fs::remove_file(index).unwrap();
    }
    let broker = builder.start();
    assert!(broker.stderr().contains("recovery cut a torn tail"), "{}", broker.stderr());
    assert_eq!(fs::metadata(last).unwrap().len(), whole as u64);
    let mut socket = broker.connect();
    for offset in [0, 1, 500, 998, 999] {
        let reply = socket
            .ok(&format!(r#"{{"op":"fetch","topic":"t","partition":0,"offset":{offset},"max_bytes":1}}"#));
        assert_eq!(reply["partitions"][0]["records"][0]["value"], format!("value-{offset}"));
    }
    let next = socket.ok(r#"{"op":"produce","topic":"t","records":[{"value":"next"}]}"#);
    assert_eq!(next["partitions"][0]["base_offset"], 1000);
}

fn files(data: &Path, kind: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(data.join("t-0")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == kind)).collect()
}

#[test]
fn an_ephemeral_broker_ends_with_its_stdin_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let ports = directory.path().join("ports.json");
    let args = [
        "--standalone",
        "--ephemeral",
        "--until-stdin-closes",
        "--port",
        "0",
        "--ports-file",
        ports.to_str().unwrap(),
    ];
    let mut broker = yak_testkit::Running::start("yak-broker", &args);
    let ready = wait_for("the ports file", || fs::read_to_string(&ports).ok());
    let ready: serde_json::Value = serde_json::from_str(&ready).expect("the file appears whole");
    let data = Path::new(ready["data"].as_str().unwrap()).to_owned();
    assert!(data.join("meta.properties").exists());
    assert_eq!(ready["pid"], broker.pid());
    assert!(broker.is_running());
    let finished = broker.finish();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.text(), format!("YAK_READY {ready}\n"), "one line, the same object");
    assert!(!data.exists(), "the data went with it");
}

#[test]
fn what_is_configured_is_printed_and_checked_without_starting() {
    let printed =
        broker_command(&["--standalone", "--print-config", "--override", "num.partitions=3"]).ok().text();
    let row = printed.lines().find(|line| line.starts_with("num.partitions")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["num.partitions", "3", "--override"]);
    assert_eq!(broker_command(&["--standalone", "--check-config"]).ok().text(), "");
}

#[test]
fn data_files_are_private_to_their_owner() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    let broker = Broker::start(&data);
    broker.connect().ok(r#"{"op":"produce","topic":"t","records":[{"value":"v"}]}"#);
    for path in [segment(&data), data.join("meta.properties"), data.join(".lock")] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}
