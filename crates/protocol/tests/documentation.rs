//! `docs/protocol.md` and this crate agree: every example is understood, or refused in the very words shown.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use yak_model::TimestampMs;
use yak_protocol::{Parser, parse_request};

/// One line of an example: who sends it, and what it is.
#[derive(Debug)]
enum Line {
    Sent(String),
    Expected(String),
}

/// The lines of every `ndjson` block, continued lines joined.
fn examples() -> Vec<Line> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    let text = std::fs::read_to_string(path).expect("docs/protocol.md");
    let mut lines: Vec<Line> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```ndjson" => inside = true,
            "```" => inside = false,
            _ if !inside || line.starts_with('#') => {}
            _ => match (line.split_at_checked(2), lines.last_mut()) {
                (Some(("> ", sent)), _) => lines.push(Line::Sent(sent.to_owned())),
                (Some(("< ", expected)), _) => lines.push(Line::Expected(expected.to_owned())),
                (None, _) => assert_eq!(line, "<"),
                (Some((start, _)), Some(Line::Sent(last) | Line::Expected(last))) => {
                    assert!(start.starts_with(' '), "neither sent, expected nor continued: {line}");
                    last.push_str(line.trim_start());
                }
                (_, None) => assert_eq!(line, "", "a block begins with what is sent"),
            },
        }
    }
    lines
}

#[test]
fn every_example_is_understood_or_refused_as_shown() {
    let lines = examples();
    let mut operations = BTreeSet::new();
    let (mut sent, mut refused) = (0, 0);
    for (i, line) in lines.iter().enumerate() {
        let Line::Sent(line) = line else { continue };
        sent += 1;
        match parse_request(line.as_bytes(), TimestampMs::new(1), &mut Parser::new()) {
            Ok(_) => {
                let request: Value = serde_json::from_str(line).expect("JSON");
                operations.insert(request["op"].as_str().expect("an operation").to_owned());
            }
            Err(bad) => {
                let Some(Line::Expected(reply)) = lines.get(i + 1) else {
                    unreachable!("an answer to {line}")
                };
                let reply: Value = serde_json::from_str(reply).expect("JSON");
                assert_eq!(reply["error"]["code"], bad.rejection.code.name(), "{line}");
                assert_eq!(reply["error"]["message"], bad.rejection.message, "{line}");
                refused += 1;
            }
        }
    }
    assert_eq!(operations.len(), 28, "every operation has an example: {operations:?}");
    assert_eq!(refused, 5, "the section on errors has five examples");
    assert!(sent > 40, "{sent} examples");
}

#[test]
fn every_expected_line_is_json() {
    for line in examples() {
        if let Line::Expected(line) = line {
            let value: Value =
                serde_json::from_str(&line).unwrap_or_else(|error| unreachable!("{error}: {line}"));
            assert!(value.is_object(), "{line}");
        }
    }
}
