//! Static members of classic groups (KIP-345): a name outlives its process.

use super::*;

/// A static member `i` that leads, and a dynamic one, with their parts.
fn named_and_not(setting: &Setting) -> [Member; 2] {
    let mut named = Member::alone(setting, joining_as("g", "i"));
    let mut other = Member::new(setting, joining("g"));
    other.send_join();
    wait_state(setting, "g", ("PreparingRebalance", 2));
    assert_eq!((named.join().error_code, other.read_join().error_code), (None, None));
    let ids = [named.id().to_owned(), other.id().to_owned()];
    assert_eq!(named.sync(&[(&ids[0], "named"), (&ids[1], "other")]).assignment, "named");
    assert_eq!(other.sync(&[]).assignment, "other");
    [named, other]
}

#[test]
fn a_second_process_takes_over_and_the_first_is_fenced() {
    let setting = broker(&[]);
    let [mut old, mut other] = named_and_not(&setting);
    let mut new = Member::new(&setting, joining_as("g", "i"));
    let joined = new.join();
    assert_eq!((joined.error_code, joined.generation_id), (None, 2), "nothing was rebalanced");
    assert_ne!(new.id(), old.id());
    assert_eq!(
        (new.sync(&[]).assignment, new.beat(), other.beat()),
        (Bytes::from_static(b"named"), None, None)
    );

    let fenced = Some(ErrorCode::FencedInstanceId);
    assert_eq!((old.beat(), old.sync(&[]).error_code, old.commit(1)), (fenced, fenced, fenced));
    assert_eq!((old.join().error_code, old.leave()), (fenced, fenced));
    // By its id alone it is nobody.
    old.request.group_instance_id = None;
    assert_eq!(
        (old.beat(), old.leave()),
        (Some(ErrorCode::UnknownMemberId), Some(ErrorCode::UnknownMemberId))
    );
    assert_eq!((new.commit(2), other.commit(3)), (None, None));
}

#[test]
fn a_leader_that_is_back_is_told_not_to_assign() {
    let setting = broker(&[]);
    let old = Member::alone(&setting, joining_as("g", "i"));
    let mut socket = setting.broker.connect_kafka();
    // From version 9 on it can be said (KIP-814).
    let joined: JoinGroupResponse = socket.ask(9, &joining_as("g", "i"));
    assert_eq!((joined.generation_id, joined.skip_assignment), (1, true));
    assert_eq!((&joined.leader, joined.members.len()), (&joined.member_id, 1));
    // Before that it is not shown to lead, and so does not.
    let before = joined.member_id;
    let joined: JoinGroupResponse = socket.ask(8, &joining_as("g", "i"));
    assert_eq!((joined.generation_id, joined.skip_assignment), (1, false));
    assert_eq!((&joined.leader, joined.members.len()), (&before, 0));
    assert!(![old.id(), &before].contains(&joined.member_id.as_str()));
}

#[test]
fn one_that_says_something_new_is_rebalanced_for() {
    let setting = broker(&[]);
    let [_, mut other] = named_and_not(&setting);
    let mut new = joining_as("g", "i");
    new.protocols = protocols(&["cooperative", "range"]);
    let mut new = Member::new(&setting, new);
    // What is chosen does not change by it.
    assert_eq!(new.join().generation_id, 2);
    assert_eq!(other.beat(), None);
    // What both know does.
    other.request.protocols = protocols(&["cooperative", "range"]);
    other.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    assert_eq!(new.beat(), Some(ErrorCode::RebalanceInProgress));
    let (named, dynamic) = (new.join(), other.read_join());
    assert_eq!((named.generation_id, dynamic.generation_id), (3, 3));
    assert_eq!(named.protocol_name.as_deref(), Some("cooperative"));
}

#[test]
fn who_waits_in_a_join_or_a_sync_is_told_when_another_process_has_its_name() {
    let setting = broker(&[]);
    let [mut first, mut other] = named_and_not(&setting);
    first.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    let mut second = Member::new(&setting, joining_as("g", "i"));
    second.send_join();
    let fenced = first.read_join();
    assert_eq!(fenced.error_code, Some(ErrorCode::FencedInstanceId));
    assert_eq!(fenced.member_id, first.id());
    assert_eq!((other.join().generation_id, second.read_join().generation_id), (3, 3));
    // The second leads, and waits for the dynamic one's part too: it is the other that waits in its sync.
    second.request.member_id.clear();
    let mut third = Member::new(&setting, joining_as("g", "i"));
    other.send_sync(&[]);
    third.send_join();
    assert_eq!(other.read_sync().error_code, Some(ErrorCode::RebalanceInProgress));
    assert_eq!((other.join().generation_id, third.read_join().generation_id), (4, 4));
}

#[test]
fn one_that_is_away_keeps_its_place_for_a_session_and_no_longer() {
    let setting = broker(&[("group.min.session.timeout.ms", "1")]);
    let [named, mut other] = named_and_not(&setting);
    // The next process of its name asks for a short session, and is not heard of again: that is no leaving.
    let fleeting = JoinGroupRequest { session_timeout_ms: 100, ..named.request.clone() };
    let fleeting = JoinGroupRequest { member_id: String::new(), ..fleeting };
    let joined: JoinGroupResponse = setting.broker.connect_kafka().ask(9, &fleeting);
    assert_eq!((joined.error_code, joined.generation_id), (None, 2));
    wait_for("its session's end", || (other.beat() == Some(ErrorCode::RebalanceInProgress)).then_some(()));
    let joined = other.join();
    assert_eq!((joined.generation_id, joined.members.len(), joined.leader.as_str()), (3, 1, other.id()));
    let line = json!({"op": "describe_groups", "groups": ["g"]}).to_string();
    let told = setting.broker.connect().ok(&line)["groups"][0]["rebalances"].to_string();
    assert!(told.contains("was not heard of for its session timeout"), "{told}");
}

#[test]
fn a_name_is_not_empty() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    let joined: JoinGroupResponse = socket.ask(9, &joining_as("g", ""));
    assert_eq!((joined.error_code, joined.generation_id), (Some(ErrorCode::InvalidRequest), -1));
}
