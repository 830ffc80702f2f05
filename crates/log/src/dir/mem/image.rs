//! Crash images: what a disk may show after power went.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::parent;
use super::state::{Node, Op, State, Tree};

/// A crash: when, and what of the unsynced operations is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crash {
    /// This many operations had happened.
    pub at: usize,
    /// Which of them are lost; each must be in [`MemDir::unsynced`](super::MemDir::unsynced) of `at`.
    pub lost: BTreeSet<usize>,
    /// If the last operation is a write: only this many of its bytes arrived.
    pub torn: Option<usize>,
}

/// What the syncs seen so far (going backwards in time) made durable.
#[derive(Default)]
struct Synced<'a> {
    everything: bool,
    inodes: BTreeSet<usize>,
    /// Files that a later `SyncAll` did not save, because a sync of theirs had failed in between.
    given_up: BTreeSet<usize>,
    dirs: BTreeSet<&'a Path>,
}

impl<'a> Synced<'a> {
    /// Takes note of a sync; says of any other operation whether it is durable.
    fn covers(&mut self, op: &'a Op) -> bool {
        match op {
            Op::Write { inode, .. } | Op::Truncate { inode, .. } => self.has_inode(*inode),
            Op::Create { path, .. } | Op::RemoveFile(path) | Op::CreateDir(path) | Op::RemoveDir(path) => {
                self.has_dir(parent(path))
            }
            Op::Rename { from, to, .. } => self.has_dir(parent(from)) && self.has_dir(parent(to)),
            _ => {
                self.note(op);
                true
            }
        }
    }

    fn note(&mut self, sync: &'a Op) {
        match sync {
            Op::SyncFile(inode) => {
                self.inodes.insert(*inode);
                self.given_up.remove(inode);
            }
            Op::SyncFailed(inode) => {
                self.inodes.remove(inode);
                self.given_up.insert(*inode);
            }
            Op::SyncDir(path) => _ = self.dirs.insert(path),
            Op::SyncAll => *self = Self { everything: true, ..Self::default() },
            Op::SyncAllFailed => *self = Self::default(),
            _ => {}
        }
    }

    fn has_inode(&self, inode: usize) -> bool {
        self.inodes.contains(&inode) || (self.everything && !self.given_up.contains(&inode))
    }

    fn has_dir(&self, path: &Path) -> bool {
        self.everything || self.dirs.contains(path)
    }
}

pub(super) fn unsynced(ops: &[Op]) -> Vec<usize> {
    let mut synced = Synced::default();
    let mut indexes: Vec<usize> = (0..ops.len()).rev().filter(|index| !synced.covers(&ops[*index])).collect();
    indexes.reverse();
    indexes
}

/// Replays the operations that were not lost over what there was before them.
pub(super) fn build(state: &State, crash: &Crash) -> State {
    let mut tree = state.origin.clone();
    for (index, op) in state.ops[..crash.at].iter().enumerate() {
        let lost = crash.lost.contains(&index);
        if let Op::Create { inode, .. } = op {
            // The inode exists even if its name is lost: a rename may have saved it.
            let number = tree.new_inode(SystemTime::UNIX_EPOCH);
            assert_eq!(number, *inode, "inodes are numbered in order of creation");
        }
        if !lost {
            let torn = crash.torn.filter(|_| index + 1 == crash.at);
            apply(&mut tree, op, torn);
        }
    }
    forget_orphans(&mut tree);
    from_tree(state, tree)
}

/// Everything as it is, durable.
pub(super) fn copy(state: &State) -> State {
    from_tree(state, state.tree.clone())
}

fn from_tree(state: &State, tree: Tree) -> State {
    State { origin: tree.clone(), tree, capacity: state.capacity, now: state.now, ..State::default() }
}

fn apply(tree: &mut Tree, op: &Op, torn: Option<usize>) {
    match op {
        Op::Create { inode, path } => _ = tree.names.insert(path.clone(), Node::File(*inode)),
        Op::Write { inode, position, bytes } => {
            tree.write(*inode, &bytes[..torn.unwrap_or(bytes.len()).min(bytes.len())], *position);
        }
        Op::Truncate { inode, len } => tree.truncate(*inode, *len),
        Op::Rename { inode: Some(inode), from, to } => {
            if tree.names.get(from) == Some(&Node::File(*inode)) {
                tree.names.remove(from);
            }
            tree.names.insert(to.clone(), Node::File(*inode));
        }
        Op::Rename { inode: None, from, to } => tree.rename(from, to),
        Op::RemoveFile(path) | Op::RemoveDir(path) => _ = tree.names.remove(path),
        Op::CreateDir(path) => _ = tree.names.insert(path.clone(), Node::Dir),
        Op::SyncFile(_) | Op::SyncFailed(_) | Op::SyncDir(_) | Op::SyncAll | Op::SyncAllFailed => {}
    }
}

/// Names in a directory whose own name was lost cannot be reached.
fn forget_orphans(tree: &mut Tree) {
    // Parents sort before their children, so one pass sees each parent decided.
    let mut kept: BTreeSet<PathBuf> = BTreeSet::new();
    for path in tree.names.keys() {
        let directory = parent(path);
        if directory.as_os_str().is_empty() || kept.contains(directory) {
            kept.insert(path.clone());
        }
    }
    tree.names.retain(|path, _| kept.contains(path));
}
