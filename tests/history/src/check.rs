//! The check: one pass over the sends, one over the reads, then what follows from both.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{History, Producer, Reader, Send, SendOutcome};
use crate::report::{Class, Report};

/// A partition of a topic.
type Partition<'a> = (&'a str, i32);
/// A value of a topic.
type Value<'a> = (&'a str, &'a str);

/// What sends and reads say together.
#[derive(Default)]
struct Facts<'a> {
    /// What is where: acknowledged there, or read there. The first to say so counts.
    log: BTreeMap<Partition<'a>, BTreeMap<i64, &'a str>>,
    /// Where each value is.
    places: BTreeMap<Value<'a>, BTreeSet<(i32, i64)>>,
    /// Every send, with its producer.
    sends: BTreeMap<Value<'a>, (&'a Send, &'a Producer)>,
    /// Values read by anybody, with the first reader.
    read: BTreeMap<Value<'a>, &'a Reader>,
    /// Values read by a final reader.
    read_finally: BTreeSet<Value<'a>>,
    /// The last offset that anybody read of each partition.
    furthest: BTreeMap<Partition<'a>, i64>,
}

/// Looks for anomalies.
#[must_use]
pub fn check(history: &History) -> Report {
    let mut report = Report::default();
    let mut facts = Facts::default();
    for producer in &history.producers {
        facts.take_sends(producer, &mut report);
    }
    for reader in &history.readers {
        facts.take_reads(reader, &mut report);
    }
    for producer in history.producers.iter().filter(|producer| producer.idempotent) {
        check_order_of_sends(producer, &mut report);
    }
    for reader in &history.readers {
        facts.check_order_of_reads(reader, &mut report);
    }
    facts.check_duplicates(&mut report);
    facts.check_read_values(history, &mut report);
    facts.check_lost(history, &mut report);
    report.counts.producers = history.producers.len() as u64;
    report.counts.readers = history.readers.len() as u64;
    report.counts.final_readers = history.readers.iter().filter(|reader| reader.is_final).count() as u64;
    report.counts.distinct_read = facts.read.len() as u64;
    report
}

impl<'a> Facts<'a> {
    fn take_sends(&mut self, producer: &'a Producer, report: &mut Report) {
        for send in &producer.sends {
            report.counts.sent += 1;
            match send.outcome {
                SendOutcome::Acknowledged { partition, offset } => {
                    report.counts.acknowledged += 1;
                    self.place((&send.topic, partition), offset, &send.value, report);
                }
                SendOutcome::Failed => report.counts.failed += 1,
                SendOutcome::Unknown => report.counts.unknown += 1,
            }
            self.sends.insert((&send.topic, &send.value), (send, producer));
        }
    }

    fn take_reads(&mut self, reader: &'a Reader, report: &mut Report) {
        for read in &reader.reads {
            report.counts.read += 1;
            let partition = (read.topic.as_str(), read.partition);
            let furthest = self.furthest.entry(partition).or_insert(read.offset);
            *furthest = read.offset.max(*furthest);
            let Some(value) = &read.value else { continue };
            self.place(partition, read.offset, value, report);
            self.read.entry((&read.topic, value)).or_insert(reader);
            if reader.is_final {
                self.read_finally.insert((&read.topic, value));
            }
        }
    }

    /// Notes that a value is at a place.
    fn place(&mut self, partition: Partition<'a>, offset: i64, value: &'a str, report: &mut Report) {
        let (topic, index) = partition;
        let held = *self.log.entry(partition).or_default().entry(offset).or_insert(value);
        let is_new = self.places.entry((topic, value)).or_default().insert((index, offset));
        if held != value && is_new {
            let what = format!("{topic}-{index}@{offset} is both {held} and {value}");
            report.add(Class::InconsistentOffsets, what);
        }
    }

    fn check_order_of_reads(&self, reader: &Reader, report: &mut Report) {
        let mut last: BTreeMap<Partition<'_>, i64> = BTreeMap::new();
        for read in &reader.reads {
            let partition = (read.topic.as_str(), read.partition);
            let Some(before) = last.insert(partition, read.offset) else { continue };
            let place =
                format!("{}: {}-{} from {before} to {}", reader.name, partition.0, partition.1, read.offset);
            if read.offset <= before {
                report.add(Class::NonmonotonicPoll, place);
            } else if let Some(log) = self.log.get(&partition)
                && let Some((offset, value)) = log.range(before + 1..read.offset).next()
            {
                report.add(Class::PollSkip, format!("{place}, past {value} at {offset}"));
            }
        }
    }

    fn check_duplicates(&self, report: &mut Report) {
        for (value, places) in self.places.iter().filter(|(_, places)| places.len() > 1) {
            let may_repeat = self.sends.get(value).is_some_and(|(_, producer)| !producer.idempotent);
            if may_repeat {
                report.counts.repeated += 1;
                continue;
            }
            let (topic, value) = value;
            let places: Vec<String> =
                places.iter().map(|(partition, offset)| format!("{topic}-{partition}@{offset}")).collect();
            report.add(Class::Duplicate, format!("{value} is at {}", places.join(" and ")));
        }
    }

    /// What was read must have been sent, and must not have been reported failed.
    fn check_read_values(&self, history: &History, report: &mut Report) {
        // Whoever was killed may have sent more than it could say.
        let all_is_told =
            !history.producers.is_empty() && history.producers.iter().all(|producer| producer.complete);
        for (value, reader) in &self.read {
            match self.sends.get(value).map(|(send, _)| send.outcome) {
                Some(SendOutcome::Acknowledged { .. }) => {}
                Some(SendOutcome::Unknown) => report.counts.unknown_read += 1,
                Some(SendOutcome::Failed) => {
                    report.add(Class::G1a, format!("{} failed, and {} read it", value.1, reader.name));
                }
                None if all_is_told => {
                    report.add(Class::NeverSent, format!("{}, read by {}", value.1, reader.name));
                }
                None => {}
            }
        }
    }

    /// What was acknowledged, and what was read once, must be found by whoever reads everything at the end; without
    /// such a reader, by anybody.
    fn check_lost(&self, history: &History, report: &mut Report) {
        let mut final_readers = history.readers.iter().filter(|reader| reader.is_final).peekable();
        let is_final = final_readers.peek().is_some();
        let is_read_whole = is_final && final_readers.all(|reader| reader.reached_end);
        for (value, (send, producer)) in &self.sends {
            let SendOutcome::Acknowledged { partition, offset } = send.outcome else { continue };
            let is_found =
                if is_final { self.read_finally.contains(value) } else { self.read.contains_key(value) };
            if is_found {
                continue;
            }
            let what =
                format!("{} of {}, acknowledged at {}-{partition}@{offset}", value.1, producer.name, value.0);
            let passed = self.furthest.get(&(value.0, partition)).is_some_and(|furthest| *furthest >= offset);
            let class = if is_read_whole || passed { Class::LostWrite } else { Class::Unseen };
            report.add(class, what);
        }
        if !is_read_whole {
            return;
        }
        for (value, reader) in self.read.iter().filter(|(value, _)| !self.read_finally.contains(*value)) {
            let acknowledged =
                |(send, _): &(&Send, &Producer)| matches!(send.outcome, SendOutcome::Acknowledged { .. });
            // An acknowledged one is counted already.
            if !self.sends.get(value).is_some_and(acknowledged) {
                let what = format!("{}, read by {}, is not there in the end", value.1, reader.name);
                report.add(Class::LostWrite, what);
            }
        }
    }
}

/// Offsets of one producer's acknowledged sends to a partition rise in the order of the sends.
fn check_order_of_sends(producer: &Producer, report: &mut Report) {
    let mut sends: Vec<&Send> = producer.sends.iter().collect();
    sends.sort_by_key(|send| send.number);
    let mut last: BTreeMap<Partition<'_>, (i64, &str)> = BTreeMap::new();
    for send in sends {
        let SendOutcome::Acknowledged { partition, offset } = send.outcome else { continue };
        let before = last.insert((&send.topic, partition), (offset, &send.value));
        if let Some((earlier, value)) = before.filter(|(earlier, _)| *earlier >= offset) {
            let (topic, later) = (&send.topic, &send.value);
            let what = format!(
                "{}: {topic}-{partition}: {value} at {earlier}, then {later} at {offset}",
                producer.name
            );
            report.add(Class::NonmonotonicSend, what);
        }
    }
}
