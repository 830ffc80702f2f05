//! Lines in, lines out, byte for byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use yak_testkit::{Broker, Finished, run, run_with_input};

/// Sends `input` through a topic of its own and returns what comes out.
fn through(broker: &Broker, topic: &str, input: &[u8]) -> Finished {
    let bootstrap = ["--bootstrap-server", broker.bootstrap()];
    let produced = run_with_input("yak-producer", &[&bootstrap[..], &["--topic", topic]].concat(), input);
    assert_eq!(produced.code, Some(0), "{}", produced.stderr);
    let consume = ["--topic", topic, "--from-beginning", "--exit"];
    run("yak-consumer", &[&bootstrap[..], &consume].concat()).ok()
}

fn check(broker: &Broker, topic: &str, input: &[u8]) {
    let out = through(broker, topic, input);
    // A last line without newline comes back with one, and nothing else is changed.
    let mut expected = input.to_vec();
    if !input.is_empty() && !input.ends_with(b"\n") {
        expected.push(b'\n');
    }
    let first_difference = out.stdout.iter().zip(&expected).position(|(a, b)| a != b);
    assert!(
        out.stdout == expected,
        "{topic}: {} bytes out, {} in, first difference {first_difference:?}",
        out.stdout.len(),
        expected.len()
    );
    let lines = expected.iter().filter(|byte| **byte == b'\n').count();
    assert!(
        out.stderr.contains(&format!("Processed a total of {lines} messages")),
        "{topic}: {}",
        out.stderr
    );
}

/// Every plane of Unicode: its first and last characters and some between, also those that JSON must escape.
fn every_plane() -> String {
    let mut text = String::new();
    for plane in 0..=16_u32 {
        for low in [
            0x00, 0x01, 0x08, 0x1f, 0x20, 0x22, 0x2f, 0x5c, 0x7f, 0x85, 0xff, 0x2028, 0x2029, 0xd7ff, 0xe000,
            0xfffd,
        ] {
            let code = plane * 0x1_0000 + low;
            text.extend(char::from_u32(code).filter(|c| *c != '\n'));
        }
        text.push('\n');
    }
    text
}

/// Every byte but the newline, alone and in pairs, so also broken UTF-8 of every kind.
fn every_byte() -> Vec<u8> {
    let mut bytes = Vec::new();
    for first in 0..=255_u8 {
        for second in [0x00, 0x0d, 0x22, 0x5c, 0x80, 0xbf, 0xc3, 0xe2, 0xf0, 0xff] {
            bytes.extend([first, second].iter().filter(|byte| **byte != b'\n'));
            bytes.push(b'\n');
        }
    }
    bytes
}

#[test]
fn files_come_out_as_they_went_in() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let long: Vec<u8> = (0..1_000_000_u32).map(|i| b'a' + u8::try_from(i % 26).unwrap()).collect();
    let long_lines = [&long[..], b"\nshort\n", &long[..], b"\n"].concat();
    // Bytes that are not UTF-8 travel as base64, control characters as escapes: the longest forms of a line.
    let long_binary = [&vec![0xff; 1_000_000][..], b"\n", &vec![0x01; 1_000_000][..], b"\n"].concat();
    let many: String = (0..50_000).map(|i| format!("line {i} of many\n")).collect();
    let (planes, bytes) = (every_plane(), every_byte());
    let cases: [(&str, &[u8]); 12] = [
        ("text", b"one\ntwo\nthree\n"),
        ("nothing", b""),
        ("crlf", b"one\r\ntwo\r\n\r\nthree\r\n"),
        ("empty-lines", b"\n\n\none\n\n\n"),
        ("one-empty-line", b"\n"),
        ("no-final-newline", b"one\ntwo"),
        ("no-newline-at-all", b"one"),
        ("long-lines", &long_lines),
        ("long-binary", &long_binary),
        ("every-plane", planes.as_bytes()),
        ("every-byte", &bytes),
        ("many", many.as_bytes()),
    ];
    for (topic, input) in cases {
        check(&broker, topic, input);
    }
}

#[test]
fn a_file_comes_out_as_it_went_in_whatever_its_compression() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let file = directory.path().join("in");
    let text: String = (0..20_000).map(|i| format!("line {i}, with ünïcode and \"quotes\"\n")).collect();
    fs::write(&file, &text).unwrap();
    let mut sizes = Vec::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let bootstrap = ["--bootstrap-server", broker.bootstrap()];
        let produce = ["--topic", codec, "-z", codec, "--file", file.to_str().unwrap()];
        assert_eq!(run("yak-producer", &[&bootstrap[..], &produce].concat()).ok().text(), "");
        let consume = ["--topic", codec, "--from-beginning", "--exit"];
        let out = run("yak-consumer", &[&bootstrap[..], &consume].concat()).ok();
        assert!(out.text() == text, "{codec}: what came out differs");
        sizes.push((codec, log_bytes(&broker.data().join(format!("{codec}-0")))));
    }
    let plain = sizes[0].1;
    for (codec, size) in &sizes[1..] {
        assert!(*size * 2 < plain, "{codec} stored {size} of {plain} bytes");
    }
}

fn log_bytes(partition: &Path) -> u64 {
    let entries = fs::read_dir(partition).unwrap().map(|entry| entry.unwrap());
    let logs = entries.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "log"));
    logs.map(|entry| entry.metadata().unwrap().len()).sum()
}

#[test]
fn a_line_over_the_limit_fails_with_its_number_and_nothing_before_it_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(&directory.path().join("broker-1"));
    let bootstrap = ["--bootstrap-server", broker.bootstrap()];
    let input = [b"one\ntwo\n", &vec![b'x'; 2_000_000][..], b"\nfour\n"].concat();
    let produced = run_with_input("yak-producer", &[&bootstrap[..], &["--topic", "t"]].concat(), &input);
    assert_eq!(produced.code, Some(1), "{}", produced.stderr);
    assert!(produced.first_error().starts_with("error: line 3: "), "{}", produced.stderr);
    assert!(produced.first_error().contains("MESSAGE_TOO_LARGE"), "{}", produced.stderr);
    let consume = ["--topic", "t", "--from-beginning", "--exit"];
    assert_eq!(run("yak-consumer", &[&bootstrap[..], &consume].concat()).ok().text(), "one\ntwo\n");
    let keep_going = [&bootstrap[..], &["--topic", "k", "--keep-going"]].concat();
    let produced = run_with_input("yak-producer", &keep_going, &input);
    assert_eq!(produced.code, Some(1), "{}", produced.stderr);
    let consume = ["--topic", "k", "--from-beginning", "--exit"];
    assert_eq!(run("yak-consumer", &[&bootstrap[..], &consume].concat()).ok().text(), "one\ntwo\nfour\n");
}

#[test]
fn records_survive_a_restart_and_what_the_second_producer_sends_comes_after() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("broker-1");
    for round in 0..3 {
        let broker = Broker::start(&data);
        let bootstrap = ["--bootstrap-server", broker.bootstrap()];
        let line = format!("round {round}\n");
        let produced =
            run_with_input("yak-producer", &[&bootstrap[..], &["--topic", "t"]].concat(), line.as_bytes());
        assert_eq!(produced.ok().text(), "");
        let consume = ["--topic", "t", "--from-beginning", "--exit"];
        let expected: String = (0..=round).map(|n| format!("round {n}\n")).collect();
        assert_eq!(run("yak-consumer", &[&bootstrap[..], &consume].concat()).ok().text(), expected);
        if round == 0 {
            broker.kill();
        } else {
            assert_eq!(broker.stop(), Some(0), "SIGTERM is a clean end");
        }
    }
}
