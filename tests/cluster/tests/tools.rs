//! What the tools say and how they end: usage errors, absent brokers, Ctrl-C, a closed stdout, look-ups.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::Value;
use yak_testkit::{Broker, BrokerBuilder, Running, binary, run, run_with_input, wait_for};

/// Both lists of arguments, one after the other.
fn with<'a>(first: &[&'a str], then: &[&'a str]) -> Vec<&'a str> {
    [first, then].concat()
}

const ONE_ACTION: &str = "error: exactly one of --create, --list, --describe, --alter, --delete, --elect-preferred, \
                          --elect-unclean is required";

/// Tool and arguments, exit code, first line on stderr that is not a note.
const USAGE: [(&[&str], &str); 14] = [
    (&["yak-producer"], "error: --topic is required"),
    (&["yak-producer", "--topc", "t"], "error: unknown option '--topc'"),
    (
        &["yak-producer", "--topic", "a b"],
        "error: --topic: topic name \"a b\" contains ' '; allowed are a-z A-Z 0-9 . _ -",
    ),
    (&["yak-producer", "--topic", "t", "--acks", "2"], "error: --acks: \"2\" is not one of all, 1, 0"),
    (
        &["yak-producer", "--topic", "t", "--partition", "x"],
        "error: --partition: \"x\" is not a whole number",
    ),
    (
        &["yak-producer", "--topic", "t", "--linger-ms", "x"],
        "error: --linger-ms: \"x\" is not a duration (use milliseconds, or e.g. 30s, 12h, 7d)",
    ),
    (
        &["yak-producer", "--topic", "t", "--acks", "1", "--idempotent"],
        "error: --idempotent cannot be used with --acks 0 or 1: only --acks all can rule out duplicates",
    ),
    (&["yak-consumer"], "error: --topic is required"),
    (&["yak-consumer", "--topic", "t", "--form-beginning"], "error: unknown option '--form-beginning'"),
    (
        &["yak-consumer", "--topic", "t", "--offset", "soon"],
        "error: --offset: \"soon\" is not an offset (use earliest, latest, N, -N, @TIME, @-10m or A:B)",
    ),
    (&["yak-topics"], ONE_ACTION),
    (&["yak-topics", "--list", "--create"], ONE_ACTION),
    (&["yak-status", "--wach"], "error: unknown option '--wach'"),
    (&["yak-dump-log", "--prnt"], "error: unknown option '--prnt'"),
];

#[test]
fn usage_errors_are_one_line_with_exit_code_2_and_nothing_on_stdout() {
    for (words, first_line) in USAGE {
        let finished = run(words[0], &words[1..]);
        assert_eq!(
            (finished.code, finished.first_error()),
            (Some(2), first_line),
            "{words:?}: {}",
            finished.stderr
        );
        assert!(finished.stderr.lines().count() <= 2, "no usage dump: {words:?}: {}", finished.stderr);
        assert_eq!(finished.text(), "");
    }
}

#[test]
fn an_absent_broker_is_named_with_a_hint() {
    // A port that nobody listens on: it was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    for words in [
        &["yak-producer", "--topic", "t"][..],
        &["yak-consumer", "--topic", "t", "--exit"],
        &["yak-topics", "--list"],
        &["yak-status"],
    ] {
        let finished = run(
            words[0],
            &[&words[1..], &["--bootstrap-server", &address, "--request-timeout-ms", "300"]].concat(),
        );
        let expected = format!("error: no broker answered at {address}: connection refused");
        assert_eq!((finished.code, finished.first_error()), (Some(1), expected.as_str()), "{words:?}");
        let hint = "  hint: start one with `yak-broker --standalone`, or pass --bootstrap-server";
        assert_eq!(finished.stderr.lines().nth(1), Some(hint), "{words:?}");
    }
    let finished = run(
        "yak-topics",
        &["--list", "--json", "--bootstrap-server", &address, "--request-timeout-ms", "300"],
    );
    let error: Value = serde_json::from_str(finished.first_error()).unwrap();
    assert_eq!(finished.code, Some(1));
    assert_eq!(
        (&error["error"]["code"], &error["error"]["retriable"]),
        (&"NETWORK_EXCEPTION".into(), &true.into())
    );
}

#[test]
fn an_address_that_does_not_resolve_is_named() {
    let finished = run("yak-topics", &["--list", "--bootstrap-server", "no.such.host.invalid:9092"]);
    let expected = "error: no broker answered at no.such.host.invalid:9092: the name does not resolve";
    assert_eq!((finished.code, finished.first_error()), (Some(1), expected), "{}", finished.stderr);
}

#[test]
fn an_advertised_address_that_does_not_resolve_is_told_with_both_addresses() {
    let directory = tempfile::tempdir().unwrap();
    let broker = BrokerBuilder::new(&directory.path().join("broker-1"))
        .set("advertised.listeners", "PLAINTEXT://no.such.host.invalid:9092")
        .set("listeners", "PLAINTEXT://127.0.0.1:0");
    // It says of itself what clients are told; the port it really took is in its log.
    let broker = broker.start();
    assert_eq!(broker.bootstrap(), "no.such.host.invalid:9092");
    let log = broker.stderr();
    let listens = log.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let finished =
        run_with_input("yak-producer", &["--topic", "t", "--bootstrap-server", listens], b"line\n");
    let expected = format!(
        "error: connected to {listens}, which says that broker 1 is at \"no.such.host.invalid:9092\", but that does \
         not resolve from here"
    );
    assert_eq!((finished.code, finished.first_error()), (Some(1), expected.as_str()), "{}", finished.stderr);
    let hint = "  hint: set advertised.listeners on broker 1 to an address this machine can reach";
    assert!(finished.stderr.contains(hint), "{}", finished.stderr);
}

#[test]
fn a_peer_that_is_no_broker_is_told_apart_from_silence() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(1) {
            let mut stream = stream.unwrap();
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    let finished =
        run("yak-topics", &["--list", "--bootstrap-server", &address, "--request-timeout-ms", "2000"]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(
        finished.first_error().starts_with("error: ") && finished.stderr.contains(&address),
        "{}",
        finished.stderr
    );
    server.join().unwrap();
}

#[test]
fn a_closed_stdout_is_a_clean_end() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let lines: String = (0..200_000).map(|i| format!("line {i}\n")).collect();
    let bootstrap = ["--bootstrap-server", broker.bootstrap(), "--topic", "t"];
    assert_eq!(run_with_input("yak-producer", &bootstrap, lines.as_bytes()).code, Some(0));
    let mut consumer = Command::new(binary("yak-consumer"))
        .args(bootstrap)
        .arg("--from-beginning")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(consumer.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    assert_eq!(first, "line 0\n");
    drop(stdout);
    let status = wait_for("the consumer's end", || consumer.try_wait().unwrap());
    let mut stderr = String::new();
    consumer.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("error"), "{stderr}");
}

#[test]
fn the_first_ctrl_c_ends_a_producer_in_order_and_what_it_read_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let bootstrap = ["--bootstrap-server", broker.bootstrap(), "--topic", "t"];
    let mut producer = Running::start("yak-producer", &bootstrap);
    producer.write(b"one\ntwo\n");
    let mut socket = broker.connect();
    wait_for("both records", || {
        let reply = socket.ask(r#"{"op":"list_offsets","topic":"t","partition":0,"at":"latest"}"#);
        (reply["ok"]["partitions"][0]["offset"] == 2).then_some(())
    });
    producer.signal("INT");
    // Stdin stays open: it ends by the signal alone.
    wait_for("the producer's end", || (!producer.is_running()).then_some(()));
    let finished = producer.finish();
    assert_eq!(finished.code, Some(130), "{}", finished.stderr);
    assert!(finished.stderr.contains("2 records acknowledged, 0 failed"), "{}", finished.stderr);
}

#[test]
fn a_consumer_ends_by_sigterm_and_says_how_much_it_read() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let bootstrap = ["--bootstrap-server", broker.bootstrap(), "--topic", "t"];
    assert_eq!(run_with_input("yak-producer", &bootstrap, b"one\ntwo\n").code, Some(0));
    let consumer = Running::start("yak-consumer", &[&bootstrap[..], &["--from-beginning"]].concat());
    let mut socket = broker.connect();
    wait_for("the consumer's progress", || {
        let status = socket.ok(r#"{"op":"status"}"#);
        let clients = status["clients"].as_array().unwrap().clone();
        clients.iter().any(|client| client["role"] == "consumer" && client["records"] == 2).then_some(())
    });
    consumer.signal("TERM");
    let finished = consumer.finish();
    assert_eq!(finished.text(), "one\ntwo\n");
    assert!(matches!(finished.code, Some(0 | 143)), "{:?}: {}", finished.code, finished.stderr);
    assert!(finished.stderr.contains("Processed a total of 2 messages"), "{}", finished.stderr);
}

#[test]
fn a_missing_topic_is_created_aloud_or_refused_with_a_near_name() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let bootstrap = ["--bootstrap-server", broker.bootstrap()];
    let created =
        run("yak-topics", &with(&bootstrap, &["--create", "--topic", "orders", "--partitions", "3"])).ok();
    assert_eq!(created.text(), "Created topic orders.\n");
    let produced = run_with_input("yak-producer", &with(&bootstrap, &["--topic", "ordres"]), b"line\n");
    let note = "note: created topic 'ordres' (1 partition, 1 replica); did you mean 'orders'?";
    assert_eq!((produced.code, produced.stderr.lines().next()), (Some(0), Some(note)));
    let described = run("yak-topics", &with(&bootstrap, &["--describe", "--topic", "oders"]));
    assert_eq!((described.code, described.first_error()), (Some(1), "error: topic 'oders' does not exist"));
    assert!(described.stderr.contains("hint: did you mean 'orders'?"), "{}", described.stderr);
    let again = run("yak-topics", &with(&bootstrap, &["--create", "--topic", "orders"]));
    let expected = "error: topic 'orders' already exists (TOPIC_ALREADY_EXISTS)";
    assert_eq!((again.code, again.first_error()), (Some(1), expected));
    assert_eq!(
        run("yak-topics", &with(&bootstrap, &["--create", "--topic", "orders", "--if-not-exists"])).code,
        Some(0)
    );
    assert_eq!(run("yak-topics", &with(&bootstrap, &["--list"])).ok().text(), "orders\nordres\n");
    let strict = BrokerBuilder::new(&directory.path().join("broker-2"))
        .set("auto.create.topics.enable", "false")
        .start();
    let refused =
        run_with_input("yak-producer", &["--bootstrap-server", strict.bootstrap(), "--topic", "t"], b"x\n");
    assert_eq!((refused.code, refused.first_error()), (Some(1), "error: topic 't' does not exist"));
}

#[test]
fn keys_choose_partitions_and_the_rest_takes_turns() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let bootstrap = ["--bootstrap-server", broker.bootstrap(), "--topic", "t"];
    assert_eq!(run("yak-topics", &with(&bootstrap, &["--create", "--partitions", "3"])).code, Some(0));
    let reported =
        run_with_input("yak-producer", &with(&bootstrap, &["--report"]), b"a\nb\nc\nd\ne\nf\n").ok().text();
    let mut per_partition = [0; 3];
    for line in reported.lines() {
        let partition: usize = line.strip_prefix("t-").unwrap().split('@').next().unwrap().parse().unwrap();
        per_partition[partition] += 1;
    }
    assert_eq!(per_partition, [2, 2, 2], "strict round robin: {reported}");
    // Kafka's murmur2 puts these keys where every Kafka client puts them (21 mod 3 as its own test has it).
    let keyed =
        run_with_input("yak-producer", &with(&bootstrap, &["-K", ":", "--report"]), b"k:1\nk:2\nk:3\n")
            .ok()
            .text();
    let partitions: Vec<&str> = keyed.lines().map(|line| line.split('@').next().unwrap()).collect();
    assert!(partitions.windows(2).all(|pair| pair[0] == pair[1]), "one key, one partition: {keyed}");
    let explicit =
        run_with_input("yak-producer", &with(&bootstrap, &["-p", "2", "--report"]), b"x\n").ok().text();
    assert!(explicit.starts_with("t-2@"), "{explicit}");
}

#[test]
fn nulls_headers_and_binary_values_copy_from_topic_to_topic() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let bootstrap = ["--bootstrap-server", broker.bootstrap()];
    let produce = with(&bootstrap, &["--topic", "a", "-K", ":", "-Z", "NULL", "-H", "h=x", "-H", "h=y"]);
    assert_eq!(run_with_input("yak-producer", &produce, b"k:v\nk:NULL\nNULL:\xff\xfe\nk:\n").code, Some(0));
    let read = |topic: &str| {
        run("yak-consumer", &with(&bootstrap, &["--topic", topic, "--from-beginning", "--exit", "--json"]))
            .ok()
            .text()
    };
    let original = read("a");
    assert_eq!(
        run_with_input(
            "yak-producer",
            &with(&bootstrap, &["--topic", "b", "--input", "json"]),
            original.as_bytes()
        )
        .code,
        Some(0)
    );
    assert_eq!(read("b"), original.replace("\"topic\":\"a\"", "\"topic\":\"b\""));
    let records: Vec<Value> = original.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records[1]["value"], Value::Null);
    assert_eq!((&records[2]["key"], &records[2]["value_base64"]), (&Value::Null, &"//4=".into()));
    assert_eq!(records[3]["value"], "");
    assert_eq!(records[0]["headers"], serde_json::json!([{"key":"h","value":"x"},{"key":"h","value":"y"}]));
}

#[test]
fn a_consumer_begins_where_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let mut socket = broker.connect();
    for n in 0..10 {
        let time = 1_700_000_000_000_u64 + n * 1000;
        socket.ok(&format!(
            r#"{{"op":"produce","topic":"t","records":[{{"value":"v{n}","timestamp":{time}}}]}}"#
        ));
    }
    let consume = |words: &[&str]| {
        let bootstrap = ["--bootstrap-server", broker.bootstrap(), "--topic", "t", "--exit"];
        run("yak-consumer", &[&bootstrap[..], words].concat()).ok().text().replace('\n', " ")
    };
    assert_eq!(consume(&["--from-beginning", "-n", "2"]), "v0 v1 ");
    assert_eq!(consume(&["--offset", "7"]), "v7 v8 v9 ");
    assert_eq!(consume(&["--offset", "-2"]), "v8 v9 ");
    assert_eq!(consume(&["--tail", "3"]), "v7 v8 v9 ");
    assert_eq!(consume(&["--offset", "3:5"]), "v3 v4 ");
    assert_eq!(consume(&["--offset", "@2023-11-14T22:13:26Z"]), "v6 v7 v8 v9 ");
    assert_eq!(consume(&["--offset", "latest"]), "");
    assert_eq!(consume(&[]), "", "without --from-beginning only what comes after");
}

#[test]
fn producers_and_consumers_are_listed_while_they_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let bootstrap = ["--bootstrap-server", broker.bootstrap()];
    let roles = || {
        let status: Value =
            serde_json::from_str(&run("yak-status", &with(&bootstrap, &["--json"])).ok().text()).unwrap();
        let clients = status["clients"].as_array().unwrap().clone();
        let mut roles: Vec<String> =
            clients.iter().map(|client| client["role"].as_str().unwrap().to_owned()).collect();
        roles.sort();
        roles
    };
    assert_eq!(roles(), [""; 0]);
    let mut producer = Running::start("yak-producer", &with(&bootstrap, &["--topic", "t"]));
    producer.write(b"one\n");
    let consumer = Running::start("yak-consumer", &with(&bootstrap, &["--topic", "t", "--from-beginning"]));
    wait_for("both to be listed", || (roles() == ["consumer", "producer"]).then_some(()));
    assert_eq!(producer.finish().code, Some(0));
    consumer.signal("INT");
    assert_eq!(consumer.finish().text(), "one\n");
    wait_for("both to be gone", || roles().is_empty().then_some(()));
}
