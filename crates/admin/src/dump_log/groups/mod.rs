//! Records of `__consumer_offsets` as JSON, word for word what Kafka's tool prints of them.
//!
//! ```text
//! key: {"type":"1","data":{"group":"g","topic":"t","partition":0}}
//! payload: {"version":"3","data":{"offset":5,"leaderEpoch":0,"metadata":"","commitTimestamp":1700000000000}}
//! ```
//!
//! Type and version are strings; what the version lacks is left out, and so is a tagged field that has its default.

mod key;
mod value;

use yak_kafka::group_records::{KeyError, decode_key, decode_value, value_version};

/// What a record says of a group.
#[derive(Debug)]
pub(super) enum GroupRecord {
    /// Key and value as JSON; without a value, what the key names is gone.
    Decoded { key: Vec<u8>, value: Option<Vec<u8>> },
    /// A record of a type that is not known.
    Unknown(i16),
    /// Not a record of groups, and why.
    Malformed(String),
}

impl GroupRecord {
    /// Decodes a record.
    pub(super) fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let Some(key) = key else { return Self::Malformed("the record of a group has no key".to_owned()) };
        let key = match decode_key(key) {
            Ok(key) => key,
            Err(KeyError::UnknownType(number)) => return Self::Unknown(number),
            Err(KeyError::Malformed(error)) => {
                return Self::Malformed(format!("the key of a group: {error}"));
            }
        };
        let version = value.and_then(value_version).unwrap_or_default();
        match value.map(|bytes| decode_value(key.record_type(), bytes)).transpose() {
            Ok(value) => Self::Decoded {
                key: key::to_json(&key),
                value: value.map(|value| value::to_json(&value, version)),
            },
            Err(error) => Self::Malformed(format!("the value of a group: {error}")),
        }
    }
}
