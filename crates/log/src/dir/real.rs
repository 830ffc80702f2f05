//! A directory on a real disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(unix)]
use super::is_out_of_files;
use super::{Dir, Entry, EntryKind, File, LockGuard, Metadata, OpenMode, ReadAt};

/// A directory of the operating system.
#[derive(Debug)]
pub struct RealDir {
    root: PathBuf,
    /// Held open to name the file system in `syncfs` and `statvfs`.
    #[cfg(unix)]
    handle: fs::File,
}

#[derive(Debug)]
struct RealFile(fs::File);

#[derive(Debug)]
struct RealLock(#[expect(dead_code, reason = "held for its lock, which ends when it is closed")] fs::File);

impl LockGuard for RealLock {}

impl RealDir {
    /// The directory `root`, which must exist.
    ///
    /// # Errors
    /// It does not exist, is not a directory, or cannot be opened.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        if !fs::metadata(&root)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            #[cfg(unix)]
            handle: fs::File::open(&root)?,
            root,
        })
    }

    /// The directory `root`, made with its parents (mode 0700) if it does not exist.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub fn create(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        private_dir(&mut builder);
        builder.create(&root)?;
        Self::open(root)
    }

    fn full(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn open_std(&self, path: &Path, mode: OpenMode) -> io::Result<fs::File> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(mode != OpenMode::Read);
        match mode {
            OpenMode::Read | OpenMode::Write => {}
            OpenMode::CreateNew => _ = options.create_new(true),
            OpenMode::CreateOrOpen => _ = options.create(true).truncate(false),
            OpenMode::CreateOrEmpty => _ = options.create(true).truncate(true),
        }
        private_file(&mut options);
        options.open(self.full(path))
    }
}

impl Dir for RealDir {
    fn path(&self) -> PathBuf {
        self.root.clone()
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(RealFile(self.open_std(path, mode)?)))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.full(path))? {
            let entry = entry?;
            // A name that is not Unicode is none of ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = match entry.file_type()? {
                kind if kind.is_file() => EntryKind::File,
                kind if kind.is_dir() => EntryKind::Dir,
                _ => EntryKind::Other,
            };
            entries.push(Entry { name, kind });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let metadata = fs::symlink_metadata(self.full(path))?;
        Ok(Metadata { len: metadata.len(), modified: metadata.modified()? })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.full(from), self.full(to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.full(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        private_dir(&mut builder);
        builder.create(self.full(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(self.full(path))
    }

    #[cfg(unix)]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() {
            return self.handle.sync_all();
        }
        match fs::File::open(self.full(path)) {
            // It must not fail for want of a descriptor: the whole file system needs none.
            Err(error) if is_out_of_files(&error) => match self.sync_all() {
                Err(unsupported) if unsupported.kind() == io::ErrorKind::Unsupported => Err(error),
                result => result,
            },
            file => file?.sync_all(),
        }
    }

    /// Windows journals names and has no call to wait for it.
    #[cfg(not(unix))]
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.handle)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_all(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(unix)]
    fn available_space(&self) -> io::Result<u64> {
        let status = rustix::fs::fstatvfs(&self.handle)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }

    #[cfg(unix)]
    fn total_space(&self) -> io::Result<u64> {
        let status = rustix::fs::fstatvfs(&self.handle)?;
        Ok(status.f_blocks.saturating_mul(status.f_frsize))
    }

    /// Not known: the reserve never closes, a full disk shows itself by the error of a write.
    #[cfg(not(unix))]
    fn available_space(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        let file = self.open_std(path, OpenMode::CreateOrOpen)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock(file))),
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

impl ReadAt for RealFile {
    fn read_exact_at(&self, mut buf: &mut [u8], mut position: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match read_some(&self.0, buf, position) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buf = &mut buf[n..];
                    position += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl File for RealFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match read_some(&self.0, &mut buf[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_all_at(&self, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match write_some(&self.0, bytes, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = &bytes[n..];
                    position += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    #[cfg(target_os = "linux")]
    fn reserve(&self, len: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        match fallocate(&self.0, FallocateFlags::KEEP_SIZE, 0, len) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            result => Ok(result?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn reserve(&self, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(unix)]
fn read_some(file: &fs::File, buf: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, position)
}

#[cfg(unix)]
fn write_some(file: &fs::File, bytes: &[u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, position)
}

#[cfg(windows)]
fn read_some(file: &fs::File, buf: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, position)
}

#[cfg(windows)]
fn write_some(file: &fs::File, bytes: &[u8], position: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, position)
}

#[cfg(unix)]
fn private_file(options: &mut fs::OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    options.mode(0o600).custom_flags(no_follow);
}

#[cfg(unix)]
fn private_dir(builder: &mut fs::DirBuilder) {
    use std::os::unix::fs::DirBuilderExt;
    builder.mode(0o700);
}

#[cfg(not(unix))]
fn private_file(_options: &mut fs::OpenOptions) {}

#[cfg(not(unix))]
fn private_dir(_builder: &mut fs::DirBuilder) {}
