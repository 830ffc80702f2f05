//! The events, as they are written.

use serde::Serialize;
use yak_model::api::Acks;

/// An event of either client.
#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    pub(super) timestamp: i64,
    #[serde(flatten)]
    pub(super) what: What<'a>,
}

/// What happened.
#[derive(Debug, Serialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub(super) enum What<'a> {
    /// The first event: connected, about to begin.
    StartupComplete(Startup<'a>),
    /// A record was acknowledged.
    ProducerSendSuccess(Sent<'a>),
    /// A record was not acknowledged: it failed, or nobody knows.
    ProducerSendError(NotSent<'a>),
    /// What a producer did in all.
    ToolData { sent: u64, acked: u64, failed: u64, unknown: u64, target_throughput: i64, avg_throughput: f64 },
    /// Where a consumer begins.
    PartitionsAssigned { partitions: Vec<Position<'a>> },
    /// One record that was read.
    RecordData(Read<'a>),
    /// Neighbouring records of one partition were read.
    RecordsConsumed { count: usize, partitions: [Range<'a>; 1] },
    /// A partition has another leader. Nothing was lost.
    LeaderChanged { topic: &'a str, partition: i32, from: Option<i32>, to: Option<i32>, leader_epoch: i32 },
    /// A position was out of range; reading goes on elsewhere.
    PositionReset { topic: &'a str, partition: i32, from: i64, to: i64 },
    /// Nobody is reached at the moment.
    Waiting { message: String },
    /// The last event. Of a consumer: where it ended, and whether that was where it was to stop.
    ShutdownComplete {
        #[serde(skip_serializing_if = "Option::is_none")]
        reached_end: Option<bool>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        partitions: Vec<Position<'a>>,
    },
}

/// How a client was started.
#[derive(Debug, Serialize)]
pub(super) struct Startup<'a> {
    pub(super) topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acks: Option<&'static str>,
    /// Whether a repetition is recognised by the brokers, so that no value may be there twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idempotent: Option<bool>,
}

/// The record's number within its producer, and when it was handed to the client library.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Invoked {
    pub(super) number: u64,
    pub(super) invoked_ms: i64,
    /// When its outcome was known.
    pub(super) completed_ms: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Sent<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    /// -1 where nobody says, which is with `acks=0`.
    pub(super) offset: i64,
    pub(super) key: Option<&'a str>,
    pub(super) value: &'a str,
    #[serde(flatten)]
    pub(super) invoked: Invoked,
}

#[derive(Debug, Serialize)]
pub(super) struct NotSent<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) key: Option<&'a str>,
    pub(super) value: &'a str,
    /// `failed`: surely not written. `unknown`: perhaps.
    pub(super) outcome: &'static str,
    pub(super) exception: &'a str,
    pub(super) message: &'a str,
    #[serde(flatten)]
    pub(super) invoked: Invoked,
}

#[derive(Debug, Serialize)]
pub(super) struct Position<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Read<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) key: Option<std::borrow::Cow<'a, str>>,
    pub(super) value: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Range<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) count: usize,
    pub(super) min_offset: i64,
    pub(super) max_offset: i64,
}

impl Event<'_> {
    /// Appends it as one line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self).expect("texts and numbers are JSON, and a vector takes them");
        out.push(b'\n');
    }
}

/// The setting's name.
pub(super) const fn acks_name(acks: Acks) -> &'static str {
    match acks {
        Acks::All => "all",
        Acks::Leader => "1",
        Acks::None => "0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: What<'_>) -> String {
        let mut out = Vec::new();
        Event { timestamp: 7, what }.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_and_fields_are_kafkas_and_a_few_more() {
        let invoked = Invoked { number: 5, invoked_ms: 6, completed_ms: 7 };
        let sent = Sent { topic: "t", partition: 0, offset: 9, key: None, value: "a.5", invoked };
        assert_eq!(
            line(What::ProducerSendSuccess(sent)),
            "{\"timestamp\":7,\"name\":\"producer_send_success\",\"topic\":\"t\",\"partition\":0,\"offset\":9,\
             \"key\":null,\"value\":\"a.5\",\"number\":5,\"invoked_ms\":6,\"completed_ms\":7}\n"
        );
        let range = Range { topic: "t", partition: 1, count: 2, min_offset: 3, max_offset: 4 };
        assert_eq!(
            line(What::RecordsConsumed { count: 2, partitions: [range] }),
            "{\"timestamp\":7,\"name\":\"records_consumed\",\"count\":2,\"partitions\":[{\"topic\":\"t\",\
             \"partition\":1,\"count\":2,\"minOffset\":3,\"maxOffset\":4}]}\n"
        );
        assert_eq!(
            line(What::ShutdownComplete { reached_end: None, partitions: Vec::new() }),
            "{\"timestamp\":7,\"name\":\"shutdown_complete\"}\n"
        );
    }
}
