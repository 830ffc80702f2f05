//! The only coordinator is killed and started again: its groups go on where they were.

use std::io::Write as _;
use std::net::TcpStream;

use bytes::BytesMut;
use yak_kafka::messages::{
    ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, DeleteGroupsResponse, OffsetDeleteRequest,
    OffsetDeleteResponse,
};
use yak_kafka::{ApiKey, encode_request};
use yak_testkit::BrokerBuilder;

use super::server_side::{Consumer, consuming, consuming_as};
use super::*;

/// What a client may be told while there is no coordinator yet: to ask again.
const AGAIN: [ErrorCode; 3] =
    [ErrorCode::NotCoordinator, ErrorCode::CoordinatorLoadInProgress, ErrorCode::CoordinatorNotAvailable];

/// Has the broker killed, and started again where it was. From its first moment on it is asked who its coordinator is
/// and for heartbeats and commits of members: as long as it cannot tell, it says so, and never that there are none.
fn killed(setting: Setting, members: &mut [&mut Member]) -> Setting {
    let Setting { broker, _directory: directory } = setting;
    let address = broker.bootstrap().to_owned();
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let builder = BrokerBuilder::new(broker.data()).port(port);
    broker.kill();
    let starting = std::thread::spawn(move || builder.start());
    wait_for("a broker that listens", || TcpStream::connect(&address).ok());
    let mut socket = KafkaSocket::connect(&address);
    for member in members.iter_mut() {
        member.socket = KafkaSocket::connect(&address);
        let code = settled(|| member.beat());
        assert_eq!(code, None, "{}", member.id());
        assert_eq!(settled(|| member.commit(99)), None, "{}", member.id());
    }
    settled(|| {
        let listed: ListGroupsResponse = socket.ask(5, &ListGroupsRequest::default());
        listed.error_code
    });
    coordinator_answers(&mut socket);
    Setting { broker: starting.join().unwrap(), _directory: directory }
}

/// Asks until there is a coordinator; what it says.
pub(super) fn settled(mut ask: impl FnMut() -> Option<ErrorCode>) -> Option<ErrorCode> {
    wait_for("a coordinator", || {
        let code = ask();
        (!code.is_some_and(|code| AGAIN.contains(&code))).then_some(code)
    })
}

#[test]
fn classic_members_go_on_in_their_generation_with_their_parts_and_commits() {
    let setting = broker(&[]);
    let mut first = Member::alone(&setting, joining("g"));
    let mut second = Member::new(&setting, joining("g"));
    second.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    assert_eq!((first.join().generation_id, second.read_join().generation_id), (2, 2));
    let ids = [first.id().to_owned(), second.id().to_owned()];
    assert_eq!(first.sync(&[(&ids[0], "one"), (&ids[1], "other")]).assignment, "one");
    assert_eq!((first.commit(7), second.sync(&[]).assignment), (None, Bytes::from_static(b"other")));
    let by_nobody: OffsetCommitResponse =
        second.socket.ask(9, &committing("commits alone", ("four", 3), 1 << 40));
    assert_eq!(by_nobody.topics[0].partitions[0].error_code, None);

    let mut setting = setting;
    for _ in 0..2 {
        setting = killed(setting, &mut [&mut first, &mut second]);
        assert_eq!(state(&mut first.socket, "g"), ("Stable".to_owned(), 2));
        assert_eq!(first.sync(&[]).assignment, "one");
        assert_eq!(second.sync(&[]).assignment, "other");
        let again = second.join();
        assert_eq!((again.generation_id, again.leader), (2, ids[0].clone()), "nothing was rebalanced");
        assert_eq!(committed(&mut first.socket, "commits alone"), [("four".to_owned(), 3, 1 << 40)]);
        first.generation = 1;
        assert_eq!(
            (first.beat(), first.commit(8)),
            (Some(ErrorCode::IllegalGeneration), Some(ErrorCode::IllegalGeneration))
        );
        first.generation = 2;
        assert_eq!(committed(&mut first.socket, "g"), [("t".to_owned(), 0, 99)]);
    }
    // The next generation is a later one.
    let mut third = Member::new(&setting, joining("g"));
    third.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 3));
    first.send_join();
    second.send_join();
    assert_eq!((third.read_join().generation_id, first.read_join().members.len()), (3, 3));
    assert_eq!(second.read_join().error_code, None);
}

#[test]
fn a_rebalance_that_was_going_on_has_not_been() {
    let setting = broker(&[]);
    let mut first = Member::alone(&setting, joining("g"));
    assert_eq!(first.commit(1), None);
    let mut second = Member::new(&setting, joining("g"));
    second.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    let setting = killed(setting, &mut [&mut first]);
    assert_eq!(second.socket.read_frame(), None, "its connection died with the broker");
    assert_eq!(state(&mut first.socket, "g"), ("Stable".to_owned(), 1));
    // Its id was given out by a coordinator that is no more.
    second.socket = setting.broker.connect_kafka();
    assert_eq!(second.join().error_code, Some(ErrorCode::UnknownMemberId));

    // A generation that nobody was assigned anything in.
    let mut third = Member::new(&setting, joining("g"));
    third.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    assert_eq!((first.join().generation_id, third.read_join().generation_id), (2, 2));
    let setting = killed(setting, &mut []);
    (first.socket, third.socket) = (setting.broker.connect_kafka(), setting.broker.connect_kafka());
    assert_eq!(
        (first.beat(), first.commit(2)),
        (Some(ErrorCode::IllegalGeneration), Some(ErrorCode::IllegalGeneration))
    );
    assert_eq!(third.beat(), Some(ErrorCode::UnknownMemberId));
    let joined = first.join();
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (None, 2, 1));
}

#[test]
fn a_process_that_was_fenced_stays_fenced() {
    let setting = broker(&[]);
    let mut old = Member::alone(&setting, joining_as("g", "i"));
    let mut new = Member::new(&setting, joining_as("g", "i"));
    assert_eq!(new.join().error_code, None);
    let setting = killed(setting, &mut [&mut new]);
    old.socket = setting.broker.connect_kafka();
    let fenced = Some(ErrorCode::FencedInstanceId);
    assert_eq!((old.beat(), old.sync(&[]).error_code, old.commit(1)), (fenced, fenced, fenced));
    assert_eq!(new.sync(&[]).assignment, "all");
    let mut next = Member::new(&setting, joining_as("g", "i"));
    let joined = next.join();
    assert_eq!((joined.generation_id, next.sync(&[]).assignment), (1, Bytes::from_static(b"all")));
    assert_eq!(new.beat(), fenced);
}

#[test]
fn server_side_members_go_on_in_their_epoch_with_their_partitions() {
    let setting = broker(&[]);
    let mut named = Consumer::new(&setting, consuming_as("g", "named", "i"));
    let mut other = Consumer::new(&setting, consuming("g", "other"));
    wait_for("both have their part", || {
        assert_eq!((named.confirm().error_code, other.confirm().error_code), (None, None));
        (named.owns.len() == 2 && other.owns.len() == 2).then_some(())
    });
    let (had, epoch, others) = (named.owns.clone(), other.request.member_epoch, other.owns.clone());
    assert_eq!(other.commit(epoch, 5), None);
    assert_eq!(named.leave(-2).error_code, None);

    let setting = killed(setting, &mut []);
    other.socket = setting.broker.connect_kafka();
    let told = other.beat();
    assert_eq!((told.error_code, told.member_epoch, told.assignment), (None, epoch, None));
    assert_eq!((other.confirm().assignment, &other.owns), (None, &others));
    let stale = Some(ErrorCode::StaleMemberEpoch);
    assert_eq!((other.commit(epoch - 1, 6), other.commit(epoch, 7)), (stale, None));
    assert_eq!(committed(&mut other.socket, "g"), [("four".to_owned(), 0, 7)]);
    let fenced = ConsumerGroupHeartbeatRequest { member_epoch: epoch + 1, ..other.request.clone() };
    let fenced: yak_kafka::messages::ConsumerGroupHeartbeatResponse = other.socket.ask(1, &fenced);
    assert_eq!(fenced.error_code, Some(ErrorCode::FencedMemberEpoch));
    // Who was away when the broker died finds its partitions again.
    let new = Consumer::new(&setting, consuming_as("g", "new", "i"));
    assert_eq!(new.owns, had);
    assert_eq!((other.confirm().assignment, &other.owns), (None, &others));
    // Who was not heard of yet is still a member.
    let taken = consuming_as("g", "newer", "i");
    let taken: yak_kafka::messages::ConsumerGroupHeartbeatResponse =
        setting.broker.connect_kafka().ask(1, &taken);
    assert_eq!(taken.error_code, Some(ErrorCode::UnreleasedInstanceId));
}

#[test]
fn a_partition_that_was_to_change_hands_has_one_owner() {
    let setting = broker(&[]);
    let mut first = Consumer::new(&setting, consuming("g", "first"));
    let mut second = Consumer::new(&setting, consuming("g", "second"));
    wait_for("what is to be given up", || {
        assert_eq!((first.beat().error_code, second.beat().error_code), (None, None));
        (first.owns.len() == 2).then_some(())
    });
    // It was told, and had not given it up yet.
    let setting = killed(setting, &mut []);
    (first.socket, second.socket) = (setting.broker.connect_kafka(), setting.broker.connect_kafka());
    assert_eq!((second.confirm().error_code, second.owns.len()), (None, 0));
    assert_eq!((first.confirm().error_code, first.owns.len()), (None, 2));
    second.wait_owns(2);
    assert!(second.owns.iter().all(|partition| !first.owns.contains(partition)));
}

#[test]
fn what_was_deleted_stays_deleted() {
    let setting = broker(&[]);
    let mut socket = setting.broker.connect_kafka();
    for group in ["deleted", "kept"] {
        for partition in [0, 1] {
            let response: OffsetCommitResponse = socket.ask(9, &committing(group, ("four", partition), 5));
            assert_eq!(response.topics[0].partitions[0].error_code, None);
        }
    }
    let mut member = Member::alone(&setting, joining("deleted"));
    assert_eq!(member.leave(), None);
    let request = DeleteGroupsRequest { groups_names: vec!["deleted".to_owned()] };
    let deleted: DeleteGroupsResponse = socket.ask(2, &request);
    assert_eq!(deleted.results[0].error_code, None);
    let partitions =
        vec![yak_kafka::messages::offset_delete::OffsetDeleteRequestPartition { partition_index: 0 }];
    let topic =
        yak_kafka::messages::offset_delete::OffsetDeleteRequestTopic { name: "four".to_owned(), partitions };
    let request = OffsetDeleteRequest { group_id: "kept".to_owned(), topics: vec![topic] };
    let forgotten: OffsetDeleteResponse = socket.ask(0, &request);
    assert_eq!((forgotten.error_code, forgotten.topics[0].partitions[0].error_code), (None, None));

    let setting = killed(setting, &mut []);
    let mut socket = setting.broker.connect_kafka();
    let listed: ListGroupsResponse = socket.ask(5, &ListGroupsRequest::default());
    let names: Vec<&str> = listed.groups.iter().map(|group| group.group_id.as_str()).collect();
    assert_eq!(names, ["kept"]);
    assert_eq!(committed(&mut socket, "kept"), [("four".to_owned(), 1, 5)]);
    assert_eq!(committed(&mut socket, "deleted"), []);
}

#[test]
fn a_commit_that_was_acknowledged_is_there_after_a_kill() {
    let setting = broker(&[]);
    let mut stream = setting.broker.connect_kafka();
    let (acknowledged, heard) = std::sync::mpsc::channel();
    let committer = std::thread::spawn(move || {
        for offset in 1.. {
            let mut frame = BytesMut::new();
            encode_request(&mut frame, ApiKey::OffsetCommit, 9, 1, None, &committing("g", ("t", 0), offset));
            let is_sent = stream.stream().write_all(&frame).is_ok();
            if !is_sent || stream.read_frame().is_none() {
                return offset;
            }
            acknowledged.send(offset).unwrap();
        }
        unreachable!("it ends with the broker")
    });
    wait_for("some commits", || heard.try_iter().any(|offset| offset >= 100).then_some(()));
    let setting = killed(setting, &mut []);
    let asked_last = committer.join().unwrap();
    let mut socket = setting.broker.connect_kafka();
    let told = committed(&mut socket, "g");
    // The one before the last that was asked for was answered; of the last nobody knows.
    assert!(told.len() == 1 && (asked_last - 1..=asked_last).contains(&told[0].2), "{told:?}, {asked_last}");
}

#[test]
fn a_broker_that_stops_tells_who_waits() {
    let setting = broker(&[]);
    let _first = Member::alone(&setting, joining("g"));
    let mut second = Member::new(&setting, joining("g"));
    second.send_join();
    wait_state(&setting, "g", ("PreparingRebalance", 2));
    let Setting { broker, _directory } = setting;
    assert_eq!(broker.stop(), Some(0));
    assert_eq!(second.read_join().error_code, Some(ErrorCode::NotCoordinator));
    second.socket.ends();
}
