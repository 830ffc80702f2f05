//! What a check found, and out of how much.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Examples that are kept of each class; all are counted.
const EXAMPLES: usize = 10;

/// What may be wrong with a history: Jepsen's classes, and values that nobody sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Acknowledged or read once, and not there although a reader came past its place or read to the end.
    LostWrite,
    /// One value at two places.
    Duplicate,
    /// One offset with two values.
    InconsistentOffsets,
    /// A value that was reported failed has been read (an aborted read).
    #[serde(rename = "G1a")]
    G1a,
    /// A reader went from one record to the next and left out one that is there.
    PollSkip,
    /// A reader went back, or read a record again.
    NonmonotonicPoll,
    /// One producer's later send to a partition is before its earlier one.
    NonmonotonicSend,
    /// Acknowledged, and no reader came so far.
    Unseen,
    /// A value has been read that nobody sent.
    NeverSent,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::LostWrite,
        Self::Duplicate,
        Self::InconsistentOffsets,
        Self::G1a,
        Self::PollSkip,
        Self::NonmonotonicPoll,
        Self::NonmonotonicSend,
        Self::Unseen,
        Self::NeverSent,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LostWrite => "lost-write",
            Self::Duplicate => "duplicate",
            Self::InconsistentOffsets => "inconsistent-offsets",
            Self::G1a => "G1a",
            Self::PollSkip => "poll-skip",
            Self::NonmonotonicPoll => "nonmonotonic-poll",
            Self::NonmonotonicSend => "nonmonotonic-send",
            Self::Unseen => "unseen",
            Self::NeverSent => "never-sent",
        }
    }
}

/// The denominators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Producers.
    pub producers: u64,
    /// Readers.
    pub readers: u64,
    /// Those of them that read from beginning to end after everything was sent.
    pub final_readers: u64,
    /// Sends.
    pub sent: u64,
    /// Sends that were acknowledged.
    pub acknowledged: u64,
    /// Sends that surely were not written.
    pub failed: u64,
    /// Sends that perhaps were written.
    pub unknown: u64,
    /// Those of them that were read.
    pub unknown_read: u64,
    /// Records read, by all readers together.
    pub read: u64,
    /// Different values read.
    pub distinct_read: u64,
    /// Values at two places whose producers were not idempotent, which promises nothing else.
    pub repeated: u64,
}

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Out of how much.
    pub counts: Counts,
    /// How many of each class; classes without any are left out.
    pub anomalies: BTreeMap<Class, u64>,
    /// The first few of each class.
    pub examples: BTreeMap<Class, Vec<String>>,
}

impl Report {
    /// Adds one anomaly.
    pub(crate) fn add(&mut self, class: Class, what: String) {
        *self.anomalies.entry(class).or_default() += 1;
        let examples = self.examples.entry(class).or_default();
        if examples.len() < EXAMPLES {
            examples.push(what);
        }
    }

    /// How many there are of a class.
    #[must_use]
    pub fn count(&self, class: Class) -> u64 {
        self.anomalies.get(&class).copied().unwrap_or_default()
    }

    /// Whether something was acknowledged and read, and nothing is wrong with it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.anomalies.is_empty() && self.counts.acknowledged > 0 && self.counts.read > 0
    }
}

impl fmt::Display for Report {
    /// Denominators, a line for each class, and the first few anomalies of each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { producers, readers, final_readers, sent, acknowledged, .. } = self.counts;
        let Counts { failed, unknown, unknown_read, read, distinct_read, repeated, .. } = self.counts;
        writeln!(f, "{producers} producers sent {sent} records:")?;
        writeln!(
            f,
            "  {acknowledged} acknowledged, {failed} failed, {unknown} unknown ({unknown_read} of them read)"
        )?;
        writeln!(
            f,
            "{readers} readers ({final_readers} final) read {read} records, {distinct_read} different:"
        )?;
        if repeated > 0 {
            writeln!(f, "  {repeated} of them twice, from producers that may repeat")?;
        }
        for class in Class::ALL {
            writeln!(f, "{:>8} {}", self.count(class), class.name())?;
            for what in self.examples.get(&class).into_iter().flatten() {
                writeln!(f, "           {what}")?;
            }
        }
        Ok(())
    }
}
