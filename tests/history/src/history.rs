//! What was recorded, put together from the clients' lines.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::event::Event;

/// All that producers and readers of one run recorded.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Each producer, with its sends.
    pub producers: Vec<Producer>,
    /// Each reader, with what it got.
    pub readers: Vec<Reader>,
}

/// One producer.
#[derive(Clone, Debug, Default)]
pub struct Producer {
    /// Where its history comes from.
    pub name: String,
    /// Whether repetitions of its sends are recognised, so that each value may be there once.
    pub idempotent: bool,
    /// Whether its history goes to its end. If not, it may have sent more than it says.
    pub complete: bool,
    /// Its sends in the order in which their outcomes came.
    pub sends: Vec<Send>,
}

/// One send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// The topic.
    pub topic: String,
    /// The value, which no other send has.
    pub value: String,
    /// Its place in the order in which its producer was given its records.
    pub number: u64,
    /// What became of it.
    pub outcome: SendOutcome,
}

/// The three outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// Acknowledged, at this place.
    Acknowledged {
        /// The partition.
        partition: i32,
        /// The offset there.
        offset: i64,
    },
    /// Surely not written.
    Failed,
    /// Perhaps written.
    Unknown,
}

/// One reader.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// Where its history comes from.
    pub name: String,
    /// Whether it read from the beginning after everything had been sent.
    pub is_final: bool,
    /// Whether it says itself that it came to the end.
    pub reached_end: bool,
    /// What it got, in order.
    pub reads: Vec<Read>,
}

/// One record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset there.
    pub offset: i64,
    /// The value; a tombstone has none.
    pub value: Option<String>,
}

impl History {
    /// Adds the history in a file, of a producer or of a reader.
    ///
    /// # Errors
    /// When it cannot be read, or is no history.
    pub fn add_file(&mut self, path: &Path, is_final: bool) -> Result<()> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("read {name}"))?;
        self.add(&name, &text, is_final)
    }

    /// Adds the history of one producer or reader. A last line without its newline, which a killed client leaves,
    /// is left out, and the history then is not complete.
    ///
    /// # Errors
    /// When a line is no event, or the lines are not those of one client.
    pub fn add(&mut self, name: &str, text: &str, is_final: bool) -> Result<()> {
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        let mut producer = Producer { name: name.to_owned(), ..Producer::default() };
        let mut reader = Reader { name: name.to_owned(), is_final, ..Reader::default() };
        // What tells the two apart when neither sent nor read anything.
        let mut is_producer = false;
        for (number, line) in (1..).zip(whole.lines()) {
            let event = serde_json::from_str(line).with_context(|| format!("{name}:{number}"))?;
            is_producer |= matches!(event, Event::StartupComplete { idempotent: Some(_) });
            match event {
                Event::StartupComplete { idempotent } => producer.idempotent = idempotent == Some(true),
                Event::ShutdownComplete { reached_end } => {
                    producer.complete = whole.len() == text.len();
                    reader.reached_end = reached_end == Some(true);
                }
                Event::RecordData { topic, partition, offset, value } => {
                    reader.reads.push(Read { topic, partition, offset, value });
                }
                event => producer.sends.extend(send(event, producer.sends.len())),
            }
        }
        let has_sent = is_producer || !producer.sends.is_empty();
        match (has_sent, reader.reads.is_empty()) {
            (true, true) if is_final => bail!("{name} is a producer's history, not a final read"),
            (true, true) => self.producers.push(producer),
            (false, _) => self.readers.push(reader),
            (true, false) => bail!("{name} mixes the events of a producer and of a reader"),
        }
        Ok(())
    }
}

/// A send, if the event is the outcome of one. An acknowledgement without an offset (`acks=0`) promises nothing.
fn send(event: Event, place: usize) -> Option<Send> {
    let place = place as u64;
    match event {
        Event::ProducerSendSuccess { topic, partition, offset, value, number } => {
            let acknowledged = SendOutcome::Acknowledged { partition, offset };
            let outcome = if offset < 0 { SendOutcome::Unknown } else { acknowledged };
            Some(Send { topic, value, number: number.unwrap_or(place), outcome })
        }
        Event::ProducerSendError { topic, value, outcome, number } => {
            let failed = outcome.as_deref() == Some("failed");
            let outcome = if failed { SendOutcome::Failed } else { SendOutcome::Unknown };
            Some(Send { topic, value, number: number.unwrap_or(place), outcome })
        }
        _ => None,
    }
}
