//! What there is to say of one partition of a group.

use std::time::Duration;

use yak_cli::human::{count, duration};
use yak_model::Offset;

use crate::groups::view::{GroupView, LeaderView, PartitionView};

/// What was found, and how to say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    kind: Kind,
    /// How many records it is about.
    size: u64,
    words: String,
}

/// Best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    CaughtUp,
    Empty,
    BeganAtEnd,
    Behind,
    Working,
    NotFetched,
    NothingCommitted,
    BeforeStart,
    PastEnd,
    NoLeader,
    Gone,
}

impl Finding {
    pub(super) const fn rank(&self) -> u8 {
        self.kind as u8
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// As the end of a sentence about whoever reads the partition.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// Whether it is more than records that wait.
    pub(super) fn is_trouble(&self) -> bool {
        self.kind > Kind::NothingCommitted
    }

    /// Whether there is nothing to read.
    pub(super) fn is_caught_up(&self) -> bool {
        self.kind == Kind::CaughtUp
    }
}

/// The worst that is true of a partition.
pub(super) fn find(partition: &PartitionView, view: &GroupView) -> Finding {
    let id = &partition.id;
    let finding = |kind, size, words: String| Finding { kind, size, words };
    match partition.leader {
        LeaderView::NoSuchPartition => {
            return finding(Kind::Gone, 0, format!("{id} does not exist: its topic was deleted"));
        }
        LeaderView::Nobody => {
            let words =
                format!("{id} has no leader: nobody can read it until one of its in-sync replicas is back");
            return finding(Kind::NoLeader, 0, words);
        }
        LeaderView::Broker(_) => {}
    }
    let (Some(start), Some(end)) = (partition.start, partition.end) else {
        return finding(
            Kind::NoLeader,
            0,
            format!("{id} does not say where it begins and ends: its leader does not answer"),
        );
    };
    let Some(committed) = partition.offset() else {
        let words = format!(
            "nothing of {id} is committed yet: its reset policy decides whether it begins at {start} (earliest) or {end} \
             (latest)"
        );
        return finding(Kind::NothingCommitted, 0, words);
    };
    let lag = partition.lag().unwrap_or(0);
    if committed < start || committed > end {
        let (kind, words) = out_of_range(partition, committed, (start, end));
        return finding(kind, lag, words);
    }
    if lag == 0 {
        let (kind, words) = at_end(partition, view, (start, end));
        return finding(kind, 0, words);
    }
    let (kind, words) = behind(partition, view, committed);
    finding(kind, lag, words)
}

fn records(number: i64) -> String {
    match number {
        1 => "1 record".to_owned(),
        _ => format!("{} records", count(number.unsigned_abs())),
    }
}

fn out_of_range(
    partition: &PartitionView,
    committed: Offset,
    (start, end): (Offset, Offset),
) -> (Kind, String) {
    let id = &partition.id;
    let policy = format!("its reset policy goes on at {start} (earliest) or {end} (latest)");
    if committed > end {
        let words = format!(
            "the committed offset {committed} of {id} is past its end {end}, as when a topic was made anew or has lost \
             records: {policy}"
        );
        return (Kind::PastEnd, words);
    }
    let gone = start.since(committed);
    let were = if gone == 1 { "was" } else { "were" };
    let gone = records(gone);
    let words = format!(
        "the committed offset {committed} of {id} is before its first record {start}: {gone} {were} deleted unread, and \
         {policy}"
    );
    (Kind::BeforeStart, words)
}

/// It has acknowledged everything.
fn at_end(partition: &PartitionView, view: &GroupView, (start, end): (Offset, Offset)) -> (Kind, String) {
    let id = &partition.id;
    if end == Offset::ZERO {
        return (Kind::Empty, format!("{id} is empty: nothing was ever sent to it"));
    }
    if start == end {
        return (Kind::Empty, format!("{id} has no records any more, and none has come since"));
    }
    let reads = view.readers.iter().find(|reader| {
        reader.positions.iter().any(|at| at.topic == id.topic && at.partition == id.partition)
    });
    let has_read_nothing = reads.is_some_and(|reader| reader.records == 0);
    if partition.owner.is_some() && has_read_nothing {
        let older = records(end.since(start));
        let words = format!(
            "nothing was sent to {id} since it began at its end {end}; {older} before that are there still \
             (--reset-offsets --to-earliest)"
        );
        return (Kind::BeganAtEnd, words);
    }
    (Kind::CaughtUp, format!("everything of {id} is read"))
}

/// There is something that it has not acknowledged.
fn behind(partition: &PartitionView, view: &GroupView, committed: Offset) -> (Kind, String) {
    let id = &partition.id;
    let lag = partition.lag().unwrap_or(0);
    let behind = records(i64::try_from(lag).unwrap_or(i64::MAX));
    let age = match partition.lag_ms(view.now) {
        Some(ms) if ms > 0 => format!(", the first of them {} old", duration(Duration::from_millis(ms))),
        _ => String::new(),
    };
    let is_ours = !view.readers.is_empty();
    match partition.position {
        Some(position) if position > committed && partition.owner.is_some() => {
            let words = format!(
                "{id} was sent to it up to {position} and is acknowledged up to {committed}: it works on {}{age}",
                records(position.since(committed))
            );
            (Kind::Working, words)
        }
        None if is_ours && partition.owner.is_some() => {
            (Kind::NotFetched, format!("{id} was not fetched yet, and {behind} wait there{age}"))
        }
        _ => (Kind::Behind, format!("{behind} of {id} are not acknowledged{age}")),
    }
}
