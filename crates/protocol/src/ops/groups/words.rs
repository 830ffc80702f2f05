//! What operations on groups have in common.

use std::fmt;

use yak_model::api::{AssignedTopic, MemberIdentity, Rejection, TopicPartitions};
use yak_model::{GroupId, InstanceId, MemberEpoch, MemberId, PartitionIndex, TopicName};

use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::ops::shared;

/// `"group":"g"`.
pub(crate) fn group(fields: &mut Fields<'_, '_>) -> Result<GroupId, Problem> {
    fields.required("group", |node| name(node, GroupId::new))
}

/// `"member_id":"m"`.
pub(crate) fn member_id(fields: &mut Fields<'_, '_>) -> Result<MemberId, Problem> {
    fields.required("member_id", |node| name(node, MemberId::new))
}

/// `"member_id":"m"`, if it is there.
pub(crate) fn optional_member_id(fields: &mut Fields<'_, '_>) -> Result<Option<MemberId>, Problem> {
    fields.optional("member_id", |node| name(node, MemberId::new))
}

/// `"instance":"i"`: the name of a static member over its restarts.
pub(crate) fn instance(fields: &mut Fields<'_, '_>) -> Result<Option<InstanceId>, Problem> {
    fields.optional("instance", |node| name(node, InstanceId::new))
}

/// Reads a name of a group or of a member.
pub(crate) fn name<T, E: fmt::Display>(
    node: Node<'_, '_>,
    new: impl FnOnce(String) -> Result<T, E>,
) -> Result<T, Problem> {
    new(node.string()?.into_owned()).map_err(|error| node.problem(error.to_string()))
}

/// `"member_epoch":3`, or a negative one that leaves.
pub(crate) fn member_epoch(fields: &mut Fields<'_, '_>) -> Result<MemberEpoch, Problem> {
    let least = MemberEpoch::LEAVE_STATIC.get();
    Ok(fields.required("member_epoch", |node| node.number(least, i32::MAX))?.into())
}

/// `"group":"g"`, or several in `"groups"`.
pub(crate) fn one_or_many(fields: &mut Fields<'_, '_>) -> Result<Vec<GroupId>, Problem> {
    if !fields.has("groups") {
        let one = group(fields)?;
        // So that a misspelt name of the array is recognised.
        _ = fields.take("groups");
        return Ok(vec![one]);
    }
    let groups = fields.required("groups", |node| node.array(|element| name(element, GroupId::new)))?;
    if groups.is_empty() { Err(fields.problem("groups: must not be empty")) } else { Ok(groups) }
}

/// Writes what [`one_or_many`] reads.
pub(crate) fn write_groups(object: &mut ObjectWriter<'_>, groups: &[GroupId]) {
    let names: Vec<&str> = groups.iter().map(GroupId::as_str).collect();
    object.field("groups", &names);
}

/// `"member_id":"m","member_epoch":3`, with `"instance"` if it is static; nothing of it is no member. The epoch is a
/// classic member's generation.
pub(crate) fn identity(fields: &mut Fields<'_, '_>) -> Result<Option<MemberIdentity>, Problem> {
    let member_id = optional_member_id(fields)?;
    let epoch = fields.optional_count::<i32>("member_epoch")?;
    let instance_id = instance(fields)?;
    match (member_id, epoch) {
        (Some(member_id), Some(epoch)) => {
            Ok(Some(MemberIdentity { member_id, instance_id, generation_id: epoch.into() }))
        }
        (None, None) if instance_id.is_none() => Ok(None),
        _ => Err(fields.problem("\"member_id\" and \"member_epoch\" belong together")),
    }
}

/// Writes what [`identity`] reads.
pub(crate) fn write_identity(object: &mut ObjectWriter<'_>, member: Option<&MemberIdentity>) {
    if let Some(member) = member {
        object.field("member_id", member.member_id.as_str());
        object.field("member_epoch", &member.generation_id.get());
        object.optional("instance", member.instance_id.as_ref().map(InstanceId::as_str));
    }
}

/// `"topic":"t","partition":0`.
pub(crate) fn place(fields: &mut Fields<'_, '_>) -> Result<(TopicName, PartitionIndex), Problem> {
    Ok((shared::topic(fields)?, shared::partition(fields)?))
}

/// Writes an array of what [`place`] reads.
pub(crate) fn write_places(object: &mut ObjectWriter<'_>, places: &[(TopicName, PartitionIndex)]) {
    object.objects("partitions", places, |object, (topic, partition)| {
        shared::write_partition(object, topic, *partition);
    });
}

/// `"partitions":[0,1]`.
pub(crate) fn partitions(fields: &mut Fields<'_, '_>) -> Result<Vec<PartitionIndex>, Problem> {
    fields.required("partitions", |node| node.array(|element| Ok(element.count::<i32>()?.into())))
}

/// Writes `"partitions":[0,1]`.
pub(crate) fn write_partitions(object: &mut ObjectWriter<'_>, partitions: &[PartitionIndex]) {
    let numbers: Vec<i32> = partitions.iter().map(|partition| partition.get()).collect();
    object.field("partitions", &numbers);
}

/// `{"topic_id":"..","partitions":[0,1]}`.
pub(crate) fn topic_partitions(fields: &mut Fields<'_, '_>) -> Result<TopicPartitions, Problem> {
    Ok(TopicPartitions {
        topic_id: fields.required("topic_id", |node| node.parsed())?,
        partitions: partitions(fields)?,
    })
}

/// Writes an array of what [`topic_partitions`] reads, if there is one.
pub(crate) fn write_topic_partitions(
    object: &mut ObjectWriter<'_>,
    name: &str,
    topics: Option<&Vec<TopicPartitions>>,
) {
    if let Some(topics) = topics {
        object.objects(name, topics, |object, topic| {
            object.field("topic_id", &topic.topic_id.to_string());
            write_partitions(object, &topic.partitions);
        });
    }
}

/// Reads `{"topic":"t","topic_id":"..","partitions":[0,1]}`.
pub(crate) fn assigned_topic(fields: &mut Fields<'_, '_>) -> Result<AssignedTopic, Problem> {
    Ok(AssignedTopic {
        topic: shared::topic(fields)?,
        topic_id: fields.required("topic_id", |node| node.parsed())?,
        partitions: partitions(fields)?,
    })
}

/// Writes what [`assigned_topic`] reads.
pub(crate) fn write_assigned_topic(object: &mut ObjectWriter<'_>, topic: &AssignedTopic) {
    object.field("topic", topic.topic.as_str());
    object.field("topic_id", &topic.topic_id.to_string());
    write_partitions(object, &topic.partitions);
}

/// Reads `"results":[{},{"error":{...}}]`: what became of each entry, in the order of the request.
pub(crate) fn results(fields: &mut Fields<'_, '_>) -> Result<Vec<Result<(), Rejection>>, Problem> {
    fields.required("results", |node| {
        node.array(|element| shared::entry_result(&mut element.fields()?, |_| Ok(())))
    })
}

/// Writes what [`results`] reads.
pub(crate) fn write_results(object: &mut ObjectWriter<'_>, results: &[Result<(), Rejection>]) {
    object.objects("results", results, |object, result| {
        if let Err(rejection) = result {
            shared::write_error(object, rejection);
        }
    });
}

/// Why the only entry was refused, if there was one and it was.
pub(crate) fn sole_rejection(results: &[Result<(), Rejection>]) -> Option<&Rejection> {
    match results {
        [Err(rejection)] => Some(rejection),
        _ => None,
    }
}
