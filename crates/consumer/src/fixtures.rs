//! Records for the tests of the formats.

use yak_client::{ConsumedRecord, Header, Headers, TimestampType};
use yak_model::{Offset, TimestampMs};

/// A record with everything in it.
pub(crate) fn record() -> ConsumedRecord<'static> {
    const HEADERS: &[Header<'_>] = &[Header::new("h1", Some(b"v1")), Header::new("h2", None)];
    ConsumedRecord { key: Some(b"key"), headers: HEADERS.into(), ..bare(Some(b"value")) }
}

/// A record that is only a value, or a tombstone.
pub(crate) fn bare(value: Option<&'static [u8]>) -> ConsumedRecord<'static> {
    ConsumedRecord {
        offset: Offset::new(5),
        timestamp: TimestampMs::new(1_700_000_000_000),
        timestamp_type: TimestampType::Create,
        key: None,
        value,
        headers: Headers::default(),
    }
}
