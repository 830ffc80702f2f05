//! Groups: counts that nothing pays for, bytes that are shared and not copied, and damaged records.

use bytes::Bytes;
use yak_kafka::consumer_protocol::{
    decode_assignment, decode_subscription, encode_assignment, encode_subscription,
};
use yak_kafka::group_records::{
    GroupKey, GroupValue, RecordType, decode_key, decode_value, encode_key, encode_value_as, value_version,
};
use yak_kafka::messages::{
    ConsumerGroupHeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, OffsetFetchRequest, SyncGroupRequest,
};
use yak_kafka::{Choices, Message, decode_body, decode_shared_body};

use crate::damage::{Chance, damage};
use crate::fuzz::{Seed, seeds};

fn error<M: Message>(body: &[u8], version: i16) -> String {
    decode_body::<M>(body, version).err().unwrap().to_string()
}

#[test]
fn counts_and_lengths_are_held_against_what_remains() {
    // Group, timeouts, member, kind; protocols of which none is there, and one whose metadata has no end.
    let join = |rest: &[u8]| [&[0; 12], &b"\0\x08consumer"[..], rest].concat();
    assert_eq!(
        error::<JoinGroupRequest>(&join(&[0x7f, 0xff, 0xff, 0xff]), 1),
        "protocols: has 2147483647 elements, but only 0 bytes remain"
    );
    assert_eq!(
        error::<JoinGroupRequest>(&join(b"\0\0\0\x01\0\x01r\x7f\xff\xff\xffx"), 1),
        "protocols[0].metadata: needs 2147483647 bytes, 1 remain"
    );
    assert_eq!(
        error::<JoinGroupRequest>(&join(b"\0\0\0\x01\0\x01r\xff\xff\xff\xff"), 1),
        "protocols[0].metadata: is null, which this version does not allow"
    );
    // A group "", generation 0, member ""; an assignment that is longer than the frame.
    assert_eq!(
        error::<SyncGroupRequest>(b"\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01m\0\0\0\x05abc", 0),
        "assignments[0].assignment: needs 5 bytes, 3 remain"
    );
    // Four thousand groups, of which one is there; in it, two thousand million partitions.
    assert_eq!(
        error::<OffsetFetchRequest>(&[0xa0, 0x1f, 1, 0, 0, 0], 8),
        "groups: has 3999 elements, but only 4 bytes remain"
    );
    assert_eq!(
        error::<OffsetFetchRequest>(&[2, 1, 2, 1, 0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0, 0, 0], 8),
        "groups[0].topics[0].partition_indexes: has 2147483646 elements, but only 5 bytes remain"
    );
    assert_eq!(
        error::<LeaveGroupRequest>(&[0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0], 3),
        "members: has 3 elements, but only 8 bytes remain"
    );
    // An assignment that is said to be there, and is not.
    let heartbeat = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(
        error::<ConsumerGroupHeartbeatResponse>(&heartbeat, 0),
        "assignment.topic_partitions: needs 1 bytes, 0 remain"
    );
}

#[test]
fn metadata_and_assignments_are_shares_of_the_frame() {
    let body = Bytes::from_static(b"\0\x01g\0\0\0\x01\0\x01m\0\0\0\x01\0\x01m\0\0\0\x03abc");
    let sync: SyncGroupRequest = decode_shared_body(&body, 0).unwrap();
    assert_eq!(sync.assignments[0].assignment.as_ptr_range(), body[body.len() - 3..].as_ptr_range());
}

/// The bytes of a made-up key and value, damaged.
fn damaged(chance: &mut Chance) -> (RecordType, Vec<u8>, Vec<u8>) {
    let record_type = RecordType::ALL[chance.below(RecordType::ALL.len())];
    let versions: Vec<i16> = record_type.versions().0.collect();
    let version = versions[chance.below(versions.len())];
    let choices: Vec<u8> = (0..chance.below(200)).map(|_| chance.byte()).collect();
    let key = encode_key(&GroupKey::sample(&mut Choices::new(&choices), record_type));
    let value = GroupValue::sample(&mut Choices::new(&choices), record_type, version);
    let (mut key, mut value) = (key.to_vec(), encode_value_as(&value, version).to_vec());
    let other = value.clone();
    for _ in 0..chance.below(4) {
        damage(&mut key, &other, chance);
        damage(&mut value, &other, chance);
    }
    (record_type, key, value)
}

#[test]
fn damaged_records_are_refused_or_come_back() {
    let seeds = seeds();
    let frames = seeds.end - seeds.start;
    let (mut keys, mut values) = (0, 0);
    for seed in seeds {
        let guard = Seed(seed);
        let (record_type, key, value) = damaged(&mut Chance(seed));
        if let Ok(key) = decode_key(&key) {
            keys += 1;
            assert_eq!(decode_key(&encode_key(&key)), Ok(key));
        }
        if let Ok(decoded) = decode_value(record_type, &value) {
            values += 1;
            let version = value_version(&value).unwrap();
            let again = encode_value_as(&decoded, version);
            assert_eq!(decode_value(record_type, &again), Ok(decoded));
        }
        drop(guard);
    }
    println!("{frames} records: {keys} keys and {values} values decoded");
    // Both must be common, or the damage is too slight or too great to test anything.
    for decoded in [keys, values] {
        assert!(frames < 1_000 || (frames / 5..frames / 5 * 4).contains(&decoded), "{decoded} of {frames}");
    }
}

/// A subscription to two topics, with user data, a partition that is owned, a generation and a rack.
const WHOLE: &[u8] =
    b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\0\0\0\x01u\0\0\0\x01\0\x01a\0\0\0\x01\0\0\0\0\0\0\0\x05\0\x01r";

#[test]
fn damaged_subscriptions_and_assignments_are_refused_or_come_back() {
    let seeds = seeds();
    let frames = seeds.end - seeds.start;
    let mut decoded = 0;
    for seed in seeds {
        let guard = Seed(seed);
        let chance = &mut Chance(seed);
        let (mut bytes, other) = (WHOLE.to_vec(), WHOLE.to_vec());
        for _ in 0..=chance.below(3) {
            damage(&mut bytes, &other, chance);
        }
        if let Ok((version, subscription)) = decode_subscription(&bytes) {
            decoded += 1;
            let again = encode_subscription(&subscription, version);
            assert_eq!(decode_subscription(&again), Ok((version, subscription)));
        }
        if let Ok((version, assignment)) = decode_assignment(&bytes) {
            let again = encode_assignment(&assignment, version);
            assert_eq!(decode_assignment(&again), Ok((version, assignment)));
        }
        drop(guard);
    }
    assert!(frames < 1_000 || (frames / 10..frames / 10 * 9).contains(&decoded), "{decoded} of {frames}");
}
