//! Values as trees of fields, made from the text of `Debug`, so that those of two crates can be compared.

use std::collections::BTreeMap;

use yak_model::{ErrorCode, Uuid};

/// A value without the names of its types.
#[derive(Debug, PartialEq)]
pub(crate) enum Tree {
    /// Fields by name.
    Struct(BTreeMap<String, Tree>),
    /// Elements.
    List(Vec<Tree>),
    /// Anything else.
    Leaf(String),
}

/// Fields that their crate calls by Kafka's name and ours, in what is written by hand, by a shorter one.
const OUR_NAMES: &[(&str, &str, &str)] = &[
    ("ProduceRequest", "topics", "topic_data"),
    ("ProduceTopic", "partitions", "partition_data"),
    ("FetchResponse", "topics", "responses"),
];

/// Fields that only versions have which we do not accept.
const OF_LATER_VERSIONS: &[(&str, &str)] = &[
    ("FetchPartition", "high_watermark"),
    ("OffsetCommitRequestTopic", "topic_id"),
    ("OffsetCommitResponseTopic", "topic_id"),
    ("OffsetFetchRequestTopics", "topic_id"),
    ("OffsetFetchResponseTopics", "topic_id"),
    ("InitProducerIdRequest", "enable_2_pc"),
    ("InitProducerIdRequest", "keep_prepared_txn"),
    ("InitProducerIdResponse", "ongoing_txn_producer_id"),
    ("InitProducerIdResponse", "ongoing_txn_producer_epoch"),
];

impl Tree {
    /// Reads the text of `Debug`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut parser = Parser { rest: text };
        let tree = parser.value("");
        assert_eq!(parser.rest, "", "{text}");
        tree
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn value(&mut self, field: &str) -> Tree {
        if self.eat("[") {
            return bytes_or_list(self.until("]", |parser| parser.value("")), field);
        }
        if self.rest.starts_with('"') || self.rest.starts_with("b\"") {
            return Tree::Leaf(self.quoted());
        }
        if self.eat("{}") {
            return Tree::Struct(BTreeMap::new());
        }
        let word = self.word();
        if self.eat(" {") {
            return Tree::Struct(self.fields(&word));
        }
        if self.eat("(") {
            // A newtype or `Some`: what is inside counts.
            let inside = self.value(field);
            assert!(self.eat(")"), "{}", self.rest);
            return inside;
        }
        Tree::Leaf(normal(word, field))
    }

    fn fields(&mut self, name: &str) -> BTreeMap<String, Tree> {
        let fields = self.until("}", |parser| {
            let field = parser.word();
            assert!(parser.eat(":"), "{}", parser.rest);
            parser.skip_space();
            let value = parser.value(&field);
            (field, value)
        });
        let dropped =
            |field: &str| field == "unknown_tagged_fields" || OF_LATER_VERSIONS.contains(&(name, field));
        fields
            .into_iter()
            .filter(|(field, _)| !dropped(field))
            .map(|(field, value)| {
                let theirs = OUR_NAMES.iter().find(|(of, ours, _)| *of == name && *ours == field);
                (theirs.map_or(field, |(_, _, theirs)| (*theirs).to_owned()), value)
            })
            .collect()
    }

    fn until<T>(&mut self, end: &str, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.eat(end) {
                return items;
            }
            items.push(item(self));
            self.skip_space();
            self.eat(",");
        }
    }

    fn quoted(&mut self) -> String {
        let mut escaped = false;
        let start = self.rest.find('"').expect("a quoted text begins") + 1;
        let len = self.rest[start..].find(|c| {
            let end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            end
        });
        let end = start + len.expect("a quoted text ends") + 1;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text.to_owned()
    }

    fn word(&mut self) -> String {
        let end = self.rest.find([',', '(', ')', ']', '}', ' ', ':']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// Ours shows records of a produce request as numbers, theirs as quoted bytes.
fn bytes_or_list(elements: Vec<Tree>, field: &str) -> Tree {
    if field != "records" {
        return Tree::List(elements);
    }
    let bytes = elements.iter().map(|element| match element {
        Tree::Leaf(number) => number.parse().expect("a byte"),
        _ => panic!("records are bytes"),
    });
    Tree::Leaf(format!("{:?}", bytes::Bytes::from(bytes.collect::<Vec<u8>>())))
}

fn normal(word: String, field: &str) -> String {
    if field.ends_with("error_code") {
        let code = ErrorCode::ALL.iter().find(|code| format!("{code:?}") == word);
        return code.map_or(if word == "None" { "0".to_owned() } else { word }, |c| c.number().to_string());
    }
    if field == "topic_id" || field == "replica_directory_id" {
        return match word.parse::<Uuid>() {
            Ok(ours) => ours.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
            Err(_theirs) => word.replace('-', ""),
        };
    }
    // The one default of ours that is not the protocol's.
    if field == "error_message" && word == "None" { "\"\"".to_owned() } else { word }
}
