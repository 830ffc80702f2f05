//! Names of journal files.

use std::io;
use std::path::{Path, PathBuf};

use yak_log::dir::{Dir, EntryKind};
use yak_model::MetadataIndex;

const PREFIX: &str = "journal-";
const SUFFIX: &str = ".ndjson";
const TEMPORARY: &str = ".tmp";

/// The file in `folder` that begins with an index.
pub(super) fn path_of(folder: &Path, first: MetadataIndex) -> PathBuf {
    folder.join(format!("{PREFIX}{:020}{SUFFIX}", first.get()))
}

/// The first index of a file's name, if it is one of a journal.
fn first_of(name: &str) -> Option<MetadataIndex> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits).map(MetadataIndex::new)
}

/// Journal files by first index, oldest first.
pub(super) fn list(dir: &dyn Dir, folder: &Path) -> io::Result<Vec<MetadataIndex>> {
    let entries = dir.list(folder)?;
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
    let mut found: Vec<_> = files.filter_map(|entry| first_of(&entry.name)).collect();
    found.sort();
    Ok(found)
}

/// Removes what an interrupted compaction left.
pub(super) fn remove_temporary(dir: &dyn Dir, folder: &Path) -> io::Result<()> {
    for entry in dir.list(folder)? {
        let journal = entry.name.strip_suffix(TEMPORARY).and_then(first_of);
        if entry.kind == EntryKind::File && journal.is_some() {
            dir.remove_file(&folder.join(&entry.name))?;
        }
    }
    Ok(())
}

/// The name under which a file is written before it is put in its place.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    PathBuf::from(name)
}
