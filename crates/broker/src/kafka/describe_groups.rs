//! DescribeGroups: everything about classic groups.

use yak_kafka::messages::describe_groups::{DescribedGroup, DescribedGroupMember};
use yak_kafka::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use yak_model::ErrorCode;
use yak_model::api::{self, DescribeGroups, GroupKind, GroupState, Rejection};

use super::authorized::GROUP_OPERATIONS;
use super::{Asked, members, rejected};
use crate::ops;

/// From this version on a group that does not exist is an error (KIP-1043).
const NOT_FOUND: i16 = 6;

pub(super) fn describe_groups(asked: &Asked, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let authorized_operations =
        if request.include_authorized_operations { GROUP_OPERATIONS } else { i32::MIN };
    let named = members::Named::new(request.groups);
    let reply = ops::groups::describe_groups(&asked.broker, &DescribeGroups { groups: named.groups() });
    let answered = named.fill(reply.map(|reply| reply.body.groups));
    let groups = answered.into_iter().map(|(name, result)| {
        let described =
            result.and_then(described).unwrap_or_else(|rejection| refused(asked, name, rejection));
        DescribedGroup { authorized_operations, ..described }
    });
    DescribeGroupsResponse { groups: groups.collect(), ..DescribeGroupsResponse::default() }
}

fn described(group: api::DescribedGroup) -> Result<DescribedGroup, Rejection> {
    if group.kind == GroupKind::Consumer {
        let message = format!("group '{}' is not a classic group", group.group_id);
        return Err(Rejection::new(ErrorCode::GroupIdNotFound, message));
    }
    Ok(DescribedGroup {
        group_id: group.group_id.to_string(),
        group_state: group.state.name().to_owned(),
        protocol_type: group.protocol_type,
        protocol_data: group.assignor,
        members: group.members.into_iter().map(member).collect(),
        ..DescribedGroup::default()
    })
}

fn refused(asked: &Asked, group_id: String, rejection: Rejection) -> DescribedGroup {
    let is_unknown = rejection.code == ErrorCode::GroupIdNotFound;
    let (error_code, error_message) = rejected(rejection);
    let dead = GroupState::Dead.name().to_owned();
    if is_unknown && asked.version < NOT_FOUND {
        return DescribedGroup { group_id, group_state: dead, ..DescribedGroup::default() };
    }
    let group_state = if is_unknown { dead } else { String::new() };
    DescribedGroup { error_code, error_message, group_id, group_state, ..DescribedGroup::default() }
}

fn member(member: api::DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember {
        member_id: member.member_id.to_string(),
        group_instance_id: member.instance_id.map(|id| id.to_string()),
        client_id: member.client_id,
        client_host: member.client_host,
        member_metadata: member.metadata,
        member_assignment: member.assignment_bytes,
    }
}
