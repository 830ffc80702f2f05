//! `--export` and `--from-file`: lines of `topic,partition,offset`, or `group,topic,partition,offset`.

use std::collections::BTreeMap;
use std::path::Path;

use yak_cli::{Failure, messages, parse};
use yak_model::{GroupId, Offset, TopicPartition};

/// Offsets of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offsets {
    /// Those without a group are everybody's.
    by_group: BTreeMap<Option<GroupId>, BTreeMap<TopicPartition, Offset>>,
}

impl Offsets {
    pub(super) fn partitions(&self, group: &GroupId) -> Vec<TopicPartition> {
        let mut ids: Vec<_> = self.of(group).flat_map(|offsets| offsets.keys().cloned()).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    pub(super) fn offset(&self, group: &GroupId, id: &TopicPartition) -> Option<Offset> {
        self.of(group).find_map(|offsets| offsets.get(id).copied())
    }

    fn of(&self, group: &GroupId) -> impl Iterator<Item = &BTreeMap<TopicPartition, Offset>> {
        [Some(group.clone()), None].into_iter().filter_map(|group| self.by_group.get(&group))
    }
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or a line is none, with its number.
pub(super) fn read(path: &Path) -> Result<Offsets, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| messages::cannot_open(path, &error))?;
    parse_lines(&text).map_err(|(line, why)| Failure::usage(format!("{}:{line}: {why}", path.display())))
}

fn parse_lines(text: &str) -> Result<Offsets, (usize, String)> {
    let mut offsets = Offsets::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let (group, id, offset) = parse_line(line).map_err(|why| (number, why))?;
        if offsets.by_group.entry(group).or_default().insert(id.clone(), offset).is_some() {
            return Err((number, format!("{id} is there twice")));
        }
    }
    if offsets.by_group.is_empty() { Err((1, "there is no line in it".to_owned())) } else { Ok(offsets) }
}

fn parse_line(line: &str) -> Result<(Option<GroupId>, TopicPartition, Offset), String> {
    let fields: Vec<&str> = line.split(',').map(|field| field.trim().trim_matches('"')).collect();
    let (group, topic, partition, offset) = match fields[..] {
        [topic, partition, offset] => (None, topic, partition, offset),
        [group, topic, partition, offset] => (Some(parse::group(group)?), topic, partition, offset),
        _ => return Err("not topic,partition,offset".to_owned()),
    };
    let offset = match parse::whole::<i64>(offset)? {
        offset if offset >= 0 => Offset::new(offset),
        offset => return Err(format!("{offset} is not an offset (they count from 0)")),
    };
    Ok((group, TopicPartition::new(parse::topic(topic)?, parse::partition(partition)?), offset))
}

/// A line that [`read`] reads, without its newline.
pub(super) fn line(group: Option<&GroupId>, id: &TopicPartition, offset: Offset) -> String {
    let TopicPartition { topic, partition } = id;
    match group {
        Some(group) => format!("\"{group}\",\"{topic}\",{partition},{offset}"),
        None => format!("\"{topic}\",{partition},{offset}"),
    }
}

#[cfg(test)]
mod tests {
    use yak_model::PartitionIndex;

    use super::*;

    fn at(partition: i32) -> TopicPartition {
        TopicPartition::new("orders".parse().unwrap(), PartitionIndex::new(partition))
    }

    #[test]
    fn what_is_exported_is_read_again() {
        let (g, h) = (GroupId::new("g").unwrap(), GroupId::new("h").unwrap());
        let text = [
            line(None, &at(0), Offset::new(5)),
            line(Some(&h), &at(1), Offset::new(7)),
            "orders,2,9".to_owned(),
            String::new(),
        ];
        let offsets = parse_lines(&text.join("\n")).unwrap();
        assert_eq!(offsets.partitions(&g), [at(0), at(2)]);
        assert_eq!(offsets.partitions(&h), [at(0), at(1), at(2)]);
        assert_eq!(offsets.offset(&h, &at(1)), Some(Offset::new(7)));
        assert_eq!(offsets.offset(&g, &at(1)), None);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, (line, problem)) in [
            ("", (1, "there is no line in it")),
            ("orders,0", (1, "not topic,partition,offset")),
            ("orders,0,5\norders,x,5", (2, "\"x\" is not a whole number")),
            ("orders,0,-5", (1, "-5 is not an offset (they count from 0)")),
            ("orders,0,5\norders,0,6", (2, "orders-0 is there twice")),
        ] {
            assert_eq!(parse_lines(text), Err((line, problem.to_owned())), "{text}");
        }
    }
}
