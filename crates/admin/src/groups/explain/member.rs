//! Why a member gets what it gets.

use std::collections::BTreeSet;
use std::time::Duration;

use yak_cli::human::{counted, duration};
use yak_model::TopicName;
use yak_model::api::{DescribedMember, GroupKind, GroupState};

use super::{and_more, to_give_up, worst};
use crate::groups::view::GroupView;

/// A classic member says that it lives every three seconds.
const SILENT_MS: u64 = 10_000;

/// One sentence about a member.
pub(super) fn explain(view: &GroupView, at: usize) -> String {
    let Some(member) = view.group.members.get(at) else { return String::new() };
    if let Some(sentence) = wants_nothing_there(view, member) {
        return sentence;
    }
    if view.group.kind == GroupKind::Classic && member.last_heard_ms >= SILENT_MS {
        let ago = duration(Duration::from_millis(member.last_heard_ms));
        return format!(
            "it was not heard of for {ago}: if it is gone, others get its partitions at its session timeout"
        );
    }
    if view.of_member(at).next().is_none() {
        return has_nothing(view, member);
    }
    let count = view.of_member(at).count();
    match worst(view.of_member(at), view) {
        Some((finding, _)) if finding.is_caught_up() => {
            format!("it has read everything of its {}", counted(count as u64, "partition"))
        }
        Some((finding, more)) => format!("{}{}", finding.words(), and_more(more)),
        None => "it has nothing".to_owned(),
    }
}

/// What it wants does not exist.
fn wants_nothing_there(view: &GroupView, member: &DescribedMember) -> Option<String> {
    let is_missing =
        |topic: &&TopicName| view.topics.get(*topic).is_none_or(|topic| topic.partitions.is_none());
    if let (true, Some(regex)) = (member.topics.is_empty(), &member.topic_regex) {
        return Some(format!("no topic matches \"{regex}\", by which it wants topics"));
    }
    let missing: Vec<&TopicName> = member.topics.iter().filter(is_missing).collect();
    let first = missing.first().filter(|_| missing.len() == member.topics.len())?;
    let more = match missing.len() {
        1 => String::new(),
        many => format!(" (nor do the {} others that it wants)", many - 1),
    };
    Some(format!("topic '{first}' does not exist{more}"))
}

/// It has no partition.
fn has_nothing(view: &GroupView, member: &DescribedMember) -> String {
    if let Some((topic, partition)) = first(&member.target) {
        let holds = |other: &&DescribedMember| {
            other.assignment.iter().any(|(name, held)| name == topic && held.contains(&partition))
        };
        return match view.group.members.iter().find(holds) {
            Some(holder) => {
                format!("it waits for {topic}-{partition}, which {} has not given up yet", holder.member_id)
            }
            None => format!("{topic}-{partition} is meant for it, and it has not said that it has it"),
        };
    }
    match view.group.state {
        GroupState::PreparingRebalance | GroupState::CompletingRebalance | GroupState::Assigning => {
            return "it gets nothing until the rebalance is over".to_owned();
        }
        _ => {}
    }
    let partitions: usize = partition_count(view, &member.topics);
    let competitors = view.group.members.iter().filter(|other| wants_some_of(other, member)).count();
    let owned = owned_of(view, &member.topics);
    if partitions > owned {
        return not_assigned_yet(view, member);
    }
    let topics = match &member.topics[..] {
        [topic] => format!("'{topic}' has {}", counted(partitions as u64, "partition")),
        topics => format!("its {} topics have {}", topics.len(), counted(partitions as u64, "partition")),
    };
    if let Some(holder) = view.group.members.iter().find_map(|other| Some((other, to_give_up(other)?))) {
        return format!("it waits: {} has yet to give up {}", holder.0.member_id, holder.1);
    }
    format!("no partition is left for it: {topics}, and {} want them", counted(competitors as u64, "member"))
}

/// There are partitions of its topics that nobody has.
fn not_assigned_yet(view: &GroupView, member: &DescribedMember) -> String {
    let without_owner = |topic: &&TopicName| owned_of(view, std::slice::from_ref(*topic)) == 0;
    match member.topics.iter().find(without_owner) {
        Some(topic) => format!(
            "topic '{topic}' was just created, or has just been subscribed to: nobody is assigned its partitions yet"
        ),
        None => format!(
            "its assignor '{}' gave it nothing, although not every partition is taken",
            view.group.assignor
        ),
    }
}

fn first(
    topics: &[(TopicName, Vec<yak_model::PartitionIndex>)],
) -> Option<(&TopicName, yak_model::PartitionIndex)> {
    topics.iter().find_map(|(topic, partitions)| Some((topic, *partitions.first()?)))
}

fn wants_some_of(other: &DescribedMember, member: &DescribedMember) -> bool {
    let wanted: BTreeSet<&TopicName> = member.topics.iter().collect();
    other.topics.iter().any(|topic| wanted.contains(topic))
}

fn partition_count(view: &GroupView, topics: &[TopicName]) -> usize {
    topics.iter().filter_map(|topic| view.topics.get(topic)?.partitions).sum()
}

/// How many partitions of some topics are assigned to anybody.
fn owned_of(view: &GroupView, topics: &[TopicName]) -> usize {
    let owned = view.partitions.iter().filter(|partition| partition.owner.is_some());
    owned.filter(|partition| topics.contains(&partition.id.topic)).count()
}
