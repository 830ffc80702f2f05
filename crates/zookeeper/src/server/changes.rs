//! Operations that the controller decides. Each is answered with the journal index at which its effect is to be seen.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use yak_core::controller::{self, Operation};
use yak_model::api::{
    AlterConfigs, AlterConfigsReply, AlteredConfigs, CreatePartitions, CreatePartitionsReply,
    CreateTopicsReply, DeleteTopics, DeleteTopicsReply, ElectLeaders, ElectLeadersReply,
    ForwardedCreateTopics, Rejection, ShutdownBroker, TopicDefaults,
};
use yak_model::limits::at_most_entries;
use yak_model::metadata::ConfigResource;
use yak_model::{ErrorCode, TopicId};
use yak_protocol::{Done, Indexed};

use super::desk::Desk;
use crate::random_bytes;

/// Longest that an operation waits for its sync, whatever is asked for.
const MAX_DECIDE_MS: u32 = 60_000;
/// How long a change may take that names no time itself.
const DECIDE_MS: u32 = 10_000;
/// What topics get that are created by hand and say nothing.
const BY_HAND: TopicDefaults = TopicDefaults { partitions: 1, replication_factor: 1, min_insync_replicas: 1 };

/// A change with the index at which it is to be seen.
type Decided<T> = Result<Indexed<T>, Rejection>;

/// Creates topics, under ids drawn here.
pub(super) async fn create_topics(
    desk: Arc<Desk>,
    forwarded: ForwardedCreateTopics,
) -> Decided<CreateTopicsReply> {
    let ForwardedCreateTopics { request, defaults, on_first_use } = forwarded;
    at_most_entries(request.topics.len())?;
    let names: Vec<String> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let draw = |_| random_bytes().map(TopicId::from_random);
    let topic_ids = request.topics.iter().map(draw).collect::<Result<_, _>>().map_err(|error| {
        Rejection::new(ErrorCode::UnknownServerError, format!("the system gives no random bytes: {error}"))
    })?;
    let timeout_ms = request.timeout_ms;
    let defaults = defaults.unwrap_or(BY_HAND);
    let command = controller::CreateTopics { request, topic_ids, defaults, on_first_use };
    decide(&desk, command, timeout_ms, |results| {
        let named = results.into_iter().zip(names);
        let topics = named.map(|(result, name)| result.map_err(|rejection| (name, rejection))).collect();
        CreateTopicsReply { topics }
    })
    .await
}

/// Gives a topic more partitions.
pub(super) async fn create_partitions(
    desk: Arc<Desk>,
    request: CreatePartitions,
) -> Decided<CreatePartitionsReply> {
    let reply = CreatePartitionsReply { topic: request.topic.clone(), total: request.total };
    let timeout_ms = request.timeout_ms;
    decide(&desk, request, timeout_ms, |()| reply).await
}

/// Deletes topics with all their records.
pub(super) async fn delete_topics(desk: Arc<Desk>, request: DeleteTopics) -> Decided<DeleteTopicsReply> {
    at_most_entries(request.topics.len() + request.topic_ids.len())?;
    let timeout_ms = request.timeout_ms;
    decide(&desk, request, timeout_ms, |reply| reply).await
}

/// Changes configuration of topics, and what can be changed of brokers while they run.
pub(super) async fn alter_configs(desk: Arc<Desk>, request: AlterConfigs) -> Decided<AlterConfigsReply> {
    at_most_entries(request.resources.len())?;
    let resources: Vec<ConfigResource> =
        request.resources.iter().map(|(resource, _)| resource.clone()).collect();
    decide(&desk, request, DECIDE_MS, |results| {
        let altered = resources.into_iter().zip(results);
        let resources = altered.map(|(resource, result)| AlteredConfigs { resource, result }).collect();
        AlterConfigsReply { resources }
    })
    .await
}

/// Elects leaders on request.
pub(super) async fn elect_leaders(desk: Arc<Desk>, request: ElectLeaders) -> Decided<ElectLeadersReply> {
    at_most_entries(request.partitions.as_ref().map_or(0, Vec::len))?;
    let timeout_ms = request.timeout_ms;
    decide(&desk, request, timeout_ms, |reply| reply).await
}

/// A broker leaves in order.
pub(super) async fn shutdown_broker(desk: Arc<Desk>, request: ShutdownBroker) -> Decided<Done> {
    decide(&desk, request, DECIDE_MS, |()| Done).await
}

/// What a registered broker asks for itself; the controller compares the registration it names.
pub(super) async fn of_broker<O: Operation>(desk: Arc<Desk>, operation: O) -> Decided<O::Reply> {
    decide(&desk, operation, DECIDE_MS, |reply| reply).await
}

async fn decide<O: Operation, T>(
    desk: &Desk,
    operation: O,
    timeout_ms: u32,
    body: impl FnOnce(O::Reply) -> T,
) -> Decided<T> {
    let longest = Duration::from_millis(timeout_ms.min(MAX_DECIDE_MS).into());
    match timeout(longest, desk.handle().submit(operation)).await {
        // The effect was published before the reply.
        Ok(decided) => Ok(Indexed { body: body(decided?), index: desk.handle().image().index() }),
        Err(_elapsed) => {
            let message = format!("not decided within {timeout_ms} ms; whether it will be is unknown");
            Err(Rejection::new(ErrorCode::RequestTimedOut, message).retry_after(100))
        }
    }
}
