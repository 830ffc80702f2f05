//! What is wrong with groups, set up by hand, and the sentence for each.

use yak_model::api::{GroupKind, GroupState};
use yak_model::{MemberId, Offset, TimestampMs};

use super::rig::*;
use crate::groups::explain::explain;
use crate::groups::view::{GroupView, LeaderView, TopicView};

/// The group's sentence, then its members'.
fn said(view: &GroupView) -> Vec<String> {
    explain(view).into_iter().map(|said| said.sentence).collect()
}

#[track_caller]
fn check(view: &GroupView, expected: &[&str]) {
    assert_eq!(said(view), expected);
}

#[test]
fn everything_is_well() {
    check(
        &group(&[("a", &[0, 1]), ("b", &[2])]),
        &[
            "2 members share 3 partitions; everything is read",
            "it has read everything of its 2 partitions",
            "it has read everything of its 1 partition",
        ],
    );
}

#[test]
fn more_members_than_partitions() {
    check(
        &group(&[("a", &[0]), ("b", &[1]), ("c", &[])]),
        &[
            "3 members share 2 partitions; everything is read",
            "it has read everything of its 1 partition",
            "it has read everything of its 1 partition",
            "no partition is left for it: 'orders' has 2 partitions, and 3 members want them",
        ],
    );
}

#[test]
fn a_group_without_members() {
    let mut view = group(&[]);
    check(&view, &["it has no members, and nothing is committed"]);
    view.partitions = vec![partition(0, None)];
    check(&view, &["it has no members, and has read everything there is"]);
    view.partitions[0].committed = committed(58);
    view.partitions[0].waiting_since = Some(TimestampMs::new(NOW.get() - 90_000));
    check(&view, &["it has no members; 42 records wait for it, the oldest for 1m 30s"]);
    view.partitions[0].committed = committed(99);
    view.partitions[0].waiting_since = None;
    check(&view, &["it has no members; 1 record waits for it"]);
}

#[test]
fn what_a_group_without_members_would_meet() {
    let mut view = group(&[]);
    view.partitions = vec![partition(0, None), partition(1, None)];
    for partition in &mut view.partitions {
        partition.committed = committed(5);
        partition.start = Some(Offset::new(10));
    }
    check(
        &view,
        &[
            "it has no members; the committed offset 5 of orders-0 is before its first record 10: 5 records were deleted \
           unread, and its reset policy goes on at 10 (earliest) or 100 (latest) (and 1 partition like it)",
        ],
    );
}

#[test]
fn committed_before_the_beginning() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].committed = committed(9);
    view.partitions[0].start = Some(Offset::new(10));
    assert_eq!(
        said(&view)[1],
        "the committed offset 9 of orders-0 is before its first record 10: 1 record was deleted unread, and its reset \
         policy goes on at 10 (earliest) or 100 (latest)"
    );
}

#[test]
fn committed_past_the_end() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].committed = committed(500);
    assert_eq!(
        said(&view)[1],
        "the committed offset 500 of orders-0 is past its end 100, as when a topic was made anew or has lost records: its \
         reset policy goes on at 0 (earliest) or 100 (latest)"
    );
}

#[test]
fn nothing_committed_yet() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].committed = None;
    assert_eq!(said(&view)[0], "1 member has 1 partition");
    assert_eq!(
        said(&view)[1],
        "nothing of orders-0 is committed yet: its reset policy decides whether it begins at 0 (earliest) or 100 (latest)"
    );
}

#[test]
fn no_leader_is_worse_than_lag() {
    let mut view = group(&[("a", &[0, 1])]);
    view.partitions[0].committed = committed(0);
    view.partitions[1].leader = LeaderView::Nobody;
    (view.partitions[1].start, view.partitions[1].end) = (None, None);
    assert_eq!(
        said(&view)[1],
        "orders-1 has no leader: nobody can read it until one of its in-sync replicas is back"
    );
}

#[test]
fn a_leader_that_does_not_answer() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].end = None;
    assert_eq!(said(&view)[1], "orders-0 does not say where it begins and ends: its leader does not answer");
}

#[test]
fn a_topic_that_was_deleted() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].leader = LeaderView::NoSuchPartition;
    assert_eq!(said(&view)[1], "orders-0 does not exist: its topic was deleted");
}

#[test]
fn a_topic_that_does_not_exist() {
    let mut view = group(&[("a", &[])]);
    view.topics.insert("orders".parse().unwrap(), TopicView { partitions: None });
    check(&view, &["1 member has no partition", "topic 'orders' does not exist"]);
    view.group.members[0].topics.push("clicks".parse().unwrap());
    assert_eq!(said(&view)[1], "topic 'orders' does not exist (nor do the 1 others that it wants)");
}

#[test]
fn an_expression_that_matches_nothing() {
    let mut view = group(&[("a", &[])]);
    view.group.members[0].topics.clear();
    view.group.members[0].topic_regex = Some("ordres-.*".to_owned());
    assert_eq!(said(&view)[1], "no topic matches \"ordres-.*\", by which it wants topics");
}

#[test]
fn a_topic_that_was_just_created() {
    let mut view = group(&[("a", &[])]);
    view.topics.insert("orders".parse().unwrap(), TopicView { partitions: Some(3) });
    assert_eq!(
        said(&view)[1],
        "topic 'orders' was just created, or has just been subscribed to: nobody is assigned its partitions yet"
    );
}

#[test]
fn an_assignor_that_leaves_partitions_over() {
    let mut view = group(&[("a", &[0]), ("b", &[])]);
    view.group.kind = GroupKind::Classic;
    view.group.assignor = "mine".to_owned();
    view.topics.insert("orders".parse().unwrap(), TopicView { partitions: Some(2) });
    assert_eq!(said(&view)[2], "its assignor 'mine' gave it nothing, although not every partition is taken");
}

#[test]
fn members_on_their_way_to_their_assignments() {
    let mut view = group(&[("a", &[0, 1]), ("b", &[])]);
    view.group.state = GroupState::Reconciling;
    view.group.members[0].target = assignment(&[0]);
    view.group.members[1].target = assignment(&[1]);
    let said = said(&view);
    assert_eq!(said[0], "a rebalance is in progress: a has yet to give up orders-1");
    assert_eq!(said[2], "it waits for orders-1, which a has not given up yet");
    view.group.members[1].target.clear();
    assert_eq!(self::said(&view)[2], "it waits: a has yet to give up orders-1");
    view.group.members[0].assignment = assignment(&[0]);
    view.group.members[1].target = assignment(&[1]);
    view.partitions[1].owner = None;
    let said = self::said(&view);
    assert_eq!(said[0], "a rebalance is in progress: not every member has said that it has what is its own");
    assert_eq!(said[2], "orders-1 is meant for it, and it has not said that it has it");
}

#[test]
fn classic_rebalances_name_whom_they_wait_for() {
    let mut view = group(&[("a", &[]), ("b", &[])]);
    view.group.kind = GroupKind::Classic;
    view.group.state = GroupState::PreparingRebalance;
    view.group.members[1].last_heard_ms = 4_000;
    check(
        &view,
        &[
            "a rebalance is in progress: its members are to join again; the one not heard of for longest is b (4.00 s)",
            "it gets nothing until the rebalance is over",
            "it gets nothing until the rebalance is over",
        ],
    );
    view.group.state = GroupState::CompletingRebalance;
    view.group.leader = Some(MemberId::new("a").unwrap());
    assert_eq!(said(&view)[0], "a rebalance is in progress: a, which leads the group, has not assigned yet");
    view.group.state = GroupState::Assigning;
    assert_eq!(said(&view)[0], "a rebalance is in progress: a new assignment is being made");
}

#[test]
fn a_classic_member_that_is_silent() {
    let mut view = group(&[("a", &[0])]);
    view.group.kind = GroupKind::Classic;
    view.group.members[0].last_heard_ms = 30_000;
    assert_eq!(
        said(&view)[1],
        "it was not heard of for 30.0 s: if it is gone, others get its partitions at its session timeout"
    );
}

#[test]
fn it_began_at_the_end_and_nothing_came() {
    let mut view = group(&[("a", &[0])]);
    view.readers = vec![reader(0, 100)];
    view.partitions[0].position = Some(Offset::new(100));
    assert_eq!(
        said(&view)[1],
        "nothing was sent to orders-0 since it began at its end 100; 100 records before that are there still \
         (--reset-offsets --to-earliest)"
    );
    view.readers = vec![reader(7, 100)];
    assert_eq!(said(&view)[1], "it has read everything of its 1 partition");
}

#[test]
fn an_empty_topic() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].end = Some(Offset::ZERO);
    view.partitions[0].committed = committed(0);
    assert_eq!(said(&view)[1], "orders-0 is empty: nothing was ever sent to it");
    view.partitions[0].start = Some(Offset::new(100));
    view.partitions[0].end = Some(Offset::new(100));
    view.partitions[0].committed = committed(100);
    assert_eq!(said(&view)[1], "orders-0 has no records any more, and none has come since");
}

#[test]
fn it_lags() {
    let mut view = group(&[("a", &[0, 1])]);
    view.partitions[1].committed = committed(60);
    view.partitions[1].waiting_since = Some(TimestampMs::new(NOW.get() - 12_000));
    check(
        &view,
        &[
            "1 member has 2 partitions; 40 records wait, the oldest for 12.0 s",
            "40 records of orders-1 are not acknowledged, the first of them 12.0 s old",
        ],
    );
    view.partitions[0].committed = committed(99);
    assert_eq!(
        said(&view)[1],
        "40 records of orders-1 are not acknowledged, the first of them 12.0 s old (and 1 partition like it)"
    );
}

#[test]
fn it_works_on_what_it_was_sent() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].committed = committed(60);
    view.partitions[0].position = Some(Offset::new(80));
    view.readers = vec![reader(80, 80)];
    assert_eq!(
        said(&view)[1],
        "orders-0 was sent to it up to 80 and is acknowledged up to 60: it works on 20 records"
    );
}

#[test]
fn it_has_not_fetched_yet() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].committed = committed(60);
    view.readers = vec![reader(0, 0)];
    assert_eq!(said(&view)[1], "orders-0 was not fetched yet, and 40 records wait there");
}

#[test]
fn partitions_that_nobody_reads_any_more() {
    let mut view = group(&[("a", &[0])]);
    let mut left = partition(1, None);
    left.committed = committed(50);
    view.partitions.push(left);
    assert_eq!(
        said(&view)[0],
        "1 member has 1 partition; nobody reads orders-1, of which it has committed offsets"
    );
}
