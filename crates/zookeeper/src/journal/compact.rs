//! Compaction: a new file from an image; older files stay as history, bounded by size.

use std::path::Path;

use yak_core::image::Image;
use yak_log::dir::{Dir, OpenMode, is_out_of_space};
use yak_model::metadata::JournalLine;
use yak_model::{ClusterId, Term, TimestampMs};
use yak_protocol::journal::{Header, ImageSpan, encode_header, encode_line};

use super::open::fault;
use super::{Journal, JournalError, files};

impl Journal {
    /// Begins a new file from the image if the present one has grown large.
    ///
    /// # Errors
    ///
    /// The disk failed, which is final. A full disk is not: the present file goes on.
    ///
    /// # Panics
    /// If the image is not that of the last line.
    pub fn compact_if_due(
        &mut self,
        image: &Image,
        term: Term,
        time: TimestampMs,
    ) -> Result<(), JournalError> {
        let lines = self.synced.get() - self.base_index.get();
        let large = lines >= self.limits.lines || self.end - self.base_end >= self.limits.bytes;
        if !large {
            return Ok(());
        }
        assert_eq!(image.index(), self.synced, "an image of what is on disk");
        let compacted = self.compact(image, term, time);
        self.failed = compacted.is_err();
        compacted
    }

    fn compact(&mut self, image: &Image, term: Term, time: TimestampMs) -> Result<(), JournalError> {
        let path = files::path_of(&self.folder, image.index().next());
        let bytes = encode_image(self.cluster_id, image, term, time);
        match prepare(self.dir.as_ref(), &path, &bytes, self.durable) {
            Err(JournalError::Io { source, .. }) if is_out_of_space(&source) => {
                tracing::warn!(error = %source, "journal_not_compacted");
                // The present file goes on, until it has grown by as much again.
                (self.base_index, self.base_end) = (self.synced, self.end);
                let (dir, folder) = (self.dir.as_ref(), self.folder.as_path());
                return files::remove_temporary(dir, folder).map_err(fault(dir, folder, "clear"));
            }
            prepared => prepared?,
        }
        // From here on the new file is the journal, or nobody knows which one is.
        put_in_place(self.dir.as_ref(), &self.folder, &path, self.durable)?;
        let file = self.dir.open(&path, OpenMode::Write).map_err(fault(self.dir.as_ref(), &path, "open"))?;
        let former = std::mem::replace(&mut self.file, file);
        // What is history now needs no more room; not getting it back is no harm.
        if let Err(error) = former.truncate(self.end) {
            tracing::warn!(%error, "journal_room_not_given_back");
        }
        self.path = path;
        self.end = bytes.len() as u64;
        (self.base_index, self.base_end) = (self.synced, self.end);
        self.reserved = 0;
        self.reserve(0);
        self.forget_old_history();
        tracing::info!(file = %self.path.display(), index = image.index().get(), "journal_compacted");
        Ok(())
    }

    /// Removes the oldest files beyond the size that is kept. Not being able to is no harm.
    fn forget_old_history(&self) {
        if let Err(error) = self.try_forget_old_history() {
            tracing::warn!(%error, "journal_history_not_removed");
        }
    }

    fn try_forget_old_history(&self) -> std::io::Result<()> {
        let mut kept = 0;
        for first in files::list(self.dir.as_ref(), &self.folder)?.into_iter().rev() {
            let path = files::path_of(&self.folder, first);
            if path == self.path {
                continue;
            }
            kept += self.dir.metadata(&path)?.len;
            if kept > self.limits.history_bytes {
                self.dir.remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// The text of a journal that begins with an image and has nothing after it yet.
pub(crate) fn encode_image(cluster_id: ClusterId, image: &Image, term: Term, time: TimestampMs) -> Vec<u8> {
    let groups = image.to_records();
    let span = ImageSpan { index: image.index(), lines: groups.len() as u64 };
    let mut bytes = Vec::new();
    encode_header(&Header { cluster_id, image: Some(span) }, &mut bytes);
    for records in groups {
        let (index, cause) = (image.index(), "image".to_owned());
        encode_line(&JournalLine { index, term, synced: index, time, cause, records }, &mut bytes);
    }
    bytes
}

/// Writes a file whole under its temporary name.
pub(super) fn prepare(dir: &dyn Dir, path: &Path, bytes: &[u8], durable: bool) -> Result<(), JournalError> {
    let temporary = files::temporary(path);
    let at = |action| fault(dir, &temporary, action);
    let file = dir.open(&temporary, OpenMode::CreateOrEmpty).map_err(at("create"))?;
    file.write_all_at(bytes, 0).map_err(at("write"))?;
    if durable {
        file.sync_data().map_err(at("sync"))?;
    }
    Ok(())
}

/// Gives a prepared file its name, so that after a power cut it is there with all its bytes or not at all.
pub(super) fn put_in_place(
    dir: &dyn Dir,
    folder: &Path,
    path: &Path,
    durable: bool,
) -> Result<(), JournalError> {
    dir.rename(&files::temporary(path), path).map_err(fault(dir, path, "rename"))?;
    if durable {
        dir.sync_dir(folder).map_err(fault(dir, folder, "sync"))?;
    }
    Ok(())
}
