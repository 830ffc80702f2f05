//! The codec by itself: bounds, golden frames, damaged frames.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at once")]

mod bounds;
mod damage;
mod fuzz;
mod golden;
mod groups;

use yak_kafka::{KINDS, Kind};

/// Every message in every version.
fn every_version() -> impl Iterator<Item = (&'static Kind, i16)> {
    KINDS.iter().flat_map(|kind| kind.versions.clone().map(move |version| (kind, version)))
}
