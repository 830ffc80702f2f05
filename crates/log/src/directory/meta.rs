//! `meta.properties`: which cluster and broker a log directory belongs to, and its own id.

use std::path::Path;

use yak_model::{BrokerId, ClusterId, DirectoryId};

use crate::dir::{read_file, replace_file};
use crate::disk::Disk;
use crate::error::{OpenError, StorageFailure};

const FILE_NAME: &str = "meta.properties";
const MAX_BYTES: usize = 64 * 1024;

/// Whose directory this is. Written once, when the directory is first used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// `cluster.id`.
    pub cluster_id: ClusterId,
    /// `node.id`.
    pub broker_id: BrokerId,
    /// `directory.id`.
    pub directory_id: DirectoryId,
}

/// Reads the file; `None` if there is none yet.
pub(crate) fn read(disk: &Disk) -> Result<Option<MetaProperties>, OpenError> {
    let path = Path::new(FILE_NAME);
    let content = disk.look("read", path, read_file(disk.dir(), path, MAX_BYTES))?;
    let Some(content) = content else { return Ok(None) };
    match parse(&content) {
        Ok(meta) => Ok(Some(meta)),
        Err(problem) => Err(OpenError::Malformed { path: disk.full(path), problem }),
    }
}

pub(crate) fn write(disk: &Disk, meta: &MetaProperties) -> Result<(), StorageFailure> {
    let text = format!(
        "version=1\ncluster.id={}\nnode.id={}\ndirectory.id={}\n",
        meta.cluster_id, meta.broker_id, meta.directory_id
    );
    let path = Path::new(FILE_NAME);
    disk.grow("replace", path, replace_file(disk.dir(), path, text.as_bytes()))
}

fn parse(content: &[u8]) -> Result<MetaProperties, String> {
    let text = str::from_utf8(content).map_err(|error| error.to_string())?;
    let value = |key: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once('=')).find(|(k, _)| *k == key).map(|(_, v)| v)
    };
    let required = |key: &str| value(key).ok_or_else(|| format!("{key} is missing"));
    match required("version")? {
        "1" => {}
        other => return Err(format!("version=1 expected, not {other}")),
    }
    let node_id: i32 =
        required("node.id")?.parse().map_err(|error| format!("node.id is not a number: {error}"))?;
    Ok(MetaProperties {
        cluster_id: required("cluster.id")?.parse().map_err(|error| format!("cluster.id: {error}"))?,
        broker_id: BrokerId::new(node_id),
        directory_id: required("directory.id")?.parse().map_err(|error| format!("directory.id: {error}"))?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dir::MemDir;

    #[test]
    fn what_was_written_comes_back_and_comments_are_skipped() {
        let disk = Disk::new(Arc::new(MemDir::new()));
        assert_eq!(read(&disk).unwrap(), None);
        let meta = MetaProperties {
            cluster_id: ClusterId::from_random([1; 16]),
            broker_id: BrokerId::new(7),
            directory_id: DirectoryId::from_random([2; 16]),
        };
        write(&disk, &meta).unwrap();
        assert_eq!(read(&disk).unwrap(), Some(meta));
        let text = format!(
            "#\n#Thu Jan 01 00:00:00 UTC 1970\ncluster.id={}\nversion=1\ndirectory.id={}\nnode.id=7\n",
            meta.cluster_id, meta.directory_id
        );
        assert_eq!(parse(text.as_bytes()), Ok(meta));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(parse(b""), Err("version is missing".to_owned()));
        assert_eq!(parse(b"version=0\n"), Err("version=1 expected, not 0".to_owned()));
        let error = parse(b"version=1\nnode.id=x\n").unwrap_err();
        assert!(error.starts_with("node.id is not a number"), "{error}");
        let error = parse(b"version=1\nnode.id=1\ncluster.id=short\n").unwrap_err();
        assert!(error.starts_with("cluster.id: "), "{error}");
    }
}
