//! Keys: which group, and what of it.

use bytes::{BufMut as _, Bytes, BytesMut};
use thiserror::Error;

use super::RecordType;
use crate::choices::Choices;
use crate::cursor::Reader;
use crate::error::DecodeError;
use crate::wire::{Field, Form};

/// Keys have no versions, and are not flexible.
const FORM: Form = Form::new(0, i16::MAX);

/// The key of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are Kafka's own, and the values are documented where they stand")]
pub enum GroupKey {
    OffsetCommit { group_id: String, topic: String, partition: i32 },
    GroupMetadata { group_id: String },
    ConsumerGroupMetadata { group_id: String },
    ConsumerGroupPartitionMetadata { group_id: String },
    ConsumerGroupMemberMetadata { group_id: String, member_id: String },
    ConsumerGroupTargetAssignmentMetadata { group_id: String },
    ConsumerGroupTargetAssignmentMember { group_id: String, member_id: String },
    ConsumerGroupCurrentMemberAssignment { group_id: String, member_id: String },
    ConsumerGroupRegularExpression { group_id: String, regular_expression: String },
}

/// Why bytes are not a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// A record of something else than is known here: of share or streams groups, or of a later version of Kafka. Whoever
    /// loads groups skips it.
    #[error("the record type {0} is not known")]
    UnknownType(i16),
    /// The bytes are not the fields of their type.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
}

impl GroupKey {
    /// What the record is about.
    #[must_use]
    pub const fn record_type(&self) -> RecordType {
        match self {
            Self::OffsetCommit { .. } => RecordType::OffsetCommit,
            Self::GroupMetadata { .. } => RecordType::GroupMetadata,
            Self::ConsumerGroupMetadata { .. } => RecordType::ConsumerGroupMetadata,
            Self::ConsumerGroupPartitionMetadata { .. } => RecordType::ConsumerGroupPartitionMetadata,
            Self::ConsumerGroupMemberMetadata { .. } => RecordType::ConsumerGroupMemberMetadata,
            Self::ConsumerGroupTargetAssignmentMetadata { .. } => {
                RecordType::ConsumerGroupTargetAssignmentMetadata
            }
            Self::ConsumerGroupTargetAssignmentMember { .. } => {
                RecordType::ConsumerGroupTargetAssignmentMember
            }
            Self::ConsumerGroupCurrentMemberAssignment { .. } => {
                RecordType::ConsumerGroupCurrentMemberAssignment
            }
            Self::ConsumerGroupRegularExpression { .. } => RecordType::ConsumerGroupRegularExpression,
        }
    }

    /// Whose record it is: which partition it belongs to depends on this alone.
    #[must_use]
    pub fn group_id(&self) -> &str {
        match self {
            Self::OffsetCommit { group_id, .. }
            | Self::GroupMetadata { group_id }
            | Self::ConsumerGroupMetadata { group_id }
            | Self::ConsumerGroupPartitionMetadata { group_id }
            | Self::ConsumerGroupMemberMetadata { group_id, .. }
            | Self::ConsumerGroupTargetAssignmentMetadata { group_id }
            | Self::ConsumerGroupTargetAssignmentMember { group_id, .. }
            | Self::ConsumerGroupCurrentMemberAssignment { group_id, .. }
            | Self::ConsumerGroupRegularExpression { group_id, .. } => group_id,
        }
    }

    /// Makes one up.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the fields of every key are there")]
    pub fn sample(choices: &mut Choices<'_>, record_type: RecordType) -> Self {
        let mut bytes = BytesMut::new();
        bytes.put_i16(record_type.number());
        choices.text().write(&mut bytes, FORM);
        choices.text().write(&mut bytes, FORM);
        bytes.put_slice(&choices.number::<4>());
        decode_key(&bytes).expect("a key is at most its type, two strings and a number")
    }
}

/// Decodes a key; bytes behind it are ignored.
///
/// # Errors
/// The type is not known here, which is to be skipped, or the bytes are not the key.
pub fn decode_key(key: &[u8]) -> Result<GroupKey, KeyError> {
    let reader = &mut Reader::new(key);
    let number = read(reader, "type")?;
    let record_type = RecordType::from_number(number).ok_or(KeyError::UnknownType(number))?;
    let group_id = read(reader, "group")?;
    Ok(match record_type {
        RecordType::OffsetCommit => GroupKey::OffsetCommit {
            group_id,
            topic: read(reader, "topic")?,
            partition: read(reader, "partition")?,
        },
        RecordType::GroupMetadata => GroupKey::GroupMetadata { group_id },
        RecordType::ConsumerGroupMetadata => GroupKey::ConsumerGroupMetadata { group_id },
        RecordType::ConsumerGroupPartitionMetadata => GroupKey::ConsumerGroupPartitionMetadata { group_id },
        RecordType::ConsumerGroupMemberMetadata => {
            GroupKey::ConsumerGroupMemberMetadata { group_id, member_id: read(reader, "member_id")? }
        }
        RecordType::ConsumerGroupTargetAssignmentMetadata => {
            GroupKey::ConsumerGroupTargetAssignmentMetadata { group_id }
        }
        RecordType::ConsumerGroupTargetAssignmentMember => {
            GroupKey::ConsumerGroupTargetAssignmentMember { group_id, member_id: read(reader, "member_id")? }
        }
        RecordType::ConsumerGroupCurrentMemberAssignment => {
            GroupKey::ConsumerGroupCurrentMemberAssignment { group_id, member_id: read(reader, "member_id")? }
        }
        RecordType::ConsumerGroupRegularExpression => GroupKey::ConsumerGroupRegularExpression {
            group_id,
            regular_expression: read(reader, "regular_expression")?,
        },
    })
}

fn read<T: Field>(reader: &mut Reader<'_>, name: &'static str) -> Result<T, DecodeError> {
    T::read(reader, FORM).map_err(|error| error.in_field(name))
}

/// Encodes a key.
#[must_use]
pub fn encode_key(key: &GroupKey) -> Bytes {
    let mut out = BytesMut::new();
    key.record_type().number().write(&mut out, FORM);
    key.group_id().to_owned().write(&mut out, FORM);
    match key {
        GroupKey::OffsetCommit { topic, partition, .. } => {
            topic.write(&mut out, FORM);
            partition.write(&mut out, FORM);
        }
        GroupKey::ConsumerGroupMemberMetadata { member_id: second, .. }
        | GroupKey::ConsumerGroupTargetAssignmentMember { member_id: second, .. }
        | GroupKey::ConsumerGroupCurrentMemberAssignment { member_id: second, .. }
        | GroupKey::ConsumerGroupRegularExpression { regular_expression: second, .. } => {
            second.write(&mut out, FORM);
        }
        GroupKey::GroupMetadata { .. }
        | GroupKey::ConsumerGroupMetadata { .. }
        | GroupKey::ConsumerGroupPartitionMetadata { .. }
        | GroupKey::ConsumerGroupTargetAssignmentMetadata { .. } => {}
    }
    out.freeze()
}
