//! The files of a [`MemDir`](super::MemDir), the operations on them, and the faults.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::super::{Entry, EntryKind, Metadata, OpenMode, parent};

/// One recorded operation. Files are known by inode, so that a name may come and go under them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A file came to be under a name.
    Create {
        /// Its number.
        inode: usize,
        /// Its name.
        path: PathBuf,
    },
    /// Bytes were written.
    Write {
        /// To which file.
        inode: usize,
        /// Where.
        position: u64,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// The length was set.
    Truncate {
        /// Of which file.
        inode: usize,
        /// To what.
        len: u64,
    },
    /// A file or directory got another name.
    Rename {
        /// The file, or `None` for a directory.
        inode: Option<usize>,
        /// Its old name.
        from: PathBuf,
        /// Its new name.
        to: PathBuf,
    },
    /// A file lost its name.
    RemoveFile(PathBuf),
    /// A directory was made.
    CreateDir(PathBuf),
    /// A directory was removed.
    RemoveDir(PathBuf),
    /// A file's content became durable.
    SyncFile(usize),
    /// A sync of a file failed: what was unsynced in it stays so for ever.
    SyncFailed(usize),
    /// The names in a directory became durable.
    SyncDir(PathBuf),
    /// Everything became durable.
    SyncAll,
    /// A sync of everything failed: what was unsynced stays so for ever.
    SyncAllFailed,
}

/// What kind of operation a [`Fault`] hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Writing bytes.
    Write,
    /// Setting a length.
    Truncate,
    /// Syncing a file.
    SyncFile,
    /// Syncing a directory.
    SyncDir,
    /// Syncing everything.
    SyncAll,
    /// Renaming.
    Rename,
    /// Creating a file.
    Create,
    /// Reading bytes.
    Read,
}

/// An operation that will fail.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which kind.
    pub kind: FaultKind,
    /// Of operations of that kind from now on, this many succeed before.
    pub after: u64,
    /// With which error.
    pub error: io::ErrorKind,
    /// A failing write stores this many of its bytes first.
    pub written: usize,
    /// Whether all later operations of the kind fail too.
    pub sticky: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) data: Arc<Vec<u8>>,
    modified: SystemTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    File(usize),
    Dir,
}

/// Names and contents.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) inodes: Vec<Inode>,
    pub(super) names: BTreeMap<PathBuf, Node>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// What there was before the first recorded operation.
    pub(super) origin: Tree,
    pub(super) tree: Tree,
    pub(super) ops: Vec<Op>,
    pub(super) faults: Vec<Fault>,
    pub(super) capacity: Option<u64>,
    pub(super) locks: BTreeSet<PathBuf>,
    pub(super) now: Option<SystemTime>,
}

impl Tree {
    pub(super) fn new_inode(&mut self, now: SystemTime) -> usize {
        self.inodes.push(Inode { data: Arc::default(), modified: now });
        self.inodes.len() - 1
    }

    pub(super) fn write(&mut self, inode: usize, bytes: &[u8], position: u64) {
        let start = usize::try_from(position).expect("files in memory are small");
        let data = Arc::make_mut(&mut self.inodes[inode].data);
        if data.len() < start + bytes.len() {
            data.resize(start + bytes.len(), 0);
        }
        data[start..start + bytes.len()].copy_from_slice(bytes);
    }

    pub(super) fn truncate(&mut self, inode: usize, len: u64) {
        let len = usize::try_from(len).expect("files in memory are small");
        Arc::make_mut(&mut self.inodes[inode].data).resize(len, 0);
    }

    /// Moves a name, and for a directory all names under it.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        let moved: Vec<PathBuf> = self.names.keys().filter(|name| name.starts_with(from)).cloned().collect();
        for name in moved {
            let node = self.names.remove(&name).expect("it was just listed");
            let rest = name.strip_prefix(from).expect("it starts with it");
            let target = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            self.names.insert(target, node);
        }
    }

    fn used(&self) -> u64 {
        let files = self.names.values().filter_map(|node| match node {
            Node::File(inode) => Some(self.inodes[*inode].data.len() as u64),
            Node::Dir => None,
        });
        files.sum()
    }
}

impl State {
    fn fault(&mut self, kind: FaultKind) -> Result<(), Fault> {
        let mut hit = None;
        for fault in self.faults.iter_mut().filter(|fault| fault.kind == kind) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if hit.is_none() {
                hit = Some(fault.clone());
            }
        }
        let Some(hit) = hit else { return Ok(()) };
        if !hit.sticky {
            let index = self.faults.iter().position(|fault| fault.kind == kind && fault.after == 0);
            self.faults.remove(index.expect("it was just found"));
        }
        Err(hit)
    }

    fn check(&mut self, kind: FaultKind) -> io::Result<()> {
        self.fault(kind).map_err(|fault| fault.error.into())
    }

    fn now(&self) -> SystemTime {
        self.now.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        self.tree.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        match self.node(path)? {
            Node::File(inode) => Ok(inode),
            Node::Dir => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn check_dir(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || self.node(path)? == Node::Dir {
            return Ok(());
        }
        Err(io::ErrorKind::NotADirectory.into())
    }

    pub(super) fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<usize> {
        match (self.inode(path), mode) {
            (Ok(_), OpenMode::CreateNew) => Err(io::ErrorKind::AlreadyExists.into()),
            (Ok(inode), OpenMode::CreateOrEmpty) => {
                if !self.tree.inodes[inode].data.is_empty() {
                    self.truncate(inode, 0)?;
                }
                Ok(inode)
            }
            (Err(error), OpenMode::CreateNew | OpenMode::CreateOrOpen | OpenMode::CreateOrEmpty)
                if error.kind() == io::ErrorKind::NotFound =>
            {
                self.create(path)
            }
            (found, _) => found,
        }
    }

    fn create(&mut self, path: &Path) -> io::Result<usize> {
        self.check_dir(parent(path))?;
        self.check(FaultKind::Create)?;
        let inode = self.tree.new_inode(self.now());
        self.tree.names.insert(path.to_owned(), Node::File(inode));
        self.ops.push(Op::Create { inode, path: path.to_owned() });
        Ok(inode)
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.check_dir(path)?;
        let inside = self.tree.names.iter().filter(|(name, _)| parent(name) == path);
        let entry = |(name, node): (&PathBuf, &Node)| Entry {
            name: name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            kind: if *node == Node::Dir { EntryKind::Dir } else { EntryKind::File },
        };
        Ok(inside.map(entry).collect())
    }

    pub(super) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let inode = &self.tree.inodes[self.inode(path)?];
        Ok(Metadata { len: inode.data.len() as u64, modified: inode.modified })
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(FaultKind::Rename)?;
        let inode = match self.node(from)? {
            Node::File(inode) => Some(inode),
            Node::Dir => None,
        };
        self.check_dir(parent(to))?;
        self.tree.rename(from, to);
        self.ops.push(Op::Rename { inode, from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.inode(path)?;
        self.tree.names.remove(path);
        self.ops.push(Op::RemoveFile(path.to_owned()));
        Ok(())
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        self.check_dir(parent(path))?;
        if self.tree.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.tree.names.insert(path.to_owned(), Node::Dir);
        self.ops.push(Op::CreateDir(path.to_owned()));
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        if !self.list(path)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.tree.names.remove(path);
        self.ops.push(Op::RemoveDir(path.to_owned()));
        Ok(())
    }

    pub(super) fn read(&mut self, inode: usize, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.check(FaultKind::Read)?;
        let data = &self.tree.inodes[inode].data;
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(data.len());
        let len = buf.len().min(data.len() - start);
        buf[..len].copy_from_slice(&data[start..start + len]);
        Ok(len)
    }

    pub(super) fn write(&mut self, inode: usize, bytes: &[u8], position: u64) -> io::Result<()> {
        if let Err(fault) = self.fault(FaultKind::Write) {
            self.store(inode, &bytes[..fault.written.min(bytes.len())], position);
            return Err(fault.error.into());
        }
        let growth = (position + bytes.len() as u64).saturating_sub(self.len(inode));
        let room = self.available();
        if growth > room {
            let fits = usize::try_from(bytes.len() as u64 - (growth - room).min(bytes.len() as u64));
            self.store(inode, &bytes[..fits.expect("less than the length")], position);
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.store(inode, bytes, position);
        Ok(())
    }

    fn store(&mut self, inode: usize, bytes: &[u8], position: u64) {
        if bytes.is_empty() {
            return;
        }
        self.tree.write(inode, bytes, position);
        self.tree.inodes[inode].modified = self.now();
        self.ops.push(Op::Write { inode, position, bytes: bytes.into() });
    }

    pub(super) fn truncate(&mut self, inode: usize, len: u64) -> io::Result<()> {
        self.check(FaultKind::Truncate)?;
        self.check_room(len.saturating_sub(self.len(inode)))?;
        self.tree.truncate(inode, len);
        self.tree.inodes[inode].modified = self.now();
        self.ops.push(Op::Truncate { inode, len });
        Ok(())
    }

    pub(super) fn len(&self, inode: usize) -> u64 {
        self.tree.inodes[inode].data.len() as u64
    }

    pub(super) fn available(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.tree.used()))
    }

    pub(super) fn check_room(&self, more: u64) -> io::Result<()> {
        if more > self.available() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn sync_file(&mut self, inode: usize) -> io::Result<()> {
        let result = self.check(FaultKind::SyncFile);
        self.ops.push(if result.is_ok() { Op::SyncFile(inode) } else { Op::SyncFailed(inode) });
        result
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        self.check_dir(path)?;
        self.check(FaultKind::SyncDir)?;
        self.ops.push(Op::SyncDir(path.to_owned()));
        Ok(())
    }

    pub(super) fn sync_all(&mut self) -> io::Result<()> {
        let result = self.check(FaultKind::SyncAll);
        self.ops.push(if result.is_ok() { Op::SyncAll } else { Op::SyncAllFailed });
        result
    }

    pub(super) fn tamper(&mut self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let inode = self.inode(path)?;
        change(Arc::make_mut(&mut self.tree.inodes[inode].data));
        Ok(())
    }

    pub(super) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let file = |(name, node): (&PathBuf, &Node)| match node {
            Node::File(inode) => Some((name.clone(), self.tree.inodes[*inode].data.to_vec())),
            Node::Dir => None,
        };
        self.tree.names.iter().filter_map(file).collect()
    }
}
