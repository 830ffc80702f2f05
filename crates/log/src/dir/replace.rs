//! Small files that are read and replaced as a whole: after a power cut there is the old one or the new one.

use std::io;
use std::path::{Path, PathBuf};

use super::{Dir, OpenMode};

/// The whole content of a file; `None` if it does not exist.
///
/// # Errors
/// What the file system says, other than that there is no such file; [`io::ErrorKind::FileTooLarge`] for more
/// than `limit` bytes.
pub fn read_file(dir: &dyn Dir, path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match dir.open(path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    if len > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut content = vec![0; len];
    let read = file.read_at(&mut content, 0)?;
    content.truncate(read);
    Ok(Some(content))
}

/// Replaces a file: writes `<path>.tmp`, syncs it, renames it, syncs the directory.
///
/// # Errors
/// What the file system says. The old file is then there, or the new one, or (after a failed sync of the
/// directory) either after the next power cut.
pub fn replace_file(dir: &dyn Dir, path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path);
    let file = dir.open(&temporary, OpenMode::CreateOrEmpty)?;
    file.write_all_at(content, 0)?;
    file.sync_data()?;
    drop(file);
    dir.rename(&temporary, path)?;
    dir.sync_dir(parent(path))
}

/// The name under which a new version of `path` is written.
pub(crate) fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// The directory that holds the name `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
