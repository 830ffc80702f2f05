//! Offset for leader epoch: where the records of an epoch end in the leader's log.

use yak_model::api::{
    EpochEnd, EpochEndOffset, OffsetForLeaderEpoch, OffsetForLeaderEpochEntry, OffsetForLeaderEpochReply,
    Rejection, Reply,
};
use yak_model::limits::at_most_entries;

use crate::answer::Outcome;
use crate::broker::Broker;

/// Looks every entry up.
pub(crate) fn offset_for_leader_epoch(
    broker: &Broker,
    request: OffsetForLeaderEpoch,
) -> Outcome<OffsetForLeaderEpochReply> {
    at_most_entries(request.entries.len())?;
    let answer = |entry: OffsetForLeaderEpochEntry| {
        let end = look_up(broker, &entry);
        EpochEndOffset { topic: entry.topic, partition: entry.partition, end }
    };
    Ok(Reply::new(OffsetForLeaderEpochReply {
        partitions: request.entries.into_iter().map(answer).collect(),
    }))
}

fn look_up(broker: &Broker, entry: &OffsetForLeaderEpochEntry) -> Result<Option<EpochEnd>, Rejection> {
    let partition = broker.partition(&entry.topic, entry.partition)?;
    partition.epoch_end(entry.current_leader_epoch, entry.leader_epoch)
}

#[cfg(test)]
mod tests {
    use yak_model::{ErrorCode, LeaderEpoch, PartitionIndex};

    use super::*;
    use crate::replication::tests::rig::{Node, Rig, topic, until};

    /// The epoch that answers and its end, or the code of the refusal.
    fn end(node: &Node, current: Option<i32>, asked: i32) -> Result<Option<(i32, i64)>, ErrorCode> {
        let entry = OffsetForLeaderEpochEntry {
            topic: topic(),
            partition: PartitionIndex::new(0),
            current_leader_epoch: current.map(LeaderEpoch::new),
            leader_epoch: LeaderEpoch::new(asked),
        };
        let request = OffsetForLeaderEpoch { entries: vec![entry] };
        let reply = offset_for_leader_epoch(&node.broker, request).expect("answered");
        let answer = reply.body.partitions.into_iter().next().expect("one");
        let end = answer.end.map_err(|rejection| rejection.code)?;
        Ok(end.map(|end| (end.leader_epoch.get(), end.end_offset.get())))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_epoch_ends_where_the_next_began_and_the_latest_at_the_logs_end() {
        let rig = Rig::new(&[]);
        let (nodes, first, second) = rig.two_epochs().await;
        let leader = &nodes[1];
        assert_eq!(end(leader, None, first), Ok(Some((first, 3))));
        assert_eq!(end(leader, Some(second), second), Ok(Some((second, 5))));
        assert_eq!(end(leader, None, second + 1), Ok(None), "an epoch that never was");
        assert_eq!(end(leader, None, -1), Ok(None));
        assert_eq!(end(leader, Some(first), first), Err(ErrorCode::FencedLeaderEpoch));
        assert_eq!(end(leader, Some(second + 1), first), Err(ErrorCode::UnknownLeaderEpoch));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_the_leader_answers_and_only_of_what_there_is() {
        let rig = Rig::new(&[]);
        let (nodes, first, _) = rig.two_epochs().await;
        until("it knows", || end(&nodes[0], None, first) == Err(ErrorCode::NotLeaderOrFollower)).await;
        let entry = |name: &str, partition| OffsetForLeaderEpochEntry {
            topic: name.parse().expect("a name"),
            partition: PartitionIndex::new(partition),
            current_leader_epoch: None,
            leader_epoch: LeaderEpoch::new(0),
        };
        let entries = vec![entry("t", 1), entry("missing", 0)];
        let reply =
            offset_for_leader_epoch(&nodes[1].broker, OffsetForLeaderEpoch { entries }).expect("answered");
        let codes: Vec<_> =
            reply.body.partitions.into_iter().map(|end| end.end.expect_err("refused").code).collect();
        assert_eq!(codes, [ErrorCode::UnknownTopicOrPartition; 2]);
    }
}
