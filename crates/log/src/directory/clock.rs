//! The time by which retention judges age: the wall clock without its jumps.
//!
//! Records carry wall-clock times, so their age is judged by the wall clock; but a step of that clock must
//! delete nothing. Between two observations the wall clock ought to advance as far as the monotonic one. What
//! it advanced beyond that is a *gap*: a stretch of wall-clock time that nobody lived through. The age of a
//! record is `now - timestamp` less all gaps in between.
//!
//! ```text
//! wall   ──10:00──10:05────────────[ gap 10:05 .. 18:05 ]──18:10──►
//! record       ^10:02                                          age 8 min, not 8 h 8 min
//! ```
//!
//! A clock set back opens no gap: ages come out too small for a while, which deletes nothing. Gaps ahead of
//! the clock are forgotten then, for that time is lived through after all. The time during which no process
//! had the directory open counts as lived through up to a day, beyond that it is a gap: whoever takes a broker
//! out of a drawer finds its records there, and so does whoever starts one under a clock gone wrong.
//!
//! The last observation and the gaps are kept in `retention-clock`, a text file of our own:
//!
//! ```text
//! 0                          version
//! 1766836000000              last observation, ms
//! 1                          how many gaps follow
//! 1766000000000 1766500000000
//! ```

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use yak_model::TimestampMs;

use crate::dir::{read_file, replace_file};
use crate::disk::Disk;
use crate::error::StorageFailure;

const FILE_NAME: &str = "retention-clock";
const MAX_BYTES: usize = 64 * 1024;
/// The two clocks differ by so much through slewing and lateness.
const TOLERANCE_MS: i64 = 10_000;
/// Of the time that no process had the directory open, this much counts.
const UNSEEN_COUNTS_MS: i64 = 86_400_000;
/// More gaps are joined, oldest first; joining makes ages smaller, never larger.
const MAX_GAPS: usize = 256;

/// A moment of the wall clock, with what is known of its jumps before. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionClock {
    now: TimestampMs,
    /// `[from, to)`, in order, apart from each other.
    gaps: Arc<[(i64, i64)]>,
}

/// Watches the wall clock.
#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    /// The last observation; the monotonic part only if it was by this process.
    last: Option<(i64, Option<Duration>)>,
    gaps: Vec<(i64, i64)>,
}

impl RetentionClock {
    /// A clock that never jumped.
    #[must_use]
    pub fn steady(now: TimestampMs) -> Self {
        Self { now, gaps: Arc::from([]) }
    }

    /// The wall clock's time.
    #[must_use]
    pub const fn now(&self) -> TimestampMs {
        self.now
    }

    /// How long ago `then` was, in milliseconds of time lived through; negative if it is still to come.
    #[must_use]
    pub fn age_ms(&self, then: TimestampMs) -> i64 {
        let then = then.get();
        let gaps: i64 = self.gaps.iter().map(|(from, to)| (to - then.max(*from)).max(0)).sum();
        self.now.get().saturating_sub(then).saturating_sub(gaps)
    }
}

impl ClockWatch {
    /// Reads the file. One that is missing or cannot be understood counts as "never observed": the time before
    /// the first observation is taken as the wall clock tells it.
    pub(super) fn open(disk: &Disk) -> Result<Self, StorageFailure> {
        let path = Path::new(FILE_NAME);
        let content = disk.look("read", path, read_file(disk.dir(), path, MAX_BYTES))?;
        Ok(content.and_then(|content| Self::parse(&content)).unwrap_or_default())
    }

    /// Takes note of both clocks.
    pub(super) fn observe(&mut self, wall: TimestampMs, elapsed: Duration) -> RetentionClock {
        let now = wall.get();
        if let Some((last, seen)) = self.last {
            let lived = match seen {
                Some(seen) => {
                    let lived = elapsed.saturating_sub(seen).as_millis();
                    i64::try_from(lived).unwrap_or(i64::MAX).saturating_add(TOLERANCE_MS)
                }
                None => UNSEEN_COUNTS_MS,
            };
            let plausible = last.saturating_add(lived);
            self.gaps.retain_mut(|(from, to)| {
                *to = (*to).min(now);
                from < to
            });
            if now > plausible {
                tracing::warn!(
                    jump_ms = now - plausible,
                    "the wall clock jumped ahead: that time does not count for retention"
                );
                self.gaps.push((plausible, now));
            }
            self.join_oldest();
        }
        self.last = Some((now, Some(elapsed)));
        RetentionClock { now: wall, gaps: self.gaps.as_slice().into() }
    }

    /// Keeps the observation for the next process. No room is not an error: the next process then sees an
    /// older one, and deletes less.
    pub(super) fn save(&self, disk: &Disk) -> Result<(), StorageFailure> {
        let path = Path::new(FILE_NAME);
        let Some(text) = self.render() else { return Ok(()) };
        match disk.grow("replace", path, replace_file(disk.dir(), path, text.as_bytes())) {
            Err(failure) if failure.is_refused_for_now() => Ok(()),
            result => result,
        }
    }

    fn join_oldest(&mut self) {
        while self.gaps.len() > MAX_GAPS {
            let (from, _) = self.gaps.remove(0);
            self.gaps[0].0 = from;
        }
    }

    fn render(&self) -> Option<String> {
        let (last, _) = self.last?;
        let mut text = format!("0\n{last}\n{}\n", self.gaps.len());
        for (from, to) in &self.gaps {
            writeln!(text, "{from} {to}").expect("writing to a string cannot fail");
        }
        Some(text)
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let mut lines = str::from_utf8(content).ok()?.lines();
        if lines.next()? != "0" {
            return None;
        }
        let last: i64 = lines.next()?.parse().ok()?;
        let count: usize = lines.next()?.parse().ok()?;
        let mut gaps = Vec::new();
        for line in lines {
            let (from, to) = line.split_once(' ')?;
            let gap: (i64, i64) = (from.parse().ok()?, to.parse().ok()?);
            let after = gaps.last().map_or(i64::MIN, |(_, to): &(i64, i64)| *to);
            if gap.0 < after || gap.1 <= gap.0 {
                return None;
            }
            gaps.push(gap);
        }
        (gaps.len() == count && count <= MAX_GAPS).then_some(Self { last: Some((last, None)), gaps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const T0: i64 = 1_766_836_000_000;

    fn at(ms: i64) -> TimestampMs {
        TimestampMs::new(ms)
    }

    fn after(ms: i64) -> Duration {
        Duration::from_millis(ms.try_into().unwrap())
    }

    fn reopened(watch: &ClockWatch) -> ClockWatch {
        ClockWatch::parse(watch.render().unwrap().as_bytes()).unwrap()
    }

    #[test]
    fn a_steady_clock_ages_records_as_it_says() {
        let mut watch = ClockWatch::default();
        watch.observe(at(T0), after(0));
        let clock = watch.observe(at(T0 + HOUR), after(HOUR));
        assert_eq!(clock.age_ms(at(T0)), HOUR);
        assert_eq!(clock.age_ms(at(T0 + 2 * HOUR)), -HOUR);
    }

    #[test]
    fn a_jump_ahead_ages_nothing() {
        let mut watch = ClockWatch::default();
        watch.observe(at(T0), after(0));
        let clock = watch.observe(at(T0 + 1000 * HOUR), after(1000));
        assert!(clock.age_ms(at(T0)) <= 1000 + TOLERANCE_MS, "{}", clock.age_ms(at(T0)));
        // What comes after the jump ages as usual, what was there before goes on ageing.
        let clock = watch.observe(at(T0 + 1010 * HOUR), after(1000 + 10 * HOUR));
        assert_eq!(clock.age_ms(at(T0 + 1000 * HOUR)), 10 * HOUR);
        assert!(clock.age_ms(at(T0)) <= 10 * HOUR + 1000 + TOLERANCE_MS);
        assert!(clock.age_ms(at(T0)) >= 10 * HOUR);
    }

    #[test]
    fn a_jump_back_ages_nothing_and_heals() {
        let mut watch = ClockWatch::default();
        watch.observe(at(T0), after(0));
        watch.observe(at(T0 + 1000 * HOUR), after(1000));
        let clock = watch.observe(at(T0 + 2000), after(2000));
        assert_eq!(clock.age_ms(at(T0)), 2000);
        let clock = watch.observe(at(T0 + 5 * HOUR), after(5 * HOUR));
        assert_eq!(clock.age_ms(at(T0)), 5 * HOUR);
    }

    #[test]
    fn a_restart_counts_a_day_at_most_and_remembers_the_gaps() {
        let mut watch = ClockWatch::default();
        watch.observe(at(T0), after(0));
        let mut watch = reopened(&watch);
        let clock = watch.observe(at(T0 + 5 * HOUR), after(0));
        assert_eq!(clock.age_ms(at(T0)), 5 * HOUR);
        let mut watch = reopened(&watch);
        let clock = watch.observe(at(T0 + 505 * HOUR), after(0));
        assert_eq!(clock.age_ms(at(T0)), 29 * HOUR);
        let mut watch = reopened(&watch);
        let clock = watch.observe(at(T0 + 506 * HOUR), after(0));
        assert_eq!(clock.age_ms(at(T0)), 30 * HOUR);
    }

    #[test]
    fn many_gaps_are_joined_towards_smaller_ages() {
        let mut watch = ClockWatch::default();
        let mut wall = T0;
        for n in 0..1000 {
            wall += HOUR;
            let clock = watch.observe(at(wall), after(n * 1000));
            let age = clock.age_ms(at(T0));
            assert!((0..=(n + 1) * (1000 + TOLERANCE_MS) + HOUR).contains(&age), "{n}: {age}");
        }
        assert_eq!(watch.gaps.len(), MAX_GAPS);
        assert_eq!(reopened(&watch).gaps, watch.gaps);
    }

    #[test]
    fn what_is_not_understood_counts_as_never_observed() {
        for text in ["", "1\n0\n0\n", "0\nx\n0\n", "0\n5\n1\n", "0\n5\n1\n9 8\n", "0\n5\n2\n1 3\n2 4\n"] {
            assert!(ClockWatch::parse(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
