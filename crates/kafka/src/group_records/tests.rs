//! Records by the byte, written down from Kafka's schemas.

use proptest::prelude::*;
use yak_model::Uuid;

use super::*;
use crate::hex::hex;

fn text(text: &str) -> String {
    text.to_owned()
}

const ID: &str = "000102030405060708090a0b0c0d0e0f";

fn id() -> Uuid {
    Uuid::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
}

#[test]
fn keys_are_read_and_written_by_the_byte() {
    let (group_id, member_id) = (text("g"), text("m-1"));
    let group = "0001 67";
    let member = "0001 67 0003 6d2d31";
    for (bytes, key) in [
        (
            "0001 0001 67 0002 7432 00000007".to_owned(),
            GroupKey::OffsetCommit { group_id: group_id.clone(), topic: text("t2"), partition: 7 },
        ),
        (format!("0002 {group}"), GroupKey::GroupMetadata { group_id: group_id.clone() }),
        (format!("0003 {group}"), GroupKey::ConsumerGroupMetadata { group_id: group_id.clone() }),
        (format!("0004 {group}"), GroupKey::ConsumerGroupPartitionMetadata { group_id: group_id.clone() }),
        (
            format!("0005 {member}"),
            GroupKey::ConsumerGroupMemberMetadata {
                group_id: group_id.clone(),
                member_id: member_id.clone(),
            },
        ),
        (
            format!("0006 {group}"),
            GroupKey::ConsumerGroupTargetAssignmentMetadata { group_id: group_id.clone() },
        ),
        (
            format!("0007 {member}"),
            GroupKey::ConsumerGroupTargetAssignmentMember {
                group_id: group_id.clone(),
                member_id: member_id.clone(),
            },
        ),
        (
            format!("0008 {member}"),
            GroupKey::ConsumerGroupCurrentMemberAssignment { group_id: group_id.clone(), member_id },
        ),
        (
            format!("0010 {group} 0003 612e2a"),
            GroupKey::ConsumerGroupRegularExpression { group_id, regular_expression: text("a.*") },
        ),
    ] {
        let bytes = hex(&bytes);
        assert_eq!(decode_key(&bytes), Ok(key.clone()));
        assert_eq!(encode_key(&key), bytes);
        assert_eq!(key.group_id(), "g");
        for len in 0..bytes.len() {
            assert!(
                matches!(decode_key(&bytes[..len]), Err(KeyError::Malformed(_))),
                "{len} bytes of {key:?}"
            );
        }
    }
}

#[test]
fn what_is_wrong_with_a_key_is_said() {
    // Share and streams groups, the offsets of 0.8, and what is yet to come.
    for number in [0, 9, 15, 17, 0x7fff, -1] {
        let bytes = [&i16::to_be_bytes(number)[..], &[0, 0]].concat();
        assert_eq!(decode_key(&bytes), Err(KeyError::UnknownType(number)));
    }
    let error = decode_key(&hex("0001 0001 67 0009 74")).expect_err("a topic of nine bytes");
    assert_eq!(error.to_string(), "topic: needs 9 bytes, 1 remain");
    let error = decode_key(&hex("0005 ffff")).expect_err("no group");
    assert_eq!(error.to_string(), "group: is null, which this version does not allow");
}

/// That these bytes are this value, and the other way round if it is written in that version.
fn is(value: &GroupValue, bytes: &str) {
    let bytes = hex(bytes);
    let record_type = value.record_type();
    assert_eq!(decode_value(record_type, &bytes).as_ref(), Ok(value));
    let version = value_version(&bytes).expect("a version");
    assert_eq!(encode_value_as(value, version), bytes);
    for len in 0..bytes.len() {
        assert!(decode_value(record_type, &bytes[..len]).is_err(), "{len} bytes of {value:?}");
    }
}

fn is_written(value: &GroupValue, bytes: &str) {
    is(value, bytes);
    assert_eq!(encode_value(value), hex(bytes));
}

#[test]
fn offsets_are_read_and_written_by_the_byte() {
    let (offset, committed) = ("0000000000000064", "000000000000000c");
    let plain = OffsetCommitValue {
        offset: 100,
        leader_epoch: 10,
        metadata: text("md"),
        commit_timestamp: 12,
        ..OffsetCommitValue::default()
    };
    let old = OffsetCommitValue { leader_epoch: -1, ..plain.clone() };
    is(&GroupValue::OffsetCommit(old.clone()), &format!("0000 {offset} 0002 6d64 {committed}"));
    is(&GroupValue::OffsetCommit(old.clone()), &format!("0002 {offset} 0002 6d64 {committed}"));
    let expiring = OffsetCommitValue { expire_timestamp: 13, ..old };
    is_written(
        &GroupValue::OffsetCommit(expiring),
        &format!("0001 {offset} 0002 6d64 {committed} 000000000000000d"),
    );
    is_written(
        &GroupValue::OffsetCommit(plain.clone()),
        &format!("0003 {offset} 0000000a 0002 6d64 {committed}"),
    );
    is(&GroupValue::OffsetCommit(plain.clone()), &format!("0004 {offset} 0000000a 03 6d64 {committed} 00"));
    is_written(
        &GroupValue::OffsetCommit(OffsetCommitValue { topic_id: id(), ..plain }),
        &format!("0004 {offset} 0000000a 03 6d64 {committed} 01 00 10 {ID}"),
    );
}

#[test]
fn a_classic_group_is_read_and_written_by_the_byte() {
    let member = MemberMetadata {
        member_id: text("m"),
        group_instance_id: Some(text("i")),
        client_id: text("c"),
        client_host: text("/h"),
        rebalance_timeout: 3,
        session_timeout: 2,
        subscription: Bytes::from_static(&[0xaa]),
        assignment: Bytes::from_static(&[0xbb, 0xcc]),
    };
    let group = GroupMetadataValue {
        protocol_type: text("consumer"),
        generation: 5,
        protocol: Some(text("range")),
        leader: Some(text("m")),
        current_state_timestamp: 77,
        members: vec![member.clone()],
    };
    let head = "0008 636f6e73756d6572 00000005 0005 72616e6765 0001 6d";
    let bytes = "00000001 aa 00000002 bbcc";
    is_written(
        &GroupValue::GroupMetadata(group.clone()),
        &format!(
            "0003 {head} 000000000000004d 00000001
             0001 6d 0001 69 0001 63 0002 2f68 00000003 00000002 {bytes}"
        ),
    );
    is(
        &GroupValue::GroupMetadata(group.clone()),
        "0004 09 636f6e73756d6572 00000005 06 72616e6765 02 6d 000000000000004d
         02 02 6d 02 69 02 63 03 2f68 00000003 00000002 02 aa 03 bbcc 00 00",
    );
    let member = MemberMetadata { group_instance_id: None, ..member };
    let group = GroupMetadataValue { members: vec![member.clone()], ..group };
    is(
        &GroupValue::GroupMetadata(group.clone()),
        &format!("0002 {head} 000000000000004d 00000001 0001 6d 0001 63 0002 2f68 00000003 00000002 {bytes}"),
    );
    let group = GroupMetadataValue { current_state_timestamp: -1, ..group };
    is(
        &GroupValue::GroupMetadata(group.clone()),
        &format!("0001 {head} 00000001 0001 6d 0001 63 0002 2f68 00000003 00000002 {bytes}"),
    );
    let members = vec![MemberMetadata { rebalance_timeout: 0, ..member }];
    is(
        &GroupValue::GroupMetadata(GroupMetadataValue { members, ..group }),
        &format!("0000 {head} 00000001 0001 6d 0001 63 0002 2f68 00000002 {bytes}"),
    );
    // A group without members has neither leader nor protocol.
    is_written(
        &GroupValue::GroupMetadata(GroupMetadataValue::default()),
        "0003 0000 00000000 ffff ffff ffffffffffffffff 00000000",
    );
}

#[test]
fn a_group_of_kip_848_is_read_and_written_by_the_byte() {
    let epoch = ConsumerGroupMetadataValue { epoch: 10, ..ConsumerGroupMetadataValue::default() };
    is_written(&GroupValue::ConsumerGroupMetadata(epoch.clone()), "0000 0000000a 00");
    let all = ConsumerGroupMetadataValue { metadata_hash: -2, creation_time_ms: 3, ..epoch };
    is_written(
        &GroupValue::ConsumerGroupMetadata(all),
        "0000 0000000a 02 00 08 fffffffffffffffe 01 08 0000000000000003",
    );
    let partition = PartitionMetadata { partition: 1, racks: vec![text("r")] };
    let topic = TopicMetadata {
        topic_id: id(),
        topic_name: text("t"),
        num_partitions: 4,
        partition_metadata: vec![partition],
    };
    is_written(
        &GroupValue::ConsumerGroupPartitionMetadata(ConsumerGroupPartitionMetadataValue {
            topics: vec![topic],
        }),
        &format!("0000 02 {ID} 02 74 00000004 02 00000001 02 02 72 00 00 00"),
    );
    let topics = ConsumerGroupRegularExpressionValue {
        topics: vec![text("ab"), text("ac")],
        version: 6,
        timestamp: 7,
    };
    is_written(
        &GroupValue::ConsumerGroupRegularExpression(topics),
        "0000 03 03 6162 03 6163 0000000000000006 0000000000000007 00",
    );
}

#[test]
fn a_member_of_kip_848_is_read_and_written_by_the_byte() {
    let fields = "0000 00 02 72 02 63 03 2f68 02 02 74 00 00007530 08 756e69666f726d";
    let member = ConsumerGroupMemberMetadataValue {
        rack_id: Some(text("r")),
        client_id: text("c"),
        client_host: text("/h"),
        subscribed_topic_names: vec![text("t")],
        rebalance_timeout_ms: 30_000,
        server_assignor: Some(text("uniform")),
        classic_member_metadata: None,
        ..ConsumerGroupMemberMetadataValue::default()
    };
    // Null in a tagged section is 0. It is written: what is left out is a classic member of no protocol.
    is_written(&GroupValue::ConsumerGroupMemberMetadata(member.clone()), &format!("{fields} 01 00 01 00"));
    is_written(
        &GroupValue::ConsumerGroupMemberMetadata(ConsumerGroupMemberMetadataValue {
            classic_member_metadata: Some(ClassicMemberMetadata::default()),
            ..member.clone()
        }),
        &format!("{fields} 00"),
    );
    let protocol = ClassicProtocol { name: text("range"), metadata: Bytes::from_static(&[0xdd]) };
    let classic = ClassicMemberMetadata { session_timeout_ms: 9, supported_protocols: vec![protocol] };
    is_written(
        &GroupValue::ConsumerGroupMemberMetadata(ConsumerGroupMemberMetadataValue {
            classic_member_metadata: Some(classic),
            ..member
        }),
        &format!("{fields} 01 00 10 01 00000009 02 06 72616e6765 02 dd 00 00"),
    );
}

#[test]
fn assignments_of_kip_848_are_read_and_written_by_the_byte() {
    let target = ConsumerGroupTargetAssignmentMetadataValue { assignment_epoch: 4, assignment_timestamp: 0 };
    is_written(&GroupValue::ConsumerGroupTargetAssignmentMetadata(target.clone()), "0000 00000004 00");
    is_written(
        &GroupValue::ConsumerGroupTargetAssignmentMetadata(ConsumerGroupTargetAssignmentMetadataValue {
            assignment_timestamp: 5,
            ..target
        }),
        "0000 00000004 01 00 08 0000000000000005",
    );
    let partitions = TargetPartitions { topic_id: id(), partitions: vec![1, 2] };
    is_written(
        &GroupValue::ConsumerGroupTargetAssignmentMember(ConsumerGroupTargetAssignmentMemberValue {
            topic_partitions: vec![partitions],
        }),
        &format!("0000 02 {ID} 03 00000001 00000002 00 00"),
    );
    let partitions = |number, assignment_epochs| CurrentPartitions {
        topic_id: id(),
        partitions: vec![number],
        assignment_epochs,
    };
    let current = ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: 4,
        previous_member_epoch: 3,
        state: 1,
        assigned_partitions: vec![partitions(6, None), partitions(5, Some(Vec::new()))],
        partitions_pending_revocation: vec![partitions(7, Some(vec![2]))],
    };
    is_written(
        &GroupValue::ConsumerGroupCurrentMemberAssignment(current),
        &format!(
            "0000 00000004 00000003 01 03 {ID} 02 00000006 01 00 01 00 {ID} 02 00000005 00
             02 {ID} 02 00000007 01 00 05 02 00000002 00"
        ),
    );
}

#[test]
fn what_is_wrong_with_a_value_is_said() {
    let error = |record_type, bytes| {
        decode_value(record_type, &hex(bytes)).expect_err("a value that is wrong").to_string()
    };
    assert_eq!(error(RecordType::OffsetCommit, "0005 00"), "OffsetCommit: has no version 5");
    assert_eq!(error(RecordType::GroupMetadata, "ffff 00"), "GroupMetadata: has no version -1");
    assert_eq!(error(RecordType::OffsetCommit, "00"), "OffsetCommit.version: needs 2 bytes, 1 remain");
    assert_eq!(
        error(RecordType::GroupMetadata, "0003 0000 00000000 ffff ffff ffffffffffffffff 7fffffff 00"),
        "GroupMetadata.members: has 2147483647 elements, but only 1 bytes remain"
    );
    assert_eq!(
        error(RecordType::ConsumerGroupCurrentMemberAssignment, "0000 00000000 00000000 00 ffffffff0f"),
        "ConsumerGroupCurrentMemberAssignment.assigned_partitions: has 4294967294 elements, but only 0 bytes remain"
    );
    assert_eq!(
        error(RecordType::ConsumerGroupMetadata, "0000 00000001 01 00 07 00000000000000"),
        "ConsumerGroupMetadata.metadata_hash: needs 8 bytes, 7 remain"
    );
}

proptest! {
    #[test]
    fn keys_and_values_come_back(choices in proptest::collection::vec(any::<u8>(), 0..300)) {
        for record_type in RecordType::ALL.iter().copied() {
            let key = GroupKey::sample(&mut Choices::new(&choices), record_type);
            prop_assert_eq!(key.record_type(), record_type);
            prop_assert_eq!(decode_key(&encode_key(&key)), Ok(key));
            for version in record_type.versions().0 {
                let value = GroupValue::sample(&mut Choices::new(&choices), record_type, version);
                let bytes = encode_value_as(&value, version);
                prop_assert_eq!(value_version(&bytes), Some(version));
                prop_assert_eq!(decode_value(record_type, &bytes), Ok(value.clone()));
                for len in 0..bytes.len() {
                    prop_assert!(decode_value(record_type, &bytes[..len]).is_err(), "{} bytes", len);
                }
                // In the version that it is written in, it keeps all that it has.
                if value.version() >= version {
                    prop_assert_eq!(decode_value(record_type, &encode_value(&value)), Ok(value));
                }
            }
        }
    }
}
