//! Classic groups of several members: who waits for whom, who is told what.

use super::*;

/// Both join, the first as the leader, and the group is in its second generation. Nobody has an assignment of it.
fn joined(setting: &Setting, requests: [JoinGroupRequest; 2]) -> ([Member; 2], [JoinGroupResponse; 2]) {
    let [first, second] = requests;
    let group = first.group_id.clone();
    let mut first = Member::alone(setting, first);
    let mut second = Member::new(setting, second);
    second.send_join();
    wait_state(setting, &group, ("PreparingRebalance", 2));
    assert_eq!(first.beat(), Some(ErrorCode::RebalanceInProgress));
    let replies = [first.join(), second.read_join()];
    ([first, second], replies)
}

/// The same with their parts.
fn two(setting: &Setting) -> [Member; 2] {
    let ([mut first, mut second], _) = joined(setting, [joining("g"), joining("g")]);
    second.send_sync(&[]);
    let parts = [(first.id().to_owned(), "one"), (second.id().to_owned(), "other")];
    let parts: Vec<(&str, &str)> = parts.iter().map(|(id, part)| (id.as_str(), *part)).collect();
    assert_eq!(first.sync(&parts).assignment, "one");
    assert_eq!(second.read_sync().assignment, "other");
    [first, second]
}

#[test]
fn the_leader_is_told_all_members_in_the_order_of_their_joining_and_nobody_else_is() {
    let setting = broker(&[]);
    let ([first, second], [of_first, of_second]) = joined(&setting, [joining("g"), joining("g")]);
    assert_eq!((of_first.generation_id, of_second.generation_id), (2, 2));
    assert_eq!((of_first.leader.as_str(), of_second.leader.as_str()), (first.id(), first.id()));
    let told: Vec<&str> = of_first.members.iter().map(|member| member.member_id.as_str()).collect();
    assert_eq!((told, of_second.members.len()), (vec![first.id(), second.id()], 0));
}

#[test]
fn members_wait_for_the_leaders_assignment_and_only_the_leader_assigns() {
    let setting = broker(&[]);
    let ([mut first, mut second], _) = joined(&setting, [joining("g"), joining("g")]);
    let (one, other) = (first.id().to_owned(), second.id().to_owned());
    // It is not the leader, whatever it brings. It lives while it waits for its part.
    second.send_sync(&[(&one, "stolen"), (&other, "stolen")]);
    let mut elsewhere = setting.broker.connect_kafka();
    let beat: HeartbeatResponse = elsewhere.ask(4, &second.beat_request());
    assert_eq!((beat.error_code, first.beat()), (None, None));
    // Of several parts for one member the last counts; what is for nobody is for nobody.
    let synced = first.sync(&[(&one, "one"), (&other, "x"), ("stranger", "all"), (&other, "other")]);
    assert_eq!((synced.error_code, &synced.assignment[..]), (None, &b"one"[..]));
    assert_eq!(second.read_sync().assignment, "other");
    // Who asks again is told again; nobody assigns in a stable group.
    assert_eq!(first.sync(&[(&one, "more"), (&other, "")]).assignment, "one");
    assert_eq!(second.sync(&[]).assignment, "other");
}

#[test]
fn whom_the_leader_forgets_has_an_empty_part() {
    let setting = broker(&[]);
    let ([mut first, mut second], _) = joined(&setting, [joining("g"), joining("g")]);
    let id = first.id().to_owned();
    assert_eq!(first.sync(&[(&id, "all")]).assignment, "all");
    let nothing = second.sync(&[]);
    assert_eq!((nothing.error_code, nothing.assignment.len()), (None, 0), "empty, and no error");
}

#[test]
fn the_way_of_assigning_is_one_that_all_know_and_most_like() {
    let setting = broker(&[]);
    let of = |group: &str, names: &[&str]| JoinGroupRequest { protocols: protocols(names), ..joining(group) };
    for (group, ours, theirs, chosen) in [
        ("known-by-both", &["a", "b"][..], &["c", "b"][..], "b"),
        ("a-tie-is-the-leaders", &["a", "b"], &["b", "a"], "a"),
        ("only-what-both-know-counts", &["x", "b", "a"], &["y", "b", "a"], "b"),
    ] {
        let (_members, [of_first, of_second]) = joined(&setting, [of(group, ours), of(group, theirs)]);
        for reply in [&of_first, &of_second] {
            assert_eq!(reply.protocol_name.as_deref(), Some(chosen), "{group}");
        }
        let told: Vec<&[u8]> = of_first.members.iter().map(|member| &member.metadata[..]).collect();
        let expected = format!("of {chosen}");
        assert_eq!(told, [expected.as_bytes(), expected.as_bytes()], "{group}");
    }
}

#[test]
fn a_member_that_joins_again_with_nothing_new_changes_nothing_unless_it_leads() {
    let setting = broker(&[]);
    let [mut first, mut second] = two(&setting);
    let again = second.join();
    assert_eq!((again.error_code, again.generation_id, again.leader.as_str()), (None, 2, first.id()));
    assert_eq!((first.beat(), second.sync(&[]).assignment), (None, Bytes::from_static(b"other")));

    first.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    assert_eq!(second.beat(), Some(ErrorCode::RebalanceInProgress));
    assert_eq!((second.join().generation_id, first.read_join().generation_id), (3, 3));
}

#[test]
fn a_member_that_leaves_is_not_waited_for() {
    let setting = broker(&[]);
    let [mut first, mut second] = two(&setting);
    // The leader leaves: another leads.
    assert_eq!(first.leave(), None);
    assert_eq!(second.beat(), Some(ErrorCode::RebalanceInProgress));
    let joined = second.join();
    assert_eq!((joined.generation_id, joined.leader.as_str(), joined.members.len()), (3, second.id(), 1));
    assert_eq!(second.leave(), None);
    assert_eq!(state(&mut second.socket, "g"), ("Empty".to_owned(), 0));
    // Generations go on when members come anew.
    let mut third = Member::new(&setting, joining("g"));
    assert_eq!(third.join().generation_id, 5);
}

#[test]
fn who_waits_is_answered_when_the_one_that_is_waited_for_leaves() {
    let setting = broker(&[]);
    let [mut first, mut second] = two(&setting);
    first.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    assert_eq!(second.leave(), None);
    let alone = first.read_join();
    assert_eq!((alone.error_code, alone.generation_id, alone.members.len()), (None, 3, 1));
    // And who waits for its part, when the leader that was to assign it leaves.
    let mut third = Member::new(&setting, joining("g"));
    third.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    assert_eq!((first.join().generation_id, third.read_join().generation_id), (4, 4));
    third.send_sync(&[]);
    assert_eq!(first.leave(), None);
    assert_eq!(third.read_sync().error_code, Some(ErrorCode::RebalanceInProgress));
    assert_eq!(third.join().leader, third.id());
}

#[test]
fn frames_behind_a_join_that_waits_are_answered_after_it_and_in_order() {
    let setting = broker(&[]);
    let mut first = Member::alone(&setting, joining("g"));
    let mut second = Member::new(&setting, joining("g"));
    second.send_join();
    second.generation = 2;
    let beat = second.beat_request();
    second.socket.send(4, &beat);
    second.socket.send(5, &ListGroupsRequest::default());
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    first.join();
    assert_eq!(second.read_join().generation_id, 2);
    let beat: HeartbeatResponse = second.socket.read(4);
    assert_eq!(beat.error_code, None, "it is a member when it is asked");
    let listed: ListGroupsResponse = second.socket.read(5);
    assert_eq!(listed.groups.len(), 1);
}

#[test]
fn a_member_that_asks_again_over_another_connection_is_answered_there() {
    let setting = broker(&[]);
    let mut first = Member::alone(&setting, joining("g"));
    let mut second = Member::new(&setting, joining("g"));
    second.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    // While it waits: the later question counts, and the earlier is not left open.
    let mut before = std::mem::replace(&mut second.socket, setting.broker.connect_kafka());
    second.send_join();
    let superseded: JoinGroupResponse = before.read(9);
    assert_eq!((superseded.error_code, superseded.generation_id), (Some(ErrorCode::UnknownMemberId), -1));
    assert_eq!(first.join().members.len(), 2);
    // The answer is lost: it is given again, for the same generation.
    second.socket = setting.broker.connect_kafka();
    let joined = second.join();
    assert_eq!((joined.error_code, joined.generation_id, joined.leader.as_str()), (None, 2, first.id()));
    // So is the leader's, who would else not know whom to assign to.
    first.socket = setting.broker.connect_kafka();
    let joined = first.join();
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (None, 2, 2));
    let ids = [first.id().to_owned(), second.id().to_owned()];
    assert_eq!(first.sync(&[(&ids[0], "one"), (&ids[1], "other")]).assignment, "one");
    assert_eq!(second.sync(&[]).assignment, "other");
    // Who leaves while it waits is told that it is no member.
    second.request.protocols = protocols(&["range", "more"]);
    second.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    let mut before = std::mem::replace(&mut second.socket, setting.broker.connect_kafka());
    assert_eq!(second.leave(), None);
    let refused: JoinGroupResponse = before.read(9);
    assert_eq!(refused.error_code, Some(ErrorCode::UnknownMemberId));
}

#[test]
fn who_waits_is_not_idle() {
    let setting = broker(&[("connections.max.idle.ms", "700")]);
    let mut first = Member::alone(&setting, joining("g"));
    let mut second = Member::new(&setting, joining("g"));
    second.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    // One that begins to be idle later than its question is asked is closed earlier.
    let idle_ends = || {
        let mut idle = setting.broker.connect_kafka();
        let _: ListGroupsResponse = idle.ask(5, &ListGroupsRequest::default());
        idle.ends();
    };
    idle_ends();
    first.socket = setting.broker.connect_kafka();
    assert_eq!(first.join().members.len(), 2);
    assert_eq!(second.read_join().generation_id, 2);
    second.send_sync(&[]);
    idle_ends();
    first.socket = setting.broker.connect_kafka();
    let id = second.id().to_owned();
    assert_eq!(first.sync(&[(&id, "all")]).error_code, None);
    assert_eq!(second.read_sync().assignment, "all");
}

#[test]
fn members_that_are_given_other_timeouts_are_waited_for_as_long_as_they_say() {
    let setting = broker(&[("group.min.session.timeout.ms", "1")]);
    let patient = JoinGroupRequest { rebalance_timeout_ms: 300, ..joining("g") };
    let mut first = Member::new(&setting, patient.clone());
    assert_eq!(first.join().error_code, None);
    let mut second = Member::new(&setting, patient);
    // The first does not join again, and is not of the group any more when its time is up.
    let joined = second.join();
    assert_eq!((joined.error_code, joined.members.len()), (None, 1));
    assert_eq!(joined.leader, second.id());
    assert_eq!(first.beat(), Some(ErrorCode::UnknownMemberId));
    assert_eq!(first.join().error_code, Some(ErrorCode::UnknownMemberId));
    // Nor is who has joined and does not ask for its part.
    wait_state(&setting, "g", ("Empty", 0));
    assert_eq!(second.beat(), Some(ErrorCode::UnknownMemberId));
}
