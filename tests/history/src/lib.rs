//! A checker of recorded histories: what producers were promised against what readers got.
//!
//! A history is the NDJSON of `yak-verifiable-producer` and `yak-verifiable-consumer --verbose`. Each send has one
//! of three outcomes: acknowledged, failed (surely not written), unknown (perhaps). The anomaly classes are those
//! of Jepsen's tests of Kafka; [`Class`] says what each is. Every value is sent once, so a value names its send.
//!
//! What is not promised is not checked: a producer that is not idempotent may repeat and reorder what it sends
//! again, and an acknowledgement of `acks=0` says nothing (it counts as unknown).

mod check;
mod event;
mod history;
mod report;

pub use check::check;
pub use history::{History, Producer, Read, Reader, Send, SendOutcome};
pub use report::{Class, Counts, Report};
