//! How groups look: in Kafka's columns, and as JSON.

use yak_model::{LeaderEpoch, Offset, TimestampMs};

use super::rig::*;
use crate::groups::explain::explain;
use crate::groups::json;
use crate::groups::show::{Side, describe, note};
use crate::groups::view::LeaderView;

#[test]
fn offsets_in_kafkas_columns() {
    let mut view = group(&[("member-a", &[0]), ("member-b", &[1])]);
    view.partitions[1].committed = committed(60);
    let mut left = partition(2, None);
    left.end = None;
    left.leader = LeaderView::Nobody;
    view.partitions.push(left);
    assert_eq!(
        describe(&view, Side::Offsets, false),
        "\n\
         GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID\n\
         g               orders          0          100             100             0               member-a        /127.0.0.1      yak-consumer\n\
         g               orders          1          60              100             40              member-b        /127.0.0.1      yak-consumer\n\
         g               orders          2          100             -               -               -               -               -\n"
    );
    assert_eq!(note(&view).unwrap(), "orders-2 has no leader: where it ends is not known");
}

#[test]
fn verbose_adds_epochs_ages_and_positions() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].committed = committed(60);
    view.partitions[0].committed.as_mut().unwrap().leader_epoch = Some(LeaderEpoch::new(3));
    view.partitions[0].waiting_since = Some(TimestampMs::new(NOW.get() - 12_000));
    view.partitions[0].position = Some(Offset::new(80));
    let shown = describe(&view, Side::Offsets, true);
    let words: Vec<&str> = shown.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(
        words,
        ["g", "orders", "0", "3", "60", "100", "40", "12.0", "s", "80", "a", "/127.0.0.1", "yak-consumer"]
    );
}

#[test]
fn members_and_state() {
    let mut view = group(&[("a", &[0, 1]), ("b", &[])]);
    view.group.members[1].target = assignment(&[1]);
    assert_eq!(
        describe(&view, Side::Members, true),
        "\n\
         GROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS     CURRENT-EPOCH   CURRENT-ASSIGNMENT   TARGET-ASSIGNMENT\n\
         g               a               /127.0.0.1      yak-consumer    2               4               orders:0,1           orders:0,1\n\
         g               b               /127.0.0.1      yak-consumer    0               4               -                    orders:1\n"
    );
    assert_eq!(
        describe(&view, Side::State, false),
        "\n\
         GROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY       STATE                #MEMBERS\n\
         g               localhost:9092 (1)        uniform                   Stable               2\n"
    );
    let verbose = describe(&view, Side::State, true);
    let words: Vec<&str> = verbose.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(words, ["2023-11-14", "22:13:20.000Z", "4", "0.01", "s", "2", "b", "joins"], "{verbose}");
    let empty = group(&[]);
    assert_eq!(note(&empty).unwrap(), "Consumer group 'g' has no active members.");
}

#[test]
fn json_has_it_all() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].committed = committed(60);
    view.partitions[0].waiting_since = Some(TimestampMs::new(NOW.get() - 12_000));
    let line = json::line(&view, Some(&explain(&view)));
    assert_eq!(line.matches('\n').count(), 1);
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((json["group"].as_str(), json["state"].as_str()), (Some("g"), Some("Stable")));
    assert_eq!(json["lag"], 40);
    assert_eq!(json["partitions"][0]["lag_ms"], 12_000);
    assert_eq!(json["partitions"][0]["member_id"], "a");
    assert_eq!(json["members"][0]["assignment"][0]["partitions"][0], 0);
    assert_eq!(json["rebalances"][0]["cause"], "b joins");
    assert_eq!(json["explained"][1]["member_id"], "a");
}

#[test]
fn lag_is_never_negative() {
    let mut view = group(&[("a", &[0])]);
    view.partitions[0].committed = committed(500);
    assert_eq!((view.partitions[0].lag(), view.partitions[0].lag_ms(NOW)), (Some(0), Some(0)));
    view.partitions[0].committed = None;
    assert_eq!((view.partitions[0].lag(), view.total_lag()), (None, 0));
    view.partitions[0].committed = committed(99);
    view.partitions[0].waiting_since = Some(TimestampMs::new(NOW.get() + 5));
    assert_eq!(view.partitions[0].lag_ms(NOW), Some(0), "clocks differ");
}
