//! AlterConfigs, which replaces a resource's configuration, and IncrementalAlterConfigs, which changes key by key
//! (KIP-339). Each resource is changed whole or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use yak_kafka::messages::alter_configs::{self, AlterConfigsRequest, AlterConfigsResponse};
use yak_kafka::messages::incremental_alter_configs::{
    AlterConfigsResourceResponse, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use yak_model::ErrorCode;
use yak_model::api::{AlterConfigs, ConfigAlteration, ConfigChange, Rejection};
use yak_model::metadata::ConfigResource;

use super::configs::resource;
use super::places::{repeated, unanswered};
use super::{Asked, rejected};
use crate::ops;

/// A resource as it is named, and what is to be changed.
type Wish = (i8, String, Result<Vec<ConfigAlteration>, Rejection>);

pub(super) async fn incremental_alter_configs(
    asked: Asked,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let wishes = request.resources.into_iter().map(|one| {
        let changes = one.configs.into_iter().map(change).collect();
        (one.resource_type, one.resource_name, changes)
    });
    let responses = alter(&asked, wishes.collect(), false, request.validate_only).await;
    IncrementalAlterConfigsResponse { responses, ..IncrementalAlterConfigsResponse::default() }
}

pub(super) async fn alter_configs(asked: Asked, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let set = |one: alter_configs::AlterableConfig| {
        let value = one.value.ok_or_else(|| null_value(&one.name))?;
        Ok(ConfigAlteration { key: one.name, change: ConfigChange::Set(value) })
    };
    let wishes = request
        .resources
        .into_iter()
        .map(|one| (one.resource_type, one.resource_name, one.configs.into_iter().map(set).collect()));
    let altered = alter(&asked, wishes.collect(), true, request.validate_only).await;
    let responses = altered.into_iter().map(|one| alter_configs::AlterConfigsResourceResponse {
        error_code: one.error_code,
        error_message: one.error_message,
        resource_type: one.resource_type,
        resource_name: one.resource_name,
    });
    AlterConfigsResponse { responses: responses.collect(), ..AlterConfigsResponse::default() }
}

/// One change, by Kafka's number of what is done.
fn change(config: AlterableConfig) -> Result<ConfigAlteration, Rejection> {
    let AlterableConfig { name, config_operation, value } = config;
    let text = |value: Option<String>| value.ok_or_else(|| null_value(&name));
    let change = match config_operation {
        0 => ConfigChange::Set(text(value)?),
        1 => ConfigChange::Unset,
        2 => ConfigChange::Append(text(value)?),
        3 => ConfigChange::Subtract(text(value)?),
        _ => {
            let message = format!("{name}: {config_operation} is not an operation on a value");
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
    };
    Ok(ConfigAlteration { key: name, change })
}

fn null_value(key: &str) -> Rejection {
    Rejection::new(ErrorCode::InvalidRequest, format!("{key}: a value that is set is not null"))
}

async fn alter(
    asked: &Asked,
    wishes: Vec<Wish>,
    replace: bool,
    validate_only: bool,
) -> Vec<AlterConfigsResourceResponse> {
    let mut resources: Vec<(ConfigResource, Vec<ConfigAlteration>)> = Vec::with_capacity(wishes.len());
    let (mut places, mut seen) = (Vec::with_capacity(wishes.len()), BTreeSet::new());
    for (kind, name, changes) in wishes {
        let wish = resource(kind, &name).and_then(|resource| Ok((resource, changes?)));
        let wish = wish.and_then(|(resource, changes)| {
            if !seen.insert(resource.clone()) {
                return Err(repeated(&format!("{name:?}")));
            }
            resources.push((resource, changes));
            Ok(())
        });
        places.push((kind, name, wish.err()));
    }
    let operation = AlterConfigs { resources, replace, validate_only };
    let altered = ops::configs::alter_configs(Arc::clone(&asked.broker), operation).await;
    let (altered, whole) = match altered {
        Ok(reply) => (reply.body.resources, None),
        Err(rejection) => (Vec::new(), Some(rejection)),
    };
    let mut altered = altered.into_iter();
    let response = |(resource_type, resource_name, refused): (i8, String, Option<Rejection>)| {
        let result = match refused.or_else(|| whole.clone()) {
            Some(rejection) => Err(rejection),
            None => altered.next().map_or_else(|| Err(unanswered()), |altered| altered.result),
        };
        let (error_code, error_message) = result.err().map_or((None, None), rejected);
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    };
    places.into_iter().map(response).collect()
}
