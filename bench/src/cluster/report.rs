//! Readings as they come, and the table of them.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;

use super::plan::Figure;

/// So many readings are listed one by one in the table; of more it has percentiles.
const LISTED: usize = 10;

/// What a row says of its readings in the column `measured`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Summary {
    /// The median.
    Median,
    /// The largest.
    Max,
    /// Median, 90th percentile and the largest.
    Percentiles,
}

/// A row of the table: a figure and what is expected of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// What is measured.
    pub(super) what: &'static str,
    /// What is expected.
    pub(super) expected: &'static str,
    /// The unit of its readings.
    pub(super) unit: &'static str,
    /// What is said of them.
    pub(super) summary: Summary,
}

impl Row {
    /// A row of which the median is said.
    #[must_use]
    pub(super) const fn median(what: &'static str, expected: &'static str, unit: &'static str) -> Self {
        Self { what, expected, unit, summary: Summary::Median }
    }

    /// A row of which the largest reading is said.
    #[must_use]
    pub(super) const fn max(what: &'static str, expected: &'static str, unit: &'static str) -> Self {
        Self { what, expected, unit, summary: Summary::Max }
    }

    /// A row of which percentiles are said.
    #[must_use]
    pub(super) const fn percentiles(what: &'static str, expected: &'static str, unit: &'static str) -> Self {
        Self { what, expected, unit, summary: Summary::Percentiles }
    }
}

/// What was read, said to `out` at once.
#[derive(Debug)]
pub struct Report<W = std::io::Stdout> {
    out: W,
    rows: Vec<(Row, Vec<f64>)>,
    failures: Vec<String>,
}

impl<W: Write> Report<W> {
    /// Nothing yet.
    pub const fn new(out: W) -> Self {
        Self { out, rows: Vec::new(), failures: Vec::new() }
    }

    /// Says a line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.out, "{line}")?;
        Ok(self.out.flush()?)
    }

    /// Takes in a reading.
    ///
    /// # Errors
    /// If it cannot be said.
    pub(super) fn read(&mut self, row: Row, value: f64) -> Result<()> {
        self.say(&format!("{}: {} {}", row.what, number(value), row.unit))?;
        match self.rows.iter_mut().find(|(known, _)| known.what == row.what) {
            Some((_, readings)) => readings.push(value),
            None => self.rows.push((row, vec![value])),
        }
        Ok(())
    }

    /// A reading in milliseconds.
    ///
    /// # Errors
    /// If it cannot be said.
    pub(super) fn read_ms(&mut self, row: Row, value: Duration) -> Result<()> {
        self.read(row, value.as_secs_f64() * 1_000.0)
    }

    /// Takes in that a figure could not be measured.
    ///
    /// # Errors
    /// If it cannot be said.
    pub fn failed(&mut self, figure: Figure, error: &anyhow::Error) -> Result<()> {
        let text = format!("{figure}: {error:#}");
        self.say(&format!("FAILED {text}"))?;
        self.failures.push(text);
        Ok(())
    }

    /// Whether every figure could be measured.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.failures.is_empty()
    }

    /// The table in Markdown, and what failed.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = "| figure | expected | measured | all readings |\n|---|---|---|---|\n".to_owned();
        for (row, readings) in &self.rows {
            let (what, expected) = (row.what, row.expected);
            text += &format!("| {what} | {expected} | {} | {} |\n", summary(row, readings), list(readings));
        }
        for failure in &self.failures {
            text += &format!("\nFAILED {}\n", failure.lines().next().unwrap_or(""));
        }
        text
    }
}

fn summary(row: &Row, readings: &[f64]) -> String {
    let at = |percent| number(percentile(readings, percent));
    let text = match row.summary {
        Summary::Median => at(50),
        Summary::Max => at(100),
        Summary::Percentiles => format!("p50 {}, p90 {}, max {}", at(50), at(90), at(100)),
    };
    format!("{text} {}", row.unit).trim_end().to_owned()
}

fn list(readings: &[f64]) -> String {
    if readings.len() <= LISTED {
        return readings.iter().map(|value| number(*value)).collect::<Vec<_>>().join(", ");
    }
    let at = |percent| number(percentile(readings, percent));
    format!(
        "{} readings: min {}, p50 {}, p90 {}, p99 {}, max {}",
        readings.len(),
        at(0),
        at(50),
        at(90),
        at(99),
        at(100)
    )
}

/// The least reading that so many percent of all do not exceed; of the middle two, their mean.
fn percentile(readings: &[f64], percent: usize) -> f64 {
    let mut sorted = readings.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    if percent == 50 && last % 2 == 1 {
        return f64::midpoint(sorted[last / 2], sorted[last / 2 + 1]);
    }
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1).min(last)]
}

/// Three digits that mean something, and no more than needed.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_and_of_many() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let at = |percent| percentile(&hundred, percent);
        assert_eq!(
            [at(0), at(50), at(90), at(99), at(100)].map(|v| v.to_string()),
            ["1", "50.5", "90", "99", "100"]
        );
        assert_eq!(number(percentile(&[3.0, 1.0, 2.0], 50)), "2");
        assert_eq!(number(percentile(&[3.0], 90)), "3");
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn the_table_has_a_row_for_each_figure_and_names_what_failed() {
        let mut report = Report::new(Vec::new());
        let (kill, gap) = (Row::percentiles("kill", "<= 400 ms", "ms"), Row::max("gap", "<= 100 ms", "ms"));
        for ms in 1..=11 {
            report.read_ms(kill, Duration::from_millis(ms)).unwrap();
        }
        report.read(gap, 12.345).unwrap();
        report.read(gap, 7.0).unwrap();
        report.failed(Figure::Idle, &anyhow::anyhow!("no\nway")).unwrap();
        let table = report.table();
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(
            rows[2],
            "| kill | <= 400 ms | p50 6, p90 10, max 11 ms | 11 readings: min 1, p50 6, p90 10, p99 11, max 11 |"
        );
        assert_eq!(rows[3], "| gap | <= 100 ms | 12.3 ms | 12.3, 7 |");
        assert_eq!(rows[5], "FAILED idle: no");
        assert!(!report.is_whole());
        let said = String::from_utf8(report.out).unwrap();
        assert!(said.starts_with("kill: 1 ms\n") && said.contains("gap: 12.3 ms\n"), "{said}");
    }
}
