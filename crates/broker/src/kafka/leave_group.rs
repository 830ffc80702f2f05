//! LeaveGroup: members of a classic group go: one that says so, or several that a tool removes (KIP-345).

use yak_kafka::messages::leave_group::{MemberIdentity, MemberResponse};
use yak_kafka::messages::{LeaveGroupRequest, LeaveGroupResponse};
use yak_model::api::{LeaveGroup, LeavingMember, Rejection};

use super::{Asked, members};
use crate::ops::classic_groups;

/// From this version on a request names several members.
const SEVERAL: i16 = 3;

pub(super) fn leave_group(asked: &Asked, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let has_several = asked.version >= SEVERAL;
    let leaving = if has_several {
        request.members
    } else {
        vec![MemberIdentity { member_id: request.member_id, ..MemberIdentity::default() }]
    };
    let left = operation(request.group_id, &leaving)
        .and_then(|operation| classic_groups::leave_group(&asked.broker, &operation));
    let results = match left {
        Ok(results) => results,
        Err(rejection) => {
            return LeaveGroupResponse { error_code: Some(rejection.code), ..LeaveGroupResponse::default() };
        }
    };
    if !has_several {
        let refused = results.into_iter().find_map(Result::err);
        return LeaveGroupResponse {
            error_code: refused.map(|rejection| rejection.code),
            ..LeaveGroupResponse::default()
        };
    }
    let answered = leaving.into_iter().zip(results).map(|(member, result)| MemberResponse {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        error_code: result.err().map(|rejection| rejection.code),
    });
    LeaveGroupResponse { members: answered.collect(), ..LeaveGroupResponse::default() }
}

fn operation(group_id: String, leaving: &[MemberIdentity]) -> Result<LeaveGroup, Rejection> {
    let member = |member: &MemberIdentity| {
        let id = member.member_id.clone();
        Ok(LeavingMember {
            member_id: if id.is_empty() { None } else { Some(members::member(id)?) },
            instance_id: members::instance(member.group_instance_id.clone())?,
            reason: member.reason.clone(),
        })
    };
    Ok(LeaveGroup {
        group_id: members::group(group_id)?,
        members: leaving.iter().map(member).collect::<Result<_, Rejection>>()?,
    })
}
