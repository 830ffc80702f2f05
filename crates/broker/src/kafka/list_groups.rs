//! ListGroups: the groups that this broker coordinates; clients ask every broker.

use yak_kafka::messages::list_groups::ListedGroup;
use yak_kafka::messages::{ListGroupsRequest, ListGroupsResponse};
use yak_model::api::{self, GroupKind, GroupState, ListGroups};

use super::Asked;
use crate::ops;

pub(super) fn list_groups(asked: &Asked, request: ListGroupsRequest) -> ListGroupsResponse {
    // A filter of which nothing is known here lets nothing pass, as in Kafka.
    let Some(states) = filter(&request.states_filter, GroupState::parse) else {
        return ListGroupsResponse::default();
    };
    let Some(kinds) = filter(&request.types_filter, GroupKind::parse) else {
        return ListGroupsResponse::default();
    };
    match ops::groups::list_groups(&asked.broker, &ListGroups { states, kinds }) {
        Ok(reply) => ListGroupsResponse {
            groups: reply.body.groups.into_iter().map(listed).collect(),
            ..ListGroupsResponse::default()
        },
        Err(rejection) => {
            ListGroupsResponse { error_code: Some(rejection.code), ..ListGroupsResponse::default() }
        }
    }
}

fn filter<T>(names: &[String], parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let known: Vec<T> = names.iter().filter_map(|name| parse(name)).collect();
    (names.is_empty() || !known.is_empty()).then_some(known)
}

fn listed(group: api::ListedGroup) -> ListedGroup {
    ListedGroup {
        group_id: group.group_id.to_string(),
        protocol_type: group.protocol_type,
        group_state: group.state.name().to_owned(),
        group_type: group.kind.name().to_owned(),
    }
}
