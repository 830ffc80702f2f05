//! Which files to dump: those that were named, and those of a log in the directories that were named.

use std::io;
use std::path::{Path, PathBuf};

use yak_cli::Failure;

/// What a file of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Batches, from this offset on.
    Log(i64),
    /// Offset index of the segment that begins there.
    Index(i64),
    /// Time index of the segment that begins there.
    TimeIndex(i64),
    /// Producer state.
    Snapshot,
    /// Aborted transactions.
    TxnIndex,
    /// `leader-epoch-checkpoint`.
    LeaderEpochs,
}

/// A file to dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    /// Of the segments in its directory, the one that is appended to.
    pub(super) last: bool,
    /// The user named this very file, so it must be there.
    pub(super) named: bool,
}

/// Directories below the one that was named: a broker's directory holds those of partitions.
const DEPTH: usize = 1;

/// The files that `paths` stand for; those that belong together (of one partition) in one group, in order.
pub(super) fn expand(paths: &[PathBuf]) -> Result<Vec<Vec<Target>>, Failure> {
    let mut groups = Vec::new();
    for path in paths {
        let fail = |error: &io::Error| Failure::local(format_args!("cannot read {}", path.display()), error);
        if path.metadata().map_err(|error| fail(&error))?.is_dir() {
            let before = groups.len();
            add_directory(path, DEPTH, &mut groups).map_err(|error| fail(&error))?;
            if groups.len() == before {
                return Err(Failure::usage(format!("{}: there are no files of a log in it", path.display())));
            }
        } else {
            let kind = kind_of(path).ok_or_else(|| {
                Failure::usage(format!("{}: not a file of a log", path.display())).hint(
                    "it reads .log, .index, .timeindex, .txnindex, .snapshot and leader-epoch-checkpoint",
                )
            })?;
            let last = is_last_segment(path, kind).map_err(|error| fail(&error))?;
            groups.push(vec![Target { path: path.clone(), kind, last, named: true }]);
        }
    }
    Ok(groups)
}

/// The files of a partition, if `directory` is one's, and of those below it.
fn add_directory(directory: &Path, depth: usize, groups: &mut Vec<Vec<Target>>) -> io::Result<()> {
    let mut targets = partition_files(directory)?;
    targets.sort_by_key(order);
    if !targets.is_empty() {
        groups.push(targets);
    }
    let mut below = Vec::new();
    if depth > 0 {
        for entry in directory.read_dir()? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                below.push(entry.path());
            }
        }
    }
    below.sort();
    below.iter().try_for_each(|path| add_directory(path, depth - 1, groups))
}

fn partition_files(directory: &Path) -> io::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for entry in directory.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        if let (true, Some(kind)) = (entry.file_type()?.is_file(), kind_of(&path)) {
            targets.push(Target { path, kind, last: false, named: false });
        }
    }
    let last = targets.iter().filter_map(|target| log_base(target.kind)).max();
    for target in &mut targets {
        target.last = last.is_some() && log_base(target.kind) == last;
    }
    Ok(targets)
}

/// Epochs first, then segment by segment: log, indexes, and snapshots by the offset in their name.
fn order(target: &Target) -> (Option<String>, Kind) {
    let stem = target.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    (stem.filter(|_| target.kind != Kind::LeaderEpochs), target.kind)
}

/// The segments of a directory, in order.
pub(super) fn segments(directory: &Path) -> io::Result<Vec<(i64, PathBuf)>> {
    let mut segments: Vec<_> = partition_files(directory)?
        .into_iter()
        .filter_map(|target| Some((log_base(target.kind)?, target.path)))
        .collect();
    segments.sort();
    Ok(segments)
}

fn is_last_segment(path: &Path, kind: Kind) -> io::Result<bool> {
    let Some(base) = log_base(kind) else { return Ok(false) };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(segments(parent)?.last().is_none_or(|(last, _)| *last <= base))
}

fn log_base(kind: Kind) -> Option<i64> {
    if let Kind::Log(base) = kind { Some(base) } else { None }
}

fn kind_of(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    if name == "leader-epoch-checkpoint" {
        return Some(Kind::LeaderEpochs);
    }
    let (stem, extension) = name.split_once('.')?;
    let base = stem.bytes().all(|byte| byte.is_ascii_digit()).then(|| stem.parse().ok())??;
    match extension {
        "log" => Some(Kind::Log(base)),
        "index" => Some(Kind::Index(base)),
        "timeindex" => Some(Kind::TimeIndex(base)),
        "snapshot" => Some(Kind::Snapshot),
        "txnindex" => Some(Kind::TxnIndex),
        _ => None,
    }
}
