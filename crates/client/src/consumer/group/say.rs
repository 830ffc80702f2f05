//! What a member says to its coordinator besides its stream: commits, and what it owns. Both say the member's epoch, which
//! the stream may have moved on meanwhile: then it is said again with the new one.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use yak_model::api::{MemberIdentity, OffsetCommit, OffsetCommitEntry, Rejection, TopicPartitions};
use yak_model::{
    ErrorCode, GenerationId, InstanceId, MemberEpoch, Offset, PartitionIndex, TopicId, TopicPartition,
};

use super::Group;
use super::starting::Began;
use crate::ClientError;
use crate::group::{Coordinator, Identity, Standing, passing};

/// How long a newer epoch may take to come by the stream.
const EPOCH_PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait until the coordinator knows that a member goes.
const LEAVE_PATIENCE: Duration = Duration::from_secs(1);

/// What the coordinator was told to be owned.
pub(super) type Told = BTreeSet<(TopicId, PartitionIndex)>;

/// Something said is answered. With the incarnation in which it was said.
#[derive(Debug)]
pub(in crate::consumer) enum Said {
    Began(u64, Result<Vec<Began>, ClientError>),
    Committed(CommitOutcome),
    Acknowledged(u64, Result<Told, ClientError>),
}

/// What became of a commit.
#[derive(Debug)]
pub(in crate::consumer) struct CommitOutcome {
    pub(super) incarnation: u64,
    pub(super) batch: Vec<Commit>,
    /// One result for each, or why there are none.
    pub(super) results: Result<Vec<Result<(), Rejection>>, Unsaid>,
}

/// Why something was not said.
#[derive(Debug)]
pub(super) enum Unsaid {
    /// It is another's word now: the membership ended.
    Interrupted,
    Failed(ClientError),
}

/// An offset to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) id: TopicPartition,
    pub(super) topic_id: TopicId,
    pub(super) offset: Offset,
    pub(super) metadata: String,
    /// Its failure is told to the owner as an event.
    pub(super) is_told: bool,
}

/// Who says something, in which incarnation.
#[derive(Clone, Debug)]
pub(super) struct Saying {
    pub(super) coordinator: Coordinator,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) incarnation: u64,
    pub(super) instance_id: Option<InstanceId>,
}

impl Group {
    pub(super) fn saying(&self) -> Saying {
        Saying {
            coordinator: self.coordinator.clone(),
            standing: self.standing.clone(),
            incarnation: self.incarnation,
            instance_id: self.config.instance.clone(),
        }
    }
}

impl Saying {
    /// Who this is now, if it is still the same.
    fn identity(&mut self) -> Result<Identity, Unsaid> {
        let standing = self.standing.borrow_and_update();
        let is_same = standing.incarnation == self.incarnation;
        standing.member.clone().filter(|_| is_same).ok_or(Unsaid::Interrupted)
    }

    /// What was said with `epoch` was refused for it: waits for another one.
    async fn newer_than(&mut self, epoch: MemberEpoch) -> Result<(), Unsaid> {
        let wait = async {
            while self.identity()?.member_epoch == epoch {
                if self.standing.changed().await.is_err() {
                    return Err(Unsaid::Interrupted);
                }
            }
            Ok(())
        };
        timeout(EPOCH_PATIENCE, wait).await.unwrap_or(Err(Unsaid::Interrupted))
    }

    /// Commits. The answers are in order.
    pub(super) async fn commit(&mut self, batch: &[Commit]) -> Result<Vec<Result<(), Rejection>>, Unsaid> {
        loop {
            let Identity { member_id, member_epoch } = self.identity()?;
            let generation_id = GenerationId::new(member_epoch.get());
            let instance_id = self.instance_id.clone();
            let commit = OffsetCommit {
                group_id: self.coordinator.group_id().clone(),
                member: Some(MemberIdentity { member_id, instance_id, generation_id }),
                entries: batch.iter().map(entry).collect(),
            };
            let reply = self.coordinator.ask_checked(&commit, |reply| passing(&reply.results)).await;
            let refused = match &reply {
                Ok(reply) => reply.results.iter().find_map(|result| result.as_ref().err()),
                Err(ClientError::Rejected(rejection)) => Some(rejection),
                Err(_) => None,
            };
            match refused.map(|rejection| rejection.code) {
                Some(ErrorCode::StaleMemberEpoch | ErrorCode::FencedMemberEpoch) => {
                    self.newer_than(member_epoch).await?;
                    continue;
                }
                // The stream says it, too.
                Some(ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId) => {
                    return Err(Unsaid::Interrupted);
                }
                _ => {}
            }
            return match reply {
                Ok(reply) if reply.results.len() == batch.len() => Ok(reply.results),
                Ok(_) => Err(Unsaid::Failed(ClientError::Protocol {
                    address: self.coordinator.cluster().connected_to(),
                    why: "another number of results than of offsets".to_owned(),
                })),
                // The only one.
                Err(ClientError::Rejected(rejection))
                    if batch.len() == 1 && !rejection.code.is_retriable() =>
                {
                    Ok(vec![Err(rejection)])
                }
                Err(error) => Err(Unsaid::Failed(error)),
            };
        }
    }
}

fn entry(commit: &Commit) -> OffsetCommitEntry {
    OffsetCommitEntry {
        topic: commit.id.topic.clone(),
        topic_id: Some(commit.topic_id),
        partition: commit.id.partition,
        offset: commit.offset,
        leader_epoch: None,
        metadata: commit.metadata.clone(),
    }
}

/// Commits a batch.
pub(super) async fn commit(mut saying: Saying, batch: Vec<Commit>) -> Said {
    let results = saying.commit(&batch).await;
    Said::Committed(CommitOutcome { incarnation: saying.incarnation, batch, results })
}

/// Says what is owned.
pub(super) async fn acknowledge(mut saying: Saying, topics: Vec<TopicPartitions>, told: Told) -> Said {
    let incarnation = saying.incarnation;
    while let Ok(identity) = saying.identity() {
        let member_epoch = identity.member_epoch;
        let heartbeat =
            saying.coordinator.heartbeat(identity, saying.instance_id.as_ref(), Some(topics.clone()));
        match saying.coordinator.ask(&heartbeat).await {
            Ok(_) => return Said::Acknowledged(incarnation, Ok(told)),
            Err(ClientError::Rejected(rejection))
                if matches!(rejection.code, ErrorCode::StaleMemberEpoch | ErrorCode::FencedMemberEpoch) =>
            {
                if saying.newer_than(member_epoch).await.is_err() {
                    return Said::Acknowledged(incarnation, Err(rejection.into()));
                }
            }
            Err(error) => return Said::Acknowledged(incarnation, Err(error)),
        }
    }
    Said::Acknowledged(incarnation, Err(ClientError::Closed))
}

/// Leaves the group, if the coordinator can be told soon.
pub(super) async fn leave(mut saying: Saying) {
    let Ok(mut identity) = saying.identity() else { return };
    identity.member_epoch =
        if saying.instance_id.is_some() { MemberEpoch::LEAVE_STATIC } else { MemberEpoch::LEAVE };
    let heartbeat = saying.coordinator.heartbeat(identity, saying.instance_id.as_ref(), None);
    match timeout(LEAVE_PATIENCE, saying.coordinator.ask(&heartbeat)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::info!(%error, "the coordinator was not told of leaving"),
        Err(_elapsed) => tracing::info!("the coordinator was not told of leaving in time"),
    }
}
