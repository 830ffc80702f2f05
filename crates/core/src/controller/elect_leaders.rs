//! Elect leaders: on request, the preferred one, or one at the price of records (KIP-460).

use std::sync::Arc;

use yak_model::api::{ElectLeaders, ElectLeadersReply, ElectionKind, Rejection};
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, ErrorCode, TopicPartition};

use super::Draft;
use super::command::Decide;
use super::partition_change::PartitionChange;

impl Decide for ElectLeaders {
    type Reply = ElectLeadersReply;

    fn decide(self, draft: &mut Draft<'_>) -> Result<ElectLeadersReply, Rejection> {
        let Self { kind, partitions, timeout_ms: _ } = self;
        let named = partitions.is_some();
        let partitions = partitions.unwrap_or_else(|| {
            let all = draft.image().partitions();
            all.map(|record| TopicPartition::new(record.topic.clone(), record.partition)).collect()
        });
        let mut results = Vec::new();
        for partition in partitions {
            let result = elect(draft, kind, &partition);
            let is_news =
                !matches!(&result, Err(rejection) if rejection.code == ErrorCode::ElectionNotNeeded);
            if named || is_news {
                results.push((partition, result));
            }
        }
        Ok(ElectLeadersReply { partitions: results })
    }
}

fn elect(
    draft: &mut Draft<'_>,
    kind: ElectionKind,
    partition: &TopicPartition,
) -> Result<BrokerId, Rejection> {
    let image = draft.image().clone();
    let topic = draft.topic(&partition.topic)?;
    let Some(before) = topic.partition(partition.partition).map(Arc::clone) else {
        let message = format!("topic '{}' has no partition {}", partition.topic, partition.partition);
        return Err(Rejection::new(ErrorCode::UnknownTopicOrPartition, message));
    };
    let mut change = PartitionChange::new(topic, &before);
    let elected = match kind {
        ElectionKind::Preferred => preferred(&before, |broker| image.is_live(broker))?,
        ElectionKind::Unclean => unclean(&before, partition, |broker| image.is_live(broker))?,
    };
    match kind {
        ElectionKind::Preferred => change.hand_over(elected),
        ElectionKind::Unclean => change.elect_uncleanly(&image, elected),
    }
    let changed = change.finish();
    draft.because(match kind {
        ElectionKind::Preferred => format!("{partition}: preferred leader {elected} elected on request"),
        ElectionKind::Unclean => {
            format!("{partition}: UNCLEAN election of {elected} on request; records may be lost")
        }
    });
    draft.push_partition(changed);
    Ok(elected)
}

/// The first replica, if leadership can be handed to it without a loss.
pub(super) fn preferred(
    before: &PartitionRecord,
    is_live: impl Fn(BrokerId) -> bool,
) -> Result<BrokerId, Rejection> {
    let partition = TopicPartition::new(before.topic.clone(), before.partition);
    let preferred = before.replicas.first().copied().expect("a partition has replicas");
    if before.leader == Some(preferred) {
        let message = format!("{partition}: broker {preferred} leads already");
        return Err(Rejection::new(ErrorCode::ElectionNotNeeded, message));
    }
    if !before.in_sync_replicas.contains(&preferred) || !is_live(preferred) {
        let message = format!("{partition}: broker {preferred} is not in the ISR, or not alive");
        return Err(Rejection::new(ErrorCode::PreferredLeaderNotAvailable, message));
    }
    Ok(preferred)
}

/// Any live replica, where a clean election finds none.
fn unclean(
    before: &PartitionRecord,
    partition: &TopicPartition,
    is_live: impl Fn(BrokerId) -> bool,
) -> Result<BrokerId, Rejection> {
    if let Some(leader) = before.leader {
        let message = format!("{partition}: broker {leader} leads");
        return Err(Rejection::new(ErrorCode::ElectionNotNeeded, message));
    }
    before.replicas.iter().copied().find(|broker| is_live(*broker)).ok_or_else(|| {
        let message = format!("{partition}: none of its replicas is alive");
        Rejection::new(ErrorCode::EligibleLeadersNotAvailable, message)
    })
}
