//! Describe producers: whom the leader of a partition remembers.

use yak_model::TopicPartition;
use yak_model::api::{
    ActiveProducer, DescribeProducers, DescribeProducersReply, DescribedProducers, Rejection, Reply,
};
use yak_model::limits::at_most_entries;

use crate::answer::Outcome;
use crate::broker::Broker;

/// Describes the producers of each partition that this broker leads.
pub(crate) fn describe_producers(
    broker: &Broker,
    request: DescribeProducers,
) -> Outcome<DescribeProducersReply> {
    at_most_entries(request.partitions.len())?;
    let describe = |id: TopicPartition| {
        let producers = producers(broker, &id);
        DescribedProducers { topic: id.topic, partition: id.partition, producers }
    };
    Ok(Reply::new(DescribeProducersReply {
        partitions: request.partitions.into_iter().map(describe).collect(),
    }))
}

fn producers(broker: &Broker, id: &TopicPartition) -> Result<Vec<ActiveProducer>, Rejection> {
    broker.partition(&id.topic, id.partition)?.producers()
}

#[cfg(test)]
mod tests {
    use yak_model::api::Acks;
    use yak_model::{ErrorCode, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TimestampMs};
    use yak_record::{BatchBuilder, Compression, ProducerStamp, RecordParts};

    use super::*;
    use crate::replication::tests::rig::{Rig, topic, until};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_leader_tells_whom_it_remembers() {
        let rig = Rig::new(&[]);
        let nodes = rig.cluster(2, 1, &[("flush", "os")]).await;
        let leader = rig.leader(0).await;
        let (leader, follower) = if leader == 1 { (&nodes[0], &nodes[1]) } else { (&nodes[1], &nodes[0]) };
        let asked = |partition| DescribeProducers {
            partitions: vec![TopicPartition::new(topic(), PartitionIndex::new(partition))],
        };
        let describe = |broker, partition| {
            let reply = describe_producers(broker, asked(partition)).expect("answered");
            reply.body.partitions.into_iter().next().expect("one").producers.map_err(|refused| refused.code)
        };
        until("it leads", || describe(&leader.broker, 0) == Ok(vec![])).await;
        leader.produce(0, "without an id", Acks::Leader).await.expect("appended");
        let mut builder = BatchBuilder::new();
        for time in [5, 9, 7] {
            let timestamp = Some(TimestampMs::new(time));
            builder.push(&RecordParts { timestamp, key: None, value: Some(b"x"), headers: &[] });
        }
        let (id, epoch) = (ProducerId::new(7), ProducerEpoch::new(3));
        let stamp = ProducerStamp { id, epoch, base_sequence: Sequence::new(0) };
        let batch = builder.finish(Compression::None, Some(stamp));
        leader.produce_batch(0, batch, Acks::Leader).await.expect("appended");
        let expected = ActiveProducer {
            producer_id: id,
            producer_epoch: epoch,
            last_sequence: Sequence::new(2),
            last_timestamp: TimestampMs::new(9),
            transaction_start: None,
        };
        assert_eq!(describe(&leader.broker, 0), Ok(vec![expected]));
        assert_eq!(describe(&follower.broker, 0), Err(ErrorCode::NotLeaderOrFollower));
        assert_eq!(describe(&leader.broker, 1), Err(ErrorCode::UnknownTopicOrPartition));
    }
}
