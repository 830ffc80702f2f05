//! Every message with its type erased, so that tests, fuzzing and tools can go through all of them.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};

use crate::api::ApiKey;
use crate::choices::Choices;
use crate::error::DecodeError;
use crate::fetch_response::{self, FetchResponse, decode_fetch_response, encode_fetch_response};
use crate::frame::{Message, decode_body, encode_request, encode_response};
use crate::messages as m;
use crate::produce_request::{self, ProduceRequest};

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A client.
    Request,
    /// A broker.
    Response,
}

/// Decodes a body of a version and frames it with a correlation id and a client id.
type Frame = fn(&mut [u8], i16, i32, Option<&str>, &mut BytesMut) -> Result<(), DecodeError>;

/// A request or response, by what can be done with its body.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Of which API.
    pub key: ApiKey,
    /// Request or response.
    pub direction: Direction,
    /// Its versions.
    pub versions: RangeInclusive<i16>,
    /// The first flexible version.
    pub flexible_from: i16,
    /// Appends the body of a message that is made up.
    pub sample: fn(&mut Choices<'_>, i16, &mut BytesMut),
    /// Decodes a body and appends what encoding makes of it.
    pub recode: fn(&mut [u8], i16, &mut BytesMut) -> Result<(), DecodeError>,
    /// Decodes a body and appends it, encoded again, as a whole frame with this correlation id and, of requests,
    /// client id.
    pub frame: Frame,
    /// Decodes a body and gives it as the text of `Debug`.
    pub describe: fn(&mut [u8], i16) -> Result<String, DecodeError>,
}

/// Every message of [`crate::APIS`].
pub const KINDS: &[Kind] = &[
    PRODUCE_REQUEST,
    response::<m::ProduceResponse>(),
    request::<m::FetchRequest>(),
    FETCH_RESPONSE,
    request::<m::ListOffsetsRequest>(),
    response::<m::ListOffsetsResponse>(),
    request::<m::MetadataRequest>(),
    response::<m::MetadataResponse>(),
    request::<m::OffsetCommitRequest>(),
    response::<m::OffsetCommitResponse>(),
    request::<m::OffsetFetchRequest>(),
    response::<m::OffsetFetchResponse>(),
    request::<m::FindCoordinatorRequest>(),
    response::<m::FindCoordinatorResponse>(),
    request::<m::JoinGroupRequest>(),
    response::<m::JoinGroupResponse>(),
    request::<m::HeartbeatRequest>(),
    response::<m::HeartbeatResponse>(),
    request::<m::LeaveGroupRequest>(),
    response::<m::LeaveGroupResponse>(),
    request::<m::SyncGroupRequest>(),
    response::<m::SyncGroupResponse>(),
    request::<m::DescribeGroupsRequest>(),
    response::<m::DescribeGroupsResponse>(),
    request::<m::ListGroupsRequest>(),
    response::<m::ListGroupsResponse>(),
    request::<m::ApiVersionsRequest>(),
    response::<m::ApiVersionsResponse>(),
    request::<m::CreateTopicsRequest>(),
    response::<m::CreateTopicsResponse>(),
    request::<m::DeleteTopicsRequest>(),
    response::<m::DeleteTopicsResponse>(),
    request::<m::DeleteRecordsRequest>(),
    response::<m::DeleteRecordsResponse>(),
    request::<m::InitProducerIdRequest>(),
    response::<m::InitProducerIdResponse>(),
    request::<m::OffsetForLeaderEpochRequest>(),
    response::<m::OffsetForLeaderEpochResponse>(),
    request::<m::DescribeConfigsRequest>(),
    response::<m::DescribeConfigsResponse>(),
    request::<m::AlterConfigsRequest>(),
    response::<m::AlterConfigsResponse>(),
    request::<m::DescribeLogDirsRequest>(),
    response::<m::DescribeLogDirsResponse>(),
    request::<m::CreatePartitionsRequest>(),
    response::<m::CreatePartitionsResponse>(),
    request::<m::DeleteGroupsRequest>(),
    response::<m::DeleteGroupsResponse>(),
    request::<m::ElectLeadersRequest>(),
    response::<m::ElectLeadersResponse>(),
    request::<m::IncrementalAlterConfigsRequest>(),
    response::<m::IncrementalAlterConfigsResponse>(),
    request::<m::ListPartitionReassignmentsRequest>(),
    response::<m::ListPartitionReassignmentsResponse>(),
    request::<m::OffsetDeleteRequest>(),
    response::<m::OffsetDeleteResponse>(),
    request::<m::DescribeClusterRequest>(),
    response::<m::DescribeClusterResponse>(),
    request::<m::DescribeProducersRequest>(),
    response::<m::DescribeProducersResponse>(),
    request::<m::ConsumerGroupHeartbeatRequest>(),
    response::<m::ConsumerGroupHeartbeatResponse>(),
    request::<m::ConsumerGroupDescribeRequest>(),
    response::<m::ConsumerGroupDescribeResponse>(),
    request::<m::DescribeTopicPartitionsRequest>(),
    response::<m::DescribeTopicPartitionsResponse>(),
];

const PRODUCE_REQUEST: Kind = Kind {
    key: ApiKey::Produce,
    direction: Direction::Request,
    versions: produce_request::VERSIONS,
    flexible_from: produce_request::FLEXIBLE_FROM,
    sample: produce_request::sample,
    recode: |body, version, out| {
        ProduceRequest::decode(body, version)?.encode(out, version);
        Ok(())
    },
    frame: |body, version, correlation_id, client_id, out| {
        ProduceRequest::decode(body, version)?.encode_frame(out, version, correlation_id, client_id);
        Ok(())
    },
    describe: |body, version| Ok(format!("{:?}", ProduceRequest::decode(body, version)?)),
};

const FETCH_RESPONSE: Kind = Kind {
    key: ApiKey::Fetch,
    direction: Direction::Response,
    versions: fetch_response::VERSIONS,
    flexible_from: fetch_response::FLEXIBLE_FROM,
    sample: |choices, version, out| FetchResponse::sample(choices, version).encode(out, version),
    recode: |body, version, out| {
        decode_fetch_response(&Bytes::copy_from_slice(body), version)?.encode(out, version);
        Ok(())
    },
    frame: |body, version, correlation_id, _client_id, out| {
        let mut response = decode_fetch_response(&Bytes::copy_from_slice(body), version)?;
        encode_fetch_response(out, version, correlation_id, &mut response);
        Ok(())
    },
    describe: |body, version| {
        Ok(format!("{:?}", decode_fetch_response(&Bytes::copy_from_slice(body), version)?))
    },
};

const fn request<M: Message + Debug>() -> Kind {
    kind::<M>(Direction::Request, |body, version, correlation_id, client_id, out| {
        let message: M = decode_body(body, version)?;
        encode_request(out, M::KEY, version, correlation_id, client_id, &message);
        Ok(())
    })
}

const fn response<M: Message + Debug>() -> Kind {
    kind::<M>(Direction::Response, |body, version, correlation_id, _client_id, out| {
        let message: M = decode_body(body, version)?;
        encode_response(out, M::KEY, version, correlation_id, &message);
        Ok(())
    })
}

const fn kind<M: Message + Debug>(direction: Direction, frame: Frame) -> Kind {
    Kind {
        key: M::KEY,
        direction,
        versions: M::VERSIONS,
        flexible_from: M::FLEXIBLE_FROM,
        sample: |choices, version, out| <M as Message>::sample(choices, version).encode(out, version),
        recode: |body, version, out| {
            decode_body::<M>(body, version)?.encode(out, version);
            Ok(())
        },
        frame,
        describe: |body, version| Ok(format!("{:?}", decode_body::<M>(body, version)?)),
    }
}
