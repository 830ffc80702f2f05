//! The zookeeper's journal, read by whoever wants to know who led what.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// What a journal says of leaders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaders {
    /// Of each partition the last leader and its epoch.
    pub now: BTreeMap<(String, i64), (Option<i64>, i64)>,
    /// How often a partition got a leader, another one or after having none. The first does not count.
    pub elections: u64,
}

/// Reads the journal in a directory, whatever is left of it, in order.
#[must_use]
pub fn leaders(directory: &Path) -> Leaders {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "ndjson")).collect();
    files.sort();
    let mut leaders = Leaders::default();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // A last line without its end was never finished.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        for line in whole.lines() {
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let records = line["records"].as_array().into_iter().flatten();
            records.for_each(|record| leaders.take(&record["partition"]));
        }
    }
    leaders
}

impl Leaders {
    fn take(&mut self, record: &Value) {
        let Some(topic) = record["topic"].as_str() else { return };
        let partition = record["partition"].as_i64().unwrap();
        let (leader, epoch) = (record["leader"].as_i64(), record["leader_epoch"].as_i64().unwrap());
        let before = self.now.insert((topic.to_owned(), partition), (leader, epoch));
        // Of an image, which says again what was, nothing is newer.
        let is_new = before.is_some_and(|(former, earlier)| former != leader && epoch >= earlier);
        self.elections += u64::from(is_new && leader.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_leaders_are_counted_and_images_are_not() {
        let record = |leader: &str, epoch: i64| {
            format!(
                r#"{{"index":1,"cause":"x","records":[{{"partition":{{"topic":"t","partition":0,"leader":{leader},"leader_epoch":{epoch}}}}},{{"broker_fenced":{{"broker_id":1}}}}]}}"#
            )
        };
        let directory = tempfile::tempdir().unwrap();
        let first = [record("1", 0), record("2", 1), record("null", 2)].join("\n");
        let second = [record("null", 2), record("3", 3), "{\"half".to_owned()].join("\n");
        std::fs::write(directory.path().join("journal-1.ndjson"), format!("{first}\n")).unwrap();
        std::fs::write(directory.path().join("journal-2.ndjson"), second).unwrap();
        let leaders = leaders(directory.path());
        assert_eq!(leaders.elections, 2);
        assert_eq!(leaders.now[&("t".to_owned(), 0)], (Some(3), 3));
    }
}
