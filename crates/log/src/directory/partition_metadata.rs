//! `partition.metadata`: the topic id of a partition directory.
//!
//! It is written under a temporary name, synced, renamed: it is there as a whole or not at all. An empty one,
//! which others may leave behind when the power goes or the disk is full, counts as not there.
//!
//! ```text
//! version: 0
//! topic_id: 5Zz1Qx0uTq6bW8dSkYJp2w        (no newline after it)
//! ```

use std::path::Path;

use yak_model::TopicId;

use crate::dir::{OpenMode, read_file, replace_file, temporary_name};
use crate::disk::Disk;
use crate::error::{OpenError, StorageFailure};

pub(crate) const FILE_NAME: &str = "partition.metadata";
const MAX_BYTES: usize = 4096;

/// Reads the topic id; `None` if the file is missing or was never filled.
pub(crate) fn read(disk: &Disk, partition_dir: &Path) -> Result<Option<TopicId>, OpenError> {
    let path = partition_dir.join(FILE_NAME);
    let content = disk.look("read", &path, read_file(disk.dir(), &path, MAX_BYTES))?;
    let Some(content) = content.filter(|content| !content.is_empty()) else { return Ok(None) };
    match parse(&content) {
        Some(topic_id) => Ok(Some(topic_id)),
        None => Err(OpenError::Malformed {
            path: disk.full(&path),
            problem: format!("{:?} is not a topic id", String::from_utf8_lossy(&content)),
        }),
    }
}

/// Writes the file, durably.
pub(crate) fn write(disk: &Disk, partition_dir: &Path, topic_id: TopicId) -> Result<(), StorageFailure> {
    let path = partition_dir.join(FILE_NAME);
    disk.grow("replace", &path, replace_file(disk.dir(), &path, render(topic_id).as_bytes()))
}

/// The first of three steps for many new directories: the file under its temporary name.
pub(crate) fn prepare(disk: &Disk, partition_dir: &Path, topic_id: TopicId) -> Result<(), StorageFailure> {
    let path = temporary_name(&partition_dir.join(FILE_NAME));
    let file = disk.grow("create", &path, disk.dir().open(&path, OpenMode::CreateOrEmpty))?;
    disk.grow("write", &path, file.write_all_at(render(topic_id).as_bytes(), 0))
}

/// The second: its content is durable, unless the whole disk was synced anyway.
pub(crate) fn sync(disk: &Disk, partition_dir: &Path) -> Result<(), StorageFailure> {
    let path = temporary_name(&partition_dir.join(FILE_NAME));
    let file = disk.look("open", &path, disk.dir().open(&path, OpenMode::Write))?;
    disk.change("sync", &path, file.sync_data())
}

/// The third: it has its name. The caller syncs the directory.
pub(crate) fn publish(disk: &Disk, partition_dir: &Path) -> Result<(), StorageFailure> {
    let path = partition_dir.join(FILE_NAME);
    disk.change("rename", &path, disk.dir().rename(&temporary_name(&path), &path))
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
    use std::sync::Arc;

    use super::*;
    use crate::dir::{Crash, Dir, MemDir};

    #[test]
    fn text_is_kafkas() {
        let topic_id = TopicId::from_random([3; 16]);
        let text = render(topic_id);
        assert_eq!(text, format!("version: 0\ntopic_id: {topic_id}"));
        assert_eq!(parse(text.as_bytes()), Some(topic_id));
        assert_eq!(parse(format!("{text}\n").as_bytes()), Some(topic_id));
    }

    #[test]
    fn it_is_there_as_a_whole_or_not_at_all() {
        let (mem, dir, topic_id) = (MemDir::new(), Path::new("t-0"), TopicId::from_random([3; 16]));
        mem.create_dir(dir).unwrap();
        mem.sync_all().unwrap();
        let begin = mem.op_count();
        let disk = Disk::new(Arc::new(mem.clone()));
        prepare(&disk, dir, topic_id).unwrap();
        sync(&disk, dir).unwrap();
        publish(&disk, dir).unwrap();
        mem.sync_dir(dir).unwrap();
        write(&disk, dir, topic_id).unwrap();
        for at in begin..=mem.op_count() {
            let unsynced = mem.unsynced(at);
            for lost in 0..1_u32 << unsynced.len() {
                let lost = unsynced.iter().enumerate().filter(|(bit, _)| lost & (1 << bit) != 0);
                let crash = Crash { at, lost: lost.map(|(_, op)| *op).collect(), torn: None };
                let disk = Disk::new(Arc::new(mem.crash(&crash)));
                let found = read(&disk, dir).unwrap_or_else(|error| panic!("{crash:?}: {error}"));
                assert!(found.is_none_or(|found| found == topic_id), "{crash:?}");
            }
        }
        assert_eq!(read(&disk, dir).unwrap(), Some(topic_id));
    }

    #[test]
    fn an_empty_file_is_none() {
        let (mem, dir) = (MemDir::new(), Path::new("t-0"));
        mem.create_dir(dir).unwrap();
        mem.open(&dir.join(FILE_NAME), OpenMode::CreateNew).unwrap();
        let disk = Disk::new(Arc::new(mem.clone()));
        assert_eq!(read(&disk, dir).unwrap(), None);
        mem.tamper(&dir.join(FILE_NAME), |content| content.push(b'v')).unwrap();
        assert!(matches!(read(&disk, dir), Err(OpenError::Malformed { .. })));
    }

    #[test]
    fn zero_ids_and_other_texts_are_refused() {
        let zero = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA";
        for text in ["", "version: 0", "version: 1\ntopic_id: x", zero, "version: 0\ntopic_id: x"] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
