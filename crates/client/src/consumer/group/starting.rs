//! Where a member begins to read what it was assigned: what is committed, else where the configuration says, which is then
//! committed at once.

use std::collections::BTreeMap;

use tokio::time::Instant;
use yak_model::api::{OffsetFetch, OffsetFetchReply, TailStart};
use yak_model::{Offset, TopicId, TopicName, TopicPartition};

use super::say::{Commit, Said, Saying, Unsaid};
use super::{Consumer, Event, Group, GroupStart, Stage};
use crate::cluster::Backoff;
use crate::consumer::event::{StartedAt, StartedPartition};
use crate::consumer::partition::Partition;
use crate::consumer::{Assignment, start};
use crate::{ClientConfig, ClientError, Stop};

/// Looking up where partitions begin, all that start at once; those without a leader wait for the next time.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) is_under_way: bool,
    pub(super) not_before: Option<Instant>,
    backoff: Backoff,
}

impl Lookup {
    pub(super) fn new(config: &ClientConfig) -> Self {
        Self { is_under_way: false, not_before: None, backoff: Backoff::new(config) }
    }

    /// Another incarnation: at once.
    pub(super) fn reset(&mut self) {
        self.not_before = None;
        self.backoff.reset();
    }
}

/// A partition whose beginning is wanted.
#[derive(Debug)]
struct Wanted {
    id: TopicPartition,
    topic_id: TopicId,
    /// Of one that was read before an interruption: its position, and what was known to be committed.
    before: Option<(Offset, Option<Offset>)>,
    /// It was added to its topic while the group was reading it.
    is_new: bool,
}

/// A partition that can be read.
#[derive(Debug)]
pub(in crate::consumer) struct Began {
    partition: Partition,
    topic_id: TopicId,
    at: StartedAt,
    committed: Option<Offset>,
}

impl Group {
    /// Looks up where partitions begin that have to.
    pub(super) fn start_lookup(&mut self, consumer: &mut Consumer, now: Instant) {
        if self.lookup.is_under_way || self.lookup.not_before.is_some_and(|at| at > now) {
            return;
        }
        let mut wanted = Vec::new();
        for (id, owned) in &self.owned {
            let Stage::Starting(before) = owned.stage else { continue };
            if let Some(known) = consumer.cluster.known_topic(&id.topic) {
                self.counts.entry(id.topic.clone()).or_insert_with(|| known.partition_count());
            }
            wanted.push(Wanted {
                id: id.clone(),
                topic_id: owned.topic_id,
                before: before.map(|position| (position, owned.committed)),
                is_new: self.counts.get(&id.topic).is_some_and(|count| id.partition.get() >= *count),
            });
        }
        if wanted.is_empty() {
            return;
        }
        let topics: Vec<TopicName> = wanted.iter().map(|wanted| wanted.id.topic.clone()).collect();
        consumer.cluster.follow(&topics);
        self.lookup.is_under_way = true;
        let (saying, start, stop) = (self.saying(), self.config.start, self.config.stop);
        consumer.begin(async move {
            let incarnation = saying.incarnation;
            Said::Began(incarnation, look_up(saying, wanted, start, stop).await)
        });
    }

    /// Partitions can be read.
    pub(super) fn began(
        &mut self,
        consumer: &mut Consumer,
        incarnation: u64,
        began: Result<Vec<Began>, ClientError>,
        now: Instant,
    ) {
        self.lookup.is_under_way = false;
        if incarnation != self.incarnation {
            return;
        }
        let began = match began {
            Ok(began) => began,
            Err(error) if error.is_retriable() => {
                tracing::info!(%error, "cannot begin to read yet");
                self.lookup.not_before = Some(now + self.lookup.backoff.next());
                return;
            }
            Err(error) => {
                consumer.failure.get_or_insert(error);
                return;
            }
        };
        let mut started = Vec::new();
        for Began { mut partition, topic_id, at, committed } in began {
            let id = partition.id.clone();
            // (It may have been given up meanwhile.)
            let Some(owned) = self.owned.get_mut(&id) else { continue };
            if owned.topic_id != topic_id || !matches!(owned.stage, Stage::Starting(_)) {
                continue;
            }
            owned.stage = Stage::Reading;
            owned.committed = committed;
            if at != StartedAt::Position {
                owned.taken = partition.position;
            }
            started.push(StartedPartition { partition: id, offset: partition.position, at });
            partition.is_suspended = self.is_suspended;
            consumer.place_group_partition(partition);
        }
        if started.is_empty() {
            self.lookup.not_before = Some(now + self.lookup.backoff.next());
            return;
        }
        self.lookup.reset();
        let standing = self.standing.borrow();
        let Some(member_epoch) = standing.member.as_ref().map(|member| member.member_epoch) else { return };
        let is_complete = self.is_complete && self.owned.values().all(|owned| owned.stage == Stage::Reading);
        consumer.ready.push_back((None, Event::Assigned { partitions: started, member_epoch, is_complete }));
    }
}

async fn look_up(
    mut saying: Saying,
    wanted: Vec<Wanted>,
    start: GroupStart,
    stop: Stop,
) -> Result<Vec<Began>, ClientError> {
    let cluster = saying.coordinator.cluster().clone();
    let mut topics: Vec<_> = wanted.iter().map(|wanted| wanted.id.topic.clone()).collect();
    topics.dedup();
    if topics.iter().any(|topic| cluster.known_topic(topic).is_none())
        || wanted.iter().any(|wanted| cluster.leader(&wanted.id).is_none())
    {
        cluster.refresh(Some(topics)).await?;
    }
    let (wanted, leaderless): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|wanted| cluster.leader(&wanted.id).is_some());
    if !leaderless.is_empty() {
        tracing::info!(count = leaderless.len(), first = %leaderless[0].id, "partitions without a leader wait");
    }
    let mut committed = committed(&saying, &wanted).await?;
    let mut places = Vec::with_capacity(wanted.len());
    let mut assignments = Vec::with_capacity(wanted.len());
    for Wanted { id, topic_id, before, is_new } in wanted {
        let known = committed.remove(&id);
        let (begin, at) = begin(&id, known, before, (start, is_new), &saying)?;
        assignments.push(Assignment { topic: id.topic, partition: id.partition, start: begin, stop });
        places.push((topic_id, at, known));
    }
    let partitions = start::look_up(&cluster, &assignments).await?;
    let mut began: Vec<Began> = partitions
        .into_iter()
        .zip(places)
        .map(|(partition, (topic_id, at, committed))| Began { partition, topic_id, at, committed })
        .collect();
    commit_first_positions(&mut saying, &mut began).await?;
    Ok(began)
}

/// What the group has committed of these partitions.
async fn committed(
    saying: &Saying,
    wanted: &[Wanted],
) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let partitions = wanted.iter().map(|wanted| (wanted.id.topic.clone(), wanted.id.partition)).collect();
    let question = OffsetFetch {
        group_id: saying.coordinator.group_id().clone(),
        member: None,
        partitions: Some(partitions),
    };
    let OffsetFetchReply { offsets } = saying.coordinator.ask(&question).await?;
    let found = offsets.into_iter().filter_map(|fetched| {
        let committed = fetched.committed?;
        Some((TopicPartition::new(fetched.topic, fetched.partition), committed.offset))
    });
    Ok(found.collect())
}

/// Where a partition begins, and why there.
fn begin(
    id: &TopicPartition,
    committed: Option<Offset>,
    before: Option<(Offset, Option<Offset>)>,
    (start, is_new): (GroupStart, bool),
    saying: &Saying,
) -> Result<(TailStart, StartedAt), ClientError> {
    if let Some((position, acknowledged)) = before {
        // Everything before the position was handed out here. Nobody has come further since, nor moved the group back.
        let is_ours = committed.is_none_or(|committed| {
            committed <= position && acknowledged.is_none_or(|acknowledged| committed >= acknowledged)
        });
        if is_ours {
            return Ok((TailStart::Offset(position), StartedAt::Position));
        }
    }
    Ok(match (committed, start) {
        (Some(committed), _) => (TailStart::Offset(committed), StartedAt::Committed),
        (None, GroupStart::Earliest) => (TailStart::Beginning, StartedAt::Beginning),
        (None, GroupStart::Latest) if is_new => (TailStart::Beginning, StartedAt::Beginning),
        (None, GroupStart::Latest) => (TailStart::End, StartedAt::End),
        (None, GroupStart::Fail) => {
            let group = saying.coordinator.group_id().clone();
            return Err(ClientError::NoCommittedOffset { group, partition: id.clone() });
        }
    })
}

/// Commits where reading begins without a committed offset, so that a restart goes on there and skips nothing.
async fn commit_first_positions(saying: &mut Saying, began: &mut [Began]) -> Result<(), ClientError> {
    let first = began.iter().filter(|began| began.committed.is_none()).map(|began| Commit {
        id: began.partition.id.clone(),
        topic_id: began.topic_id,
        offset: began.partition.position,
        metadata: String::new(),
        is_told: false,
    });
    let batch: Vec<Commit> = first.collect();
    if batch.is_empty() {
        return Ok(());
    }
    let results = saying.commit(&batch).await.map_err(|unsaid| match unsaid {
        // (What comes of it is for another incarnation to look up.)
        Unsaid::Interrupted => ClientError::Rejected(yak_model::api::Rejection::new(
            yak_model::ErrorCode::CoordinatorNotAvailable,
            "the membership was interrupted",
        )),
        Unsaid::Failed(error) => error,
    })?;
    let without = began.iter_mut().filter(|began| began.committed.is_none());
    for (began, result) in without.zip(results) {
        match result {
            Ok(()) => began.committed = Some(began.partition.position),
            Err(rejection) => {
                tracing::info!(partition = %began.partition.id, %rejection, "first position not committed");
            }
        }
    }
    Ok(())
}

impl Consumer {
    /// Puts a partition of the group's into its slot.
    fn place_group_partition(&mut self, mut partition: Partition) {
        partition.is_leader_only = self.config.read_from == yak_model::api::ReadFrom::Leader;
        partition.choose_source(&self.cluster);
        self.place(partition);
    }
}
