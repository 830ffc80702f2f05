//! Opening a journal: reading it back, cutting an unfinished end, making sure of what is kept.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use yak_core::image::{Elections, Image};
use yak_log::dir::{Dir, File, OpenMode};
use yak_model::{ClusterId, MetadataIndex};
use yak_protocol::journal::{Header, encode_header};

use super::compact::{prepare, put_in_place};
use super::scan::{Cut, Damage, Place, Scan, scan};
use super::{Journal, JournalError, files};
use crate::Options;

/// Largest journal file that is read; compaction keeps files far below.
const MAX_FILE_BYTES: u64 = 4 << 30;

/// What a journal said.
#[derive(Debug)]
pub struct Recovered {
    /// The cluster's id, from the header.
    pub cluster_id: ClusterId,
    /// What its lines add up to.
    pub image: Image,
    /// The last elections in its newest file.
    pub elections: Elections,
    /// What was cut off its end.
    pub cut: Option<Cut>,
    /// The newest file's lines after its image, byte for byte.
    pub lines: Vec<u8>,
}

impl Journal {
    /// Opens the journal in the folder of `dir` that the options name, or makes an empty one for the cluster `fresh`.
    ///
    /// # Errors
    ///
    /// It is in use or damaged, or the file system refuses.
    pub fn open(
        dir: Arc<dyn Dir>,
        options: &Options,
        fresh: ClusterId,
    ) -> Result<(Self, Recovered), JournalError> {
        let (folder, durable) = (options.folder.as_path(), options.durable);
        let at_folder = |action| fault(dir.as_ref(), folder, action);
        make(dir.as_ref(), folder).map_err(at_folder("create"))?;
        let lock = dir.lock(&folder.join(".lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => JournalError::InUse(absolute(dir.as_ref(), folder)),
            _ => at_folder("lock")(error),
        })?;
        files::remove_temporary(dir.as_ref(), folder).map_err(at_folder("clear"))?;
        let newest = files::list(dir.as_ref(), folder).map_err(at_folder("list"))?.last().copied();
        let path = files::path_of(folder, newest.unwrap_or(MetadataIndex::new(1)));
        if newest.is_none() {
            let mut header = Vec::new();
            encode_header(&Header { cluster_id: fresh, image: None }, &mut header);
            prepare(dir.as_ref(), &path, &header, durable)?;
            put_in_place(dir.as_ref(), folder, &path, durable)?;
        }
        if durable {
            // The names too may be known to this machine's memory only.
            dir.sync_dir(folder).and_then(|()| dir.sync_dir(Path::new(""))).map_err(at_folder("sync"))?;
        }
        let (file, bytes) = read(dir.as_ref(), &path).map_err(fault(dir.as_ref(), &path, "read"))?;
        let found = scan(&bytes).map_err(|damage| damaged(dir.path().join(&path), damage))?;
        let cut =
            settle(file.as_ref(), &bytes, &found, durable).map_err(fault(dir.as_ref(), &path, "write"))?;
        let cut = cut.map(|(line, bytes)| Cut { path: dir.path().join(&path), line, bytes });
        let Scan { header, image, elections, lines_begin, end, .. } = found;
        let lines = bytes[lines_begin..end].to_vec();
        let mut journal = Self {
            dir,
            folder: folder.to_owned(),
            limits: options.limits,
            durable,
            cluster_id: header.cluster_id,
            path,
            file,
            end: end as u64,
            reserved: 0,
            base_index: header.image.map(|image| image.index).unwrap_or_default(),
            base_end: lines_begin as u64,
            synced: image.index(),
            failed: false,
            _lock: lock,
        };
        journal.reserve(0);
        Ok((journal, Recovered { cluster_id: header.cluster_id, image, elections, cut, lines }))
    }
}

/// Makes the folder, unless it is the directory itself.
fn make(dir: &dyn Dir, folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    match dir.create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// How a file system error at a path becomes one of the journal.
pub(super) fn fault<'a>(
    dir: &'a dyn Dir,
    path: &'a Path,
    action: &'static str,
) -> impl FnOnce(io::Error) -> JournalError + 'a {
    move |source| JournalError::Io { action, path: absolute(dir, path), source }
}

/// A path within the directory as a person can use it; the empty one is the directory itself.
fn absolute(dir: &dyn Dir, path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { dir.path().to_owned() } else { dir.path().join(path) }
}

fn damaged(path: PathBuf, damage: Damage) -> JournalError {
    let Damage { line, offset, fault, place } = damage;
    match place {
        Place::Line => JournalError::Damaged { path, line, offset: offset as u64, fault },
        Place::Start => JournalError::DamagedStart { path, line, fault },
        Place::Version => JournalError::OtherVersion { path, fault },
    }
}

fn read(dir: &dyn Dir, path: &Path) -> io::Result<(Arc<dyn File>, Vec<u8>)> {
    let file = dir.open(path, OpenMode::Write)?;
    let len = file.len()?;
    if len > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok((file, bytes))
}

/// Cuts an unfinished end (its line and size are returned), and writes again what may not be on disk.
fn settle(file: &dyn File, bytes: &[u8], found: &Scan, durable: bool) -> io::Result<Option<(u64, u64)>> {
    let cut = found.torn_line.map(|line| (line, (bytes.len() - found.end) as u64));
    if cut.is_some() {
        file.truncate(found.end as u64)?;
    }
    if durable {
        if found.in_doubt < found.end {
            file.write_all_at(&bytes[found.in_doubt..found.end], found.in_doubt as u64)?;
        }
        file.sync_data()?;
    }
    Ok(cut)
}
