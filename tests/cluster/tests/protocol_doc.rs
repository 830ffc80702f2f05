//! Every example of `docs/protocol.md`, executed against one fresh broker, as the page itself describes.

use std::path::Path;

use serde_json::Value;
use yak_testkit::Broker;
use yak_testkit::examples::{blocks, matches};

#[test]
fn every_example_of_the_protocol_page_is_true() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let broker = Broker::start(&directory.path().join("broker-1"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let blocks = blocks(&page, "ndjson");
    let compared: usize = blocks.iter().map(|block| block.execute(|| broker.connect())).sum();
    assert!(compared >= 40, "the page has its examples: {compared} lines were compared");
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
