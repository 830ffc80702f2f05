//! Asks for everything about groups, in the order that keeps lag from being negative: what is committed, then where members
//! are, then where the logs end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use yak_client::{Admin, Assignment, ClientError, Consumer, ConsumerConfig, Event, OutOfRange, Stop};
use yak_model::api::{
    ClientRole, ClientStatus, DescribedGroup, FetchedOffset, FindCoordinatorReply, ListOffsets,
    ListOffsetsEntry, OffsetSpec, TailStart, TopicMetadata,
};
use yak_model::{GroupId, Offset, TimestampMs, TopicName, TopicPartition};

use super::view::{GroupView, LeaderView, PartitionView, TopicView};
use crate::status;

/// Groups that are asked about at the same time.
const AT_ONCE: usize = 16;
/// How long to look for the first records that groups have not read.
const AGES_PATIENCE: Duration = Duration::from_secs(2);
/// Most partitions whose first unread record is looked at.
const MOST_AGES: usize = 1_000;

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What every listing shows.
    Offsets,
    /// Also where members are, and how old it is what they have not read.
    Everything,
}

/// Asks about groups. One result for each, in order; the error of one that does not exist is `GROUP_ID_NOT_FOUND`.
///
/// # Errors
/// When nobody answers at all.
pub(crate) async fn gather(
    admin: &Admin,
    groups: &[GroupId],
    depth: Depth,
) -> Result<Vec<Result<GroupView, ClientError>>, ClientError> {
    let asked = ask_coordinators(admin, groups).await;
    let readers = match depth {
        Depth::Offsets => Vec::new(),
        Depth::Everything => status::clients(admin).await?,
    };
    let known = asked.iter().flatten();
    let topics: BTreeSet<TopicName> = known.clone().flat_map(|asked| asked.topics()).collect();
    let ids: BTreeSet<TopicPartition> = known.flat_map(Asked::partitions).collect();
    let places = Places::look_up(admin, topics, &ids).await?;
    let now = yak_cli::time::now();
    let mut views: Vec<Result<GroupView, ClientError>> =
        asked.into_iter().map(|asked| Ok(asked?.view(&places, &readers, now))).collect();
    if depth == Depth::Everything {
        add_ages(admin, &mut views).await;
    }
    Ok(views)
}

/// What its coordinator says of a group.
struct Asked {
    group: DescribedGroup,
    coordinator: Option<FindCoordinatorReply>,
    committed: Vec<FetchedOffset>,
}

async fn ask_coordinators(admin: &Admin, groups: &[GroupId]) -> Vec<Result<Asked, ClientError>> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    for (at, group) in groups.iter().cloned().enumerate() {
        let (admin, turns) = (admin.clone(), Arc::clone(&turns));
        asking.spawn(async move {
            let _turn = turns.acquire().await;
            (at, ask_coordinator(&admin, &group).await)
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn ask_coordinator(admin: &Admin, group: &GroupId) -> Result<Asked, ClientError> {
    let described = admin.describe_group(group).await?;
    let committed = admin.committed_offsets(group).await?;
    let coordinator = admin.coordinator(group).await.ok();
    Ok(Asked { group: described, coordinator, committed })
}

impl Asked {
    fn topics(&self) -> impl Iterator<Item = TopicName> {
        let wanted = self.group.members.iter().flat_map(|member| member.topics.iter().cloned());
        wanted.chain(self.partitions().into_iter().map(|id| id.topic))
    }

    /// Everything that is committed or assigned.
    fn partitions(&self) -> BTreeSet<TopicPartition> {
        let committed = self.committed.iter().filter(|fetched| fetched.committed.is_some());
        let committed =
            committed.map(|fetched| TopicPartition::new(fetched.topic.clone(), fetched.partition));
        let assigned = self.group.members.iter().flat_map(|member| assigned(&member.assignment));
        committed.chain(assigned).collect()
    }

    fn view(self, places: &Places, readers: &[ClientStatus], now: TimestampMs) -> GroupView {
        let name = self.group.group_id.as_str();
        let is_its = |client: &&ClientStatus| {
            client.role == ClientRole::Consumer && client.group.as_deref() == Some(name)
        };
        let readers: Vec<ClientStatus> = readers.iter().filter(is_its).cloned().collect();
        let topics: BTreeSet<TopicName> = self.topics().collect();
        let topics = topics.into_iter().map(|topic| (topic.clone(), places.topic(&topic)));
        let partitions = self.partitions().into_iter().map(|id| self.partition(id, places, &readers));
        let (topics, partitions) = (topics.collect(), partitions.collect());
        GroupView { partitions, topics, readers, group: self.group, coordinator: self.coordinator, now }
    }

    fn partition(&self, id: TopicPartition, places: &Places, readers: &[ClientStatus]) -> PartitionView {
        let is_it = |fetched: &&FetchedOffset| fetched.topic == id.topic && fetched.partition == id.partition;
        let owner =
            self.group.members.iter().position(|member| assigned(&member.assignment).any(|at| at == id));
        // Of an owner that came back, an earlier connection may still be listed: the one that is further.
        let at = readers.iter().flat_map(|reader| &reader.positions);
        let at = at.filter(|at| at.topic == id.topic && at.partition == id.partition);
        let at = at.max_by_key(|at| at.position).filter(|_| owner.is_some());
        let (start, end) = places.ends.get(&id).copied().unwrap_or_default();
        PartitionView {
            owner,
            committed: self.committed.iter().find(is_it).and_then(|fetched| fetched.committed.clone()),
            position: at.map(|at| at.position),
            received: at.map(|at| at.received),
            start,
            end,
            waiting_since: None,
            leader: places.leader(&id),
            id,
        }
    }
}

fn assigned(topics: &[(TopicName, Vec<yak_model::PartitionIndex>)]) -> impl Iterator<Item = TopicPartition> {
    topics.iter().flat_map(|(topic, partitions)| {
        partitions.iter().map(|partition| TopicPartition::new(topic.clone(), *partition))
    })
}

/// What the cluster says of topics and partitions.
struct Places {
    topics: BTreeMap<TopicName, TopicMetadata>,
    /// Beginning and end, of those with a leader that answers.
    ends: BTreeMap<TopicPartition, (Option<Offset>, Option<Offset>)>,
}

impl Places {
    async fn look_up(
        admin: &Admin,
        topics: BTreeSet<TopicName>,
        ids: &BTreeSet<TopicPartition>,
    ) -> Result<Self, ClientError> {
        let found = admin.metadata(Some(topics.into_iter().collect())).await?.topics;
        let topics = found.into_iter().flatten().map(|topic| (topic.name.clone(), topic)).collect();
        let mut places = Self { topics, ends: BTreeMap::new() };
        // (One without a leader would be waited for.)
        let led = |id: &&TopicPartition| matches!(places.leader(id), LeaderView::Broker(_));
        let led: Vec<TopicPartition> = ids.iter().filter(led).cloned().collect();
        for chunk in led.chunks(yak_model::limits::MAX_ENTRIES_PER_REQUEST / 2) {
            places.look_up_ends(admin, chunk).await?;
        }
        Ok(places)
    }

    async fn look_up_ends(&mut self, admin: &Admin, ids: &[TopicPartition]) -> Result<(), ClientError> {
        let entries = ids.iter().flat_map(|id| {
            [OffsetSpec::Earliest, OffsetSpec::Latest].map(|at| ListOffsetsEntry {
                topic: id.topic.clone(),
                partition: id.partition,
                leader_epoch: None,
                at,
            })
        });
        let request = ListOffsets { entries: entries.collect(), ..ListOffsets::default() };
        let listed = admin.list_offsets(&request).await?.partitions;
        for (id, pair) in ids.iter().zip(listed.chunks(2)) {
            let offset = |at: usize| pair.get(at)?.as_ref().ok()?.offset;
            self.ends.insert(id.clone(), (offset(0), offset(1)));
        }
        Ok(())
    }

    fn topic(&self, topic: &TopicName) -> TopicView {
        TopicView { partitions: self.topics.get(topic).map(|topic| topic.partitions.len()) }
    }

    fn leader(&self, id: &TopicPartition) -> LeaderView {
        let topic = self.topics.get(&id.topic);
        let found = topic.and_then(|topic| topic.partitions.iter().find(|at| at.partition == id.partition));
        match found {
            None => LeaderView::NoSuchPartition,
            Some(partition) => partition.leader.map_or(LeaderView::Nobody, LeaderView::Broker),
        }
    }
}

/// Looks at the first record that each group has not read of a partition, for its time. What is not found in time is left
/// out.
async fn add_ages(admin: &Admin, views: &mut [Result<GroupView, ClientError>]) {
    let mut wanted: BTreeMap<TopicPartition, BTreeSet<Offset>> = BTreeMap::new();
    for partition in views.iter().flatten().flat_map(|view| &view.partitions) {
        if let (Some(offset), Some(start), Some(1..)) = (partition.offset(), partition.start, partition.lag())
        {
            wanted.entry(partition.id.clone()).or_default().insert(offset.max(start));
        }
    }
    let mut times: BTreeMap<(TopicPartition, Offset), TimestampMs> = BTreeMap::new();
    // (One consumer has one position a partition: groups that stand elsewhere wait for the next round.)
    while let Some(round) = next_round(&mut wanted) {
        match first_times(admin, &round).await {
            Ok(found) => times.extend(found),
            Err(error) => tracing::info!(%error, "the ages of unread records are not known"),
        }
    }
    for partition in views.iter_mut().flatten().flat_map(|view| &mut view.partitions) {
        if let (Some(offset), Some(start)) = (partition.offset(), partition.start) {
            partition.waiting_since = times.get(&(partition.id.clone(), offset.max(start))).copied();
        }
    }
}

fn next_round(
    wanted: &mut BTreeMap<TopicPartition, BTreeSet<Offset>>,
) -> Option<Vec<(TopicPartition, Offset)>> {
    let mut round = Vec::new();
    for (id, offsets) in wanted.iter_mut().take(MOST_AGES) {
        round.extend(offsets.pop_first().map(|offset| (id.clone(), offset)));
    }
    wanted.retain(|_, offsets| !offsets.is_empty());
    (!round.is_empty()).then_some(round)
}

/// The time of the first record of each partition from an offset on.
async fn first_times(
    admin: &Admin,
    round: &[(TopicPartition, Offset)],
) -> Result<BTreeMap<(TopicPartition, Offset), TimestampMs>, ClientError> {
    let deadline = Instant::now() + AGES_PATIENCE;
    let config = ConsumerConfig {
        max_wait: Duration::from_millis(100),
        // One batch of each.
        partition_bytes: 1,
        out_of_range: OutOfRange::Earliest,
        create_topics: false,
        ..ConsumerConfig::default()
    };
    let mut consumer = Consumer::new(admin.cluster(), config)?;
    let assignments: Vec<Assignment> = round
        .iter()
        .map(|(id, offset)| Assignment {
            topic: id.topic.clone(),
            partition: id.partition,
            start: TailStart::Offset(*offset),
            stop: Stop::Never,
        })
        .collect();
    let mut left: BTreeMap<TopicPartition, Offset> = round.iter().cloned().collect();
    let mut found = BTreeMap::new();
    let reading = async {
        consumer.assign(&assignments).await?;
        while !left.is_empty() {
            let Some(Event::Records(chunk)) = consumer.next().await? else { continue };
            let id = TopicPartition::new(chunk.topic().clone(), chunk.partition());
            let first = chunk.records().next().map(|record| record.timestamp);
            if let (Some(offset), Some(time)) = (left.remove(&id), first) {
                consumer.pause(&id)?;
                found.insert((id, offset), time);
            }
        }
        Ok::<(), ClientError>(())
    };
    match timeout_at(deadline, reading).await {
        Ok(read) => read?,
        Err(_elapsed) => tracing::info!("the ages of some unread records were not found in time"),
    }
    Ok(found)
}
