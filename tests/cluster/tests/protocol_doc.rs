//! Every example of `docs/protocol.md`, executed against one fresh broker, as the page itself describes.

use std::path::Path;

use serde_json::Value;
use yak_testkit::{Broker, Socket};

/// What one line of an example says.
#[derive(Debug)]
enum Step {
    Send(String),
    Expect(String),
    ExpectClose,
}

/// The blocks marked `ndjson`: one connection each, with the line of the page on which each begins.
fn blocks(page: &str) -> Vec<(usize, Vec<Step>)> {
    let mut blocks = Vec::new();
    let mut block: Option<(usize, Vec<Step>)> = None;
    for (number, line) in page.lines().enumerate() {
        match &mut block {
            None if line == "```ndjson" => block = Some((number + 1, Vec::new())),
            None => {}
            Some(_) if line == "```" => blocks.extend(block.take()),
            Some((_, steps)) => read(line, steps),
        }
    }
    blocks
}

fn read(line: &str, steps: &mut Vec<Step>) {
    match (line.strip_prefix("> "), line.strip_prefix("< "), steps.last_mut()) {
        (Some(sent), ..) => steps.push(Step::Send(sent.to_owned())),
        (_, Some(expected), _) => steps.push(Step::Expect(expected.to_owned())),
        _ if line == "<" => steps.push(Step::ExpectClose),
        _ if line.starts_with('#') => {}
        (.., Some(Step::Send(text) | Step::Expect(text))) if line.starts_with(' ') => {
            text.push_str(line.trim_start())
        }
        _ => unreachable!("the page's grammar has no such line: {line:?}"),
    }
}

/// Whether a value is as expected, where `…` stands for what may vary.
fn matches(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(text), _) if text == "…" => true,
        (Value::String(pattern), Value::String(text)) => matches_text(pattern, text),
        (Value::Array(expected), Value::Array(found)) => {
            let open = expected.len() > 1 && expected.last().is_some_and(|last| last == "…");
            let fixed = expected.len() - usize::from(open);
            (if open { found.len() >= fixed } else { found.len() == fixed })
                && expected[..fixed].iter().zip(found).all(|(expected, found)| matches(expected, found))
        }
        (Value::Object(expected), Value::Object(found)) => {
            let named = expected.iter().filter(|(name, _)| *name != "…");
            let all = named
                .clone()
                .all(|(name, expected)| found.get(name).is_some_and(|found| matches(expected, found)));
            all && (expected.contains_key("…") || named.count() == found.len())
        }
        _ => expected == found,
    }
}

/// `…` within a text stands for any text there.
fn matches_text(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('…');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn execute(socket: &mut Option<Socket>, step: &Step, line: usize) {
    let open = socket.as_mut().expect("a connection is used until it is closed");
    match step {
        Step::Send(text) => open.send(text),
        Step::Expect(expected) => {
            let found = open.read_line();
            let found =
                found.unwrap_or_else(|| unreachable!("block at line {line}: closed instead of {expected}"));
            let [expected_value, found_value] = [expected, &found].map(|text| {
                serde_json::from_str::<Value>(text)
                    .unwrap_or_else(|error| unreachable!("block at line {line}: {error}: {text}"))
            });
            assert!(
                matches(&expected_value, &found_value),
                "block at line {line}:\nexpected {expected}\n   found {found}"
            );
        }
        Step::ExpectClose => {
            let rest = socket.take().expect("it is still open").read_to_end();
            assert_eq!(rest, "", "block at line {line}: more came instead of the close");
        }
    }
}

#[test]
fn every_example_of_the_protocol_page_is_true() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let broker = Broker::start(&directory.path().join("broker-1"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let mut expected = 0;
    for (line, steps) in blocks(&page) {
        let mut socket = Some(broker.connect());
        for step in &steps {
            execute(&mut socket, step, line);
            expected += usize::from(!matches!(step, Step::Send(_)));
        }
    }
    assert!(expected >= 40, "the page has its examples: {expected} lines were compared");
}

#[test]
fn what_may_vary_may_and_nothing_else() {
    let value = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    for (expected, found, same) in [
        (r#"{"a":"…"}"#, r#"{"a":[1]}"#, true),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
        (r#"{"a":1,"…":"…"}"#, r#"{"b":2,"a":1}"#, true),
        (r#"{"a":"x…z"}"#, r#"{"a":"xyz"}"#, true),
        (r#"{"a":"x…z"}"#, r#"{"a":"xy"}"#, false),
        (r#"["…"]"#, "[1]", true),
        (r#"["…"]"#, "[1,2]", false),
        (r#"[1,"…"]"#, "[1,2,3]", true),
        (r#"[1,"…"]"#, "[2]", false),
    ] {
        assert_eq!(matches(&value(expected), &value(found)), same, "{expected} {found}");
    }
}
