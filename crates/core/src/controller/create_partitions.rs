//! Create partitions: a topic grows; what is in it stays where it is.

use yak_model::api::{CreatePartitions, Rejection};
use yak_model::limits::MAX_PARTITIONS_PER_TOPIC;
use yak_model::{BrokerId, ErrorCode};

use super::Draft;
use super::command::Decide;
use super::new_partitions::{NewPartitions, assigned, placed};
use super::placement::Placement;
use crate::image::Topic;

impl Decide for CreatePartitions {
    type Reply = ();

    fn decide(self, draft: &mut Draft<'_>) -> Result<(), Rejection> {
        let topic = draft.topic(&self.topic)?;
        if self.topic.is_internal() {
            // Which partition a group belongs to follows from their number.
            let message = format!("topic '{}' is internal: its number of partitions is for good", self.topic);
            return Err(Rejection::new(ErrorCode::InvalidTopicException, message));
        }
        let present = topic.partition_count();
        let added = added(topic, self.total)?;
        let new = match &self.assignment {
            Some(assignment) => by_hand(draft, topic, assignment, added)?,
            None => placed(&mut Placement::new(draft.image()), added, wanted(topic))?,
        };
        let topic_id = topic.id();
        draft.because(format!("topic {} grew from {present} to {} partitions", self.topic, self.total));
        new.push(draft, &self.topic, topic_id, present);
        if self.validate_only {
            draft.discard();
        }
        Ok(())
    }
}

/// How many partitions are to be added.
fn added(topic: &Topic, total: i32) -> Result<usize, Rejection> {
    let (name, present) = (topic.name(), topic.partition_count());
    let message = if total <= present {
        format!("topic '{name}' has {present} partition(s) already; {total} would not be an increase")
    } else if total > MAX_PARTITIONS_PER_TOPIC {
        format!("a topic has at most {MAX_PARTITIONS_PER_TOPIC} partitions, not {total}")
    } else {
        return Ok(usize::try_from(total - present).expect("an increase"));
    };
    Err(Rejection::new(ErrorCode::InvalidPartitions, message))
}

/// The replication factor that the topic was created with.
fn wanted(topic: &Topic) -> u16 {
    topic.partitions().first().map_or(1, |partition| partition.wanted)
}

fn by_hand(
    draft: &Draft<'_>,
    topic: &Topic,
    assignment: &[Vec<BrokerId>],
    added: usize,
) -> Result<NewPartitions, Rejection> {
    let invalid = |message: String| Err(Rejection::new(ErrorCode::InvalidReplicaAssignment, message));
    if assignment.len() != added {
        return invalid(format!("{added} new partition(s), but replicas for {}", assignment.len()));
    }
    let new = assigned(draft.image(), assignment)?;
    if new.wanted != wanted(topic) {
        return invalid(format!(
            "the topic has {} replica(s) a partition, not {}",
            wanted(topic),
            new.wanted
        ));
    }
    Ok(new)
}
