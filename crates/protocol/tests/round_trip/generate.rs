//! Strategies for the words of the domain.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use yak_model::api::{BrokerMetadata, LeaderHint, Rejection};
use yak_model::metadata::ConfigResource;
use yak_model::{
    BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, TimestampMs, TopicId, TopicName, Uuid,
};

/// Any text that fits a label, with everything that JSON must escape.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z0-9.-]{1,12}",
        "\\PC{0,12}",
        any::<[char; 3]>().prop_map(String::from_iter)
    ]
}

pub(crate) fn topic() -> impl Strategy<Value = TopicName> {
    "[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,20}".prop_map(|name| name.parse().expect("the pattern is the rule"))
}

pub(crate) fn topics() -> impl Strategy<Value = Vec<TopicName>> {
    vec(topic(), 1..4)
}

pub(crate) fn partition() -> impl Strategy<Value = PartitionIndex> {
    (0..=i32::MAX).prop_map(PartitionIndex::new)
}

pub(crate) fn offset() -> impl Strategy<Value = Offset> {
    (0..=i64::MAX).prop_map(Offset::new)
}

pub(crate) fn time() -> impl Strategy<Value = TimestampMs> {
    (0..=i64::MAX).prop_map(TimestampMs::new)
}

pub(crate) fn leader_epoch() -> impl Strategy<Value = LeaderEpoch> {
    (0..=i32::MAX).prop_map(LeaderEpoch::new)
}

pub(crate) fn broker_id() -> impl Strategy<Value = BrokerId> {
    (0..=i32::MAX).prop_map(BrokerId::new)
}

pub(crate) fn broker_ids() -> impl Strategy<Value = Vec<BrokerId>> {
    vec(broker_id(), 0..4)
}

pub(crate) fn assignment() -> impl Strategy<Value = Option<Vec<Vec<BrokerId>>>> {
    option::of(vec(broker_ids(), 0..4))
}

pub(crate) fn uuid() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid::from_random)
}

pub(crate) fn topic_id() -> impl Strategy<Value = TopicId> {
    uuid().prop_map(TopicId::new)
}

pub(crate) fn resource() -> impl Strategy<Value = ConfigResource> {
    prop_oneof![
        topic().prop_map(ConfigResource::Topic),
        broker_id().prop_map(ConfigResource::Broker),
        Just(ConfigResource::ClusterDefault)
    ]
}

pub(crate) fn broker() -> impl Strategy<Value = BrokerMetadata> {
    (broker_id(), text(), any::<u16>(), option::of(text()))
        .prop_map(|(broker_id, host, port, rack)| BrokerMetadata { broker_id, host, port, rack })
}

pub(crate) fn rejection() -> impl Strategy<Value = Rejection> {
    let code = proptest::sample::select(ErrorCode::ALL);
    let leader = (broker_id(), leader_epoch(), text(), any::<u16>())
        .prop_map(|(broker_id, leader_epoch, host, port)| LeaderHint { broker_id, leader_epoch, host, port });
    (code, text(), option::of(leader), option::of(any::<u32>())).prop_map(
        |(code, message, leader, retry_after_ms)| Rejection {
            leader,
            retry_after_ms,
            ..Rejection::new(code, message)
        },
    )
}
