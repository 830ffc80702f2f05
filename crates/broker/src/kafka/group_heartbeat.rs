//! Heartbeat: a member of a classic group says that it lives.

use yak_kafka::messages::{HeartbeatRequest, HeartbeatResponse};
use yak_model::api::{GroupHeartbeat, Rejection};

use super::{Asked, members};
use crate::ops::classic_groups;

pub(super) fn group_heartbeat(asked: &Asked, request: HeartbeatRequest) -> HeartbeatResponse {
    let heard =
        operation(request).and_then(|operation| classic_groups::group_heartbeat(&asked.broker, &operation));
    HeartbeatResponse {
        error_code: heard.err().map(|rejection| rejection.code),
        ..HeartbeatResponse::default()
    }
}

fn operation(request: HeartbeatRequest) -> Result<GroupHeartbeat, Rejection> {
    Ok(GroupHeartbeat {
        group_id: members::group(request.group_id)?,
        member: members::identity(request.member_id, request.group_instance_id, request.generation_id)?,
    })
}
