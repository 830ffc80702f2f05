//! Find coordinator: the leader of the partition of `__consumer_offsets` that a group belongs to.

use std::sync::Arc;
use std::time::Duration;

use yak_core::image::Live;
use yak_model::api::{CreateTopics, FindCoordinator, FindCoordinatorReply, Rejection, Reply};
use yak_model::{ErrorCode, GroupId};

use crate::answer::Outcome;
use crate::broker::{Broker, RETRY_AFTER_MS};
use crate::groups;
use crate::ops::topics::create_internal;

/// How long the first who asks waits for the topic.
const CREATE_TIMEOUT_MS: u32 = 10_000;

/// How long a question waits for a coordinator that loads.
const LOADING: Duration = Duration::from_secs(1);

/// Tells who coordinates a group, after creating the topic if this is the first question of all.
pub(crate) async fn find_coordinator(
    broker: Arc<Broker>,
    request: FindCoordinator,
) -> Outcome<FindCoordinatorReply> {
    broker.membership.settle().await;
    prepare(&broker, &request.group_id).await?;
    look(&broker, &request.group_id).map(Reply::new)
}

/// Sees to it that the group has a coordinator, and, if that is this broker, that it answers: who was sent to one that
/// reads its log yet would try again after a pause.
///
/// # Errors
/// `COORDINATOR_NOT_AVAILABLE`: the topic cannot be created at the moment.
pub(crate) async fn prepare(broker: &Broker, group: &GroupId) -> Result<(), Rejection> {
    create_topic(broker).await?;
    if let Ok(shard) = broker.groups.shard(group) {
        // It takes milliseconds. One whose log is long, or whose followers are away, says so itself.
        drop(tokio::time::timeout(LOADING, shard.ready()).await);
    }
    Ok(())
}

/// Creates `__consumer_offsets` if it does not exist.
///
/// # Errors
/// `COORDINATOR_NOT_AVAILABLE`: it cannot be created at the moment.
async fn create_topic(broker: &Broker) -> Result<(), Rejection> {
    if broker.image().topic(&groups::name()).is_some() {
        return Ok(());
    }
    let (topic, defaults) = groups::creation(&broker.config.groups, broker.topic_defaults());
    let request = CreateTopics { topics: vec![topic], validate_only: false, timeout_ms: CREATE_TIMEOUT_MS };
    let created = create_internal(broker, request, defaults).await;
    match created.and_then(|created| created.into_iter().next().unwrap_or_else(|| Err(unanswered()))) {
        Ok(_) => Ok(()),
        // Another question was faster.
        Err(rejection) if rejection.code == ErrorCode::TopicAlreadyExists => Ok(()),
        Err(rejection) => {
            let message = format!("{} cannot be created: {}", groups::name(), rejection.message);
            Err(Rejection::new(ErrorCode::CoordinatorNotAvailable, message).retry_after(RETRY_AFTER_MS))
        }
    }
}

/// Who coordinates a group, by what this broker knows.
fn look(broker: &Broker, group: &GroupId) -> Result<FindCoordinatorReply, Rejection> {
    let image = broker.image();
    let suspended = broker.zookeeper.suspended();
    let live = Live { image: &image, suspended: &suspended };
    let partition = groups::partition_of(&image, group)?;
    let record = image.partition(&groups::name(), partition);
    let leader = record.and_then(|record| record.leader).filter(|leader| live.is_live(*leader));
    let Some(leader) = leader.and_then(|leader| image.broker(leader)) else {
        let message =
            format!("{}-{partition}, which group '{group}' belongs to, has no leader", groups::name());
        let rejection = Rejection::new(ErrorCode::CoordinatorNotAvailable, message);
        return Err(rejection.retry_after(RETRY_AFTER_MS));
    };
    Ok(FindCoordinatorReply {
        broker_id: leader.id(),
        host: leader.registration.host.clone(),
        port: leader.registration.port,
    })
}

fn unanswered() -> Rejection {
    Rejection::new(ErrorCode::UnknownServerError, "the creation was not answered")
}
