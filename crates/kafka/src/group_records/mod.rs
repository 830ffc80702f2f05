//! The records of `__consumer_offsets`: what a group coordinator writes, in Kafka's format.
//!
//! ```text
//! key      int16 type | fields, never flexible: strings have an int16 length
//! value    int16 version | fields of that version; null: a tombstone, what the key names is gone
//!
//! type                                     key after the type                        value: versions, flexible from
//!  1 OffsetCommit                          group, topic, int32 partition             0-4, 4
//!  2 GroupMetadata                         group                                     0-4, 4
//!  3 ConsumerGroupMetadata                 group                                     0, 0
//!  4 ConsumerGroupPartitionMetadata        group                                     0, 0 (Kafka 4.0 and before)
//!  5 ConsumerGroupMemberMetadata           group, member id                          0, 0
//!  6 ConsumerGroupTargetAssignmentMetadata group                                     0, 0
//!  7 ConsumerGroupTargetAssignmentMember   group, member id                          0, 0
//!  8 ConsumerGroupCurrentMemberAssignment  group, member id                          0, 0
//! 16 ConsumerGroupRegularExpression        group, regular expression                 0, 0
//! ```
//!
//! 1 and 2 are the classic groups' and everybody's offsets, the others those of KIP-848. The types between and above are
//! share and streams groups, which are not known here: [`KeyError::UnknownType`], for a loader to skip.
//!
//! Decoding is bounded as that of messages is, and bytes behind the fields are ignored. Encoding cuts a string of more
//! than [`crate::MAX_STRING_LEN`] bytes: it is up to the coordinator to have no such group.

mod key;
mod value;

pub use key::{GroupKey, KeyError, decode_key, encode_key};
pub use value::{
    ClassicMemberMetadata, ClassicProtocol, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataValue,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataValue, CurrentPartitions, GroupMetadataValue, MemberMetadata,
    OffsetCommitValue, PartitionMetadata, TargetPartitions, TopicMetadata,
};

use std::ops::RangeInclusive;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::choices::Choices;
use crate::cursor::{Cursor as _, Reader};
use crate::error::{DecodeError, Problem};
use crate::wire::{Field, Form};

macro_rules! records {
    ($($number:literal $variant:ident $value:ident, versions $versions:expr, flexible from $flexible:expr;)*) => {
        /// What a record is about; the number is the first field of its key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        #[expect(missing_docs, reason = "the names are Kafka's own, and the values are documented where they stand")]
        pub enum RecordType {
            $($variant = $number,)*
        }

        impl RecordType {
            /// Every type that is known here, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Kafka's number.
            #[must_use]
            pub const fn number(self) -> i16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// Kafka's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// The type of a number, if it is known here.
            #[must_use]
            pub const fn from_number(number: i16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The versions of its value that can be decoded, and the first flexible one.
            #[must_use]
            pub const fn versions(self) -> (RangeInclusive<i16>, i16) {
                match self { $(Self::$variant => ($versions, $flexible),)* }
            }
        }

        /// The value of a record.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "the names are Kafka's own, and the values are documented where they stand")]
        pub enum GroupValue {
            $($variant($value),)*
        }

        impl GroupValue {
            /// The type of the key that it belongs to.
            #[must_use]
            pub const fn record_type(&self) -> RecordType {
                match self { $(Self::$variant(_) => RecordType::$variant,)* }
            }

            /// Makes one up of a version.
            #[must_use]
            pub fn sample(choices: &mut Choices<'_>, record_type: RecordType, version: i16) -> Self {
                let form = Form::new(version, record_type.versions().1);
                match record_type { $(RecordType::$variant => Self::$variant(Field::sample(choices, form)),)* }
            }

            fn read(reader: &mut Reader<'_>, of: RecordType, form: Form) -> Result<Self, DecodeError> {
                match of { $(RecordType::$variant => Field::read(reader, form).map(Self::$variant),)* }
            }

            fn write(&self, out: &mut BytesMut, form: Form) {
                match self { $(Self::$variant(value) => value.write(out, form),)* }
            }
        }
    };
}

records! {
    1 OffsetCommit OffsetCommitValue, versions 0..=4, flexible from 4;
    2 GroupMetadata GroupMetadataValue, versions 0..=4, flexible from 4;
    3 ConsumerGroupMetadata ConsumerGroupMetadataValue, versions 0..=0, flexible from 0;
    4 ConsumerGroupPartitionMetadata ConsumerGroupPartitionMetadataValue, versions 0..=0, flexible from 0;
    5 ConsumerGroupMemberMetadata ConsumerGroupMemberMetadataValue, versions 0..=0, flexible from 0;
    6 ConsumerGroupTargetAssignmentMetadata ConsumerGroupTargetAssignmentMetadataValue, versions 0..=0, flexible from 0;
    7 ConsumerGroupTargetAssignmentMember ConsumerGroupTargetAssignmentMemberValue, versions 0..=0, flexible from 0;
    8 ConsumerGroupCurrentMemberAssignment ConsumerGroupCurrentMemberAssignmentValue, versions 0..=0, flexible from 0;
    16 ConsumerGroupRegularExpression ConsumerGroupRegularExpressionValue, versions 0..=0, flexible from 0;
}

impl GroupValue {
    /// The version that it is written in: the lowest that has all its fields, as Kafka does. An offset that expires by
    /// itself has version 1, and loses its leader epoch and topic id.
    #[must_use]
    pub fn version(&self) -> i16 {
        match self {
            Self::OffsetCommit(value) if value.expire_timestamp != -1 => 1,
            Self::OffsetCommit(value) if value.topic_id.is_zero() => 3,
            Self::OffsetCommit(_) => 4,
            Self::GroupMetadata(_) => 3,
            _ => 0,
        }
    }
}

/// Decodes the value of a record whose key is of this type; [`value_version`] tells its version.
///
/// # Errors
/// The version is not one of [`RecordType::versions`], or the bytes are not the value; it prints like
/// `GroupMetadata.members[0].client_id: needs 80 bytes, 12 remain`.
pub fn decode_value(record_type: RecordType, value: &[u8]) -> Result<GroupValue, DecodeError> {
    let in_type = |error: DecodeError| error.in_field(record_type.name());
    let mut reader = Reader::new(value);
    let version = reader.i16().map_err(|error| in_type(error.in_field("version")))?;
    let (versions, flexible_from) = record_type.versions();
    if !versions.contains(&version) {
        return Err(in_type(Problem::UnknownVersion(version).into()));
    }
    GroupValue::read(&mut reader, record_type, Form::new(version, flexible_from)).map_err(in_type)
}

/// The version that a value says it has.
#[must_use]
pub fn value_version(value: &[u8]) -> Option<i16> {
    value.first_chunk().map(|bytes| i16::from_be_bytes(*bytes))
}

/// Encodes a value in [`GroupValue::version`].
#[must_use]
pub fn encode_value(value: &GroupValue) -> Bytes {
    encode_value_as(value, value.version())
}

/// Encodes a value in one of the [`RecordType::versions`]: what that version lacks is left out.
#[must_use]
pub fn encode_value_as(value: &GroupValue, version: i16) -> Bytes {
    let (versions, flexible_from) = value.record_type().versions();
    debug_assert!(versions.contains(&version), "version {version}");
    let mut out = BytesMut::new();
    out.put_i16(version);
    value.write(&mut out, Form::new(version, flexible_from));
    out.freeze()
}

#[cfg(test)]
mod tests;
