//! DeleteGroups: groups without members go, with what they have committed (KIP-229).

use std::sync::Arc;

use yak_kafka::messages::delete_groups::DeletableGroupResult;
use yak_kafka::messages::{DeleteGroupsRequest, DeleteGroupsResponse};
use yak_model::api::{DeleteGroups, Rejection};

use super::{Asked, members};
use crate::ops;

pub(super) async fn delete_groups(asked: Asked, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let named = members::Named::new(request.groups_names);
    let request = DeleteGroups { groups: named.groups() };
    let deleted = ops::groups::delete_groups(Arc::clone(&asked.broker), request).await;
    let answered = named.fill(deleted.map(|reply| reply.body.results));
    let result = |(group_id, result): (String, Result<(), Rejection>)| DeletableGroupResult {
        group_id,
        error_code: result.err().map(|rejection| rejection.code),
    };
    DeleteGroupsResponse {
        results: answered.into_iter().map(result).collect(),
        ..DeleteGroupsResponse::default()
    }
}
