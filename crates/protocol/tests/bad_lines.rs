//! Lines that are not requests: each is answered with the exact reason, and the parser goes on.

use yak_model::{ErrorCode, TimestampMs};
use yak_protocol::{Parser, Request, parse_request};

/// Parses on one parser, as a connection does, a good line after each bad one.
fn refused(line: &[u8]) -> (Option<String>, ErrorCode, String) {
    let mut parser = Parser::new();
    let bad = parse_request(line, TimestampMs::new(1), &mut parser)
        .expect_err(&format!("{} is refused", String::from_utf8_lossy(line)));
    let good = br#"{"op":"produce","topic":"t","records":[{"value":"x"}]}"#;
    let good = parse_request(good, TimestampMs::new(1), &mut parser).expect("a good line after a bad one");
    assert!(matches!(good.request, Request::Produce(_)));
    (bad.id.map(|id| id.to_string()), bad.rejection.code, bad.rejection.message)
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (line, message) in cases {
        let (_, code, said) = refused(line.as_bytes());
        assert_eq!((said.as_str(), code), (*message, ErrorCode::InvalidRequest), "{line}");
    }
}

#[track_caller]
fn check_codes(cases: &[(&str, ErrorCode, &str)]) {
    for (line, code, message) in cases {
        let (_, said_code, said) = refused(line.as_bytes());
        assert_eq!((said.as_str(), said_code), (*message, *code), "{line}");
    }
}

/// A produce of one record with these fields.
fn record(fields: &str) -> String {
    format!(r#"{{"op":"produce","topic":"t","records":[{{{fields}}}]}}"#)
}

#[track_caller]
fn check_records(cases: &[(&str, &str)]) {
    for (fields, message) in cases {
        let (_, code, said) = refused(record(fields).as_bytes());
        assert_eq!((said.as_str(), code), (*message, ErrorCode::InvalidRequest), "{fields}");
    }
}

#[test]
fn what_is_not_one_json_object() {
    check(&[
        ("", r#"empty line: a request is one JSON object, for example {"op":"metadata"}"#),
        (" \t\r", r#"empty line: a request is one JSON object, for example {"op":"metadata"}"#),
        ("hello", "not JSON: expected value at column 1"),
        ("{", "not JSON: EOF while parsing an object at column 1"),
        (r#"{"op""#, "not JSON: EOF while parsing an object at column 5"),
        (r#"{"op":"metadata""#, "not JSON: EOF while parsing an object at column 16"),
        (r#"{"op":"metadata",}"#, "not JSON: trailing comma at column 18"),
        (r#"{"op":"metadata"} {"op":"status"}"#, "not JSON: trailing characters at column 19"),
        (r#"{'op':'metadata'}"#, "not JSON: key must be a string at column 2"),
        (
            "{\"op\":\"meta\tdata\"}",
            "not JSON: control character (\\u0000-\\u001F) found while parsing a string at column 11",
        ),
        (r#"{"op":"\ud800"}"#, "op: not JSON: unexpected end of hex escape at column 8"),
        (r#"[{"op":"metadata"}]"#, "expected an object, found an array"),
        ("17", "expected an object, found the number 17"),
        ("null", "expected an object, found null"),
        (r#""metadata""#, r#"expected an object, found "metadata""#),
    ]);
}

#[test]
fn bytes_that_are_not_utf8() {
    let (_, code, message) = refused(b"{\"op\":\"metadata\",\"topic\":\"\xff\"}");
    let expected =
        "not UTF-8: byte 0xff at column 27; bytes that are not text travel as value_base64 or key_base64";
    assert_eq!((code, message.as_str()), (ErrorCode::InvalidRequest, expected));
    let (_, _, message) = refused(b"\x16\x03\x01");
    assert_eq!(message, "not JSON: expected value at column 1");
    let cut_in_a_character = "{\"op\":\"\u{e9}".as_bytes();
    let (_, _, message) = refused(&cut_in_a_character[..8]);
    assert!(message.starts_with("not UTF-8: byte 0xc3 at column 8;"), "{message}");
}

#[test]
fn unknown_operations_and_fields_are_named() {
    check(&[
        ("{}", r#"missing field "op""#),
        (r#"{"opp":"metadata"}"#, r#"missing field "op"; did you mean it by "opp"?"#),
        (r#"{"op":7}"#, "op: expected a string, found the number 7"),
        (r#"{"op":null}"#, "op: expected a string, found null"),
        (r#"{"op":"prodce"}"#, r#"op: unknown operation "prodce"; did you mean "produce"?"#),
        (r#"{"op":"Produce"}"#, r#"op: unknown operation "Produce"; did you mean "produce"?"#),
        (
            r#"{"op":"frobnicate"}"#,
            "op: unknown operation \"frobnicate\"; the operations are hello, produce, fetch, tail, list_offsets, \
             metadata, subscribe, create_topics, delete_topics, create_partitions, delete_records, describe_configs, \
             alter_configs, elect_leaders, init_producer_id, register, deregister, status, replica_fetch, \
             find_coordinator, offset_commit, offset_fetch, offset_delete, list_groups, describe_groups, \
             delete_groups, consumer_group_heartbeat, group_stream",
        ),
        (
            r#"{"op":"metadata","topicz":["t"]}"#,
            r#"unknown field "topicz" in metadata; did you mean "topics"?"#,
        ),
        (r#"{"op":"status","verbose":true}"#, r#"unknown field "verbose" in status"#),
        (
            r#"{"op":"produce","topic":"t","partiton":0,"records":[{"value":"x"}]}"#,
            r#"unknown field "partiton" in produce; did you mean "partition"?"#,
        ),
        (
            r#"{"op":"fetch","topic":"t","partition":0,"offset":0,"records":[{"value":"x"}]}"#,
            r#"unknown field "records" in fetch"#,
        ),
        (
            r#"{"op":"fetch","entries":[{"topic":"t","partition":0,"ofset":5}]}"#,
            r#"entries[0]: missing field "offset"; did you mean it by "ofset"?"#,
        ),
        (
            r#"{"op":"list_offsets","topic":"t","partition":0,"at":{"time":5,"zone":"UTC"}}"#,
            r#"at: unknown field "zone" in at"#,
        ),
    ]);
}

#[test]
fn duplicates_are_refused_at_every_level() {
    check(&[
        (r#"{"op":"metadata","op":"metadata"}"#, r#"duplicate field "op""#),
        (r#"{"op":"metadata","\u006fp":"metadata"}"#, r#"duplicate field "op""#),
        (
            r#"{"op":"produce","topic":"t","records":[{"value":"x"}],"records":[{"value":"x"}]}"#,
            r#"duplicate field "records""#,
        ),
        (
            r#"{"op":"fetch","entries":[{"topic":"t","partition":0,"offset":0,"offset":1}]}"#,
            r#"entries[0]: duplicate field "offset""#,
        ),
        (
            r#"{"op":"alter_configs","topic":"t","configs":{"b":"1","a":"1","b":"2"}}"#,
            r#"configs: duplicate key "b""#,
        ),
    ]);
    check_records(&[
        (r#""value":"x","value":"y""#, r#"records[0]: duplicate field "value""#),
        (
            r#""value":"x","headers":[{"key":"a","value":"b","key":"c"}]"#,
            r#"records[0].headers[0]: duplicate field "key""#,
        ),
    ]);
}

#[test]
fn types_and_ranges_are_told_with_what_was_found() {
    check(&[
        (
            r#"{"op":"produce","topic":"t","partition":-1,"records":[{"value":"x"}]}"#,
            "partition: expected a whole number from 0 to 2147483647, found the number -1",
        ),
        (
            r#"{"op":"produce","topic":"t","partition":1.5,"records":[{"value":"x"}]}"#,
            "partition: expected a whole number from 0 to 2147483647, found the number 1.5",
        ),
        (
            r#"{"op":"produce","topic":"t","partition":"0","records":[{"value":"x"}]}"#,
            "partition: expected a whole number from 0 to 2147483647, found \"0\"",
        ),
        (
            r#"{"op":"produce","topic":"t","partition":99999999999999999999999999,"records":[{"value":"x"}]}"#,
            "partition: expected a whole number from 0 to 2147483647, found the number 99999999999999999999999999",
        ),
        (
            r#"{"op":"fetch","topic":"t","partition":0,"offset":1e400}"#,
            "offset: expected a whole number from 0 to 9223372036854775807, found the number 1e400",
        ),
        (r#"{"id":[1],"op":"metadata"}"#, "id: expected a number or a string, found an array"),
        (r#"{"op":"metadata","topics":"t"}"#, r#"topics: expected an array, found "t""#),
        (
            r#"{"op":"metadata","allow_auto_create":1}"#,
            "allow_auto_create: expected true or false, found the number 1",
        ),
        (r#"{"op":"metadata","topic":"t","topics":["t"]}"#, r#"both "topic" and "topics"; give one of them"#),
        (
            r#"{"op":"subscribe","topic":"t","topics":["t"]}"#,
            r#"both "topic" and "topics"; give one of them"#,
        ),
        (r#"{"op":"subscribe","topics":"t"}"#, r#"topics: expected an array, found "t""#),
        (
            r#"{"op":"subscribe","allow_auto_create":true}"#,
            r#"unknown field "allow_auto_create" in subscribe"#,
        ),
        (
            r#"{"op":"tail","topic":"t","replica":"nearest"}"#,
            r#"replica: expected "leader" or "any", found "nearest""#,
        ),
        (
            r#"{"op":"fetch","topic":"t","partition":0,"offset":0,"replica":2}"#,
            r#"replica: expected "leader" or "any", found the number 2"#,
        ),
        (
            r#"{"op":"fetch","topic":"t","partition":0,"offset":0,"values":"jsn"}"#,
            r#"values: expected "text" or "json", found "jsn""#,
        ),
        (
            r#"{"op":"tail","topic":"t","from":"start"}"#,
            r#"from: expected "beginning", "end", {"offset": n}, {"last": n} or {"time": milliseconds}, found "start""#,
        ),
        (
            r#"{"op":"tail","topic":"t","from":{"offset":1,"last":2}}"#,
            r#"from: expected exactly one of "beginning", "end", {"offset": n}, {"last": n} or {"time": milliseconds}"#,
        ),
        (
            r#"{"op":"list_offsets","topic":"t","partition":0,"at":"erliest"}"#,
            r#"at: expected "earliest", "latest", "max_timestamp" or {"time": milliseconds}, found "erliest""#,
        ),
    ]);
}

#[test]
fn so_are_those_of_the_administrative_operations() {
    check(&[
        (
            r#"{"op":"create_topics","topics":[{"name":"t","partitions":"three"}]}"#,
            r#"topics[0].partitions: expected a whole number from -2147483648 to 2147483647, found "three""#,
        ),
        (r#"{"op":"create_topics","topics":[]}"#, "topics: must not be empty"),
        (r#"{"op":"alter_configs","configs":{}}"#, r#"missing field "topic" or "broker""#),
        (
            r#"{"op":"alter_configs","topic":"t","broker":1,"configs":{}}"#,
            r#"both "topic" and "broker"; name one resource"#,
        ),
        (
            r#"{"op":"alter_configs","topic":"t","configs":{"retention.ms":[1]}}"#,
            "configs.retention.ms: expected a string, a number, true or false, found an array",
        ),
        (
            r#"{"op":"register","role":"reader","client_id":"x"}"#,
            r#"role: expected "producer" or "consumer", found "reader""#,
        ),
        (
            r#"{"op":"hello","protocol":[2,1]}"#,
            "protocol: expected [oldest, newest] of the versions you speak",
        ),
        (
            r#"{"op":"init_producer_id","producer_id":5}"#,
            r#""producer_id" and "producer_epoch" belong together"#,
        ),
        (
            r#"{"op":"produce","topic":"t","producer_id":5,"records":[{"value":"x"}]}"#,
            r#""producer_id", "producer_epoch" and "base_sequence" belong together"#,
        ),
    ]);
}

#[test]
fn records_are_located() {
    check(&[
        (r#"{"op":"produce","topic":"t"}"#, r#"missing field "records""#),
        (
            r#"{"op":"produce","topic":"t","record":[{"value":"x"}]}"#,
            r#"missing field "records"; did you mean it by "record"?"#,
        ),
        (r#"{"op":"produce","topic":"t","records":[]}"#, "records: must not be empty"),
        (r#"{"op":"produce","topic":"t","records":"x"}"#, r#"records: expected an array, found "x""#),
        (
            r#"{"op":"produce","topic":"t","records":{"value":"x"}}"#,
            "records: expected an array, found an object",
        ),
        (
            r#"{"op":"produce","topic":"t","records":[{"value":"a"},"b"]}"#,
            r#"records[1]: expected an object, found "b""#,
        ),
        (
            r#"{"op":"produce","entries":[{"topic":"t","records":[{"value":"x"}]},{"topic":"t","records":[{"value":"x","k":1}]}]}"#,
            r#"entries[1].records[0]: unknown field "k" in a record"#,
        ),
        (
            r#"{"op":"produce","entries":[{"topic":"t","records":[]}]}"#,
            "entries[0].records: must not be empty",
        ),
        (r#"{"op":"produce","entries":[7]}"#, "entries[0]: expected an object, found the number 7"),
        (r#"{"op":"produce","entries":[]}"#, "entries: must not be empty"),
    ]);
    check_records(&[
        (r#""vlaue":"x""#, r#"records[0]: unknown field "vlaue" in a record; did you mean "value"?"#),
        (r#""key":"k""#, r#"records[0]: missing field "value" (a tombstone is "value":null)"#),
        (
            r#""value":"k","value_base64":"aGk""#,
            r#"records[0]: both "value" and "value_base64"; give one of them"#,
        ),
        (
            r#""value":"v","key":"k","key_base64":"aGk""#,
            r#"records[0]: both "key" and "key_base64"; give one of them"#,
        ),
        (r#""value":"x","key":7"#, "records[0].key: expected a string or null, found the number 7"),
        (r#""value":"x","key":{"a":1}"#, "records[0].key: expected a string or null, found an object"),
        (r#""value_base64":"a*""#, "records[0].value_base64: not base64: Invalid symbol 42, offset 1."),
        (r#""value_base64":7"#, "records[0].value_base64: expected a string or null, found the number 7"),
        (
            r#""value":"x","timestamp":-5"#,
            "records[0].timestamp: expected a whole number from 0 to 9223372036854775807, found the number -5",
        ),
        (
            r#""value":"x","timestamp":"now""#,
            r#"records[0].timestamp: expected a whole number from 0 to 9223372036854775807, found "now""#,
        ),
        (r#""value":"x","headers":{"a":"b"}"#, "records[0].headers: expected an array, found an object"),
        (r#""value":"x","headers":[{"value":"a"}]"#, r#"records[0].headers[0]: missing field "key""#),
        (
            r#""value":"x","headers":[{"key":"a","value":"b"},{"key":"a","value":1}]"#,
            "records[0].headers[1].value: expected a string or null, found the number 1",
        ),
    ]);
}

#[test]
fn kafkas_own_codes_are_used_where_there_are_any() {
    check_codes(&[
        (
            r#"{"op":"produce","topic":"a b","records":[{"value":"x"}]}"#,
            ErrorCode::InvalidTopicException,
            "topic: topic name \"a b\" contains ' '; allowed are a-z A-Z 0-9 . _ -",
        ),
        (
            r#"{"op":"metadata","topics":["t",""]}"#,
            ErrorCode::InvalidTopicException,
            "topics[1]: a topic name must not be empty",
        ),
        (
            r#"{"op":"produce","topic":"t","acks":2,"records":[{"value":"x"}]}"#,
            ErrorCode::InvalidRequiredAcks,
            "acks: expected \"all\", 1 or 0, found the number 2",
        ),
        (
            r#"{"op":"produce","topic":"t","compression":"brotli","records":[{"value":"x"}]}"#,
            ErrorCode::UnsupportedCompressionType,
            "compression: \"brotli\" is not a compression (none, gzip, snappy, lz4, zstd)",
        ),
    ]);
}

#[test]
fn nesting_is_bounded_and_never_recursed_into() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let deep = nested(64);
    check(&[
        (&format!(r#"{{"op":"metadata","topics":{deep}}}"#), "topics: nested deeper than 64 levels"),
        (&record(&format!(r#""value":{deep}"#)), "records[0].value: nested deeper than 64 levels"),
        (&nested(100_000), "expected an object, found an array"),
        (
            &format!(r#"{{"op":"produce","topic":"t","records":{}}}"#, nested(100_000)),
            "records[0]: expected an object, found an array",
        ),
        (
            &record(&format!(r#""value":{}"#, nested(1_000_000))),
            "records[0].value: nested deeper than 64 levels",
        ),
        (
            &format!(r#"{{"x":{}"#, "[".repeat(1_000_000)),
            "not JSON: EOF while parsing a list at column 1000005",
        ),
    ]);
    let accepted = record(&format!(r#""value":{}"#, nested(58)));
    parse_request(accepted.as_bytes(), TimestampMs::new(1), &mut Parser::new())
        .expect("58 levels of one's own");
}

#[test]
fn counts_are_bounded() {
    let many_headers = vec![r#"{"key":"k","value":"v"}"#; 1001].join(",");
    let many_topics = vec![r#""t""#; 10_001].join(",");
    let many_fields: Vec<_> = (0..65).map(|i| format!(r#""f{i}":0"#)).collect();
    let long = "x".repeat(256);
    check(&[
        (
            &record(&format!(r#""value":"x","headers":[{many_headers}]"#)),
            "records[0]: headers: more than 1000",
        ),
        (&format!(r#"{{"op":"metadata","topics":[{many_topics}]}}"#), "topics: more than 10000 elements"),
        (&format!("{{{}}}", many_fields.join(",")), "more than 64 fields"),
        (
            &format!(r#"{{"op":"register","role":"producer","client_id":"{long}"}}"#),
            "client_id: longer than 255 bytes",
        ),
        (&format!(r#"{{"op":"status","id":"{long}"}}"#), "id: longer than 255 bytes"),
    ]);
}

#[test]
fn the_id_comes_back_whenever_it_can_be_read() {
    let id = |line: &str| refused(line.as_bytes()).0;
    assert_eq!(id(r#"{"id":7,"op":"x"}"#).as_deref(), Some("7"));
    assert_eq!(id(r#"{"op":"x","id":"a\"b"}"#).as_deref(), Some(r#""a\"b""#));
    assert_eq!(id(r#"{"op":"produce","topic":"t","records":[7],"id":1.50}"#).as_deref(), Some("1.50"));
    assert_eq!(id(r#"{"id":7,"id":8,"op":"x"}"#), None);
    assert_eq!(id(r#"{"id":7,"op":"x""#), None);
}

#[test]
fn what_a_peer_said_is_repeated_only_in_part() {
    let line = format!(r#"{{"op":"{}"}}"#, "y".repeat(1_000_000));
    let (_, _, message) = refused(line.as_bytes());
    assert!(message.len() < 600, "{}", message.len());
}
