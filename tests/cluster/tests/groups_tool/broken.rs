//! Set-ups that do not work, each broken on purpose, and what the tools say about it: why somebody gets nothing, who is to
//! blame, what to do.

use bytes::Bytes;
use serde_json::{Value, json};
use yak_kafka::consumer_protocol::{
    Assignment, Subscription, TopicPartitions, encode_assignment, encode_subscription,
};
use yak_kafka::messages::join_group::JoinGroupRequestProtocol;
use yak_kafka::messages::sync_group::SyncGroupRequestAssignment;
use yak_kafka::messages::{JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse};
use yak_model::ErrorCode;
use yak_testkit::{ClusterBuilder, KafkaSocket, Running, Socket, run, wait_for};

use super::{Setting, commit};

/// A member over NDJSON that is told what it gets and says nothing more.
fn by_hand(setting: &Setting, more: &Value) -> Socket {
    let mut request = json!({"op": "group_stream", "group": "g", "topics": ["orders"], "member_id": "m"});
    for (key, value) in more.as_object().into_iter().flatten() {
        match value {
            Value::Null => _ = request.as_object_mut().expect("an object").remove(key),
            value => request[key] = value.clone(),
        }
    }
    let mut stream = setting.broker.connect();
    // A coordinator that has just begun reads its log first.
    wait_for("the coordinator takes it", || {
        let reply = stream.ask(&request.to_string());
        reply["ok"].is_object().then_some(())
    });
    stream
}

/// A member of a classic group over Kafka's protocol, which has sent its join.
struct Classic {
    socket: KafkaSocket,
    id: String,
}

impl Classic {
    fn joins(setting: &Setting) -> Self {
        let subscription = Subscription { topics: vec!["orders".to_owned()], ..Subscription::default() };
        let protocol = JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: encode_subscription(&subscription, 0),
        };
        let mut request = JoinGroupRequest {
            group_id: "g".to_owned(),
            session_timeout_ms: 60_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![protocol],
            ..JoinGroupRequest::default()
        };
        setting.commit("another", [0, 0, 0]);
        let mut socket = setting.broker.connect_kafka();
        request.member_id = wait_for("an id", || {
            let told: JoinGroupResponse = socket.ask(9, &request);
            (told.error_code == Some(ErrorCode::MemberIdRequired)).then_some(told.member_id)
        });
        socket.send(9, &request);
        Self { socket, id: request.member_id }
    }

    fn joined(&mut self) -> i32 {
        let joined: JoinGroupResponse = self.socket.read(9);
        assert_eq!(joined.error_code, None);
        joined.generation_id
    }

    /// As the leader, which says who gets which partitions of `orders`.
    fn assigns(&mut self, generation_id: i32, partitions: Vec<i32>) {
        let assigned_partitions = match &partitions[..] {
            [] => Vec::new(),
            _ => vec![TopicPartitions { topic: "orders".to_owned(), partitions }],
        };
        let assignment: Bytes =
            encode_assignment(&Assignment { assigned_partitions, ..Assignment::default() }, 0);
        let assignments = vec![SyncGroupRequestAssignment { member_id: self.id.clone(), assignment }];
        let request = SyncGroupRequest {
            group_id: "g".to_owned(),
            generation_id,
            member_id: self.id.clone(),
            assignments,
            ..SyncGroupRequest::default()
        };
        let synced: SyncGroupResponse = self.socket.ask(5, &request);
        assert_eq!(synced.error_code, None);
    }
}

#[test]
fn nobody_reads() {
    let setting = Setting::new();
    setting.commit("g", [10, 4, 0]);
    let said = setting.explained("g", "it has no members");
    assert!(said.contains("16 records wait for it, the oldest for "), "{said}");
}

#[test]
fn the_group_is_called_otherwise() {
    let setting = Setting::new();
    setting.commit("billing", [1, 1, 1]);
    let finished = setting.groups("--explain --group biling");
    assert_eq!(finished.first_error(), "error: group 'biling' does not exist");
    assert!(finished.stderr.contains("hint: did you mean 'billing'?"), "{}", finished.stderr);
}

#[test]
fn an_offset_past_the_end_is_committed() {
    let setting = Setting::new();
    setting.commit("g", [500, 10, 10]);
    let said = setting.explained("g", "the committed offset 500 of orders-0 is past its end 10");
    assert!(said.contains("its reset policy goes on at 0 (earliest) or 10 (latest)"), "{said}");
}

#[test]
fn what_is_next_was_deleted_unread() {
    let setting = Setting::new();
    setting.ok(&json!({"op": "delete_records", "topic": "orders", "partition": 2, "before_offset": 5}));
    setting.commit("g", [10, 10, 0]);
    setting.explained(
        "g",
        "the committed offset 0 of orders-2 is before its first record 5: 5 records were deleted",
    );
}

#[test]
fn the_topic_is_not_there() {
    let setting = Setting::new();
    let _member = by_hand(&setting, &json!({"topics": ["nowhere"]}));
    setting.explained("g", "m: topic 'nowhere' does not exist");
}

#[test]
fn the_topic_was_deleted_under_its_readers() {
    let setting = Setting::new();
    let _member = by_hand(&setting, &json!({}));
    setting.explained("g", "m: nothing of orders-0 is committed yet");
    setting.ok(&json!({"op": "delete_topics", "topics": ["orders"]}));
    setting.explained("g", "m: topic 'orders' does not exist");
}

#[test]
fn the_expression_matches_nothing() {
    let setting = Setting::new();
    let _member = by_hand(&setting, &json!({"topics": null, "include": "x-.*"}));
    setting.explained("g", "m: no topic matches \"x-.*\"");
}

#[test]
fn there_are_more_members_than_partitions() {
    let setting = Setting::new();
    let _members: Vec<Running> = (0..4).map(|_| setting.member("g")).collect();
    let said = setting
        .explained("g", "no partition is left for it: 'orders' has 3 partitions, and 4 members want them");
    let read = "it has read everything of its 1 partition";
    let said = if said.matches(read).count() == 3 { said } else { all_read(&setting, read) };
    assert_eq!(said.matches(read).count(), 3, "{said}");
}

/// Once the others have acknowledged what they read.
fn all_read(setting: &Setting, read: &str) -> String {
    wait_for("the others have read", || {
        let text = setting.groups("--explain --group g").text();
        (text.matches(read).count() == 3).then_some(text)
    })
}

#[test]
fn a_member_acknowledges_nothing() {
    let setting = Setting::new();
    let _slow = by_hand(&setting, &json!({"member_id": "slow"}));
    let said = setting.explained("g", "slow: nothing of orders-0 is committed yet");
    assert!(
        said.contains("its reset policy decides whether it begins at 0 (earliest) or 10 (latest)"),
        "{said}"
    );
}

#[test]
fn a_member_does_not_give_up_what_is_anothers() {
    let setting = Setting::new();
    let _slow = by_hand(&setting, &json!({"member_id": "slow"}));
    setting.explained("g", "slow: nothing of orders-0 is committed yet");
    let _quick = by_hand(&setting, &json!({"member_id": "quick"}));
    let said = setting.explained("g", "a rebalance is in progress: slow has yet to give up orders-");
    assert!(said.contains("quick: it waits for orders-"), "{said}");
    assert!(said.contains("which slow has not given up yet"), "{said}");
}

#[test]
fn a_member_began_at_the_end() {
    let setting = Setting::new();
    let _member = Running::start("yak-consumer", &setting.consumer("--topic orders --group g"));
    setting.explained(
        "g",
        "nothing was sent to orders-0 since it began at its end 10; 10 records before that are there still \
         (--reset-offsets --to-earliest)",
    );
}

#[test]
fn the_topic_is_empty() {
    let setting = Setting::new();
    setting.ok(&json!({"op": "create_topics", "topics": [{"name": "void", "partitions": 1}]}));
    let line = "--topic void --group g --from-beginning";
    let _member = Running::start("yak-consumer", &setting.consumer(line));
    setting.explained("g", "void-0 is empty: nothing was ever sent to it");
}

#[test]
fn everything_was_deleted() {
    let setting = Setting::new();
    setting.ok(&json!({"op": "create_topics", "topics": [{"name": "once", "partitions": 1}]}));
    setting.ok(&json!({"op": "produce", "topic": "once", "records": [{"value": "x"}]}));
    setting.ok(&json!({"op": "delete_records", "topic": "once", "partition": 0, "before_offset": 1}));
    let line = "--topic once --group g --from-beginning";
    let _member = Running::start("yak-consumer", &setting.consumer(line));
    setting.explained("g", "once-0 has no records any more, and none has come since");
}

#[test]
fn a_consumer_hangs() {
    let setting = Setting::new();
    let hangs = setting.member("g");
    setting.explained("g", "it has read everything of its 3 partitions");
    hangs.signal("STOP");
    setting.produce(30);
    let said = setting.explained("g", "it works on 10 records");
    assert!(said.contains("orders-0 was sent to it up to 20 and is acknowledged up to 10"), "{said}");
    hangs.signal("CONT");
    setting.explained("g", "it has read everything of its 3 partitions");
}

#[test]
fn its_members_read_something_else_now() {
    let setting = Setting::new();
    setting.commit("g", [10, 4, 0]);
    setting.ok(&json!({"op": "create_topics", "topics": [{"name": "other", "partitions": 1}]}));
    let _member = by_hand(&setting, &json!({"topics": ["other"]}));
    setting
        .explained("g", "nobody reads orders-1 (and 1 partition like it), of which it has committed offsets");
}

#[test]
fn a_classic_member_does_not_join_again() {
    let setting = Setting::new();
    let mut first = Classic::joins(&setting);
    let generation = first.joined();
    first.assigns(generation, vec![0, 1, 2]);
    let _second = Classic::joins(&setting);
    let said = setting.explained("g", "a rebalance is in progress: its members are to join again");
    assert!(said.contains(&format!("the one not heard of for longest is {}", first.id)), "{said}");
}

#[test]
fn a_classic_leader_does_not_assign() {
    let setting = Setting::new();
    let mut leader = Classic::joins(&setting);
    leader.joined();
    let said = setting.explained("g", "a rebalance is in progress: ");
    assert!(said.contains(&format!("{}, which leads the group, has not assigned yet", leader.id)), "{said}");
}

#[test]
fn a_classic_assignor_gives_nothing() {
    let setting = Setting::new();
    let mut leader = Classic::joins(&setting);
    let generation = leader.joined();
    leader.assigns(generation, Vec::new());
    setting.explained(
        "g",
        "topic 'orders' was just created, or has just been subscribed to: nobody is assigned",
    );
}

#[test]
fn a_classic_group_is_there_already() {
    let setting = Setting::new();
    let mut leader = Classic::joins(&setting);
    let generation = leader.joined();
    leader.assigns(generation, vec![0, 1, 2]);
    let refused = run("yak-consumer", &setting.consumer("--topic orders --group g --exit"));
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("error: group 'g' has members of another kind: the group's is classic"),
        "{}",
        refused.stderr
    );
}

#[test]
fn the_group_is_full() {
    let setting = Setting::with(&[("group.consumer.max.size", "1")]);
    let _first = setting.member("g");
    setting.explained("g", "it has read everything of its 3 partitions");
    let refused = run("yak-consumer", &setting.consumer("--topic orders --group g --exit"));
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("error: no more members are allowed in the group than 1"),
        "{}",
        refused.stderr
    );
}

#[test]
fn it_is_reset_while_its_members_are_at_work() {
    let setting = Setting::new();
    let _member = setting.member("g");
    setting.explained("g", "it has read everything of its 3 partitions");
    let refused = setting.groups("--reset-offsets --group g --all-topics --to-earliest --execute");
    assert!(
        refused.first_error().contains("Assignments can only be reset if the group 'g' is inactive"),
        "{}",
        refused.stderr
    );
}

#[test]
fn no_broker_is_there() {
    let setting = Setting::new();
    let address = setting.broker.bootstrap().to_owned();
    setting.broker.kill();
    let refused = run("yak-groups", &["--explain", "--group", "g", "--bootstrap-server", &address]);
    assert_eq!(refused.first_error(), format!("error: no broker answered at {address}: connection refused"));
    assert!(refused.stderr.contains("hint: start one with"), "{}", refused.stderr);
}

#[test]
fn nobody_leads_a_partition_and_the_others_are_read() {
    let mut cluster = ClusterBuilder::new(3).start();
    cluster.create_topic(1, "orders", 1, 1);
    let leader = cluster.leader_of(1, "orders", 0).expect("a leader");
    let mut socket = cluster.connect(leader);
    socket.ok(&json!({"op": "produce", "topic": "orders", "records": [{"value": "x"}]}).to_string());
    let coordinator = wait_for("a coordinator", || {
        socket.ask(r#"{"op":"find_coordinator","group":"g"}"#)["ok"]["coordinator"]["broker_id"].as_i64()
    });
    let request =
        json!({"op": "offset_commit", "group": "g", "topic": "orders", "partition": 0, "offset": 0});
    commit(&mut cluster.connect(i32::try_from(coordinator).expect("a number")), &request);
    cluster.kill(leader);
    let bootstrap = cluster.bootstrap();
    wait_for("it is said that nobody leads", || {
        let said = run("yak-groups", &["--explain", "--group", "g", "--bootstrap-server", &bootstrap]).text();
        said.contains("orders-0 has no leader: nobody can read it").then_some(())
    });
    let shown =
        run("yak-groups", &["--describe", "--group", "g", "--bootstrap-server", &bootstrap]).ok().text();
    let row: Vec<&str> = shown.lines().last().expect("a row").split_whitespace().collect();
    assert_eq!(row[3..6], ["0", "-", "-"], "its end is not known");
}

#[test]
fn the_groups_coordinator_is_gone() {
    let mut cluster = ClusterBuilder::new(2)
        .set("offsets.topic.replication.factor", "1")
        .set("offsets.topic.num.partitions", "1")
        .start();
    let found = wait_for("a coordinator", || {
        let reply = cluster.connect(1).ask(r#"{"op":"find_coordinator","group":"g"}"#);
        i32::try_from(reply["ok"]["coordinator"]["broker_id"].as_i64()?).ok()
    });
    cluster.kill(found);
    let address = cluster.address(3 - found);
    let said = wait_for("it is said", || {
        let finished = run("yak-groups", &["--explain", "--group", "g", "--bootstrap-server", &address]);
        finished
            .stderr
            .contains("__consumer_offsets-0, which group 'g' belongs to, has no leader")
            .then_some(finished.code)
    });
    assert_eq!(said, Some(1));
}
