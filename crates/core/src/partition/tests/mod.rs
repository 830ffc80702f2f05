//! The replica by behaviour, one file a family, over a log in memory that is told when it is synced.

mod epochs;
mod failure;
mod fetch;
mod follower;
mod high_watermark;
mod isr;
mod lease;
mod produce;
mod random_walk;
mod waiting;

use std::collections::BTreeMap;

use yak_model::api::{Acks, IsrProposal};
use yak_model::metadata::{PartitionRecord, RecoveryState};
use yak_model::{BrokerEpoch, DirectoryId, PartitionIndex, TimestampMs};

use super::*;

/// A log in memory that begins at 0 (or, reset, is empty up to there). A byte slice is a batch of as many records as it has bytes; its first byte, if not 0, names
/// it, so that it is recognised when it is sent again.
#[derive(Clone, Debug, Default)]
struct MemLog {
    start: i64,
    durable: i64,
    /// Of each record from 0 on; those before `start` are gone and have whatever.
    epochs: Vec<LeaderEpoch>,
    started: Option<LeaderEpoch>,
    known: BTreeMap<u8, Appended>,
    refuse: Option<ErrorCode>,
    fail: bool,
}

impl ReplicaLog for MemLog {
    fn start(&self) -> Offset {
        Offset::new(self.start)
    }

    fn end(&self) -> Offset {
        Offset::new(i64::try_from(self.epochs.len()).unwrap())
    }

    fn durable_end(&self) -> Offset {
        Offset::new(self.durable)
    }

    fn append(
        &mut self,
        batches: &mut [u8],
        leader_epoch: LeaderEpoch,
        _wall: TimestampMs,
    ) -> Result<Appended, AppendFailure> {
        if self.fail {
            return Err(AppendFailure::Failed("cannot write orders-0: it burns".to_owned()));
        }
        if let Some(code) = self.refuse {
            return Err(AppendFailure::Refused(Rejection::new(code, "not this")));
        }
        if let Some(original) = self.known.get(&batches[0]) {
            return Ok(Appended { duplicate: true, ..*original });
        }
        let base_offset = self.end();
        self.epochs.extend(batches.iter().map(|_| leader_epoch));
        let appended =
            Appended { base_offset, end_offset: self.end(), log_append_time: None, duplicate: false };
        if batches[0] != 0 {
            self.known.insert(batches[0], appended);
        }
        Ok(appended)
    }

    /// Each byte is a record, and says its epoch.
    fn append_as_follower(
        &mut self,
        batches: &[u8],
        leader_epoch: LeaderEpoch,
        _wall: TimestampMs,
    ) -> Result<(), AppendFailure> {
        if self.fail {
            return Err(AppendFailure::Failed("cannot write orders-0: it burns".to_owned()));
        }
        for byte in batches {
            let epoch = LeaderEpoch::new(i32::from(*byte));
            let last = self.last_record_epoch().max(self.started).unwrap_or(LeaderEpoch::UNKNOWN);
            if epoch < last || epoch > leader_epoch {
                return Err(AppendFailure::Refused(Rejection::new(ErrorCode::InvalidRecord, "epochs")));
            }
            self.epochs.push(epoch);
        }
        Ok(())
    }

    fn truncate(&mut self, to: Offset) -> Result<(), String> {
        assert!(to.get() >= self.start);
        self.epochs.truncate(usize::try_from(to.get()).unwrap());
        self.durable = self.durable.min(to.get());
        Ok(())
    }

    fn reset(&mut self, to: Offset) -> Result<(), String> {
        self.start = to.get();
        self.durable = to.get();
        self.epochs = vec![LeaderEpoch::UNKNOWN; usize::try_from(to.get()).unwrap()];
        Ok(())
    }

    fn delete_before(&mut self, offset: Offset) -> Result<(), String> {
        self.start = offset.get();
        Ok(())
    }

    fn start_epoch(&mut self, leader_epoch: LeaderEpoch) {
        self.started = Some(leader_epoch);
    }

    fn forget_empty_epochs(&mut self) {
        self.started = None;
    }

    fn last_record_epoch(&self) -> Option<LeaderEpoch> {
        if self.start == self.end().get() { None } else { self.epochs.last().copied() }
    }

    fn epoch_end(&self, leader_epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let kept = &self.epochs[usize::try_from(self.start).unwrap()..];
        let latest = self.started.max(kept.last().copied())?;
        if leader_epoch > latest {
            return None;
        }
        match kept.iter().rposition(|epoch| *epoch <= leader_epoch) {
            Some(at) => Some((kept[at], Offset::new(self.start + i64::try_from(at + 1).unwrap()))),
            None => Some((leader_epoch, Offset::new(self.start))),
        }
    }
}

/// A replica on broker 1 with a clock.
struct Rig {
    replica: Replica<MemLog>,
    record: PartitionRecord,
    now_ms: u64,
    /// Of followers' fetches; `None`: just now.
    sent_after_ms: Option<u64>,
}

const TIMEOUT_MS: u64 = 1_000;

impl Rig {
    /// The only replica, leading in epoch 0.
    fn alone(flush: FlushMode) -> Self {
        Self::leader(flush, &[1], 1)
    }

    /// A leader of replicas that are all in sync.
    fn leader(flush: FlushMode, replicas: &[i32], min_insync_replicas: u16) -> Self {
        let mut rig = Self::over(MemLog::default(), flush, replicas, min_insync_replicas);
        rig.tell();
        rig
    }

    /// A replica over a log, still offline.
    fn over(log: MemLog, flush: FlushMode, replicas: &[i32], min_insync_replicas: u16) -> Self {
        let record = record(replicas);
        let identity = ReplicaIdentity {
            broker_id: BrokerId::new(1),
            partition: TopicPartition::new(record.topic.clone(), record.partition),
            topic_id: record.topic_id,
            flush,
        };
        Self {
            replica: Replica::new(identity, log, Offset::ZERO, min_insync_replicas),
            record,
            now_ms: 0,
            sent_after_ms: None,
        }
    }

    /// Changes the partition's record as the controller would, and tells the replica.
    fn change(&mut self, change: impl FnOnce(&mut PartitionRecord)) {
        let leader = self.record.leader;
        change(&mut self.record);
        if self.record.leader != leader {
            self.record.leader_epoch = self.record.leader_epoch.next();
        }
        self.record.partition_epoch = self.record.partition_epoch.next();
        self.tell();
    }

    fn tell(&mut self) {
        self.replica.handle_partition_record(self.now_ms, &self.record);
    }

    fn isr(&mut self, members: &[i32]) {
        let members = ids(members);
        self.change(|record| record.in_sync_replicas = members);
    }

    fn lead(&mut self, leader: Option<i32>) {
        self.change(|record| record.leader = leader.map(BrokerId::new));
    }

    /// Makes everything durable, and says so.
    fn sync(&mut self) {
        let end = self.replica.log().end();
        self.replica.log_mut().durable = end.get();
        self.replica.handle_durable(self.now_ms, end);
    }

    fn request(&self, acks: Acks) -> ProduceRequest {
        ProduceRequest {
            leader_epoch: None,
            acks,
            deadline_ms: self.now_ms + TIMEOUT_MS,
            lease_until_ms: u64::MAX,
        }
    }

    /// Produces as many records as there are bytes.
    fn produce(&mut self, acks: Acks, batch: &[u8]) -> Result<ProduceOutcome, Rejection> {
        let request = self.request(acks);
        self.replica.handle_produce(self.now_ms, TimestampMs::new(0), &request, &mut batch.to_vec())
    }

    /// Produces, and expects to wait.
    fn wait(&mut self, batch: &[u8]) -> Token {
        match self.produce(Acks::All, batch).unwrap() {
            ProduceOutcome::Waiting(token) => token,
            done => panic!("{done:?} did not wait"),
        }
    }

    /// Produces, and expects an answer at once: first offset and the one after the last.
    fn done(&mut self, acks: Acks, batch: &[u8]) -> (i64, i64) {
        match self.produce(acks, batch).unwrap() {
            ProduceOutcome::Done(done) => (done.base_offset.get(), done.end_offset.get()),
            waiting => panic!("{waiting:?}"),
        }
    }

    fn refused(&mut self, acks: Acks) -> ErrorCode {
        let end = self.replica.log().end();
        let refused = self.produce(acks, &[0]).unwrap_err();
        assert_eq!(self.replica.log().end(), end, "INV-24: what is refused is not in the log");
        refused.code
    }

    fn effects(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.replica.poll_effect()).collect()
    }

    /// The answers among the effects: the token, and the end offset or the code.
    fn answers(&mut self) -> Vec<(Token, Result<i64, ErrorCode>)> {
        let answer = |effect| match effect {
            Effect::ProduceDone { token, result } => {
                Some((token, result.map(|done| done.end_offset.get()).map_err(|refused| refused.code)))
            }
            _ => None,
        };
        self.effects().into_iter().filter_map(answer).collect()
    }

    fn high_watermark(&self) -> i64 {
        self.replica.high_watermark().get()
    }

    /// A follower that has the leader's own records up to an offset fetches.
    fn follower(
        &mut self,
        id: i32,
        fetch_offset: i64,
        durable_offset: i64,
    ) -> Result<FollowerAnswer, Rejection> {
        let before = usize::try_from(fetch_offset - 1).ok();
        let fetch = FollowerFetch {
            broker_id: BrokerId::new(id),
            broker_epoch: BrokerEpoch::new(10 + i64::from(id)),
            leader_epoch: self.record.leader_epoch,
            fetch_offset: Offset::new(fetch_offset),
            last_fetched_epoch: before.and_then(|at| self.replica.log().epochs.get(at)).copied(),
            durable_offset: Offset::new(durable_offset),
            sent_after_ms: self.sent_after_ms.or(Some(self.now_ms)),
        };
        self.replica.handle_follower_fetch(self.now_ms, &fetch)
    }

    /// The proposals among the effects: the members besides the leader.
    fn proposals(&mut self) -> Vec<IsrProposal> {
        let proposal = |effect| match effect {
            Effect::ProposeIsr(proposal) => Some(proposal),
            _ => None,
        };
        self.effects().into_iter().filter_map(proposal).collect()
    }
}

fn ids(numbers: &[i32]) -> Vec<BrokerId> {
    numbers.iter().copied().map(BrokerId::new).collect()
}

/// `orders-0` on these brokers, all in sync, the first leading.
fn record(replicas: &[i32]) -> PartitionRecord {
    PartitionRecord {
        topic: "orders".parse().unwrap(),
        topic_id: TopicId::from_random([1; 16]),
        partition: PartitionIndex::new(0),
        replicas: ids(replicas),
        directory_ids: vec![DirectoryId::default(); replicas.len()],
        in_sync_replicas: ids(replicas),
        eligible_leader_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        wanted: u16::try_from(replicas.len()).unwrap(),
        leader: Some(BrokerId::new(replicas[0])),
        leader_epoch: LeaderEpoch::new(0),
        partition_epoch: PartitionEpoch::new(0),
        recovery_state: RecoveryState::Recovered,
    }
}
