//! Operations on groups, both ways.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use yak_model::api::*;
use yak_model::{GroupId, InstanceId, MemberEpoch, MemberId, PartitionIndex, TopicName};
use yak_protocol::{Call, GroupRequest, Request, encode_group_event, parse_group_event};

use crate::generate::*;
use crate::replies::{check, outcome, result};
use crate::requests::called;

fn name() -> impl Strategy<Value = String> {
    (text(), "[a-z]").prop_map(|(text, end)| text + &end)
}

fn group() -> impl Strategy<Value = GroupId> {
    name().prop_map(|name| GroupId::new(name).expect("it is not empty"))
}

fn member() -> impl Strategy<Value = MemberId> {
    name().prop_map(|name| MemberId::new(name).expect("it is not empty"))
}

fn instance() -> impl Strategy<Value = Option<InstanceId>> {
    option::of(name().prop_map(|name| InstanceId::new(name).expect("it is not empty")))
}

fn identity() -> impl Strategy<Value = Option<MemberIdentity>> {
    option::of((member(), instance(), 0..=i32::MAX).prop_map(|(member_id, instance_id, epoch)| {
        MemberIdentity { member_id, instance_id, generation_id: epoch.into() }
    }))
}

fn epoch() -> impl Strategy<Value = MemberEpoch> {
    (-2..=i32::MAX).prop_map(MemberEpoch::new)
}

fn partitions() -> impl Strategy<Value = Vec<PartitionIndex>> {
    vec(partition(), 0..4)
}

fn by_id() -> impl Strategy<Value = Option<Vec<TopicPartitions>>> {
    let topic = (topic_id(), partitions())
        .prop_map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions });
    option::of(vec(topic, 0..3))
}

fn by_name() -> impl Strategy<Value = Vec<(TopicName, Vec<PartitionIndex>)>> {
    vec((topic(), partitions()), 0..3)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..9).prop_map(Bytes::from)
}

fn state() -> impl Strategy<Value = GroupState> {
    proptest::sample::select(&GroupState::ALL[..])
}

fn kind() -> impl Strategy<Value = GroupKind> {
    prop_oneof![Just(GroupKind::Classic), Just(GroupKind::Consumer)]
}

fn commits() -> impl Strategy<Value = OffsetCommit> {
    let place = (topic(), option::of(topic_id()), partition());
    let entry = (place, offset(), option::of(leader_epoch()), text()).prop_map(
        |((topic, topic_id, partition), offset, leader_epoch, metadata)| OffsetCommitEntry {
            topic,
            topic_id,
            partition,
            offset,
            leader_epoch,
            metadata,
        },
    );
    (group(), identity(), vec(entry, 1..4)).prop_map(|(group_id, member, entries)| OffsetCommit {
        group_id,
        member,
        entries,
    })
}

fn heartbeats() -> impl Strategy<Value = ConsumerGroupHeartbeat> {
    let who = (group(), member(), epoch(), instance(), option::of(text()));
    let wants = (option::of(topics()), option::of(text()), option::of(text()));
    (who, option::of(any::<u32>()), wants, by_id(), text()).prop_map(
        |(who, rebalance_timeout_ms, wants, owned, client_id)| ConsumerGroupHeartbeat {
            group_id: who.0,
            member_id: who.1,
            member_epoch: who.2,
            instance_id: who.3,
            rack_id: who.4,
            rebalance_timeout_ms,
            subscribed_topics: wants.0,
            subscribed_regex: wants.1,
            server_assignor: wants.2,
            owned,
            client_id,
            client_host: String::new(),
        },
    )
}

fn streams() -> impl Strategy<Value = GroupStream> {
    let who = (group(), option::of(member()), instance(), option::of(text()), any::<bool>());
    (who, topics(), option::of(text()), option::of(text()), option::of(any::<u32>())).prop_map(
        |(who, topics, topic_regex, assignor, rebalance_timeout_ms)| GroupStream {
            group_id: who.0,
            member_id: who.1,
            instance_id: who.2,
            topics,
            topic_regex,
            assignor,
            rebalance_timeout_ms,
            client_id: who.3,
            heartbeats: who.4,
        },
    )
}

fn fetched() -> impl Strategy<Value = OffsetFetchReply> {
    let committed = (offset(), option::of(leader_epoch()), text(), time()).prop_map(
        |(offset, leader_epoch, metadata, commit_time)| CommittedOffset {
            offset,
            leader_epoch,
            metadata,
            commit_time,
        },
    );
    let fetched = (topic(), partition(), option::of(committed))
        .prop_map(|(topic, partition, committed)| FetchedOffset { topic, partition, committed });
    vec(fetched, 0..4).prop_map(|offsets| OffsetFetchReply { offsets })
}

fn described_member() -> impl Strategy<Value = DescribedMember> {
    let who = (member(), instance(), option::of(text()), text(), text());
    let wants = (vec(topic(), 0..3), option::of(text()));
    (who, any::<i32>(), wants, (by_name(), by_name()), (bytes(), bytes(), any::<u64>())).prop_map(
        |(who, member_epoch, wants, has, rest)| DescribedMember {
            member_id: who.0,
            instance_id: who.1,
            rack_id: who.2,
            client_id: who.3,
            client_host: who.4,
            member_epoch,
            topics: wants.0,
            topic_regex: wants.1,
            assignment: has.0,
            target: has.1,
            metadata: rest.0,
            assignment_bytes: rest.1,
            last_heard_ms: rest.2,
        },
    )
}

fn rebalance() -> impl Strategy<Value = RebalanceRecord> {
    (time(), any::<i32>(), text(), any::<u64>(), 0..1000_usize).prop_map(
        |(at, epoch, cause, took_ms, members)| RebalanceRecord { at, epoch, cause, took_ms, members },
    )
}

fn described() -> impl Strategy<Value = DescribeGroupsReply> {
    let what = (group(), kind(), state(), any::<i32>(), any::<i32>());
    let words = (text(), text(), option::of(member()));
    let group = (what, words, vec(described_member(), 0..3), vec(rebalance(), 0..3)).prop_map(
        |(what, words, members, rebalances)| DescribedGroup {
            group_id: what.0,
            kind: what.1,
            state: what.2,
            epoch: what.3,
            assignment_epoch: what.4,
            protocol_type: words.0,
            assignor: words.1,
            leader: words.2,
            members,
            rebalances,
        },
    );
    vec(result(group), 0..3).prop_map(|groups| DescribeGroupsReply { groups })
}

fn events() -> impl Strategy<Value = GroupEvent> {
    let topic = (topic(), topic_id(), partitions()).prop_map(|(topic, topic_id, partitions)| AssignedTopic {
        topic,
        topic_id,
        partitions,
    });
    let assignment =
        (epoch(), vec(topic, 0..3), any::<bool>()).prop_map(|(member_epoch, topics, is_complete)| {
            GroupAssignment { member_epoch, topics, is_complete }
        });
    prop_oneof![
        assignment.prop_map(GroupEvent::Assignment),
        Just(GroupEvent::Alive),
        rejection().prop_map(GroupEvent::Fenced)
    ]
}

proptest! {
    #[test]
    fn requests_about_offsets(
        commit in commits(),
        asked in option::of(vec((topic(), partition()), 0..4)),
        forgotten in vec((topic(), partition()), 1..4),
    ) {
        let (group_id, member) = (commit.group_id.clone(), commit.member.clone());
        prop_assert_eq!(called(&commit), Request::Group(GroupRequest::OffsetCommit(commit)));
        let fetch = OffsetFetch { group_id: group_id.clone(), member, partitions: asked };
        prop_assert_eq!(called(&fetch), Request::Group(GroupRequest::OffsetFetch(fetch)));
        let delete = OffsetDelete { group_id, partitions: forgotten };
        prop_assert_eq!(called(&delete), Request::Group(GroupRequest::OffsetDelete(delete)));
    }

    #[test]
    fn requests_about_groups(groups in vec(group(), 1..4), states in vec(state(), 0..4), kinds in vec(kind(), 0..3)) {
        let find = FindCoordinator { group_id: groups[0].clone() };
        prop_assert_eq!(called(&find), Request::Group(GroupRequest::FindCoordinator(find)));
        let list = ListGroups { states, kinds };
        prop_assert_eq!(called(&list), Request::Group(GroupRequest::ListGroups(list)));
        let describe = DescribeGroups { groups: groups.clone() };
        prop_assert_eq!(called(&describe), Request::Group(GroupRequest::DescribeGroups(describe)));
        let delete = DeleteGroups { groups };
        prop_assert_eq!(called(&delete), Request::Group(GroupRequest::DeleteGroups(delete)));
    }

    #[test]
    fn requests_of_members(heartbeat in heartbeats(), stream in streams()) {
        prop_assert_eq!(called(&heartbeat), Request::Group(GroupRequest::ConsumerGroupHeartbeat(heartbeat)));
        prop_assert_eq!(called(&stream), Request::Group(GroupRequest::GroupStream(stream)));
    }

    #[test]
    fn coordinators(reply in outcome(broker())) {
        let reply = reply.map(|Reply { body, throttle_ms }| Reply {
            body: FindCoordinatorReply { broker_id: body.broker_id, host: body.host, port: body.port },
            throttle_ms,
        });
        check(&reply, FindCoordinator::parse_reply)?;
    }

    #[test]
    fn results(reply in outcome(vec(result(Just(())), 0..4))) {
        let results = reply.map(|Reply { body, throttle_ms }| Reply { body: OffsetCommitReply { results: body }, throttle_ms });
        check(&results, OffsetCommit::parse_reply)?;
        let results = results.map(|Reply { body, throttle_ms }| Reply { body: OffsetDeleteReply { results: body.results }, throttle_ms });
        check(&results, OffsetDelete::parse_reply)?;
        let results = results.map(|Reply { body, throttle_ms }| Reply { body: DeleteGroupsReply { results: body.results }, throttle_ms });
        check(&results, DeleteGroups::parse_reply)?;
    }

    #[test]
    fn committed_offsets(reply in outcome(fetched())) {
        check(&reply, OffsetFetch::parse_reply)?;
    }

    #[test]
    fn lists(reply in outcome(vec((group(), text(), state(), kind()), 0..4))) {
        let listed = |(group_id, protocol_type, state, kind)| ListedGroup { group_id, protocol_type, state, kind };
        let reply = reply.map(|Reply { body, throttle_ms }| Reply {
            body: ListGroupsReply { groups: body.into_iter().map(listed).collect() },
            throttle_ms,
        });
        check(&reply, ListGroups::parse_reply)?;
    }

    #[test]
    fn descriptions(reply in outcome(described())) {
        check(&reply, DescribeGroups::parse_reply)?;
    }

    #[test]
    fn members(
        heartbeat in outcome((member(), epoch(), any::<u32>(), by_id())),
        joined in outcome((member(), epoch(), option::of(any::<u32>()))),
    ) {
        let heartbeat = heartbeat.map(|Reply { body, throttle_ms }| Reply {
            body: ConsumerGroupHeartbeatReply {
                member_id: body.0,
                member_epoch: body.1,
                heartbeat_interval_ms: body.2,
                assignment: body.3,
            },
            throttle_ms,
        });
        check(&heartbeat, ConsumerGroupHeartbeat::parse_reply)?;
        let joined = joined.map(|Reply { body, throttle_ms }| Reply {
            body: GroupStreamReply {
                member_id: body.0,
                member_epoch: body.1,
                heartbeat_interval_ms: body.2,
            },
            throttle_ms,
        });
        check(&joined, GroupStream::parse_reply)?;
    }

    #[test]
    fn events_of_a_stream(event in events()) {
        let mut line = BytesMut::new();
        encode_group_event(&mut line, &event);
        let line = line.strip_suffix(b"\n").expect("a line ends with a newline");
        prop_assert!(!line.contains(&b'\n'), "one line");
        prop_assert_eq!(parse_group_event(line), Ok(Ok(Some(event))));
    }
}
