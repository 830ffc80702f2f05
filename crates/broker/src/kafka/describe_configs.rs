//! DescribeConfigs: every value with its type, its source and, if asked for, the other places it could come from.

use std::collections::BTreeSet;

use yak_kafka::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use yak_kafka::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use yak_model::api::{ConfigEntry, ConfigSynonym, DescribeConfigs, Rejection};
use yak_model::metadata::ConfigResource;

use super::configs::{resource, source_number, type_number};
use super::places::{repeated, unanswered};
use super::{Asked, rejected};
use crate::ops;

pub(super) fn describe_configs(asked: &Asked, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let DescribeConfigsRequest { resources, include_synonyms, include_documentation } = request;
    let mut wanted: Vec<(ConfigResource, Option<Vec<String>>)> = Vec::with_capacity(resources.len());
    let (mut places, mut seen) = (Vec::with_capacity(resources.len()), BTreeSet::new());
    for DescribeConfigsResource { resource_type, resource_name, configuration_keys } in resources {
        let refused = match resource(resource_type, &resource_name) {
            Ok(resource) if !seen.insert(resource.clone()) => Some(repeated(&format!("{resource_name:?}"))),
            Ok(resource) => {
                // As in Kafka no keys are all keys.
                wanted.push((resource, configuration_keys.filter(|keys| !keys.is_empty())));
                None
            }
            Err(rejection) => Some(rejection),
        };
        places.push((resource_type, resource_name, refused));
    }
    let described = ops::configs::describe_configs(&asked.broker, DescribeConfigs { resources: wanted });
    let (described, whole) = match described {
        Ok(reply) => (reply.body.resources, None),
        Err(rejection) => (Vec::new(), Some(rejection)),
    };
    let mut described = described.into_iter();
    let results = places.into_iter().map(|(resource_type, resource_name, refused)| {
        let entries: Result<Vec<ConfigEntry>, Rejection> = match refused.or_else(|| whole.clone()) {
            Some(rejection) => Err(rejection),
            None => described.next().map_or_else(|| Err(unanswered()), |described| described.entries),
        };
        let result =
            DescribeConfigsResult { resource_type, resource_name, ..DescribeConfigsResult::default() };
        match entries {
            Ok(entries) => {
                let value = |entry| value(entry, include_synonyms, include_documentation);
                DescribeConfigsResult { configs: entries.into_iter().map(value).collect(), ..result }
            }
            Err(rejection) => {
                let (error_code, error_message) = rejected(rejection);
                DescribeConfigsResult { error_code, error_message, ..result }
            }
        }
    });
    DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() }
}

fn value(entry: ConfigEntry, with_synonyms: bool, with_documentation: bool) -> DescribeConfigsResourceResult {
    let synonym = |one: ConfigSynonym| DescribeConfigsSynonym {
        name: one.key,
        value: one.value,
        source: source_number(one.source),
    };
    let synonyms = if with_synonyms { entry.synonyms } else { Vec::new() };
    DescribeConfigsResourceResult {
        name: entry.key,
        value: entry.value,
        read_only: entry.read_only,
        config_source: source_number(entry.source),
        is_sensitive: entry.sensitive,
        synonyms: synonyms.into_iter().map(synonym).collect(),
        config_type: type_number(entry.config_type),
        documentation: with_documentation.then(|| entry.documentation.into_owned()),
    }
}
