//! Result lines in Kafka's words.

use serde::Serialize;
use yak_cli::{Failure, Output};

use super::latency::{Latencies, Summary};

const MIB: f64 = 1024.0 * 1024.0;

/// What a measurement comes to, for `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) records: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unknown: Option<u64>,
    pub(super) seconds: f64,
    pub(super) records_per_second: f64,
    pub(super) mib_per_second: f64,
    /// Whether latencies count from when a record was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) corrected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latency_ms: Option<Summary>,
}

impl Figures {
    /// Rates of so many records and bytes in so many seconds.
    pub(super) fn new(records: u64, bytes: u64, seconds: f64) -> Self {
        let (records_per_second, mib_per_second) = rates(records, bytes, seconds);
        Self {
            records,
            failed: None,
            unknown: None,
            seconds,
            records_per_second,
            mib_per_second,
            corrected: None,
            latency_ms: None,
        }
    }

    pub(super) fn print_json(&self) -> Result<(), Failure> {
        print(&serde_json::to_string(self).expect("numbers and names are JSON"))
    }
}

/// Records and MiB a second.
#[expect(clippy::cast_precision_loss, reason = "a rate of more than 2^53 has other problems")]
pub(super) fn rates(records: u64, bytes: u64, seconds: f64) -> (f64, f64) {
    let seconds = seconds.max(1e-9);
    (records as f64 / seconds, bytes as f64 / seconds / MIB)
}

/// Prints one line on stdout.
pub(super) fn print(line: &str) -> Result<(), Failure> {
    let mut output = Output::stdout();
    match output.line(line).and_then(|()| output.flush()) {
        Ok(()) => Ok(()),
        Err(error) => error.into_result(),
    }
}

/// Kafka's line of an interval.
pub(super) fn window_line(records: u64, bytes: u64, seconds: f64, latencies: &Latencies) -> String {
    let (records_per_second, mib) = rates(records, bytes, seconds);
    format!(
        "{records} records sent, {records_per_second:.1} records/sec ({mib:.2} MB/sec), {:.1} ms avg latency, {:.1} ms max latency.",
        latencies.average(),
        latencies.max()
    )
}

/// Kafka's line of the whole run.
pub(super) fn total_line(figures: &Figures, latencies: &Latencies) -> String {
    format!(
        "{} records sent, {:.6} records/sec ({:.2} MB/sec), {:.2} ms avg latency, {:.2} ms max latency, {:.0} ms 50th, {:.0} ms 95th, {:.0} ms 99th, {:.0} ms 99.9th.",
        figures.records,
        figures.records_per_second,
        figures.mib_per_second,
        latencies.average(),
        latencies.max(),
        latencies.percentile(50.0),
        latencies.percentile(95.0),
        latencies.percentile(99.0),
        latencies.percentile(99.9)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_are_kafkas() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_millis(4), 10);
        let figures = Figures::new(1_000, 100_000, 0.5);
        assert_eq!(
            total_line(&figures, &latencies),
            "1000 records sent, 2000.000000 records/sec (0.19 MB/sec), 4.00 ms avg latency, 4.00 ms max latency, \
             4 ms 50th, 4 ms 95th, 4 ms 99th, 4 ms 99.9th."
        );
        assert_eq!(
            window_line(1_000, 100_000, 0.5, &latencies),
            "1000 records sent, 2000.0 records/sec (0.19 MB/sec), 4.0 ms avg latency, 4.0 ms max latency."
        );
    }
}
