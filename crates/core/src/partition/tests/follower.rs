//! A leader and a follower, answer for answer: the ways in which two logs can part (KIP-101, KIP-279), and what is not
//! the follower's any more.

use yak_model::api::{EpochEnd, ReplicaData};

use super::*;

/// Each number is the epoch of a record.
fn log(epochs: &[i32]) -> MemLog {
    let epochs: Vec<_> = epochs.iter().copied().map(LeaderEpoch::new).collect();
    MemLog { durable: i64::try_from(epochs.len()).unwrap(), epochs, ..MemLog::default() }
}

/// 1 leads in `epoch`, 2 follows; the logs are whatever they are.
struct Pair {
    leader: Rig,
    follower: Rig,
    rounds: usize,
}

impl Pair {
    fn new(epoch: i32, leader: MemLog, follower: MemLog) -> Self {
        let rig = |log, me: i32| {
            let mut rig = Rig::over(log, FlushMode::Os, &[1, 2], 1);
            rig.record.leader_epoch = LeaderEpoch::new(epoch);
            rig.record.in_sync_replicas = ids(&[1]);
            if me == 2 {
                let identity =
                    ReplicaIdentity { broker_id: BrokerId::new(2), ..rig.replica.identity().clone() };
                rig.replica = Replica::new(identity, rig.replica.into_log(), Offset::ZERO, 1);
            }
            rig.tell();
            rig
        };
        Self { leader: rig(leader, 1), follower: rig(follower, 2), rounds: 0 }
    }

    /// One fetch and its answer, records `at_most` at a time.
    fn round(&mut self, at_most: usize) -> Followed {
        self.rounds += 1;
        let (leader, entry) = self.follower.replica.following().expect("it follows");
        let fetch = FollowerFetch {
            broker_id: BrokerId::new(2),
            broker_epoch: BrokerEpoch::new(12),
            leader_epoch: entry.leader_epoch,
            fetch_offset: entry.fetch_offset,
            last_fetched_epoch: entry.last_fetched_epoch,
            durable_offset: Offset::ZERO,
            sent_after_ms: None,
        };
        let answer = self.leader.replica.handle_follower_fetch(0, &fetch).unwrap();
        let (bound, diverging) = match answer {
            FollowerAnswer::Send(bound) => (bound, None),
            FollowerAnswer::Diverging(diverging, bound) => (bound, Some(diverging)),
        };
        let from = usize::try_from(entry.fetch_offset.get()).unwrap();
        let log = &self.leader.replica.log().epochs;
        let sends = diverging.is_none() && bound.log_start_offset <= entry.fetch_offset;
        let to = if sends { log.len().min(from + at_most) } else { from };
        let records: Vec<u8> = log
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .map(|epoch| u8::try_from(epoch.get()).unwrap())
            .collect();
        let data = ReplicaData {
            high_watermark: bound.high_watermark,
            log_start_offset: bound.log_start_offset,
            diverging,
            records: &records[..],
        };
        let now = (0, TimestampMs::new(0));
        self.follower.replica.handle_fetched(now, (leader, entry.leader_epoch), &data).unwrap()
    }

    /// Until the logs are the same; the epochs of the follower's log then.
    fn settle(&mut self) -> Vec<i32> {
        while self.follower.replica.log().end() != self.leader.replica.log().end()
            || self.round(2) != Followed::Appended
        {
            self.round(2);
            assert!(self.rounds < 40, "it does not come to an end");
        }
        let (leader, follower) = (self.leader.replica.log(), self.follower.replica.log());
        let start = usize::try_from(leader.start.max(follower.start)).unwrap();
        assert_eq!(leader.epochs[start..], follower.epochs[start..], "INV-1");
        follower.epochs.iter().map(|epoch| epoch.get()).collect()
    }
}

#[test]
fn a_log_that_is_a_beginning_of_the_leaders_is_continued() {
    let mut pair = Pair::new(2, log(&[0, 0, 1, 2]), log(&[0, 0]));
    assert_eq!(pair.round(9), Followed::Appended);
    assert_eq!(pair.settle(), [0, 0, 1, 2]);
}

#[test]
fn the_ways_in_which_logs_part() {
    // The leader's log, the follower's, and the largest number of rounds it may take.
    let cases: [(&str, &[i32], &[i32]); 9] = [
        ("a tail of the same epoch is too long", &[0, 0, 1], &[0, 0, 1, 1, 1]),
        ("a tail of an epoch that the leader never saw", &[0, 0, 0, 3], &[0, 0, 1, 1]),
        ("the leader has a later epoch in its place", &[0, 0, 2, 2], &[0, 0, 1]),
        ("the leader has an earlier epoch in its place", &[0, 0, 0, 0, 4], &[0, 0, 3, 3, 3]),
        ("epochs alternate: more than one question is needed", &[1, 1, 3, 3, 5], &[1, 1, 2, 2, 4, 4]),
        ("the follower has an epoch between two of the leader's", &[1, 1, 4, 4], &[1, 1, 2, 3]),
        ("nothing is the same", &[2, 2, 2], &[1, 1, 1, 1]),
        ("the leader has nothing", &[], &[1, 1]),
        ("the follower has nothing", &[0, 1, 2], &[]),
    ];
    for (what, leader, follower) in cases {
        let mut pair = Pair::new(7, log(leader), log(follower));
        assert_eq!(pair.settle(), leader, "{what}");
    }
}

#[test]
fn what_is_common_is_never_cut() {
    // A deposed leader with an epoch of its own, of which nothing was appended.
    let mut deposed = log(&[0, 0, 0]);
    deposed.started = Some(LeaderEpoch::new(5));
    let mut pair = Pair::new(6, log(&[0, 0, 0, 3, 3]), deposed);
    assert_eq!(pair.round(9), Followed::Appended, "its empty epoch is forgotten, and nothing cut");
    assert_eq!(pair.settle(), [0, 0, 0, 3, 3]);
}

#[test]
fn who_is_behind_the_leaders_start_begins_anew_there() {
    let mut leader = log(&[0, 0, 1, 1]);
    leader.start = 3;
    let mut pair = Pair::new(2, leader, log(&[0, 0]));
    assert_eq!(pair.round(9), Followed::Truncated { from: Offset::new(2), to: Offset::new(3) });
    pair.settle();
    assert_eq!(pair.follower.replica.log().start, 3);
}

#[test]
fn the_start_and_the_high_watermark_are_followed() {
    let mut pair = Pair::new(0, log(&[0; 6]), log(&[0; 6]));
    pair.settle();
    assert_eq!(pair.follower.high_watermark(), 6);
    pair.leader.replica.log_mut().start = 4;
    pair.round(9);
    assert_eq!(pair.follower.replica.log().start, 4);
}

#[test]
fn what_another_leader_or_epoch_says_is_ignored() {
    let mut pair = Pair::new(3, log(&[0]), log(&[0]));
    let records = [3_u8];
    let data = ReplicaData {
        high_watermark: Offset::new(2),
        log_start_offset: Offset::ZERO,
        diverging: None,
        records: &records[..],
    };
    let mut hear = |leader: i32, epoch: i32, data: &ReplicaData<&[u8]>| {
        let from = (BrokerId::new(leader), LeaderEpoch::new(epoch));
        pair.follower.replica.handle_fetched((0, TimestampMs::new(0)), from, data).unwrap()
    };
    assert_eq!(hear(1, 2, &data), Followed::Ignored);
    assert_eq!(hear(3, 3, &data), Followed::Ignored);
    let cut = EpochEnd { leader_epoch: LeaderEpoch::new(0), end_offset: Offset::ZERO };
    assert_eq!(hear(1, 2, &ReplicaData { diverging: Some(cut), ..data.clone() }), Followed::Ignored);
    assert_eq!(hear(1, 3, &data), Followed::Appended);
}

#[test]
fn an_answer_that_leads_nowhere_is_refused() {
    let mut pair = Pair::new(3, log(&[0, 0]), log(&[0, 0]));
    let nowhere = EpochEnd { leader_epoch: LeaderEpoch::new(0), end_offset: Offset::new(2) };
    let data = ReplicaData {
        high_watermark: Offset::ZERO,
        log_start_offset: Offset::ZERO,
        diverging: Some(nowhere),
        records: &[][..],
    };
    let from = (BrokerId::new(1), LeaderEpoch::new(3));
    let refused = pair.follower.replica.handle_fetched((0, TimestampMs::new(0)), from, &data);
    assert!(matches!(refused, Err(AppendFailure::Refused(_))), "{refused:?}");
    assert_eq!(pair.follower.replica.log().end(), Offset::new(2));
}

#[test]
fn inv_17_a_follower_whose_log_failed_follows_no_more() {
    let mut pair = Pair::new(3, log(&[0, 0]), log(&[0]));
    pair.follower.replica.log_mut().fail = true;
    let (from, entry) = pair.follower.replica.following().unwrap();
    let data = ReplicaData {
        high_watermark: Offset::ZERO,
        log_start_offset: Offset::ZERO,
        diverging: None,
        records: &[0][..],
    };
    let failed =
        pair.follower.replica.handle_fetched((0, TimestampMs::new(0)), (from, entry.leader_epoch), &data);
    assert!(matches!(failed, Err(AppendFailure::Failed(_))));
    assert!(pair.follower.replica.following().is_none());
}

#[test]
fn a_follower_says_at_once_what_became_durable() {
    let unsynced = MemLog { durable: 2, ..log(&[0; 5]) };
    let mut rig = Rig::over(unsynced, FlushMode::Sync, &[2, 1], 1);
    rig.record.leader = Some(BrokerId::new(2));
    rig.tell();
    rig.effects();
    rig.replica.handle_durable(0, Offset::new(2));
    assert_eq!(rig.effects(), [], "it was known");
    rig.sync();
    assert_eq!(rig.effects(), [Effect::Progress]);
    let (leader, entry) = rig.replica.following().unwrap();
    assert_eq!((leader.get(), entry.durable_offset.get(), entry.fetch_offset.get()), (2, 5, 5));
}

#[test]
fn a_follower_in_sync_serves_those_who_take_any_replica() {
    let mut pair = Pair::new(0, log(&[0; 6]), log(&[0; 4]));
    pair.round(0);
    let any = |rig: &Rig, offset: i64| {
        rig.replica.check_fetch_any(None, Offset::new(offset)).map(|bound| bound.high_watermark.get())
    };
    assert_eq!(any(&pair.follower, 0).unwrap_err().code, ErrorCode::NotLeaderOrFollower, "it is not in sync");
    pair.follower.isr(&[1, 2]);
    assert_eq!(any(&pair.follower, 0), Ok(4), "the leader's high watermark is 6, its log ends at 4");
    assert_eq!(any(&pair.follower, 4), Ok(4));
    assert_eq!(any(&pair.follower, 5).unwrap_err().code, ErrorCode::OffsetNotAvailable);
    assert_eq!(any(&pair.leader, 5), Ok(6));
}
