//! `--describe`: offsets, members or state of groups, in Kafka's columns.

use std::time::Duration;

use yak_cli::human::duration;
use yak_cli::time::show;
use yak_model::api::DescribedMember;
use yak_model::{PartitionIndex, TopicName};

use super::table::{Table, or_dash};
use super::view::{GroupView, LeaderView, PartitionView};

/// Which of a group's sides is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Offsets,
    Members,
    State,
}

/// A group as text.
pub(crate) fn describe(view: &GroupView, side: Side, verbose: bool) -> String {
    match side {
        Side::Offsets => offsets(view, verbose),
        Side::Members => members(view, verbose),
        Side::State => state(view, verbose),
    }
}

fn offsets(view: &GroupView, verbose: bool) -> String {
    let mut headings = vec![("GROUP", 15), ("TOPIC", 15), ("PARTITION", 10)];
    if verbose {
        headings.push(("LEADER-EPOCH", 15));
    }
    headings.extend([("CURRENT-OFFSET", 15), ("LOG-END-OFFSET", 15), ("LAG", 15)]);
    if verbose {
        headings.extend([("LAG-TIME", 10), ("POSITION", 10)]);
    }
    headings.extend([("CONSUMER-ID", 15), ("HOST", 15), ("CLIENT-ID", 0)]);
    let mut table = Table::new(&headings);
    for partition in &view.partitions {
        table.row(offset_row(view, partition, verbose));
    }
    table.render()
}

fn offset_row(view: &GroupView, partition: &PartitionView, verbose: bool) -> Vec<String> {
    let owner = partition.owner.and_then(|owner| view.group.members.get(owner));
    let mut row = vec![
        view.group.group_id.to_string(),
        partition.id.topic.to_string(),
        partition.id.partition.to_string(),
    ];
    if verbose {
        let epoch = partition.committed.as_ref().and_then(|committed| committed.leader_epoch);
        row.push(or_dash(epoch));
    }
    row.extend([or_dash(partition.offset()), or_dash(partition.end), or_dash(partition.lag())]);
    if verbose {
        let age = partition.lag_ms(view.now).map(|ms| duration(Duration::from_millis(ms)));
        row.extend([or_dash(age), or_dash(partition.position)]);
    }
    row.extend([
        or_dash(owner.map(|member| &member.member_id)),
        or_dash(owner.map(|member| &member.client_host)),
        or_dash(owner.map(|member| &member.client_id)),
    ]);
    row
}

fn members(view: &GroupView, verbose: bool) -> String {
    let has_instances = view.group.members.iter().any(|member| member.instance_id.is_some());
    let mut headings = vec![("GROUP", 15), ("CONSUMER-ID", 15)];
    if has_instances {
        headings.push(("GROUP-INSTANCE-ID", 17));
    }
    headings.extend([("HOST", 15), ("CLIENT-ID", 15), ("#PARTITIONS", 15)]);
    if verbose {
        headings.extend([("CURRENT-EPOCH", 15), ("CURRENT-ASSIGNMENT", 20), ("TARGET-ASSIGNMENT", 0)]);
    }
    let mut table = Table::new(&headings);
    for member in &view.group.members {
        let count: usize = member.assignment.iter().map(|(_, partitions)| partitions.len()).sum();
        let mut row = vec![view.group.group_id.to_string(), member.member_id.to_string()];
        if has_instances {
            row.push(or_dash(member.instance_id.as_ref()));
        }
        row.extend([member.client_host.clone(), member.client_id.clone(), count.to_string()]);
        if verbose {
            row.push(member.member_epoch.to_string());
            row.extend([topics(&member.assignment), topics(target(member))]);
        }
        table.row(row);
    }
    table.render()
}

fn target(member: &DescribedMember) -> &[(TopicName, Vec<PartitionIndex>)] {
    &member.target
}

/// `orders:0,1;clicks:2`, as Kafka 4's tool writes it.
fn topics(topics: &[(TopicName, Vec<PartitionIndex>)]) -> String {
    if topics.iter().all(|(_, partitions)| partitions.is_empty()) {
        return "-".to_owned();
    }
    let topic = |(topic, partitions): &(TopicName, Vec<PartitionIndex>)| {
        let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        format!("{topic}:{}", numbers.join(","))
    };
    topics.iter().map(topic).collect::<Vec<_>>().join(";")
}

fn state(view: &GroupView, verbose: bool) -> String {
    let group = &view.group;
    let mut headings =
        vec![("GROUP", 15), ("COORDINATOR (ID)", 25), ("ASSIGNMENT-STRATEGY", 25), ("STATE", 20)];
    if verbose {
        headings.extend([("GROUP-EPOCH", 15), ("TARGET-ASSIGNMENT-EPOCH", 25)]);
    }
    headings.push(("#MEMBERS", 0));
    let mut table = Table::new(&headings);
    let coordinator =
        view.coordinator.as_ref().map(|at| format!("{}:{} ({})", at.host, at.port, at.broker_id));
    let mut row = vec![
        group.group_id.to_string(),
        or_dash(coordinator),
        or_dash(Some(&group.assignor).filter(|assignor| !assignor.is_empty())),
        group.state.name().to_owned(),
    ];
    if verbose {
        row.extend([group.epoch.to_string(), group.assignment_epoch.to_string()]);
    }
    row.push(group.members.len().to_string());
    table.row(row);
    let mut text = table.render();
    if verbose && !group.rebalances.is_empty() {
        text.push_str(&rebalances(view));
    }
    text
}

fn rebalances(view: &GroupView) -> String {
    let mut table =
        Table::new(&[("REBALANCED", 24), ("EPOCH", 6), ("TOOK", 9), ("MEMBERS", 7), ("CAUSE", 0)]);
    for rebalance in &view.group.rebalances {
        table.row(vec![
            show(rebalance.at),
            rebalance.epoch.to_string(),
            duration(Duration::from_millis(rebalance.took_ms)),
            rebalance.members.to_string(),
            rebalance.cause.clone(),
        ]);
    }
    table.render()
}

/// What is worth a word beside the table.
pub(crate) fn note(view: &GroupView) -> Option<String> {
    let group = &view.group;
    if group.members.is_empty() {
        // Kafka's words.
        return Some(format!("Consumer group '{}' has no active members.", group.group_id));
    }
    let without = view.partitions.iter().find(|partition| partition.leader == LeaderView::Nobody)?;
    Some(format!("{} has no leader: where it ends is not known", without.id))
}
