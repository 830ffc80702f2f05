//! Alter ISR: a leader proposes who is in sync with it; compared and set (KIP-497, KIP-841).

use yak_model::api::{AlterIsr, AlterIsrReply, IsrProposal, Rejection};
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, PartitionEpoch};

use super::Draft;
use super::command::Decide;
use super::partition_change::PartitionChange;

impl Decide for AlterIsr {
    type Reply = AlterIsrReply;

    fn decide(self, draft: &mut Draft<'_>) -> Result<AlterIsrReply, Rejection> {
        let Self { broker_id, broker_epoch, proposals } = self;
        draft.registered(broker_id, broker_epoch)?;
        let results = proposals.iter().map(|proposal| alter(draft, broker_id, proposal)).collect();
        Ok(AlterIsrReply { results })
    }
}

fn alter(
    draft: &mut Draft<'_>,
    leader: BrokerId,
    proposal: &IsrProposal,
) -> Result<PartitionEpoch, Rejection> {
    let image = draft.image().clone();
    let Some(topic) = image.topic_by_id(proposal.topic_id) else {
        let message = format!("there is no topic of id {}", proposal.topic_id);
        return Err(Rejection::new(ErrorCode::UnknownTopicId, message));
    };
    let Some(before) = topic.partition(proposal.partition) else {
        let message = format!("topic {} has no partition {}", topic.name(), proposal.partition);
        return Err(Rejection::new(ErrorCode::UnknownTopicOrPartition, message));
    };
    compare(before, leader, proposal)?;
    for (member, epoch) in &proposal.followers {
        check_member(draft, before, *member, *epoch)?;
    }
    let members: Vec<BrokerId> = proposal.followers.iter().map(|(member, _)| *member).collect();
    let mut change = PartitionChange::new(topic, before);
    change.set_isr(&image, leader, &members);
    let Some(after) = change.finish() else { return Ok(before.partition_epoch) };
    draft.because(cause(before, &after));
    let partition_epoch = after.partition_epoch;
    draft.push_partition(Some(after));
    Ok(partition_epoch)
}

/// Whether the proposal is about the partition as it is.
fn compare(before: &PartitionRecord, leader: BrokerId, proposal: &IsrProposal) -> Result<(), Rejection> {
    let (code, message) = if before.leader != Some(leader) || before.leader_epoch != proposal.leader_epoch {
        let message = format!("broker {leader} does not lead it in epoch {}", proposal.leader_epoch);
        (ErrorCode::FencedLeaderEpoch, message)
    } else if before.partition_epoch != proposal.partition_epoch {
        let (found, present) = (proposal.partition_epoch, before.partition_epoch);
        (ErrorCode::InvalidUpdateVersion, format!("its partition epoch is {present}, not {found}"))
    } else {
        return Ok(());
    };
    Err(Rejection::new(code, format!("{}-{}: {message}", before.topic, before.partition)))
}

/// Whether a broker may be in the ISR: alive, and the very registration that has proven to be caught up (INV-6).
fn check_member(
    draft: &Draft<'_>,
    before: &PartitionRecord,
    member: BrokerId,
    epoch: BrokerEpoch,
) -> Result<(), Rejection> {
    let is_replica = before.replicas.contains(&member) || before.adding_replicas.contains(&member);
    let is_trusted = epoch == IsrProposal::UNKNOWN_EPOCH && before.in_sync_replicas.contains(&member);
    let broker = draft.image().broker(member);
    let is_current = broker.is_some_and(|broker| !broker.fenced && (is_trusted || broker.epoch() == epoch));
    if is_replica && is_current {
        return Ok(());
    }
    let message =
        format!("{}-{}: broker {member} may not be in the ISR for now", before.topic, before.partition);
    Err(Rejection::new(ErrorCode::IneligibleReplica, message))
}

fn cause(before: &PartitionRecord, after: &PartitionRecord) -> String {
    let name = format!("{}-{}", after.topic, after.partition);
    let of = |wanted: &[BrokerId], other: &[BrokerId]| {
        let ids = wanted.iter().filter(|id| !other.contains(id)).map(ToString::to_string);
        ids.collect::<Vec<_>>().join(",")
    };
    let joined = of(&after.in_sync_replicas, &before.in_sync_replicas);
    let left = of(&before.in_sync_replicas, &after.in_sync_replicas);
    match (joined.is_empty(), left.is_empty()) {
        (false, true) => format!("{name}: {joined} caught up"),
        (true, false) => format!("{name}: {left} fell behind"),
        _ => format!("{name}: {joined} caught up, {left} fell behind"),
    }
}
