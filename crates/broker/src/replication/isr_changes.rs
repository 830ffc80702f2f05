//! Proposals of ISRs on their way to the controller: many partitions in a request, one request in flight.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use yak_model::api::{AlterIsr, IsrProposal};
use yak_model::limits::MAX_ENTRIES_PER_REQUEST;
use yak_model::{ErrorCode, PartitionEpoch};

use crate::broker::Broker;
use crate::partitions::PartitionKey;

/// Longest wait for the controller; after it the outcome is unknown.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Carries proposals until `stop`.
pub(super) async fn run(broker: Arc<Broker>, stop: CancellationToken) {
    let outgoing = Arc::clone(broker.partitions.outgoing());
    loop {
        let proposals = tokio::select! {
            () = stop.cancelled() => return,
            proposals = outgoing.proposals(MAX_ENTRIES_PER_REQUEST) => proposals,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            results = submit(&broker, &proposals) => tell(&broker, &proposals, results),
        }
    }
}

/// One result for each proposal.
async fn submit(broker: &Broker, proposals: &[IsrProposal]) -> Vec<Result<PartitionEpoch, ErrorCode>> {
    let change =
        AlterIsr { broker_id: broker.id(), broker_epoch: broker.epoch(), proposals: proposals.to_vec() };
    let all = |code: ErrorCode| proposals.iter().map(|_| Err(code)).collect();
    match timeout(ANSWER_TIMEOUT, broker.zookeeper.submit(change)).await {
        Ok(Ok(reply)) if reply.results.len() == proposals.len() => {
            reply.results.into_iter().map(|result| result.map_err(|rejection| rejection.code)).collect()
        }
        Ok(Ok(_)) => all(ErrorCode::UnknownServerError),
        Ok(Err(rejection)) => {
            tracing::warn!(%rejection, "the controller refused changes of ISRs");
            all(rejection.code)
        }
        Err(_elapsed) => all(ErrorCode::RequestTimedOut),
    }
}

fn tell(broker: &Broker, proposals: &[IsrProposal], results: Vec<Result<PartitionEpoch, ErrorCode>>) {
    let online = broker.partitions.online();
    let by_key: BTreeMap<PartitionKey, _> = online
        .iter()
        .map(|partition| ((partition.topic_id(), partition.id().partition), partition))
        .collect();
    for (proposal, result) in proposals.iter().zip(results) {
        if let Err(code) = &result {
            tracing::info!(topic_id = %proposal.topic_id, partition = %proposal.partition, %code, "isr_change_refused");
        }
        if let Some(partition) = by_key.get(&(proposal.topic_id, proposal.partition)) {
            partition.isr_reply(proposal, result);
        }
    }
}
