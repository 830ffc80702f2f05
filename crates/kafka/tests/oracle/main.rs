//! Every (key, version) that we accept, in both directions, against the crate `kafka-protocol`.
//!
//! A value is made up freely within what its version allows, tagged fields and nulls included. We encode it, they
//! decode all of its bytes, the two values are the same field by field and name by name (so they have no field
//! that we lack), and what they encode is what we decode and encode again to the same bytes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at once")]

mod consumer_protocol;
mod theirs;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use bytes::{BufMut as _, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable as _, StrBytes};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use yak_kafka::{APIS, Choices, Direction, KINDS, Kind, Problem, RequestHeader as OurHeader, split_header};

use theirs::theirs;
use tree::Tree;

fn sample(kind: &Kind, version: i16, choices: &[u8]) -> BytesMut {
    let mut body = BytesMut::new();
    (kind.sample)(&mut Choices::new(choices), version, &mut body);
    body
}

fn every_version() -> impl Iterator<Item = (&'static Kind, i16)> {
    KINDS.iter().flat_map(|kind| kind.versions.clone().map(move |version| (kind, version)))
}

#[test]
fn every_accepted_version_of_the_table_is_compared() {
    for api in APIS {
        for direction in [Direction::Request, Direction::Response] {
            let of_api = |kind: &&Kind| kind.key == api.key && kind.direction == direction;
            let kinds: Vec<_> = KINDS.iter().filter(of_api).collect();
            assert_eq!(kinds.len(), 1, "{:?} {direction:?}", api.key);
            assert_eq!(kinds[0].versions, api.accepted, "{:?} {direction:?}", api.key);
            assert_eq!(kinds[0].flexible_from, api.flexible_from, "{:?} {direction:?}", api.key);
        }
        assert!(api.advertised.end() <= api.accepted.end(), "{:?}", api.key);
    }
    assert_eq!(KINDS.len(), 2 * APIS.len());
    assert!(APIS.is_sorted_by_key(|api| api.key));
}

fn agrees(kind: &Kind, version: i16, choices: &[u8]) {
    let name = format!("{:?} {:?} v{version}", kind.key, kind.direction);
    let mut body = sample(kind, version, choices);
    let (their_text, mut their_body) = (theirs(kind.key, kind.direction).recode)(&body, version);
    assert_eq!(their_body, body, "{name}: what they encode");
    let our_text = (kind.describe)(&mut body, version).unwrap();
    assert_eq!(Tree::parse(&our_text), Tree::parse(&their_text), "{name}: values");
    let mut again = BytesMut::new();
    (kind.recode)(&mut their_body, version, &mut again).unwrap();
    assert_eq!(again, body, "{name}: what we encode of theirs");
}

#[test]
fn the_plainest_message_of_every_version_agrees() {
    for (kind, version) in every_version() {
        agrees(kind, version, &[]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn messages_agree(choices in proptest::collection::vec(any::<u8>(), 0..800)) {
        for (kind, version) in every_version() {
            agrees(kind, version, &choices);
        }
    }

    #[test]
    fn tagged_fields_that_we_do_not_know_are_skipped(
        choices in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        for (kind, version) in every_version().filter(|(kind, version)| *version >= kind.flexible_from) {
            let body = sample(kind, version, &choices);
            let mut tagged = (theirs(kind.key, kind.direction).with_unknown_tag)(&body, version);
            prop_assert_ne!(&tagged, &body);
            let mut again = BytesMut::new();
            (kind.recode)(&mut tagged, version, &mut again).unwrap();
            prop_assert_eq!(again, body);
        }
    }
}

/// A field whose versions we take for fewer than they are would be left out of what we make up. So values of
/// every version are encoded by them in every other, where that has all fields that are set. They write null in
/// every version; Kafka's own code refuses it where we do.
#[test]
fn what_they_encode_in_other_versions_comes_back() {
    let mut runner = TestRunner::deterministic();
    let choices = proptest::collection::vec(any::<u8>(), 0..150);
    let choices: Vec<_> = (0..300).map(|_| choices.new_tree(&mut runner).unwrap().current()).collect();
    let mut nulls_refused = BTreeMap::<String, BTreeSet<i16>>::new();
    for (kind, version) in every_version() {
        let at_version = theirs(kind.key, kind.direction).at_version;
        let others = kind.versions.clone().filter(|from| *from != version);
        let mut encoded = 0;
        for (from, choices) in others.flat_map(|from| choices.iter().map(move |c| (from, c))) {
            let Some(mut body) = at_version(&sample(kind, from, choices), from, version) else { continue };
            encoded += 1;
            let mut again = BytesMut::new();
            match (kind.recode)(&mut body, version, &mut again) {
                Ok(()) => assert_eq!(again, body, "{:?} {:?} v{version}", kind.key, kind.direction),
                Err(error) if error.problem() == Problem::Null => {
                    let path: String = error.path().chars().filter(|c| !c.is_ascii_digit()).collect();
                    let field = format!("{:?} {:?} {path}", kind.key, kind.direction);
                    nulls_refused.entry(field).or_default().insert(version);
                }
                Err(error) => panic!("{:?} {:?} v{version}: {error}", kind.key, kind.direction),
            }
        }
        let has_others = kind.versions.start() != kind.versions.end();
        assert!(!has_others || encoded > 0, "{:?} {:?} v{version}: {encoded}", kind.key, kind.direction);
    }
    let expected = [
        ("DeleteTopics Response responses[].name", 1..=5),
        ("JoinGroup Response protocol_name", 0..=6),
        ("Metadata Request topics", 0..=0),
        ("Metadata Request topics[].name", 0..=9),
        ("Metadata Response topics[].name", 0..=11),
        ("OffsetFetch Request topics", 1..=1),
    ];
    let expected = expected.map(|(field, versions)| (field.to_owned(), versions.collect()));
    assert_eq!(nulls_refused, BTreeMap::from(expected));
}

#[test]
fn headers_are_of_the_version_that_the_body_needs() {
    for (kind, version) in every_version() {
        let header_version = (theirs(kind.key, kind.direction).header_version)(version);
        let mut header = BytesMut::new();
        match kind.direction {
            Direction::Request => {
                let theirs = RequestHeader::default()
                    .with_request_api_key(kind.key.number())
                    .with_request_api_version(version)
                    .with_correlation_id(5)
                    .with_client_id(Some(StrBytes::from_static_str("né")));
                kafka_protocol::protocol::Encodable::encode(&theirs, &mut header, header_version).unwrap();
                header.put_slice(b"body");
                let expected = OurHeader {
                    api_key: kind.key.number(),
                    api_version: version,
                    correlation_id: 5,
                    client_id: Some("né"),
                };
                let (ours, body) = split_header(&mut header).unwrap();
                assert_eq!((ours, &*body), (expected, &b"body"[..]), "{:?} v{version}", kind.key);
            }
            Direction::Response => {
                (kind.frame)(&mut sample(kind, version, &[]), version, 7, None, &mut header).unwrap();
                let mut header = header.freeze().slice(4..);
                let theirs = ResponseHeader::decode(&mut header, header_version).unwrap();
                assert_eq!(theirs.correlation_id, 7);
                assert_eq!(header, sample(kind, version, &[]), "{:?} v{version}", kind.key);
            }
        }
    }
}
