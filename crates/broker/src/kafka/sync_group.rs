//! SyncGroup: members of a classic group get their assignment from its leader.

use std::sync::Arc;

use yak_kafka::messages::{SyncGroupRequest, SyncGroupResponse};
use yak_model::api::{Rejection, SyncGroup};

use super::{Asked, members};
use crate::ops::classic_groups;

pub(super) async fn sync_group(asked: Asked, request: SyncGroupRequest) -> SyncGroupResponse {
    let synced = match operation(request) {
        Ok(operation) => classic_groups::sync_group(Arc::clone(&asked.broker), operation).await,
        Err(rejection) => Err(rejection),
    };
    match synced {
        Ok(reply) => SyncGroupResponse {
            protocol_type: Some(reply.protocol_type),
            protocol_name: Some(reply.protocol),
            assignment: reply.assignment,
            ..SyncGroupResponse::default()
        },
        Err(rejection) => {
            SyncGroupResponse { error_code: Some(rejection.code), ..SyncGroupResponse::default() }
        }
    }
}

fn operation(request: SyncGroupRequest) -> Result<SyncGroup, Rejection> {
    let assignments = request.assignments.into_iter();
    let assignments = assignments.map(|one| Ok((members::member(one.member_id)?, one.assignment)));
    Ok(SyncGroup {
        group_id: members::group(request.group_id)?,
        member: members::identity(request.member_id, request.group_instance_id, request.generation_id)?,
        protocol_type: request.protocol_type,
        protocol: request.protocol_name,
        assignments: assignments.collect::<Result<_, Rejection>>()?,
    })
}
