//! Examples on a page of the documentation, executed: blocks of lines that are sent, and lines that come back.
//!
//! A block is fenced by three backquotes and a tag (`ndjson`), and is one connection. A block whose tag is followed by
//! `continued` goes on with the connections of the one before it.
//!
//! - `> ` begins a line that is sent, `< ` one that comes back, a `<` alone is the close by the server, a `!` by us.
//! - A digit before these is another connection of the block: `2> `, `2< `, `2!`. It is made when it is first used.
//! - A line that begins with a space continues the one before it, a `#` begins a remark.
//!
//! Lines are compared as JSON, where `…` stands for what may vary (see [`matches()`]). Signs of life of a stream
//! (`{"event":"alive"}`) are passed over where none is expected.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Socket;

/// A block, with those that continue it.
#[derive(Debug, Default)]
pub struct Block {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    /// Of the page.
    line: usize,
    connection: char,
    act: Act,
}

#[derive(Debug)]
enum Act {
    Send(String),
    Expect(String),
    ExpectClose,
    Close,
}

/// What a stream says while there is nothing to say.
const ALIVE: &str = r#"{"event":"alive"}"#;

/// The blocks of a page that have this tag.
#[must_use]
pub fn blocks(page: &str, tag: &str) -> Vec<Block> {
    let (begins, continues) = (format!("```{tag}"), format!("```{tag} continued"));
    let mut blocks = Vec::new();
    let mut block: Option<Block> = None;
    for (number, line) in (1..).zip(page.lines()) {
        match &mut block {
            None if line == begins => block = Some(Block::default()),
            None if line == continues => block = blocks.pop(),
            None => {}
            Some(_) if line == "```" => blocks.extend(block.take()),
            Some(block) => read((number, line), &mut block.steps),
        }
    }
    blocks
}

fn read((number, line): (usize, &str), steps: &mut Vec<Step>) {
    let mut rest = line;
    let connection = line.chars().next().filter(char::is_ascii_digit).unwrap_or('1');
    if line.starts_with(connection) {
        rest = &line[1..];
    }
    let act = match (rest.strip_prefix("> "), rest.strip_prefix("< "), steps.last_mut()) {
        (Some(sent), ..) => Act::Send(sent.to_owned()),
        (_, Some(expected), _) => Act::Expect(expected.to_owned()),
        _ if rest == "<" => Act::ExpectClose,
        _ if rest == "!" => Act::Close,
        _ if line.starts_with('#') => return,
        (.., Some(Step { act: Act::Send(text) | Act::Expect(text), .. })) if line.starts_with(' ') => {
            text.push_str(line.trim_start());
            return;
        }
        _ => unreachable!("the page's grammar has no such line: {line:?}"),
    };
    steps.push(Step { line: number, connection, act });
}

impl Block {
    /// Executes it over connections that `connect` makes. Returns how many lines, and closes, were compared.
    ///
    /// # Panics
    /// If something else comes than what stands there.
    pub fn execute(&self, connect: impl Fn() -> Socket) -> usize {
        let mut sockets = BTreeMap::new();
        let mut compared = 0;
        for step in &self.steps {
            let socket = sockets.entry(step.connection).or_insert_with(|| Some(connect()));
            step.perform(socket);
            compared += usize::from(matches!(step.act, Act::Expect(_) | Act::ExpectClose));
        }
        compared
    }
}

impl Step {
    fn perform(&self, socket: &mut Option<Socket>) {
        let line = self.line;
        let open = socket.as_mut().expect("a connection is used until it is closed");
        match &self.act {
            Act::Send(text) => open.send(text),
            Act::Close => *socket = None,
            Act::Expect(expected) => {
                let mut found = open.read_line();
                while found.as_deref() == Some(ALIVE) && expected != ALIVE {
                    found = open.read_line();
                }
                let found =
                    found.unwrap_or_else(|| unreachable!("line {line}: closed instead of {expected}"));
                let [expected_value, found_value] = [expected, &found].map(|text| {
                    serde_json::from_str::<Value>(text)
                        .unwrap_or_else(|error| unreachable!("line {line}: {error}: {text}"))
                });
                assert!(
                    matches(&expected_value, &found_value),
                    "line {line}:\nexpected {expected}\n   found {found}"
                );
            }
            Act::ExpectClose => {
                let rest = socket.take().expect("it is still open").read_to_end();
                assert_eq!(rest, "", "line {line}: more came instead of the close");
            }
        }
    }
}

/// Whether a value is as expected, where `…` stands for what may vary: as a text, for any value; within one, for any
/// text; as a field's name, for any further fields; as the last of several elements, for any further ones.
#[must_use]
pub fn matches(expected: &Value, found: &Value) -> bool {
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
