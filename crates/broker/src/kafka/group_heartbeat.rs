//! Heartbeat: a member of a classic group says that it lives.

use yak_kafka::messages::{HeartbeatRequest, HeartbeatResponse};
use yak_model::ErrorCode;
use yak_model::api::{GroupHeartbeat, Rejection};

use super::{Asked, members};
use crate::ops::classic_groups;

pub(super) fn group_heartbeat(asked: &Asked, request: HeartbeatRequest) -> HeartbeatResponse {
    let heard =
        operation(request).and_then(|operation| classic_groups::group_heartbeat(&asked.broker, &operation));
    HeartbeatResponse { error_code: heard.err().and_then(told), ..HeartbeatResponse::default() }
}

/// Why a member is to do something else. A coordinator that reads its log yet does not know its members, and lets them
/// live, as Kafka's does: that it is loading is no answer to a heartbeat that clients expect. Java's calls it unexpected, and
/// counts the heartbeat as failed.
fn told(rejection: Rejection) -> Option<ErrorCode> {
    (rejection.code != ErrorCode::CoordinatorLoadInProgress).then_some(rejection.code)
}

fn operation(request: HeartbeatRequest) -> Result<GroupHeartbeat, Rejection> {
    Ok(GroupHeartbeat {
        group_id: members::group(request.group_id)?,
        member: members::identity(request.member_id, request.group_instance_id, request.generation_id)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinator_that_loads_lets_members_live() {
        let told_of = |code| told(Rejection::new(code, "for some reason"));
        assert_eq!(told_of(ErrorCode::CoordinatorLoadInProgress), None);
        for code in [ErrorCode::NotCoordinator, ErrorCode::RebalanceInProgress, ErrorCode::UnknownMemberId] {
            assert_eq!(told_of(code), Some(code));
        }
    }
}
