//! Kafka's offset checkpoints: one offset for each partition, in a small text file replaced as a whole.
//!
//! ```text
//! 0                     version
//! 2                     how many lines follow
//! orders 0 1500         topic, partition, offset
//! orders 1 320
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use yak_model::{Offset, PartitionIndex, TopicPartition};

use crate::dir::{read_file, replace_file};
use crate::disk::Disk;
use crate::error::{OpenError, StorageFailure};

/// Where each partition's records are known to be synced (`recovery-point-offset-checkpoint`).
pub(crate) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// Each partition's high watermark (`replication-offset-checkpoint`).
pub(crate) const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// Where each partition begins (`log-start-offset-checkpoint`).
pub(crate) const LOG_STARTS: &str = "log-start-offset-checkpoint";

/// Where each partition's dirty part begins: compacted up to here (`cleaner-offset-checkpoint`).
pub(crate) const CLEANED: &str = "cleaner-offset-checkpoint";

/// More than any broker holds: 100,000 partitions of the longest names.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The content of a checkpoint.
pub(crate) type Offsets = BTreeMap<TopicPartition, Offset>;

/// Reads a checkpoint; a missing one is empty.
pub(crate) fn read(disk: &Disk, name: &str) -> Result<Offsets, OpenError> {
    let path = Path::new(name);
    let content = disk.look("read", path, read_file(disk.dir(), path, MAX_BYTES))?;
    let Some(content) = content else { return Ok(Offsets::new()) };
    parse(&content).map_err(|problem| OpenError::Malformed { path: disk.full(path), problem })
}

/// Replaces a checkpoint. Having no room leaves the old one and is not final.
pub(crate) fn write(disk: &Disk, name: &str, offsets: &Offsets) -> Result<(), StorageFailure> {
    let path = Path::new(name);
    disk.grow("replace", path, replace_file(disk.dir(), path, render(offsets).as_bytes()))
}

fn render(offsets: &Offsets) -> String {
    let mut text = format!("0\n{}\n", offsets.len());
    for (partition, offset) in offsets {
        writeln!(text, "{} {} {offset}", partition.topic, partition.partition)
            .expect("writing to a string cannot fail");
    }
    text
}

fn parse(content: &[u8]) -> Result<Offsets, String> {
    let text = str::from_utf8(content).map_err(|error| error.to_string())?;
    let mut lines = text.lines();
    match lines.next() {
        Some("0") => {}
        other => return Err(format!("version 0 expected, not {:?}", other.unwrap_or(""))),
    }
    let count: usize = lines
        .next()
        .and_then(|line| line.parse().ok())
        .ok_or_else(|| "the second line is not a count".to_owned())?;
    let mut offsets = Offsets::new();
    for (index, line) in lines.enumerate() {
        let (partition, offset) =
            parse_line(line).ok_or_else(|| format!("line {}: {line:?} is not understood", index + 3))?;
        if offsets.insert(partition, offset).is_some() {
            return Err(format!("line {}: the partition stands twice", index + 3));
        }
    }
    if offsets.len() != count {
        return Err(format!("{count} lines announced, {} found", offsets.len()));
    }
    Ok(offsets)
}

fn parse_line(line: &str) -> Option<(TopicPartition, Offset)> {
    let mut words = line.split(' ');
    let topic = words.next()?.parse().ok()?;
    let partition: i32 = words.next()?.parse().ok()?;
    let offset: i64 = words.next()?.parse().ok()?;
    if words.next().is_some() || partition < 0 || offset < 0 {
        return None;
    }
    Some((TopicPartition::new(topic, PartitionIndex::new(partition)), Offset::new(offset)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dir::MemDir;

    fn partition(text: &str) -> TopicPartition {
        TopicPartition::from_dir_name(text).unwrap()
    }

    #[test]
    fn text_is_kafkas() {
        let offsets =
            Offsets::from([(partition("orders-1"), Offset::new(320)), (partition("a.b-0"), Offset::new(7))]);
        let text = render(&offsets);
        assert_eq!(text, "0\n2\na.b 0 7\norders 1 320\n");
        assert_eq!(parse(text.as_bytes()), Ok(offsets));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, problem) in [
            ("", "version 0 expected, not \"\""),
            ("1\n0\n", "version 0 expected, not \"1\""),
            ("0\nx\n", "the second line is not a count"),
            ("0\n2\nt 0 1\n", "2 lines announced, 1 found"),
            ("0\n1\nt 0\n", "line 3: \"t 0\" is not understood"),
            ("0\n1\nt 0 1 2\n", "line 3: \"t 0 1 2\" is not understood"),
            ("0\n1\nt -1 1\n", "line 3: \"t -1 1\" is not understood"),
            ("0\n2\nt 0 1\nt 0 2\n", "line 4: the partition stands twice"),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(problem.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_missing_checkpoint_is_empty_and_a_written_one_comes_back() {
        let disk = Disk::new(Arc::new(MemDir::new()));
        assert_eq!(read(&disk, LOG_STARTS).unwrap(), Offsets::new());
        let offsets = Offsets::from([(partition("t-0"), Offset::new(1))]);
        write(&disk, LOG_STARTS, &offsets).unwrap();
        assert_eq!(read(&disk, LOG_STARTS).unwrap(), offsets);
    }
}
