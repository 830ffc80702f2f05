//! Readings as they come, on the screen and as lines of JSON, and the table of medians and ratios.

use std::io::Write;

use anyhow::Result;
use serde_json::json;

use super::plan::System;

/// Something that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Metric {
    what: &'static str,
    unit: &'static str,
    more_is_better: bool,
}

impl Metric {
    /// Of which more is better.
    pub(super) const fn more(what: &'static str, unit: &'static str) -> Self {
        Self { what, unit, more_is_better: true }
    }

    /// Of which less is better.
    pub(super) const fn less(what: &'static str, unit: &'static str) -> Self {
        Self { what, unit, more_is_better: false }
    }
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    metric: Metric,
    system: System,
    round: u32,
    value: f64,
}

/// What was read. Readings of one round belong together.
#[derive(Debug)]
pub struct Report<W = std::io::Stdout, J = std::fs::File> {
    out: W,
    lines: J,
    readings: Vec<Reading>,
    failures: Vec<String>,
}

impl<W: Write, J: Write> Report<W, J> {
    /// Nothing yet; what is read goes to `out` for a person, and to `lines` as JSON.
    pub const fn new(out: W, lines: J) -> Self {
        Self { out, lines, readings: Vec::new(), failures: Vec::new() }
    }

    /// Says a line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.out, "{line}")?;
        Ok(self.out.flush()?)
    }

    /// Says what holds for all readings.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note(&mut self, name: &str, text: &str) -> Result<()> {
        self.say(&format!("{name}: {text}"))?;
        Ok(writeln!(self.lines, "{}", json!({"note": name, "text": text}))?)
    }

    /// Takes in a reading.
    pub(super) fn read(&mut self, (system, round): (System, u32), metric: Metric, value: f64) -> Result<()> {
        let Metric { what, unit, .. } = metric;
        self.say(&format!("{round:>2} {system:<8} {what}: {} {unit}", number(value)))?;
        let line = json!({"figure": what, "unit": unit, "system": system.to_string(), "round": round, "value": value});
        writeln!(self.lines, "{line}")?;
        self.lines.flush()?;
        self.readings.push(Reading { metric, system, round, value });
        Ok(())
    }

    /// Takes in that something could not be measured.
    ///
    /// # Errors
    /// If it cannot be said.
    pub fn failed(&mut self, what: &str, error: &anyhow::Error) -> Result<()> {
        self.say(&format!("FAILED {what}: {error:#}"))?;
        writeln!(self.lines, "{}", json!({"failed": what, "error": format!("{error:#}")}))?;
        self.failures.push(what.to_owned());
        Ok(())
    }

    /// Whether everything could be measured.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.failures.is_empty()
    }

    /// The tables in Markdown: medians and ratios, then all readings, then what failed.
    #[must_use]
    pub fn table(&self) -> String {
        let mut metrics: Vec<Metric> = Vec::new();
        for reading in &self.readings {
            if !metrics.contains(&reading.metric) {
                metrics.push(reading.metric);
            }
        }
        let rows = metrics.iter().map(|metric| self.row(*metric)).collect::<String>();
        let all = metrics.iter().map(|metric| self.all_of(*metric)).collect::<String>();
        let mut text = format!("{HEAD}{rows}\nAll readings, round by round:\n\n{all}");
        for failure in &self.failures {
            text += &format!("\nFAILED {failure}\n");
        }
        text
    }

    fn row(&self, metric: Metric) -> String {
        let cell = |system| {
            median(self.of(metric, system).map(|(_, value)| value).collect()).map_or_else(String::new, number)
        };
        let ratio = |of, to| median(self.ratios(metric, of, to)).map_or_else(String::new, quotient);
        let better = if metric.more_is_better { "more" } else { "less" };
        format!(
            "| {} ({}, {better} is better) | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            metric.what,
            metric.unit,
            cell(System::Yak),
            cell(System::YakSync),
            cell(System::Kafka),
            cell(System::Sink),
            ratio(System::Yak, System::Kafka),
            ratio(System::YakSync, System::Kafka),
            ratio(System::Yak, System::Sink),
            ratio(System::Kafka, System::Sink),
        )
    }

    fn all_of(&self, metric: Metric) -> String {
        let mut text = format!("- {} ({})\n", metric.what, metric.unit);
        for system in [System::Yak, System::YakSync, System::Kafka, System::Sink] {
            let values: Vec<String> = self.of(metric, system).map(|(_, value)| number(value)).collect();
            if !values.is_empty() {
                text += &format!("  - {system}: {}\n", values.join(", "));
            }
        }
        text
    }

    /// Readings of a system by round.
    fn of(&self, metric: Metric, system: System) -> impl Iterator<Item = (u32, f64)> + '_ {
        let wanted = move |reading: &&Reading| reading.metric == metric && reading.system == system;
        self.readings.iter().filter(wanted).map(|reading| (reading.round, reading.value))
    }

    /// The ratios of two systems, each within one round.
    fn ratios(&self, metric: Metric, of: System, to: System) -> Vec<f64> {
        let pair = |(round, value)| {
            let (_, other) = self.of(metric, to).find(|(other, _)| *other == round)?;
            // What was too little to be read has no ratio.
            (other > 0.0).then_some(value / other)
        };
        self.of(metric, of).filter_map(pair).collect()
    }
}

const HEAD: &str = "| figure | YAK, flush=os | YAK, flush=sync | Kafka | sink | YAK/Kafka | sync/Kafka | YAK/sink | Kafka/sink |\n\
                    |---|---|---|---|---|---|---|---|---|\n";

/// Of the middle two, their mean; nothing of nothing.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (below, above) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(f64::midpoint(values[below], values[above]))
}

/// A ratio, small ones more exactly.
fn quotient(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }
}

/// Three digits that mean something, and no more than needed.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Metric = Metric::more("rate", "records/s");

    #[test]
    fn medians_of_even_and_odd_counts() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!([2.345, 0.5, 0.00123].map(quotient), ["2.35", "0.50", "0.0012"]);
    }

    #[test]
    fn the_ratio_is_the_median_of_those_within_a_round() {
        let mut report = Report::new(Vec::new(), Vec::new());
        for (round, yak, kafka) in [(1, 10.0, 5.0), (2, 30.0, 10.0), (3, 90.0, 22.5)] {
            report.read((System::Yak, round), RATE, yak).unwrap();
            report.read((System::Kafka, round), RATE, kafka).unwrap();
        }
        // Without a partner in its round it does not count.
        report.read((System::Yak, 4), RATE, 1_000.0).unwrap();
        report.failed("start on sink", &anyhow::anyhow!("why")).unwrap();
        let table = report.table();
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows[2], "| rate (records/s, more is better) | 60 |  | 10 |  | 3.00 |  |  |  |");
        assert!(table.contains("  - yak: 10, 30, 90, 1000\n  - kafka: 5, 10, 22.5\n"), "{table}");
        assert!(table.ends_with("\nFAILED start on sink\n") && !report.is_whole());
        let lines = String::from_utf8(report.lines).unwrap();
        assert_eq!(lines.lines().count(), 8);
        assert!(
            lines
                .starts_with(r#"{"figure":"rate","round":1,"system":"yak","unit":"records/s","value":10.0}"#)
        );
    }
}
