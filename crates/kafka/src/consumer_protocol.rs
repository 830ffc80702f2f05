//! What consumers of classic groups tell each other: in JoinGroup a subscription, in SyncGroup an assignment. To a
//! coordinator both are bytes that it hands on; it looks into them only to describe a group, and to know its topics.
//!
//! ```text
//! int16 version | fields of that version; never flexible
//! ```
//!
//! Versions only ever add fields at the end. So one above [`LATEST_VERSION`] is read as that, and what it adds is
//! ignored, as Kafka does.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::cursor::{Cursor as _, Reader};
use crate::error::{DecodeError, Problem};
use crate::table::table;
use crate::wire::{Field, Form};

/// The kind of groups whose members speak this: `protocol_type` of JoinGroup.
pub const PROTOCOL_TYPE: &str = "consumer";
/// The latest version that is known here.
pub const LATEST_VERSION: i16 = 3;

table! {
    /// What a member subscribes to.
    struct Subscription {
        /// The topics.
        topics: Vec<String>, 0..;
        /// Bytes of the assignor's own.
        user_data: Option<Bytes>, 0..;
        /// What the member had before (KIP-429).
        owned_partitions: Vec<TopicPartitions>, 1..;
        /// In which generation (KIP-792); -1: unknown.
        generation_id: i32 = -1, 2..;
        /// Where the member stands (KIP-881).
        rack_id: Option<String>, 3..;
    }

    /// What a member gets.
    struct Assignment {
        /// By topic.
        assigned_partitions: Vec<TopicPartitions>, 0..;
        /// Bytes of the assignor's own.
        user_data: Option<Bytes>, 0..;
    }

    /// The partitions of a topic.
    struct TopicPartitions {
        /// The topic's name.
        topic: String, 0..;
        /// Which partitions.
        partitions: Vec<i32>, 0..;
    }
}

/// Decodes a subscription, and tells its version.
///
/// # Errors
/// The version is negative, or the bytes are not a subscription.
pub fn decode_subscription(bytes: &[u8]) -> Result<(i16, Subscription), DecodeError> {
    decode(bytes)
}

/// Decodes an assignment, and tells its version.
///
/// # Errors
/// The version is negative, or the bytes are not an assignment.
pub fn decode_assignment(bytes: &[u8]) -> Result<(i16, Assignment), DecodeError> {
    decode(bytes)
}

/// Encodes a subscription in a version of 0 to [`LATEST_VERSION`].
#[must_use]
pub fn encode_subscription(subscription: &Subscription, version: i16) -> Bytes {
    encode(subscription, version)
}

/// Encodes an assignment in a version of 0 to [`LATEST_VERSION`].
#[must_use]
pub fn encode_assignment(assignment: &Assignment, version: i16) -> Bytes {
    encode(assignment, version)
}

fn decode<T: Field>(bytes: &[u8]) -> Result<(i16, T), DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16().map_err(|error| error.in_field("version"))?;
    if version < 0 {
        return Err(Problem::UnknownVersion(version).into());
    }
    Ok((version, T::read(&mut reader, form(version))?))
}

fn encode(value: &impl Field, version: i16) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(version);
    value.write(&mut out, form(version));
    out.freeze()
}

fn form(version: i16) -> Form {
    Form::new(version.min(LATEST_VERSION), i16::MAX)
}

#[cfg(test)]
#[path = "consumer_protocol_tests.rs"]
mod tests;
