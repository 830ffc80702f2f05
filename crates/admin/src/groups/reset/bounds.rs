//! Which partitions are meant, and what is known of them.

use std::collections::BTreeMap;

use yak_cli::Failure;
use yak_model::api::{ListOffsets, ListOffsetsEntry, OffsetSpec};
use yak_model::{ErrorCode, GroupId, Offset, TimestampMs, TopicPartition};

use super::plan::Bounds;
use crate::groups::run::Tool;

impl Tool {
    pub(super) async fn committed(
        &self,
        group: &GroupId,
    ) -> Result<BTreeMap<TopicPartition, Offset>, Failure> {
        let fetched = self.admin.committed_offsets(group).await?;
        let committed = fetched.into_iter().filter_map(|fetched| {
            Some((TopicPartition::new(fetched.topic, fetched.partition), fetched.committed?.offset))
        });
        Ok(committed.collect())
    }

    /// The partitions that are meant.
    pub(super) async fn reset_scope(
        &self,
        group: &GroupId,
        committed: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<Vec<TopicPartition>, Failure> {
        if self.args.what.all_topics {
            if committed.is_empty() {
                let message = format!("group '{group}' has committed nothing; name the topics with --topic");
                return Err(Failure::new(ErrorCode::GroupIdNotFound, message));
            }
            return Ok(committed.keys().cloned().collect());
        }
        let mut ids = Vec::new();
        for scope in &self.args.what.topic {
            let found = self.admin.metadata(Some(vec![scope.topic.clone()])).await?.topics.into_iter().next();
            let Some(Ok(topic)) = found else {
                return Err(self.admin.unknown_topic(&scope.topic).await.into());
            };
            let there: Vec<_> = topic.partitions.iter().map(|found| found.partition).collect();
            let wanted = scope.partitions.clone().unwrap_or_else(|| there.clone());
            if let Some(missing) = wanted.iter().find(|at| !there.contains(at)) {
                let message =
                    format!("topic '{}' has no partition {missing}; it has {}", scope.topic, there.len());
                return Err(Failure::new(ErrorCode::UnknownTopicOrPartition, message));
            }
            ids.extend(wanted.into_iter().map(|at| TopicPartition::new(scope.topic.clone(), at)));
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Where the partitions begin and end, and where a time is.
    pub(super) async fn bounds(
        &self,
        ids: &[TopicPartition],
        committed: &BTreeMap<TopicPartition, Offset>,
        time: Option<TimestampMs>,
    ) -> Result<Vec<Bounds>, Failure> {
        let specs = [OffsetSpec::Earliest, OffsetSpec::Latest, OffsetSpec::Time(time.unwrap_or_default())];
        let entries = ids.iter().flat_map(|id| {
            specs.map(|at| ListOffsetsEntry {
                topic: id.topic.clone(),
                partition: id.partition,
                leader_epoch: None,
                at,
            })
        });
        let request = ListOffsets { entries: entries.collect(), ..ListOffsets::default() };
        let listed = self.admin.list_offsets(&request).await?.partitions;
        let mut all = Vec::with_capacity(ids.len());
        for (id, answers) in ids.iter().zip(listed.chunks(specs.len())) {
            let mut offsets = [None; 3];
            for (offset, answer) in offsets.iter_mut().zip(answers) {
                match answer {
                    Ok(found) => *offset = found.offset,
                    Err(refused) => return Err(Failure::rejected(&refused.rejection)),
                }
            }
            let start = offsets[0].unwrap_or(Offset::ZERO);
            all.push(Bounds {
                id: id.clone(),
                current: committed.get(id).copied(),
                start,
                end: offsets[1].unwrap_or(start),
                at_time: offsets[2],
            });
        }
        Ok(all)
    }
}
