//! `--explain`: in one sentence, why a group and each of its members gets what it gets, or nothing. Pure: out of what was
//! seen at one time.

mod member;
mod partition;

use std::time::Duration;

use partition::{Finding, find};
use yak_cli::human::{count, counted, duration};
use yak_model::MemberId;
use yak_model::api::{DescribedMember, GroupState};

use super::view::{GroupView, PartitionView};

/// What there is to say of a group, or of one of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The member; `None`: the group.
    pub member: Option<MemberId>,
    /// Why.
    pub sentence: String,
}

/// The group first, then each member.
#[must_use]
pub fn explain(view: &GroupView) -> Vec<Explained> {
    let mut explained = vec![Explained { member: None, sentence: group(view) }];
    let members = view.group.members.iter().enumerate();
    explained.extend(members.map(|(at, described)| Explained {
        member: Some(described.member_id.clone()),
        sentence: member::explain(view, at),
    }));
    explained
}

fn group(view: &GroupView) -> String {
    if view.group.members.is_empty() {
        return without_members(view);
    }
    match view.group.state {
        GroupState::PreparingRebalance => preparing(view),
        GroupState::CompletingRebalance => completing(view),
        GroupState::Assigning => "a rebalance is in progress: a new assignment is being made".to_owned(),
        GroupState::Reconciling => reconciling(view),
        GroupState::Empty | GroupState::Stable | GroupState::Dead => settled(view),
    }
}

fn without_members(view: &GroupView) -> String {
    if view.partitions.is_empty() {
        return "it has no members, and nothing is committed".to_owned();
    }
    let worst = worst(view.partitions.iter(), view);
    if let Some((finding, more)) = worst
        && finding.is_trouble()
    {
        return format!("it has no members; {}{}", finding.words(), and_more(more));
    }
    match view.total_lag() {
        0 => "it has no members, and has read everything there is".to_owned(),
        lag => format!("it has no members; {} for it{}", waiting(lag), oldest(view)),
    }
}

fn waiting(lag: u64) -> String {
    match lag {
        1 => "1 record waits".to_owned(),
        _ => format!("{} records wait", count(lag)),
    }
}

/// How long the oldest unread record waits, if that is known.
fn oldest(view: &GroupView) -> String {
    let oldest = view.partitions.iter().filter_map(|partition| partition.lag_ms(view.now)).max();
    match oldest.filter(|ms| *ms > 0) {
        Some(ms) => format!(", the oldest for {}", duration(Duration::from_millis(ms))),
        None => String::new(),
    }
}

/// Classic: its members are to join.
fn preparing(view: &GroupView) -> String {
    let slowest = view.group.members.iter().max_by_key(|member| member.last_heard_ms);
    let waits = slowest.map_or_else(String::new, |member| {
        let ago = duration(Duration::from_millis(member.last_heard_ms));
        format!("; the one not heard of for longest is {} ({ago})", member.member_id)
    });
    format!("a rebalance is in progress: its members are to join again{waits}")
}

/// Classic: its leader is to assign.
fn completing(view: &GroupView) -> String {
    let leader = view.group.leader.as_ref().map_or("its leader", |leader| leader.as_str());
    format!("a rebalance is in progress: {leader}, which leads the group, has not assigned yet")
}

/// Server-side: members are on their way to their assignments.
fn reconciling(view: &GroupView) -> String {
    let holder = view.group.members.iter().find_map(|member| Some((member, to_give_up(member)?)));
    match holder {
        Some((member, id)) => {
            format!("a rebalance is in progress: {} has yet to give up {id}", member.member_id)
        }
        None => {
            "a rebalance is in progress: not every member has said that it has what is its own".to_owned()
        }
    }
}

/// A partition that a member has and is not to have.
fn to_give_up(member: &DescribedMember) -> Option<String> {
    let is_target = |topic: &yak_model::TopicName, partition| {
        member.target.iter().any(|(name, partitions)| name == topic && partitions.contains(partition))
    };
    member.assignment.iter().find_map(|(topic, partitions)| {
        let partition = partitions.iter().find(|partition| !is_target(topic, *partition))?;
        Some(format!("{topic}-{partition}"))
    })
}

fn settled(view: &GroupView) -> String {
    let members = counted(view.group.members.len() as u64, "member");
    let shared = view.partitions.iter().filter(|partition| partition.owner.is_some()).count();
    let verb = if view.group.members.len() == 1 { "has" } else { "share" };
    let what = match shared {
        0 => format!("{members} {verb} no partition"),
        _ => format!("{members} {verb} {}", counted(shared as u64, "partition")),
    };
    let orphans = view.partitions.iter().filter(|partition| partition.owner.is_none());
    let orphans: Vec<&PartitionView> = orphans.filter(|partition| partition.lag().unwrap_or(0) > 0).collect();
    if let Some(first) = orphans.first() {
        let more = and_more(orphans.len() - 1);
        return format!("{what}; nobody reads {}{more}, of which it has committed offsets", first.id);
    }
    let is_known = shared > 0 && view.partitions.iter().all(|partition| partition.lag().is_some());
    match view.total_lag() {
        0 if is_known => format!("{what}; everything is read"),
        0 => what,
        lag => format!("{what}; {}{}", waiting(lag), oldest(view)),
    }
}

/// The worst that can be said of some partitions, and of how many more.
fn worst<'a>(
    partitions: impl Iterator<Item = &'a PartitionView>,
    view: &GroupView,
) -> Option<(Finding, usize)> {
    let findings: Vec<Finding> = partitions.map(|partition| find(partition, view)).collect();
    // (Of several that are as bad the first.)
    let worst = findings.iter().rev().max_by_key(|finding| (finding.rank(), finding.size()))?.clone();
    let more = findings.iter().filter(|finding| finding.rank() == worst.rank()).count() - 1;
    Some((worst, more))
}

fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        _ => format!(" (and {} like it)", counted(more as u64, "partition")),
    }
}
