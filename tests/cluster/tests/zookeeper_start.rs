//! What a person reads when a zookeeper starts, cannot start, or starts over something damaged; and how it ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use yak_testkit::{Finished, Socket, Zookeeper, ZookeeperBuilder, run, wait_for};

fn zookeeper_command(args: &[&str]) -> Finished {
    run("yak-zookeeper", args)
}

/// The line that says why it does not start, and the hint after it, if there is one.
fn refused(builder: &ZookeeperBuilder) -> (String, Option<String>) {
    let stderr = builder.try_start().expect_err("the zookeeper must not start");
    // What earlier starts with the directory wrote stands before it.
    let last = stderr.lines().filter(|line| line.starts_with("error: ")).count().saturating_sub(1);
    let mut errors = 0;
    let mut lines = stderr.lines().skip_while(|line| {
        errors += usize::from(line.starts_with("error: "));
        errors <= last
    });
    let error = lines.next().unwrap_or_else(|| unreachable!("no error line in: {stderr}"));
    (error.to_owned(), lines.next().and_then(|line| line.strip_prefix("  hint: ")).map(str::to_owned))
}

/// The one file of a journal.
fn journal(data: &Path) -> PathBuf {
    data.join("journal-00000000000000000001.ndjson")
}

/// A directory whose journal has a few lines: a broker that came and was fenced when its connection closed.
fn some_journal(data: &Path) {
    let zookeeper = Zookeeper::start(data);
    let mut watching = zookeeper.connect();
    watching.send(r#"{"op":"watch"}"#);
    let mut broker = zookeeper.connect();
    register(&mut broker);
    let beat = r#"{"op":"heartbeat","broker_epoch":2,"applied":2,"recovered":true}"#;
    wait_for("unfenced", || (broker.ok(beat)["fenced"] == false).then_some(()));
    drop(broker);
    while !watching.read_line().unwrap().contains("broker 1 fenced: connection closed") {}
    assert_eq!(zookeeper.end_by("TERM"), Some(0));
}

/// Registers broker 1 as the process of this incarnation.
fn register_as(socket: &mut Socket, incarnation_id: &str) -> Value {
    socket.ok(&format!(
        r#"{{"op":"register_broker","broker_id":1,"incarnation_id":"{incarnation_id}","directory_ids":["AQEBAQEBQQGBAQEBAQEBAQ"],"host":"localhost","port":9092}}"#
    ))
}

fn register(socket: &mut Socket) -> Value {
    register_as(socket, "AgICAgICQgKCAgICAgICAg")
}

#[test]
fn usage_errors_are_one_line_a_hint_and_exit_code_2() {
    for (args, first_line) in [
        (&["--prot", "1"][..], "error: unknown option '--prot'"),
        (&["--port", "seventy"], "error: --port: \"seventy\" is not a whole number"),
        (&["--id", "1"], "error: unknown option '--id'"),
        (&["a.properties", "b.properties"], "error: unexpected argument 'b.properties'"),
    ] {
        let finished = zookeeper_command(args);
        let what = (finished.code, finished.first_error());
        assert_eq!(what, (Some(2), first_line), "{args:?}: {}", finished.stderr);
        assert!(finished.stderr.contains("hint: "), "{args:?}: {}", finished.stderr);
        assert_eq!((finished.stderr.lines().count(), finished.text().as_str()), (2, ""), "{args:?}");
    }
    assert!(zookeeper_command(&["--prot", "1"]).stderr.contains("did you mean '--port'?"));
}

#[test]
fn every_fault_of_a_configuration_is_reported_at_once_with_file_and_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("z.properties");
    let text = "# a comment\nclientPort=21x\ndataDri=d\nsession.timeout.ms=1\njournal.max.bytes=8MB\n";
    fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let finished = zookeeper_command(&[path, "--override", "session.disconnect.grace.ms=soon"]);
    let expected = [
        format!("{path}:2: clientPort: \"21x\" is not a whole number >= 0"),
        format!("{path}:3: dataDri: unknown key, did you mean dataDir?"),
        format!(
            "{path}:4: session.timeout.ms: \"1\" is out of range, it must be from 600 to 3600000 milliseconds"
        ),
        format!("{path}:5: journal.max.bytes: \"8MB\" is not a size (use bytes, or 8MiB)"),
        "--override session.disconnect.grace.ms: \"soon\" is not a duration (use milliseconds, or e.g. 30s, 12h, 7d)"
            .to_owned(),
    ];
    assert_eq!(finished.code, Some(2));
    assert_eq!(finished.stderr.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_configured_is_printed_and_checked_without_starting() {
    let printed = zookeeper_command(&["--print-config", "--override", "session.timeout.ms=2s"]).ok().text();
    let row = printed.lines().find(|line| line.starts_with("session.timeout.ms")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["session.timeout.ms", "2000", "--override"]);
    assert_eq!(zookeeper_command(&["--check-config"]).ok().text(), "");
    assert_eq!(zookeeper_command(&["nowhere.properties", "--check-config"]).code, Some(2));
}

#[test]
fn the_file_that_comes_with_it_is_a_working_configuration_with_apache_zookeepers_port() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/zookeeper.properties");
    let file = file.to_str().unwrap();
    let printed = zookeeper_command(&[file, "--print-config"]).ok().text();
    let port = printed.lines().find(|line| line.starts_with("clientPort ")).unwrap();
    assert_eq!(port.split_whitespace().nth(1), Some("2181"));
    assert!(port.contains("zookeeper.properties:"), "it says where the value comes from: {port}");
    assert_eq!(zookeeper_command(&[file, "--check-config"]).ok().stderr, "", "nothing to warn of");
    let directory = tempfile::tempdir().unwrap();
    let zookeeper = ZookeeperBuilder::new(&directory.path().join("zookeeper")).arg(file).start();
    zookeeper.connect().ok(r#"{"op":"status"}"#);
    assert_eq!(zookeeper.end_by("TERM"), Some(0));
}

#[test]
fn ready_it_says_where_it_is_on_stdout_and_in_the_ports_file() {
    let directory = tempfile::tempdir().unwrap();
    let (data, ports) = (directory.path().join("zookeeper"), directory.path().join("ports.json"));
    let zookeeper = ZookeeperBuilder::new(&data).arg("--ports-file").arg(ports.to_str().unwrap()).start();
    let written: Value = serde_json::from_str(&fs::read_to_string(&ports).unwrap()).unwrap();
    assert_eq!(&written, zookeeper.ready(), "the same object");
    assert_eq!(written["data"], data.to_str().unwrap());
    let status = zookeeper.connect().ok(r#"{"op":"status"}"#);
    assert_eq!(status["cluster_id"], written["cluster_id"]);
    assert_eq!(status["index"], 1, "the first line of a new cluster");
    for name in ["journal-00000000000000000001.ndjson", "replication.key", ".lock"] {
        let mode = fs::metadata(data.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (error, hint) = refused(&ZookeeperBuilder::new(&directory.path().join("zookeeper")).port(port));
    assert_eq!(
        error,
        format!("error: cannot listen on 127.0.0.1:{port}: Address already in use (os error 98)")
    );
    assert!(hint.unwrap().contains("--port takes another port"));
}

#[test]
fn a_directory_in_use_is_refused_and_its_zookeeper_undisturbed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("zookeeper");
    let zookeeper = Zookeeper::start(&data);
    let (error, hint) = refused(&ZookeeperBuilder::new(&data));
    assert_eq!(error, format!("error: {} is in use by another process", data.display()));
    assert!(hint.unwrap().contains("--data takes another one"));
    zookeeper.connect().ok(r#"{"op":"status"}"#);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for (data, why) in [
        (file.join("zookeeper"), "Not a directory (os error 20)"),
        (file, "it is not a directory"),
        (Path::new("/proc/yak-zookeeper").to_owned(), "No such file or directory (os error 2)"),
    ] {
        let finished = zookeeper_command(&["--port", "0", "--data", data.to_str().unwrap()]);
        let expected = format!("error: cannot use {}: {why}", data.display());
        assert_eq!((finished.code, finished.first_error()), (Some(1), expected.as_str()));
        let hint = "hint: choose a directory that you may write to";
        assert!(finished.stderr.contains(hint), "{}", finished.stderr);
    }
}

#[test]
fn a_ports_file_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("zookeeper");
    let (error, _) = refused(&ZookeeperBuilder::new(&data).arg("--ports-file").arg("/nowhere/ports.json"));
    assert_eq!(error, "error: cannot write /nowhere/ports.json: No such file or directory (os error 2)");
}

#[test]
fn a_damaged_journal_is_refused_with_file_and_line_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("zookeeper");
    some_journal(&data);
    let whole = fs::read(journal(&data)).unwrap();
    let mut damaged = whole.clone();
    let text = String::from_utf8(whole).unwrap();
    let (second, third) =
        (text.match_indices('\n').next().unwrap().0 + 1, text.match_indices('\n').nth(1).unwrap().0 + 1);
    damaged[third + 40] ^= 0x10;
    fs::write(journal(&data), &damaged).unwrap();
    let (error, _) = refused(&ZookeeperBuilder::new(&data));
    let file = journal(&data).display().to_string();
    assert!(error.starts_with(&format!("error: {file}:3: its checksum is ")), "{error}");
    assert!(error.contains("the journal was damaged"), "{error}");
    assert!(error.ends_with(&format!("cut it there: truncate -s {third} {file}")), "{error}");
    assert_eq!(fs::read(journal(&data)).unwrap(), damaged, "nothing was changed");

    // What it advises works: this change and all later ones are given up, those before are there.
    fs::write(journal(&data), &text[..third]).unwrap();
    let zookeeper = Zookeeper::start(&data);
    assert_eq!(zookeeper.connect().ok(r#"{"op":"status"}"#)["index"], 1);
    assert_eq!(zookeeper.end_by("TERM"), Some(0));

    // Its first line is written whole, with the file: no advice to cut there.
    let mut damaged = text.into_bytes();
    damaged[second / 2] ^= 1;
    fs::write(journal(&data), &damaged).unwrap();
    let (error, _) = refused(&ZookeeperBuilder::new(&data));
    assert!(error.starts_with(&format!("error: {file}:1: ")) && !error.contains("truncate"), "{error}");
}

#[test]
fn a_torn_last_line_is_cut_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("zookeeper");
    some_journal(&data);
    let whole = fs::read(journal(&data)).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let lines = whole.iter().filter(|byte| **byte == b'\n').count();
    fs::write(journal(&data), &whole[..last + 50]).unwrap();
    let zookeeper = Zookeeper::start(&data);
    assert_eq!(fs::read(journal(&data)).unwrap(), &whole[..last]);
    let said = zookeeper.stderr();
    let said = said.lines().find(|line| line.contains("journal_tail_cut")).expect("it says so");
    for detail in [
        "WARN".to_owned(),
        "never acknowledged".to_owned(),
        format!("file={}", journal(&data).display()),
        format!("line={lines} bytes=50"),
    ] {
        assert!(said.contains(&detail), "{detail}: {said}");
    }
    let broker = register_as(&mut zookeeper.connect(), "AwMDAwMDQwODAwMDAwMDAw");
    assert_eq!(broker["broker_epoch"], lines - 1, "the next line takes the index of the one that was cut");
}

#[test]
fn another_versions_journal_is_no_damage_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("zookeeper");
    fs::create_dir(&data).unwrap();
    for (version, line) in [
        (0, r#"{"journal":"yak","version":0,"cluster_id":"BAQEBAQERASEBAQEBAQEBA","crc":"a9277adc"}"#),
        (2, r#"{"journal":"yak","version":2,"cluster_id":"BAQEBAQERASEBAQEBAQEBA","crc":"e8db7820"}"#),
    ] {
        fs::write(journal(&data), format!("{line}\n")).unwrap();
        let (error, hint) = refused(&ZookeeperBuilder::new(&data));
        let file = journal(&data).display().to_string();
        let expected = format!(
            "error: {file}:1: its format is \"yak\" version {version}, this program reads \"yak\" version 1"
        );
        assert_eq!(error, expected);
        assert!(hint.unwrap().contains("start the version of yak-zookeeper that wrote it"));
        assert_eq!(fs::read_to_string(journal(&data)).unwrap(), format!("{line}\n"));
    }
}

#[test]
fn either_signal_ends_it_in_order_also_with_brokers_and_watchers() {
    for signal in ["TERM", "INT"] {
        let directory = tempfile::tempdir().unwrap();
        let zookeeper = Zookeeper::start(&directory.path().join("zookeeper"));
        let (mut watching, mut broker) = (zookeeper.connect(), zookeeper.connect());
        watching.send(r#"{"op":"watch","events":true}"#);
        watching.read_line().unwrap();
        register(&mut broker);
        // Half a line must not keep it, either.
        broker.send_bytes(b"{\"op\":\"heart");
        let log = directory.path().join("zookeeper.stderr");
        assert_eq!(zookeeper.end_by(signal), Some(0), "{signal}");
        assert!(fs::read_to_string(log).unwrap().contains("zookeeper_stopped"));
        let rest = watching.read_to_end();
        assert!(rest.ends_with('\n'), "the last line is whole: {rest}");
    }
}
