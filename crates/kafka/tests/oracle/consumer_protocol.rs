//! Subscriptions and assignments against the crate `kafka-protocol`.

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kafka_protocol::protocol::{Decodable as _, Encodable as _};
use proptest::prelude::*;
use yak_kafka::consumer_protocol::{
    Assignment, LATEST_VERSION, Subscription, TopicPartitions, decode_assignment, decode_subscription,
    encode_assignment, encode_subscription,
};

use crate::tree::Tree;

prop_compose! {
    fn partitions()(topic in ".{0,5}", partitions in prop::collection::vec(any::<i32>(), 0..4)) -> TopicPartitions {
        TopicPartitions { topic, partitions }
    }
}

fn user_data() -> impl Strategy<Value = Option<Bytes>> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..6).prop_map(Bytes::from))
}

prop_compose! {
    fn subscription()(
        topics in prop::collection::vec(".{0,5}", 0..4),
        user_data in user_data(),
        owned_partitions in prop::collection::vec(partitions(), 0..4),
        generation_id in any::<i32>(),
        rack_id in prop::option::of(".{0,5}"),
    ) -> Subscription {
        Subscription { topics, user_data, owned_partitions, generation_id, rack_id }
    }
}

/// Behind the version, what they encode of what they decoded.
fn with_version(version: i16, encode: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_i16(version);
    encode(&mut out);
    out
}

proptest! {
    #[test]
    fn subscriptions_agree(subscription in subscription(), version in 0..=LATEST_VERSION) {
        let bytes = encode_subscription(&subscription, version);
        let mut rest = bytes.slice(2..);
        let theirs = ConsumerProtocolSubscription::decode(&mut rest, version).unwrap();
        prop_assert!(rest.is_empty());
        let (told, ours) = decode_subscription(&bytes).unwrap();
        prop_assert_eq!(told, version);
        prop_assert_eq!(Tree::parse(&format!("{ours:?}")), Tree::parse(&format!("{theirs:?}")));
        prop_assert_eq!(with_version(version, |out| theirs.encode(out, version).unwrap()), bytes);
    }

    #[test]
    fn assignments_agree(
        assigned_partitions in prop::collection::vec(partitions(), 0..4),
        user_data in user_data(),
        version in 0..=LATEST_VERSION,
    ) {
        let assignment = Assignment { assigned_partitions, user_data };
        let bytes = encode_assignment(&assignment, version);
        let mut rest = bytes.slice(2..);
        let theirs = ConsumerProtocolAssignment::decode(&mut rest, version).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(decode_assignment(&bytes), Ok((version, assignment.clone())));
        prop_assert_eq!(Tree::parse(&format!("{assignment:?}")), Tree::parse(&format!("{theirs:?}")));
        prop_assert_eq!(with_version(version, |out| theirs.encode(out, version).unwrap()), bytes);
    }
}
