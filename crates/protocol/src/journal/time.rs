//! Times as a person reads them: `2026-07-01T12:00:00.000Z`.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};
use yak_model::TimestampMs;

const FORMAT: &str = "%Y-%m-%dT%H:%M:%S.%3fZ";

/// A clock outside the years 1970 to 9999 is shown as the nearest moment within them.
pub(super) fn serialize<S: Serializer>(time: &TimestampMs, to: S) -> Result<S::Ok, S::Error> {
    let time = jiff::Timestamp::from_millisecond(time.get().max(0)).unwrap_or(jiff::Timestamp::MAX);
    to.collect_str(&time.strftime(FORMAT))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TimestampMs, D::Error> {
    let text = <&str>::deserialize(from)?;
    let time: jiff::Timestamp =
        text.parse().map_err(|error| D::Error::custom(format!("{text:?} is not a time: {error}")))?;
    Ok(TimestampMs::new(time.as_millisecond()))
}
