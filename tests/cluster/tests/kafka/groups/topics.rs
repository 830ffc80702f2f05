//! Topics that grow, go and come anew, as their groups see them.

use super::server_side::{Consumer, consuming};
use super::*;

fn change(setting: &Setting, request: &serde_json::Value) {
    setting.broker.connect().ok(&request.to_string());
}

#[test]
fn a_members_part_follows_its_topics() {
    let setting = broker(&[]);
    let mut member = Consumer::new(&setting, consuming("g", "m"));
    assert_eq!(member.owns, [0, 1, 2, 3]);
    let before = member.topic_id;
    change(&setting, &json!({"op": "create_partitions", "topic": "four", "total": 6}));
    member.wait_owns(6);
    assert_eq!((member.commit(member.request.member_epoch, 5), member.topic_id), (None, before));
    change(&setting, &json!({"op": "delete_topics", "topics": ["four"]}));
    member.wait_owns(0);
    let epoch = member.request.member_epoch;
    assert_eq!(member.commit(epoch, 6), Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(committed(&mut member.socket, "g"), [], "what was committed of it has gone with it");
    change(&setting, &json!({"op": "create_topics", "topics": [{"name": "four", "partitions": 4}]}));
    member.wait_owns(4);
    assert_ne!(member.topic_id, before, "another topic of the same name");
    assert_eq!(committed(&mut member.socket, "g"), [], "of which nothing was committed");
    assert_eq!(member.commit(member.request.member_epoch, 7), None);
    assert_eq!(committed(&mut member.socket, "g"), [("four".to_owned(), 0, 7)]);
}

#[test]
fn a_classic_group_is_told_nothing_and_its_commits_go_with_their_topic() {
    let setting = broker(&[]);
    let mut member = Member::alone(&setting, joining("g"));
    assert_eq!(member.commit(5), None);
    let four: OffsetCommitResponse = member.socket.ask(9, &committing("h", ("four", 1), 6));
    assert_eq!(four.topics[0].partitions[0].error_code, None);
    change(&setting, &json!({"op": "delete_topics", "topics": ["t"]}));
    wait_for("the broker's knowing", || {
        (member.commit(8) == Some(ErrorCode::UnknownTopicOrPartition)).then_some(())
    });
    assert_eq!((member.beat(), committed(&mut member.socket, "g")), (None, vec![]));
    change(&setting, &json!({"op": "create_topics", "topics": [{"name": "t", "partitions": 1}]}));
    assert_eq!(committed(&mut member.socket, "g"), []);
    assert_eq!(member.commit(9), None);
    assert_eq!(committed(&mut member.socket, "g"), [("t".to_owned(), 0, 9)]);
    assert_eq!(committed(&mut member.socket, "h"), [("four".to_owned(), 1, 6)]);
}
