//! The messages of the crate `kafka-protocol`, by key and direction.

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use yak_kafka::{ApiKey, Direction};

/// What can be done with one of their messages.
pub(crate) struct Theirs {
    /// Decodes a body, which must be used up, and gives the value as text and encoded again.
    pub(crate) recode: fn(&[u8], i16) -> (String, BytesMut),
    /// Decodes a body of the first version and encodes it by the second, if that has all fields that are set.
    pub(crate) at_version: fn(&[u8], i16, i16) -> Option<BytesMut>,
    /// Decodes a body and encodes it with tagged fields added that nobody knows.
    pub(crate) with_unknown_tag: fn(&[u8], i16) -> BytesMut,
    /// Which version of the header is in front of a body.
    pub(crate) header_version: fn(i16) -> i16,
}

macro_rules! theirs {
    ($($key:ident $request:ident $response:ident $($inflexible:ident)?;)*) => {
        /// Their half of a message.
        pub(crate) fn theirs(key: ApiKey, direction: Direction) -> Theirs {
            match (key, direction) {
                $((ApiKey::$key, Direction::Request) => theirs!(@ $request $($inflexible)?),
                (ApiKey::$key, Direction::Response) => theirs!(@ $response $($inflexible)?),)*
                (key, direction) => panic!("no case for {key:?} {direction:?}"),
            }
        }
    };
    (@tagged $message:ident inflexible) => {
        |_body, version| panic!("version {version} has no tagged fields")
    };
    (@tagged $message:ident) => {
        |body, version| {
            let mut message: theirs::$message = decode(body, version);
            message.unknown_tagged_fields.insert(77, Bytes::from_static(b"new"));
            message.unknown_tagged_fields.insert(9_999, Bytes::new());
            encode(&message, version)
        }
    };
    (@ $message:ident $($inflexible:ident)?) => {
        Theirs {
            recode: |body, version| {
                let message: theirs::$message = decode(body, version);
                (format!("{message:?}"), encode(&message, version))
            },
            at_version: |body, from, to| {
                let message: theirs::$message = decode(body, from);
                let mut out = BytesMut::new();
                message.encode(&mut out, to).ok().map(|()| out)
            },
            with_unknown_tag: theirs!(@tagged $message $($inflexible)?),
            header_version: <theirs::$message as HeaderVersion>::header_version,
        }
    };
}

theirs! {
    Produce ProduceRequest ProduceResponse;
    Fetch FetchRequest FetchResponse;
    ListOffsets ListOffsetsRequest ListOffsetsResponse;
    Metadata MetadataRequest MetadataResponse;
    FindCoordinator FindCoordinatorRequest FindCoordinatorResponse;
    ApiVersions ApiVersionsRequest ApiVersionsResponse;
    CreateTopics CreateTopicsRequest CreateTopicsResponse;
    DeleteTopics DeleteTopicsRequest DeleteTopicsResponse;
    DeleteRecords DeleteRecordsRequest DeleteRecordsResponse;
    InitProducerId InitProducerIdRequest InitProducerIdResponse;
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
    DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse;
    AlterConfigs AlterConfigsRequest AlterConfigsResponse;
    DescribeLogDirs DescribeLogDirsRequest DescribeLogDirsResponse;
    CreatePartitions CreatePartitionsRequest CreatePartitionsResponse;
    ElectLeaders ElectLeadersRequest ElectLeadersResponse;
    IncrementalAlterConfigs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
    ListPartitionReassignments ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse;
    DescribeCluster DescribeClusterRequest DescribeClusterResponse;
    DescribeProducers DescribeProducersRequest DescribeProducersResponse;
    DescribeTopicPartitions DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse;
    OffsetCommit OffsetCommitRequest OffsetCommitResponse;
    OffsetFetch OffsetFetchRequest OffsetFetchResponse;
    JoinGroup JoinGroupRequest JoinGroupResponse;
    Heartbeat HeartbeatRequest HeartbeatResponse;
    LeaveGroup LeaveGroupRequest LeaveGroupResponse;
    SyncGroup SyncGroupRequest SyncGroupResponse;
    DescribeGroups DescribeGroupsRequest DescribeGroupsResponse;
    ListGroups ListGroupsRequest ListGroupsResponse;
    DeleteGroups DeleteGroupsRequest DeleteGroupsResponse;
    OffsetDelete OffsetDeleteRequest OffsetDeleteResponse inflexible;
    ConsumerGroupHeartbeat ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse;
}

fn decode<M: Decodable>(body: &[u8], version: i16) -> M {
    let mut body = Bytes::copy_from_slice(body);
    let message = M::decode(&mut body, version).expect("what we encode can be decoded");
    assert_eq!(body.remaining(), 0, "bytes are left");
    message
}

fn encode<M: Encodable>(message: &M, version: i16) -> BytesMut {
    let mut out = BytesMut::new();
    message.encode(&mut out, version).expect("what can be decoded can be encoded");
    out
}
