//! The replicas of a partition, byte by byte (INV-1).

use std::path::Path;

/// The content of a partition's log: its segments one behind the other, wherever each begins.
pub(crate) fn log_bytes(partition: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(partition).unwrap_or_else(|e| panic!("{}: {e}", partition.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    segments.sort();
    segments.iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
}
