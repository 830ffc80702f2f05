//! Lines that are no requests: a precise error each, and a healthy client beside them is never disturbed.

use serde_json::{Value, json};
use yak_testkit::{Broker, BrokerBuilder, Socket};

/// A client that must go on working whatever its neighbours send.
struct Neighbour {
    socket: Socket,
    next: u64,
}

impl Neighbour {
    fn new(broker: &Broker) -> Self {
        let mut socket = broker.connect();
        socket.ok(r#"{"op":"create_topics","topics":[{"name":"healthy","partitions":1}]}"#);
        Self { socket, next: 0 }
    }

    fn is_undisturbed(&mut self) {
        let reply = self.socket.ok(r#"{"op":"produce","topic":"healthy","records":[{"value":"v"}]}"#);
        assert_eq!(reply["partitions"][0]["base_offset"], self.next, "{reply}");
        self.next += 1;
    }
}

/// What a line is answered with: the whole error object, without what is not code or message.
fn error_of(reply: &Value) -> (String, String) {
    let error = &reply["error"];
    let text = |field: &str| error[field].as_str().map(str::to_owned).unwrap_or_else(|| reply.to_string());
    (text("code"), text("message"))
}

#[test]
fn each_malformed_line_gets_its_precise_error_and_the_connection_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let mut neighbour = Neighbour::new(&broker);
    let mut socket = broker.connect();
    socket.ok(r#"{"op":"create_topics","topics":[{"name":"still","partitions":1}]}"#);
    let deep = format!(
        r#"{{"op":"produce","topic":"t","records":[{{"value":{}1{}}}]}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let expectations = include_str!("bad_lines.tsv");
    let mut checked = 0;
    for line in expectations.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [sent, code, message] = line.split('\t').collect::<Vec<_>>()[..] else {
            unreachable!("three columns: {line}");
        };
        let reply = socket.ask(sent);
        assert_eq!(error_of(&reply), (code.to_owned(), message.to_owned()), "{sent}");
        neighbour.is_undisturbed();
        checked += 1;
    }
    assert!(checked >= 25, "the table has its rows: {checked}");
    let (code, _) = socket.error(&deep);
    assert_eq!(code, "INVALID_REQUEST", "nested 200 deep");
    socket.send_bytes(b"{\"op\":\"produce\",\"topic\":\"t\",\"records\":[{\"value\":\"\xff\xfe\"}]}\n");
    let reply = socket.read();
    assert_eq!(reply["error"]["code"], "INVALID_REQUEST", "{reply}");
    assert!(reply["error"]["message"].as_str().unwrap().contains("UTF-8"), "{reply}");
    neighbour.is_undisturbed();
    // After all of that the connection still works, also with its id.
    let reply = socket.ask(r#"{"id":"last","op":"produce","topic":"t","records":[{"value":"fine"}]}"#);
    assert_eq!(
        (&reply["id"], &reply["ok"]["partitions"][0]["base_offset"]),
        (&json!("last"), &json!(0)),
        "{reply}"
    );
}

#[test]
fn other_languages_get_one_clear_line_and_a_close() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let mut neighbour = Neighbour::new(&broker);
    for (name, bytes) in [
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".as_slice()),
        ("TLS", &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]),
    ] {
        let mut socket = broker.connect();
        socket.send_bytes(bytes);
        let text = socket.read_to_end();
        let reply: Value = serde_json::from_str(&text).unwrap();
        let message = format!(
            "this port speaks newline-delimited JSON and Kafka's protocol, not {name}: send one JSON object a line; \
             closing"
        );
        assert_eq!(error_of(&reply), ("INVALID_REQUEST".to_owned(), message));
        assert_eq!(text.lines().count(), 1);
        neighbour.is_undisturbed();
    }
}

#[test]
fn a_line_over_the_limit_is_refused_and_closed() {
    let directory = tempfile::tempdir().unwrap();
    let broker = BrokerBuilder::new(&directory.path().join("broker-1"))
        .set("socket.request.max.bytes", "2MiB")
        .start();
    let mut neighbour = Neighbour::new(&broker);
    let mut socket = broker.connect();
    let line = format!(r#"{{"op":"produce","topic":"t","records":[{{"value":"{}"}}]}}"#, "x".repeat(3 << 20));
    socket.send_bytes(line.as_bytes());
    let reply: Value = serde_json::from_str(&socket.read_to_end()).unwrap();
    let message = "a request line has at most 2097152 bytes here (socket.request.max.bytes); closing, because where \
                   the next line begins is not known";
    assert_eq!(error_of(&reply), ("MESSAGE_TOO_LARGE".to_owned(), message.to_owned()));
    neighbour.is_undisturbed();
}

#[test]
fn a_record_over_the_limit_of_its_topic_is_refused_and_the_connection_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let mut socket = broker.connect();
    socket.ok(r#"{"op":"create_topics","topics":[{"name":"t","partitions":1,"configs":{"max.message.bytes":"1000"}}]}"#);
    let line = format!(r#"{{"op":"produce","topic":"t","records":[{{"value":"{}"}}]}}"#, "x".repeat(2000));
    let (code, message) = socket.error(&line);
    assert_eq!(code, "MESSAGE_TOO_LARGE", "{message}");
    assert!(message.contains("max.message.bytes=1000"), "{message}");
    socket.ok(r#"{"op":"produce","topic":"t","records":[{"value":"small"}]}"#);
}

#[test]
fn a_request_after_tail_is_an_error_and_a_close() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let mut neighbour = Neighbour::new(&broker);
    neighbour.is_undisturbed();
    let mut socket = broker.connect();
    let record = socket.ask(r#"{"op":"tail","topic":"healthy","from":"beginning"}"#);
    assert_eq!(record["value"], "v");
    socket.send(r#"{"op":"metadata"}"#);
    let reply: Value = serde_json::from_str(&socket.read_to_end()).unwrap();
    let message = "this connection has become a stream; open another one for requests; closing";
    assert_eq!(error_of(&reply), ("INVALID_REQUEST".to_owned(), message.to_owned()));
    neighbour.is_undisturbed();
}

#[test]
fn a_request_after_subscribe_is_an_error_and_a_close() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let mut neighbour = Neighbour::new(&broker);
    let mut socket = broker.connect();
    let first = socket.ask(r#"{"op":"subscribe","topic":"healthy"}"#);
    assert_eq!((&first["event"], &first["topics"][0]["name"]), (&json!("metadata"), &json!("healthy")));
    socket.send(r#"{"op":"metadata"}"#);
    let rest = socket.read_to_end();
    let reply: Value = serde_json::from_str(rest.lines().last().unwrap_or_default()).unwrap();
    let message = "this connection has become a stream; open another one for requests; closing";
    assert_eq!(error_of(&reply), ("INVALID_REQUEST".to_owned(), message.to_owned()));
    neighbour.is_undisturbed();
}

#[test]
fn a_stuck_reader_and_a_silent_writer_disturb_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let mut neighbour = Neighbour::new(&broker);
    let value = "x".repeat(100_000);
    for _ in 0..100 {
        neighbour
            .socket
            .ok(&format!(r#"{{"op":"produce","topic":"big","records":[{{"value":"{value}"}}]}}"#));
    }
    let mut stuck = broker.connect();
    stuck.send(r#"{"op":"tail","topic":"big","from":"beginning"}"#);
    let mut silent = broker.connect();
    silent.send_bytes(br#"{"op":"produ"#);
    for _ in 0..20 {
        neighbour.is_undisturbed();
    }
    // The stuck reader loses nothing when it reads at last.
    for expected in 0..100 {
        assert_eq!(stuck.read()["offset"], expected);
    }
    // The silent one may go on where it was.
    silent.send_bytes(b"ce\",\"topic\":\"healthy\",\"records\":[{\"value\":\"v\"}]}\n");
    assert!(silent.read().get("ok").is_some());
}

#[test]
fn clients_create_internal_topics_by_no_operation() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let mut socket = broker.connect();
    let reply = socket.ok(r#"{"op":"metadata","topics":["__consumer_offsets"],"allow_auto_create":true}"#);
    assert_eq!(reply["topics"][0]["error"]["code"], "INVALID_TOPIC_EXCEPTION", "{reply}");
    let (code, _) =
        socket.error(r#"{"op":"produce","topic":"__consumer_offsets","records":[{"value":"v"}]}"#);
    assert_eq!(code, "INVALID_TOPIC_EXCEPTION");
    let mut tail = broker.connect();
    tail.send(r#"{"op":"tail","topic":"__consumer_offsets","from":"beginning"}"#);
    assert!(tail.read_to_end().contains("INVALID_TOPIC_EXCEPTION"));
    assert_eq!(socket.ok(r#"{"op":"metadata"}"#)["topics"], json!([]), "none of it left a topic behind");
}
