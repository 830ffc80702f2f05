//! What the zookeeper's journal says of leaders and sessions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// What happened behind an index of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Happened {
    /// Brokers that were fenced: sessions that were lost, or ended in order.
    pub(super) fenced: usize,
    /// Partitions that changed or lost their leader.
    pub(super) leaders_moved: usize,
    /// Changes of an ISR without a change of leader.
    pub(super) isr_changes: usize,
    /// Why brokers were fenced or leaders moved, each cause once.
    pub(super) causes: Vec<String>,
}

/// The index of the newest line in a zookeeper's directory.
///
/// # Errors
/// If there is no journal to read.
pub(super) fn newest(directory: &Path) -> Result<i64> {
    lines(directory)?.keys().next_back().copied().context("the journal is empty")
}

/// What happened behind `index`.
///
/// # Errors
/// If there is no journal to read.
pub(super) fn since(directory: &Path, index: i64) -> Result<Happened> {
    Ok(read(lines(directory)?.into_iter(), index))
}

fn read(lines: impl Iterator<Item = (i64, Value)>, after: i64) -> Happened {
    let mut leaders: BTreeMap<(String, i64), i64> = BTreeMap::new();
    let mut happened = Happened::default();
    for (index, line) in lines {
        let before = (happened.fenced, happened.leaders_moved);
        for record in line["records"].as_array().into_iter().flatten() {
            let counts = index > after;
            if counts && record.get("broker_fenced").is_some() {
                happened.fenced += 1;
            }
            let Some(partition) = record.get("partition") else { continue };
            let topic = partition["topic"].as_str().unwrap_or_default().to_owned();
            let number = partition["partition"].as_i64().unwrap_or(-1);
            let epoch = partition["leader_epoch"].as_i64().unwrap_or(-1);
            match leaders.insert((topic, number), epoch) {
                Some(earlier) if counts && earlier != epoch => happened.leaders_moved += 1,
                Some(_) if counts => happened.isr_changes += 1,
                _ => {}
            }
        }
        if (happened.fenced, happened.leaders_moved) != before {
            let cause = line["cause"].as_str().unwrap_or_default().to_owned();
            if !happened.causes.contains(&cause) {
                happened.causes.push(cause);
            }
        }
    }
    happened
}

/// All lines of all files, by index; lines of an image stand for what earlier files had.
fn lines(directory: &Path) -> Result<BTreeMap<i64, Value>> {
    let mut found: BTreeMap<i64, Value> = BTreeMap::new();
    for file in files(directory)? {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        // The last line may be half written; it will be whole at the next look.
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in lines {
            let Some(index) = line["index"].as_i64() else { continue };
            match found.get_mut(&index) {
                // Several lines of an image have the same index; where earlier files are there, they say it better.
                Some(same) if same["cause"] == "image" && line["cause"] == "image" => merge(same, line),
                Some(_) => {}
                None => drop(found.insert(index, line)),
            }
        }
    }
    Ok(found)
}

fn merge(into: &mut Value, line: Value) {
    let Value::Object(mut line) = line else { return };
    let more = line.remove("records");
    if let (Some(records), Some(Value::Array(mut more))) = (into["records"].as_array_mut(), more) {
        records.append(&mut more);
    }
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("reading {}", directory.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "ndjson") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = r#"{"index":4,"cause":"image","records":[{"partition":{"topic":"t","partition":0,"leader_epoch":1}}]}
{"index":4,"cause":"image","records":[{"partition":{"topic":"t","partition":1,"leader_epoch":0}}]}
{"index":5,"cause":"broker 1 fenced: no heartbeat for 1000 ms","records":[{"broker_fenced":{"broker_id":1}},{"partition":{"topic":"t","partition":0,"leader_epoch":2}}]}
{"index":6,"cause":"t-1: 1 fell behind","records":[{"partition":{"topic":"t","partition":1,"leader_epoch":0}}]}
{"index":7,"cause":"half"#;

    #[test]
    fn what_happened_behind_an_index_is_counted_once() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("journal");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("journal-00000000000000000005.ndjson"), IMAGE).unwrap();
        let causes = vec!["broker 1 fenced: no heartbeat for 1000 ms".to_owned()];
        let expected = Happened { fenced: 1, leaders_moved: 1, isr_changes: 1, causes };
        assert_eq!(since(directory.path(), 4).unwrap(), expected);
        // The file before the image says the same; nothing counts twice.
        let earlier = r#"{"index":4,"cause":"created","records":[{"partition":{"topic":"t","partition":0,"leader_epoch":1}},{"partition":{"topic":"t","partition":1,"leader_epoch":0}}]}"#;
        fs::write(folder.join("journal-00000000000000000001.ndjson"), earlier).unwrap();
        assert_eq!(since(directory.path(), 4).unwrap(), expected);
        assert_eq!(since(directory.path(), 5).unwrap(), Happened { isr_changes: 1, ..Happened::default() });
        assert_eq!(newest(directory.path()).unwrap(), 6);
    }
}
