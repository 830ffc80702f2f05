//! What became of the records: counted, reported on stdout, and shown on stderr when it went wrong.
//!
//! The client library calls [`Deliveries::handle`] on its network task, once a batch. Tokens are the line
//! numbers of the input.

use std::io::Stdout;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use yak_cli::{Console, Failure, Output, OutputError};
use yak_client::{Delivery, Outcome};
use yak_model::Offset;

use crate::report::{Acknowledged, ReportFormat};

/// Why the producer is to stop before the end of its input; shared by the network task and the reader.
#[derive(Clone, Debug, Default)]
pub struct Halt {
    token: CancellationToken,
    output: Arc<Mutex<Option<OutputError>>>,
}

impl Halt {
    /// Asks for a stop.
    pub fn raise(&self) {
        self.token.cancel();
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Completes when a stop is asked for.
    pub async fn raised(&self) {
        self.token.cancelled().await;
    }

    /// What ended stdout, if something did: nothing for a reader that went away.
    ///
    /// # Errors
    /// When stdout could not be written.
    pub fn output_result(&self) -> Result<(), Failure> {
        let ended = self.output.lock().unwrap_or_else(PoisonError::into_inner).take();
        ended.map_or(Ok(()), OutputError::into_result)
    }

    fn output_ended(&self, error: OutputError) {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.raise();
    }
}

/// Handles the deliveries of one producer.
#[derive(Debug)]
pub struct Deliveries {
    console: Arc<Console>,
    halt: Halt,
    keep_going: bool,
    report: Option<(ReportFormat, Output<Stdout>)>,
}

impl Deliveries {
    /// Reports to stdout if `report` says how.
    #[must_use]
    pub fn new(console: Arc<Console>, halt: Halt, keep_going: bool, report: Option<ReportFormat>) -> Self {
        let report = report.map(|format| (format, Output::new(std::io::stdout())));
        Self { console, halt, keep_going, report }
    }

    /// Takes note of one batch.
    pub fn handle(&mut self, delivery: &Delivery<'_>) {
        match delivery.outcome {
            Outcome::Acknowledged(acknowledged) => self.print(delivery, acknowledged.base_offset),
            Outcome::Failed(error) => self.failed(delivery.tokens, "", &Failure::from(error.clone())),
            Outcome::Unknown(error) => {
                self.failed(delivery.tokens, "perhaps written: ", &Failure::from(error.clone()));
            }
        }
    }

    /// Shows why records were not acknowledged. Without `--keep-going` the first such batch ends everything, and
    /// those that were under way with it would only repeat it.
    fn failed(&self, lines: &[u64], outcome: &str, failure: &Failure) {
        if self.keep_going || !self.halt.is_raised() {
            let mut failure = failure.clone();
            failure.message = format!("{}: {outcome}{}", place(lines), failure.message);
            self.console.failure(&failure);
        }
        if !self.keep_going {
            self.halt.raise();
        }
    }

    fn print(&mut self, delivery: &Delivery<'_>, base_offset: Option<Offset>) {
        let Some((format, output)) = &mut self.report else { return };
        for (at, line) in (0..).zip(delivery.tokens) {
            let offset = base_offset.map(|base| base.plus(at));
            let record =
                Acknowledged { topic: delivery.topic, partition: delivery.partition, offset, line: *line };
            format.write(&record, output.buffer());
        }
        if let Err(error) = output.flush() {
            self.report = None;
            self.halt.output_ended(error);
        }
    }
}

/// `line 17`, or `lines 17 to 1,016 (1,000 records)`: lines of one batch need not be neighbours.
fn place(lines: &[u64]) -> String {
    match (lines.iter().min(), lines.iter().max()) {
        (Some(first), Some(last)) if first != last => {
            format!("lines {first} to {last} ({})", yak_cli::human::counted(lines.len() as u64, "record"))
        }
        (Some(only), _) => format!("line {only}"),
        _ => "no line".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_name_lines() {
        assert_eq!(place(&[17]), "line 17");
        assert_eq!(place(&[17, 20, 18]), "lines 17 to 20 (3 records)");
    }

    #[test]
    fn a_reader_that_went_away_stops_without_failure() {
        let halt = Halt::default();
        assert!(!halt.is_raised());
        halt.output_ended(OutputError::Closed);
        assert!(halt.is_raised());
        assert_eq!(halt.output_result(), Ok(()));
        halt.output_ended(OutputError::Failed(std::io::ErrorKind::StorageFull.into()));
        assert!(halt.output_result().is_err());
    }
}
