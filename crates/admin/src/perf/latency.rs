//! Latencies, all of them: a histogram in nanoseconds, three digits precise.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longer ones count as this.
const LONGEST: u64 = 3_600_000_000_000;

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Latencies {
    histogram: Histogram<u64>,
}

/// In milliseconds, for `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    avg: f64,
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    p999: f64,
    p9999: f64,
    max: f64,
}

impl Latencies {
    pub(super) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are valid");
        Self { histogram }
    }

    /// So many records took so long.
    pub(super) fn record(&mut self, latency: Duration, count: u64) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(LONGEST).clamp(1, LONGEST);
        self.histogram.record_n(nanos, count).expect("it is within the bounds");
    }

    pub(super) fn clear(&mut self) {
        self.histogram.reset();
    }

    pub(super) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Milliseconds that so many percent stayed within.
    pub(super) fn percentile(&self, percent: f64) -> f64 {
        millis(self.histogram.value_at_percentile(percent))
    }

    /// The average, in milliseconds.
    pub(super) fn average(&self) -> f64 {
        self.histogram.mean() / 1e6
    }

    /// The longest, in milliseconds.
    pub(super) fn max(&self) -> f64 {
        millis(self.histogram.max())
    }

    pub(super) fn summary(&self) -> Summary {
        let rounded = |ms: f64| (ms * 1e4).round() / 1e4;
        Summary {
            avg: rounded(self.average()),
            p50: rounded(self.percentile(50.0)),
            p90: rounded(self.percentile(90.0)),
            p95: rounded(self.percentile(95.0)),
            p99: rounded(self.percentile(99.0)),
            p999: rounded(self.percentile(99.9)),
            p9999: rounded(self.percentile(99.99)),
            max: rounded(self.max()),
        }
    }

    /// The whole of it for a person, finer than Kafka's line has it.
    pub(super) fn line(&self) -> String {
        format!(
            "latency ms: avg {:.3}, p50 {:.3}, p90 {:.3}, p95 {:.3}, p99 {:.3}, p99.9 {:.3}, p99.99 {:.3}, max {:.3}",
            self.average(),
            self.percentile(50.0),
            self.percentile(90.0),
            self.percentile(95.0),
            self.percentile(99.0),
            self.percentile(99.9),
            self.percentile(99.99),
            self.max()
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "an hour in nanoseconds is below 2^53")]
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_everything() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_millis(1), 990);
        latencies.record(Duration::from_millis(100), 10);
        assert_eq!(latencies.count(), 1_000);
        let near = |value: f64, expected: f64| (value - expected).abs() / expected < 0.001;
        assert!(near(latencies.percentile(50.0), 1.0));
        assert!(near(latencies.percentile(99.9), 100.0));
        assert!(near(latencies.max(), 100.0));
        assert!(near(latencies.average(), 1.99));
        latencies.clear();
        assert_eq!(latencies.count(), 0);
    }
}
