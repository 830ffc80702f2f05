//! Groups: what brokers coordinate, and what is asked of a group's coordinator.

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use yak_model::api::{
    DeleteGroups, DescribeGroups, DescribedGroup, FetchedOffset, FindCoordinator, FindCoordinatorReply,
    ListGroups, ListedGroup, OffsetCommit, OffsetCommitEntry, OffsetDelete, OffsetFetch, Rejection,
};
use yak_model::{BrokerId, ErrorCode, GroupId, PartitionIndex, TopicName};

use super::Admin;
use crate::cluster::{Backoff, Kind};
use crate::group::{Coordinator, passing};
use crate::{ClientError, Cluster};

impl Admin {
    /// The groups that each live broker coordinates, or why it does not say.
    ///
    /// # Errors
    /// When nobody says which brokers there are.
    pub async fn list_groups(
        &self,
        request: &ListGroups,
    ) -> Result<Vec<(BrokerId, Result<Vec<ListedGroup>, ClientError>)>, ClientError> {
        let brokers = self.cluster.refresh(Some(Vec::new())).await?.brokers;
        let mut asking = JoinSet::new();
        for broker in brokers {
            let (cluster, request) = (self.cluster.clone(), request.clone());
            asking.spawn(async move { (broker.broker_id, list(&cluster, broker.broker_id, &request).await) });
        }
        let mut answers = asking.join_all().await;
        answers.sort_by_key(|(broker, _)| *broker);
        Ok(answers)
    }

    /// The coordinator of a group.
    ///
    /// # Errors
    /// When nobody knows it in time.
    pub async fn coordinator(&self, group: &GroupId) -> Result<FindCoordinatorReply, ClientError> {
        self.cluster.ask(Kind::Look, &FindCoordinator { group_id: group.clone() }).await
    }

    /// Everything about a group.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`; or when its coordinator does not answer in time.
    pub async fn describe_group(&self, group: &GroupId) -> Result<DescribedGroup, ClientError> {
        let request = DescribeGroups { groups: vec![group.clone()] };
        let reply = self.of(group).ask(&request).await?;
        self.only(reply.groups)
    }

    /// Everything that a group has committed, by topic and partition.
    ///
    /// # Errors
    /// When its coordinator does not answer in time.
    pub async fn committed_offsets(&self, group: &GroupId) -> Result<Vec<FetchedOffset>, ClientError> {
        let request = OffsetFetch { group_id: group.clone(), member: None, partitions: None };
        Ok(self.of(group).ask(&request).await?.offsets)
    }

    /// Commits offsets for a group without members. One result for each entry, in order.
    ///
    /// # Errors
    /// When the group has members, or its coordinator does not answer in time.
    pub async fn commit_offsets(
        &self,
        group: &GroupId,
        entries: Vec<OffsetCommitEntry>,
    ) -> Result<Vec<Result<(), Rejection>>, ClientError> {
        let request = OffsetCommit { group_id: group.clone(), member: None, entries };
        let reply = self.of(group).ask_checked(&request, |reply| passing(&reply.results)).await?;
        Ok(reply.results)
    }

    /// Forgets what a group has committed of partitions. One result for each, in order.
    ///
    /// # Errors
    /// When the whole request is refused, or the coordinator does not answer in time.
    pub async fn delete_offsets(
        &self,
        group: &GroupId,
        partitions: Vec<(TopicName, PartitionIndex)>,
    ) -> Result<Vec<Result<(), Rejection>>, ClientError> {
        let request = OffsetDelete { group_id: group.clone(), partitions };
        let reply = self.of(group).ask_checked(&request, |reply| passing(&reply.results)).await?;
        Ok(reply.results)
    }

    /// Deletes a group without members, and what it has committed.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND`; or when its coordinator does not answer in time.
    pub async fn delete_group(&self, group: &GroupId) -> Result<(), ClientError> {
        let request = DeleteGroups { groups: vec![group.clone()] };
        let reply = self.of(group).ask_checked(&request, |reply| passing(&reply.results)).await?;
        self.only(reply.results)
    }

    fn of(&self, group: &GroupId) -> Coordinator {
        Coordinator::new(&self.cluster, group.clone())
    }

    fn only<T>(&self, results: Vec<Result<T, Rejection>>) -> Result<T, ClientError> {
        match results.into_iter().next() {
            Some(result) => result.map_err(ClientError::Rejected),
            None => Err(ClientError::Protocol {
                address: self.cluster.connected_to(),
                why: "no result for the only group".to_owned(),
            }),
        }
    }
}

/// Asks one broker; while it reads what is known of its groups it is asked again.
async fn list(
    cluster: &Cluster,
    broker: BrokerId,
    request: &ListGroups,
) -> Result<Vec<ListedGroup>, ClientError> {
    let config = cluster.config();
    let deadline = Instant::now() + config.request_timeout;
    let mut backoff = Backoff::new(config);
    let mut connection = cluster.open_to(broker).await?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match connection.call(request, left).await? {
            Ok(reply) => return Ok(reply.groups),
            Err(rejection)
                if rejection.code != ErrorCode::CoordinatorLoadInProgress || Instant::now() >= deadline =>
            {
                return Err(rejection.into());
            }
            Err(_) => sleep(backoff.next()).await,
        }
    }
}
