//! `partition.metadata`: the topic id of a partition directory.
//!
//! ```text
//! version: 0
//! topic_id: 5Zz1Qx0uTq6bW8dSkYJp2w        (no newline after it)
//! ```

use std::path::Path;

use yak_model::TopicId;

use crate::dir::{OpenMode, read_file};
use crate::disk::Disk;
use crate::error::{OpenError, StorageFailure};

pub(crate) const FILE_NAME: &str = "partition.metadata";
const MAX_BYTES: usize = 4096;

/// Reads the topic id; `None` if the file is missing.
pub(crate) fn read(disk: &Disk, partition_dir: &Path) -> Result<Option<TopicId>, OpenError> {
    let path = partition_dir.join(FILE_NAME);
    let content = disk.look("read", &path, read_file(disk.dir(), &path, MAX_BYTES))?;
    let Some(content) = content else { return Ok(None) };
    match parse(&content) {
        Some(topic_id) => Ok(Some(topic_id)),
        None => Err(OpenError::Malformed {
            path: disk.full(&path),
            problem: format!("{:?} is not a topic id", String::from_utf8_lossy(&content)),
        }),
    }
}

/// Writes the file of a new directory; the caller syncs it, and the directory.
pub(crate) fn write(disk: &Disk, partition_dir: &Path, topic_id: TopicId) -> Result<(), StorageFailure> {
    let path = partition_dir.join(FILE_NAME);
    let file = disk.grow("create", &path, disk.dir().open(&path, OpenMode::CreateOrEmpty))?;
    disk.grow("write", &path, file.write_all_at(render(topic_id).as_bytes(), 0))
}

/// Makes the file durable.
pub(crate) fn sync(disk: &Disk, partition_dir: &Path) -> Result<(), StorageFailure> {
    let path = partition_dir.join(FILE_NAME);
    let file = disk.look("open", &path, disk.dir().open(&path, OpenMode::Write))?;
    disk.change("sync", &path, file.sync_data())
}

fn render(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

fn parse(content: &[u8]) -> Option<TopicId> {
    let mut lines = str::from_utf8(content).ok()?.lines();
    if lines.next()? != "version: 0" {
        return None;
    }
    let topic_id: TopicId = lines.next()?.strip_prefix("topic_id: ")?.parse().ok()?;
    (!topic_id.uuid().is_zero() && lines.next().is_none()).then_some(topic_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kafkas() {
        let topic_id = TopicId::from_random([3; 16]);
        let text = render(topic_id);
        assert_eq!(text, format!("version: 0\ntopic_id: {topic_id}"));
        assert_eq!(parse(text.as_bytes()), Some(topic_id));
        assert_eq!(parse(format!("{text}\n").as_bytes()), Some(topic_id));
    }

    #[test]
    fn zero_ids_and_other_texts_are_refused() {
        let zero = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA";
        for text in ["", "version: 0", "version: 1\ntopic_id: x", zero, "version: 0\ntopic_id: x"] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
