//! The key that brokers show each other, kept beside the journal.
//!
//! It outlives a restart of the zookeeper, so that brokers that go on with their sessions go on with each other. The
//! file has mode 0600, like every file of a directory of ours; whoever can read it can speak as a broker.

use std::io;
use std::path::Path;

use yak_log::dir::{Dir, read_file, replace_file};
use yak_model::ReplicationKey;

use crate::random_bytes;

/// Its file, beside the journal's.
const FILE: &str = "replication.key";

/// Reads the key, or draws one.
pub(super) fn read_or_draw(dir: &dyn Dir, folder: &Path) -> io::Result<ReplicationKey> {
    let path = folder.join(FILE);
    if let Some(content) = read_file(dir, &path, 64)? {
        let text = std::str::from_utf8(&content).ok().map(str::trim);
        if let Some(key) = text.and_then(|text| text.parse().ok()) {
            return Ok(key);
        }
        // Nothing depends on its being the same: brokers are told the new one as they resume.
        tracing::warn!(file = %dir.path().join(&path).display(), "the replication key could not be read: a new one");
    }
    let key = ReplicationKey::from_random(random_bytes()?);
    replace_file(dir, &path, format!("{key}\n").as_bytes())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use yak_log::dir::MemDir;

    use super::*;

    #[test]
    fn a_key_stays_until_its_file_is_damaged() {
        let dir = MemDir::new();
        let first = read_or_draw(&dir, Path::new("")).expect("drawn");
        assert_eq!(read_or_draw(&dir, Path::new("")).expect("read"), first);
        replace_file(&dir, Path::new(FILE), b"no key\n").expect("written");
        let second = read_or_draw(&dir, Path::new("")).expect("drawn");
        assert_ne!(first, second);
        assert_eq!(read_or_draw(&dir, Path::new("")).expect("read"), second);
    }
}
