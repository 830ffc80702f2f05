//! Describe log dirs: the broker's directory, its logs and the disk under it.

use std::collections::BTreeSet;

use yak_model::api::{
    DescribeLogDirs, DescribeLogDirsReply, LogDescription, LogDirDescription, Rejection, Reply,
};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, TopicPartition};

use crate::answer::Outcome;
use crate::broker::Broker;
use crate::partitions::Partition;

/// Describes the one directory there is.
pub(crate) fn describe_log_dirs(broker: &Broker, request: DescribeLogDirs) -> Outcome<DescribeLogDirsReply> {
    at_most_entries(request.partitions.as_ref().map_or(0, Vec::len))?;
    let space = broker.directory.space();
    let directory = LogDirDescription {
        path: broker.directory.path().display().to_string(),
        total_bytes: space.map(|space| space.total),
        usable_bytes: space.map(|space| space.usable),
        logs: logs(broker, request.partitions.as_deref()),
    };
    Ok(Reply::new(DescribeLogDirsReply { directories: vec![directory] }))
}

fn logs(broker: &Broker, wanted: Option<&[TopicPartition]>) -> Result<Vec<LogDescription>, Rejection> {
    if let Some(failure) = broker.directory.failure() {
        return Err(Rejection::new(ErrorCode::KafkaStorageError, failure.to_string()));
    }
    let wanted: Option<BTreeSet<&TopicPartition>> = wanted.map(|wanted| wanted.iter().collect());
    let is_wanted = |id: &TopicPartition| wanted.as_ref().is_none_or(|wanted| wanted.contains(id));
    let describe = |partition: &Partition| LogDescription {
        topic: partition.id().topic.clone(),
        partition: partition.id().partition,
        size_bytes: partition.reader().size_bytes(),
        offset_lag: u64::try_from(partition.high_watermark().since(partition.reader().log_end()))
            .unwrap_or(0),
        is_future: false,
    };
    let online = broker.partitions.online();
    Ok(online.iter().filter(|partition| is_wanted(partition.id())).map(|found| describe(found)).collect())
}

#[cfg(test)]
mod tests {
    use yak_model::PartitionIndex;
    use yak_model::api::Acks;

    use super::*;
    use crate::replication::tests::rig::{Rig, topic, until};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_is_described_with_its_logs_and_its_disk() {
        let rig = Rig::new(&[]);
        let nodes = rig.cluster(1, 2, &[("flush", "os")]).await;
        until("it leads", || nodes[0].partition(1).high_watermark().get() == 0).await;
        nodes[0].produce(1, "some bytes", Acks::All).await.expect("acknowledged");
        let describe = |partitions| {
            let reply =
                describe_log_dirs(&nodes[0].broker, DescribeLogDirs { partitions }).expect("answered");
            reply.body.directories.into_iter().next().expect("one directory")
        };
        let all = describe(None);
        assert_eq!(all.path, rig.path(1).display().to_string());
        let (total, usable) = (all.total_bytes.expect("known"), all.usable_bytes.expect("known"));
        assert!(total >= usable && usable > 0, "{total} {usable}");
        let logs = all.logs.expect("online");
        assert_eq!(logs.len(), 2);
        assert_eq!((logs[0].size_bytes, logs[0].offset_lag), (0, 0));
        assert_eq!(logs[1].size_bytes, u64::try_from(rig.log_bytes(1, 1).len()).expect("small"));
        let one = TopicPartition::new(topic(), PartitionIndex::new(1));
        let elsewhere = TopicPartition::new(topic(), PartitionIndex::new(7));
        let some = describe(Some(vec![elsewhere, one])).logs.expect("online");
        assert_eq!(some, logs[1..]);
    }
}
