//! Subscriptions and assignments by the byte.

use super::*;
use crate::hex::hex;

fn partitions(topic: &str, partitions: &[i32]) -> TopicPartitions {
    TopicPartitions { topic: topic.to_owned(), partitions: partitions.to_vec() }
}

const SUBSCRIPTION: [&str; 4] = [
    "00000001 0003 666f6f # one topic, foo
     00000002 0708       # user data",
    "00000001            # of one topic
     0003 666f6f 00000002 00000000 00000005",
    "00000009            # generation",
    "0001 72             # rack",
];

fn subscription(version: i16) -> Subscription {
    let mut expected = Subscription {
        topics: vec!["foo".to_owned()],
        user_data: Some(Bytes::from_static(&[7, 8])),
        ..Subscription::default()
    };
    if version >= 1 {
        expected.owned_partitions = vec![partitions("foo", &[0, 5])];
    }
    if version >= 2 {
        expected.generation_id = 9;
    }
    if version >= 3 {
        expected.rack_id = Some("r".to_owned());
    }
    expected
}

#[test]
fn subscriptions_are_read_and_written_by_the_byte() {
    for version in 0..=LATEST_VERSION {
        let fields = SUBSCRIPTION[..=usize::try_from(version).expect("not negative")].join("\n");
        let bytes = hex(&format!("{version:04x} {fields}"));
        assert_eq!(decode_subscription(&bytes), Ok((version, subscription(version))));
        assert_eq!(encode_subscription(&subscription(LATEST_VERSION), version), bytes);
        for len in 0..bytes.len() {
            assert!(decode_subscription(&bytes[..len]).is_err(), "{len} bytes of v{version}");
        }
    }
}

#[test]
fn assignments_are_read_and_written_by_the_byte() {
    let expected = Assignment { assigned_partitions: vec![partitions("foo", &[3])], user_data: None };
    for version in 0..=LATEST_VERSION {
        let bytes = hex(&format!("{version:04x} 00000001 0003 666f6f 00000001 00000003 ffffffff"));
        assert_eq!(decode_assignment(&bytes), Ok((version, expected.clone())));
        assert_eq!(encode_assignment(&expected, version), bytes);
        for len in 0..bytes.len() {
            assert!(decode_assignment(&bytes[..len]).is_err(), "{len} bytes of v{version}");
        }
    }
}

#[test]
fn a_later_version_is_read_as_the_latest() {
    let later = hex(&format!("7fff {} 0badcafe", SUBSCRIPTION.join("\n")));
    assert_eq!(decode_subscription(&later), Ok((0x7fff, subscription(LATEST_VERSION))));
    let error = decode_subscription(&hex("ffff 00000000 ffffffff")).expect_err("a negative version");
    assert_eq!(error.problem(), Problem::UnknownVersion(-1));
}

#[test]
fn counts_are_held_against_what_remains() {
    let error = decode_subscription(&hex("0000 7fffffff 0000")).expect_err("two bytes of topics");
    assert_eq!(error.to_string(), "topics: has 2147483647 elements, but only 2 bytes remain");
    let error =
        decode_assignment(&hex("0001 00000001 0001 61 3fffffff 00000001")).expect_err("one partition");
    let path = "assigned_partitions[0].partitions";
    assert_eq!(error.to_string(), format!("{path}: has 1073741823 elements, but only 4 bytes remain"));
}
