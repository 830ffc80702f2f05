//! What is not a message is an error: never a panic, never memory that was not paid for by bytes.

use bytes::{BufMut as _, BytesMut};
use proptest::prelude::*;
use yak_kafka::messages::metadata::{MetadataRequest, MetadataResponseBroker};
use yak_kafka::messages::{ApiVersionsResponse, ListOffsetsRequest, MetadataResponse};
use yak_kafka::{
    Choices, MAX_ELEMENTS, MAX_STRING_LEN, Message, Problem, ProduceRequest, decode_body, split_header,
};

use crate::every_version;

fn problem<M: Message>(body: &[u8], version: i16) -> Problem {
    decode_body::<M>(body, version).err().unwrap().problem()
}

#[test]
fn counts_and_lengths_are_held_against_what_remains() {
    let count = |count| Problem::CountBeyondFrame { count, remaining: 6 };
    let with = |len: [u8; 4]| [&len[..], &[0; 6]].concat();
    assert_eq!(problem::<MetadataRequest>(&with([0x7f, 0xff, 0xff, 0xff]), 1), count(i32::MAX as usize));
    assert_eq!(problem::<MetadataRequest>(&with([0, 0, 0, 4]), 1), count(4));
    assert_eq!(problem::<MetadataRequest>(&with([0xff, 0xff, 0xff, 0xfe]), 1), Problem::NegativeLength(-2));
    assert_eq!(problem::<MetadataRequest>(&with([0x80, 0, 0, 0]), 1), Problem::NegativeLength(i32::MIN));
    let varint = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0, 0];
    assert_eq!(problem::<MetadataRequest>(&varint, 9), count(u32::MAX as usize - 1));
    // A string of -2 bytes, of 5 where 2 remain, and null.
    let name = |len: [u8; 2]| [&[0, 0, 0, 1], &len[..], b"ab"].concat();
    assert_eq!(problem::<MetadataRequest>(&name([0xff, 0xfe]), 1), Problem::NegativeLength(-2));
    assert_eq!(problem::<MetadataRequest>(&name([0, 5]), 1), Problem::Truncated { needed: 5, remaining: 2 });
    assert_eq!(problem::<MetadataRequest>(&name([0xff, 0xff]), 1), Problem::Null);
    assert_eq!(problem::<MetadataRequest>(&[0; 4], 14), Problem::UnknownVersion(14));
    assert_eq!(problem::<MetadataRequest>(&[0; 4], -1), Problem::UnknownVersion(-1));
}

#[test]
fn records_of_a_produce_request_are_held_against_what_remains() {
    let decode = |len: [u8; 4]| {
        // No transactional id, acks 1, timeout 9; one topic "", one partition 7.
        let head = [0xff, 0xff, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7];
        let mut body = [&head[..], &len, b"x"].concat();
        ProduceRequest::decode(&mut body, 3).err().unwrap().to_string()
    };
    let path = "topic_data[0].partition_data[0].records";
    assert_eq!(decode([0x7f, 0xff, 0xff, 0xff]), format!("{path}: needs 2147483647 bytes, 1 remain"));
    assert_eq!(decode([0xff, 0xff, 0xff, 0xfe]), format!("{path}: has the length -2"));
}

#[test]
fn a_message_has_so_many_elements_and_no_more() {
    let body = |count: usize| {
        let mut body = BytesMut::new();
        body.put_i32(i32::try_from(count).unwrap());
        body.put_bytes(0, 2 * count);
        body
    };
    assert!(decode_body::<MetadataRequest>(&body(MAX_ELEMENTS), 1).is_ok());
    let too_many = Problem::TooManyElements(MAX_ELEMENTS + 1);
    assert_eq!(problem::<MetadataRequest>(&body(MAX_ELEMENTS + 1), 1), too_many);
    // The arrays inside count too: 400 topics of 500 partitions are 400 more than fit.
    let mut body = BytesMut::new();
    body.put_i32(-1);
    body.put_i32(400);
    for _ in 0..400 {
        body.put_i16(0);
        body.put_i32(500);
        body.put_bytes(0, 500 * 12);
    }
    let error = decode_body::<ListOffsetsRequest>(&body, 1).unwrap_err();
    assert_eq!(error.problem(), Problem::TooManyElements(500));
    assert_eq!(error.path(), "topics[399].partitions");
}

#[test]
fn tagged_sections_have_an_end() {
    let start = [0, 0, 1, 0, 0, 0, 0];
    let of = |section: &[u8]| problem::<ApiVersionsResponse>(&[&start, section].concat(), 3);
    assert_eq!(of(&[101]), Problem::TooManyTaggedFields(101));
    assert_eq!(of(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Problem::TooManyTaggedFields(u32::MAX));
    assert_eq!(of(&[2, 7, 0]), Problem::Truncated { needed: 1, remaining: 0 });
    assert_eq!(of(&[1, 7, 0x80, 0x80, 4, 0]), Problem::Truncated { needed: 65_536, remaining: 1 });
    // A field that we know may neither need more nor less than its size.
    assert_eq!(of(&[1, 1, 7, 0, 0, 0, 0, 0, 0, 0, 9]), Problem::Truncated { needed: 8, remaining: 7 });
    assert_eq!(of(&[1, 3, 2, 1, 1]), Problem::TaggedFieldTooLong(1));
    assert_eq!(of(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]), Problem::VarintTooLong);
    assert_eq!(of(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Problem::VarintTooLong);
}

#[test]
fn strings_are_utf8_and_not_too_long() {
    let text = |bytes: &[u8]| {
        let mut body = BytesMut::from(&[2][..]);
        let seven_bits = |shift: u32| u8::try_from((bytes.len() + 1) >> shift & 0x7f).unwrap();
        body.put_slice(&[seven_bits(0) | 0x80, seven_bits(7) | 0x80, seven_bits(14)]);
        body.put_slice(bytes);
        body.put_slice(&[0; 5]);
        body
    };
    assert!(decode_body::<MetadataRequest>(&text(&[b'a'; MAX_STRING_LEN]), 9).is_ok());
    let too_long = Problem::StringTooLong(MAX_STRING_LEN + 1);
    assert_eq!(problem::<MetadataRequest>(&text(&[b'a'; MAX_STRING_LEN + 1]), 9), too_long);
    assert_eq!(problem::<MetadataRequest>(&text(&[0xc3, 0x28]), 9), Problem::NotUtf8);
}

#[test]
fn what_we_write_can_be_read_whatever_it_is() {
    let host = "é".repeat(20_000);
    let broker = MetadataResponseBroker { host, ..MetadataResponseBroker::default() };
    // Null where the version has none, a string that is too long, fields that the version lacks.
    let topic = yak_kafka::messages::metadata::MetadataResponseTopic { name: None, ..Default::default() };
    let response =
        MetadataResponse { brokers: vec![broker], topics: vec![topic], ..MetadataResponse::default() };
    for version in MetadataResponse::VERSIONS {
        let mut body = BytesMut::new();
        response.encode(&mut body, version);
        let decoded: MetadataResponse = decode_body(&body, version).unwrap();
        assert_eq!(decoded.brokers[0].host, "é".repeat(MAX_STRING_LEN / 2));
        assert_eq!(decoded.topics[0].name.as_deref(), if version < 12 { Some("") } else { None });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_prefix_of_a_message_is_an_error(choices in proptest::collection::vec(any::<u8>(), 0..120)) {
        for (kind, version) in every_version() {
            let mut body = BytesMut::new();
            (kind.sample)(&mut Choices::new(&choices), version, &mut body);
            for len in 0..body.len() {
                let decoded = (kind.recode)(&mut body[..len], version, &mut BytesMut::new());
                prop_assert!(decoded.is_err(), "{:?} {:?} v{version}: {len} bytes", kind.key, kind.direction);
            }
        }
    }

    #[test]
    fn any_flipped_bit_is_an_error_or_another_message(
        choices in proptest::collection::vec(any::<u8>(), 0..120),
        bit in 0_u32..8,
    ) {
        for (kind, version) in every_version() {
            let mut body = BytesMut::new();
            (kind.sample)(&mut Choices::new(&choices), version, &mut body);
            for at in 0..body.len().min(300) {
                body[at] ^= 1_u8 << bit;
                let (mut first, mut second) = (BytesMut::new(), BytesMut::new());
                if (kind.recode)(&mut body, version, &mut first).is_ok() {
                    prop_assert_eq!((kind.recode)(&mut first, version, &mut second), Ok(()));
                    prop_assert_eq!(&first, &second);
                }
                body[at] ^= 1_u8 << bit;
            }
        }
    }

    #[test]
    fn any_bytes_are_an_error_or_a_header(mut bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let len = bytes.len();
        if let Ok((_, body)) = split_header(&mut bytes) {
            prop_assert!(body.len() + 8 <= len);
        } else {
            prop_assert!(len < 10 || bytes[0] == 0);
        }
    }
}
