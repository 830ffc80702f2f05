//! JoinGroup: a member of a classic group joins (KIP-62, KIP-345, KIP-394).

use std::sync::Arc;

use yak_kafka::messages::join_group::JoinGroupResponseMember;
use yak_kafka::messages::{JoinGroupRequest, JoinGroupResponse};
use yak_model::api::{GroupProtocol, JoinGroup, JoinRefused, JoinedMember};
use yak_model::{ErrorCode, InstanceId, MemberId};

use super::Asked;
use super::members::{self, GroupClient};
use crate::ops::classic_groups;

/// From this version on a new member is told its id first (KIP-394).
const MEMBER_ID_REQUIRED: i16 = 4;
/// From this version on the leader can be told to keep the assignment (KIP-814).
const SKIP_ASSIGNMENT: i16 = 9;

pub(super) async fn join_group(
    (asked, client): (Asked, GroupClient),
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let asked_as = request.member_id.clone();
    let joined = match operation(asked.version, client, request) {
        Ok(operation) => classic_groups::join_group(Arc::clone(&asked.broker), operation).await,
        Err(refused) => Err(refused),
    };
    match joined {
        Ok(reply) => JoinGroupResponse {
            generation_id: reply.generation_id.get(),
            protocol_type: Some(reply.protocol_type),
            protocol_name: Some(reply.protocol),
            leader: reply.leader.to_string(),
            skip_assignment: reply.skip_assignment,
            member_id: reply.member_id.to_string(),
            members: reply.members.into_iter().map(member).collect(),
            ..JoinGroupResponse::default()
        },
        Err(JoinRefused { rejection, member_id }) => JoinGroupResponse {
            error_code: Some(rejection.code),
            member_id: member_id.map_or(asked_as, |id| id.to_string()),
            ..JoinGroupResponse::default()
        },
    }
}

fn operation(version: i16, client: GroupClient, request: JoinGroupRequest) -> Result<JoinGroup, JoinRefused> {
    let refused = |rejection| JoinRefused { rejection, member_id: None };
    let member_id = if request.member_id.is_empty() {
        None
    } else {
        Some(members::member(request.member_id).map_err(refused)?)
    };
    let instance_id: Option<InstanceId> = members::instance(request.group_instance_id).map_err(refused)?;
    let session_timeout_ms =
        members::timeout(request.session_timeout_ms, ErrorCode::InvalidSessionTimeout).map_err(refused)?;
    let protocols = request.protocols.into_iter();
    Ok(JoinGroup {
        group_id: members::group(request.group_id).map_err(refused)?,
        requires_known_member_id: version >= MEMBER_ID_REQUIRED && instance_id.is_none(),
        member_id,
        instance_id,
        client_id: client.id,
        client_host: client.host,
        protocol_type: request.protocol_type,
        protocols: protocols
            .map(|protocol| GroupProtocol { name: protocol.name, metadata: protocol.metadata })
            .collect(),
        session_timeout_ms,
        // Version 0 does not say it; the session's is meant.
        rebalance_timeout_ms: u32::try_from(request.rebalance_timeout_ms).unwrap_or(session_timeout_ms),
        can_skip_assignment: version >= SKIP_ASSIGNMENT,
    })
}

fn member(joined: JoinedMember) -> JoinGroupResponseMember {
    JoinGroupResponseMember {
        member_id: MemberId::to_string(&joined.member_id),
        group_instance_id: joined.instance_id.map(|id| id.to_string()),
        metadata: joined.metadata,
    }
}
