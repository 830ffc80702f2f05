//! `operations.ndjson`: the journal's lines as this broker received them, byte for byte and without a gap.
//!
//! ```text
//!   operations.ndjson                        a header, the image it was given if there was one, then line after line
//!   operations-00000000000000000057.ndjson   a run that could not be continued, by its first index
//! ```
//!
//! Each file is a journal file: whoever reads the one reads the other. A start reads the newest one back, so that the
//! broker goes on from there and can say what it has seen; a torn last line is cut. Nothing here is synced: after a
//! power cut the zookeeper has it all. A thread of its own writes, because the session's touches no disk; if it
//! falls behind by too much, or the file has grown large, a new run begins from an image that is asked for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use yak_core::image::{Elections, Image};
use yak_model::MetadataIndex;
use yak_protocol::journal::{decode_header, decode_line};

const NEWEST: &str = "operations.ndjson";
/// Bursts of lines that may wait to be written.
const QUEUE_LEN: usize = 1_024;
/// Bytes after its beginning with which a run is large.
const LARGE: u64 = 8 << 20;
/// Bytes of earlier runs that are kept for people to read.
const HISTORY: u64 = 64 << 20;

/// What a start finds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What the lines add up to.
    pub(crate) image: Image,
    /// The elections in them.
    pub(crate) elections: Elections,
    /// The highest index that was ever seen here.
    pub(crate) seen: MetadataIndex,
}

/// Keeps lines. Dropping it ends the thread once everything is written.
#[derive(Debug)]
pub(crate) struct Operations {
    sender: Option<SyncSender<Burst>>,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// A burst did not fit the queue: what follows does not continue the run.
    gap: AtomicBool,
    /// A run should begin anew.
    anew: AtomicBool,
}

/// Lines that belong together.
#[derive(Debug)]
struct Burst {
    /// The first index after the image, if a text begins with these lines.
    begins: Option<MetadataIndex>,
    lines: Bytes,
}

impl Operations {
    /// Reads what there is in `directory`, and goes on from it.
    ///
    /// # Errors
    /// The directory cannot be read or written, or there is no thread to be had.
    pub(crate) fn open(directory: &Path) -> io::Result<(Found, Self)> {
        let (found, writer) = Writer::open(directory)?;
        let (sender, bursts) = sync_channel(QUEUE_LEN);
        let state = Arc::clone(&writer.state);
        let thread = std::thread::Builder::new()
            .name("yak-operations".to_owned())
            .spawn(move || writer.run(&bursts))?;
        Ok((found, Self { sender: Some(sender), state, thread: Some(thread) }))
    }

    /// Whether a run should begin anew: the lines are to be asked for from an image on.
    pub(super) fn wants_anew(&self) -> bool {
        self.state.anew.load(Ordering::Acquire)
    }

    /// A text begins, whose lines follow.
    pub(super) fn begins(&self) {
        self.state.gap.store(false, Ordering::Release);
        self.state.anew.store(false, Ordering::Release);
    }

    /// Keeps lines, unless some before them were not kept. Never waits.
    pub(super) fn keep(&self, begins: Option<MetadataIndex>, lines: Bytes) {
        if lines.is_empty() || self.state.gap.load(Ordering::Acquire) {
            return;
        }
        let Some(sender) = &self.sender else { return };
        if let Err(TrySendError::Full(_)) = sender.try_send(Burst { begins, lines }) {
            self.state.gap.store(true, Ordering::Release);
        }
    }
}

impl Drop for Operations {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that keeps operations.ndjson panicked");
        }
    }
}

/// The thread that writes.
#[derive(Debug)]
struct Writer {
    directory: PathBuf,
    state: Arc<State>,
    file: Option<File>,
    /// The first index of the present run.
    first: MetadataIndex,
    /// Bytes since the run began.
    grown: u64,
}

impl Writer {
    fn open(directory: &Path) -> io::Result<(Found, Self)> {
        let path = directory.join(NEWEST);
        let (run, bytes) = match fs::read(&path) {
            Ok(bytes) => (Run::read(&bytes), bytes.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Run::default(), 0),
            Err(error) => return Err(error),
        };
        let mut writer = Self {
            directory: directory.to_owned(),
            state: Arc::default(),
            file: None,
            first: run.first,
            grown: 0,
        };
        if let Some(problem) = &run.problem {
            tracing::warn!(file = %path.display(), problem, "operations_set_aside");
            writer.set_aside()?;
            return Ok((Found { seen: run.seen, ..Found::default() }, writer));
        }
        if bytes > 0 {
            let file = OpenOptions::new().append(true).open(&path)?;
            if run.len < bytes as u64 {
                tracing::info!(file = %path.display(), bytes = bytes as u64 - run.len, "operations_tail_cut");
                file.set_len(run.len)?;
            }
            writer.file = (run.len > 0).then_some(file);
            writer.grown = run.len;
        }
        Ok((Found { image: run.image, elections: run.elections, seen: run.seen }, writer))
    }

    fn run(mut self, bursts: &Receiver<Burst>) {
        for burst in bursts {
            if let Err(error) = self.write(&burst) {
                tracing::error!(file = %self.directory.join(NEWEST).display(), %error, "operations_not_kept");
                return;
            }
            if self.grown > LARGE || self.state.gap.load(Ordering::Acquire) {
                self.state.anew.store(true, Ordering::Release);
            }
        }
    }

    fn write(&mut self, burst: &Burst) -> io::Result<()> {
        if let Some(first) = burst.begins {
            if self.file.take().is_some() {
                self.set_aside()?;
            }
            let mut options = OpenOptions::new();
            options.create(true).write(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            self.file = Some(options.open(self.directory.join(NEWEST))?);
            (self.first, self.grown) = (first, 0);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(&burst.lines)?;
        if burst.begins.is_none() {
            self.grown += burst.lines.len() as u64;
        }
        Ok(())
    }

    /// Keeps the present run under its own name, and forgets the oldest beyond what is kept.
    fn set_aside(&self) -> io::Result<()> {
        let aside = self.directory.join(format!("operations-{:020}.ndjson", self.first.get()));
        fs::rename(self.directory.join(NEWEST), aside)?;
        let mut earlier = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("operations-") && name.ends_with(".ndjson") {
                earlier.push((name, entry.metadata()?.len()));
            }
        }
        earlier.sort_unstable_by(|a, b| b.cmp(a));
        let mut kept = 0;
        for (name, len) in earlier {
            kept += len;
            if kept > HISTORY {
                fs::remove_file(self.directory.join(name))?;
            }
        }
        Ok(())
    }
}

/// A run as it stands in a file.
#[derive(Debug, Default)]
struct Run {
    image: Image,
    elections: Elections,
    seen: MetadataIndex,
    first: MetadataIndex,
    /// Bytes up to the end of the last whole line.
    len: u64,
    /// Why it cannot be gone on from.
    problem: Option<String>,
}

impl Run {
    fn read(bytes: &[u8]) -> Self {
        let mut run = Self::default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n');
        let Some(header) = lines.next() else { return run };
        let mut missing = match decode_header(&header[..header.len() - 1]) {
            Ok(header) => {
                let image = header.image;
                run.image.set_index(image.map_or(MetadataIndex::new(0), |image| image.index));
                run.first = run.image.index().next();
                image.map_or(0, |image| image.lines)
            }
            Err(fault) => return Self { problem: Some(format!("line 1: {fault}")), ..run },
        };
        run.len = header.len() as u64;
        for (number, raw) in (2..).zip(lines) {
            if let Err(problem) = run.line(&raw[..raw.len() - 1], &mut missing) {
                return Self { problem: Some(format!("line {number}: {problem}")), ..run };
            }
            run.len += raw.len() as u64;
        }
        if missing > 0 {
            run.problem = Some("ends within its image".to_owned());
        }
        run
    }

    fn line(&mut self, text: &[u8], missing: &mut u64) -> Result<(), String> {
        let line = decode_line(text).map_err(|fault| fault.to_string())?;
        if *missing > 0 {
            *missing -= 1;
            let applied = line.records.iter().try_for_each(|record| self.image.apply(record));
            applied.map_err(|error| error.to_string())?;
        } else {
            self.elections.observe(&self.image, &line);
            self.image.apply_line(&line).map_err(|error| error.to_string())?;
        }
        self.seen = self.seen.max(line.index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use yak_model::metadata::{JournalLine, MetadataRecord};
    use yak_model::{ClusterId, Term, TimestampMs};
    use yak_protocol::journal::{Header, encode_header, encode_line};

    use super::*;

    fn cluster() -> ClusterId {
        ClusterId::from_random([3; 16])
    }

    fn header() -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_header(&Header { cluster_id: cluster(), image: None }, &mut bytes);
        bytes
    }

    fn line(index: u64) -> Vec<u8> {
        let records = if index == 1 {
            vec![MetadataRecord::Cluster { cluster_id: cluster() }]
        } else {
            let value = Some(index.to_string());
            let resource = yak_model::metadata::ConfigResource::ClusterDefault;
            vec![MetadataRecord::Config { resource, key: "k".to_owned(), value }]
        };
        let line = JournalLine {
            index: MetadataIndex::new(index),
            term: Term::new(1),
            synced: MetadataIndex::new(index - 1),
            time: TimestampMs::new(0),
            cause: "test".to_owned(),
            records,
        };
        let mut bytes = Vec::new();
        encode_line(&line, &mut bytes);
        bytes
    }

    fn text(up_to: u64) -> Vec<u8> {
        (1..=up_to).fold(header(), |text, index| [text, line(index)].concat())
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("readable");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn lines_are_kept_byte_for_byte_and_gone_on_from() {
        let directory = tempfile::tempdir().expect("a directory");
        let (found, operations) = Operations::open(directory.path()).expect("opens");
        assert_eq!(found.seen, MetadataIndex::new(0));
        operations.keep(Some(MetadataIndex::new(1)), text(2).into());
        operations.keep(None, line(3).into());
        drop(operations);
        let path = directory.path().join(NEWEST);
        assert_eq!(fs::read(&path).expect("written"), text(3));
        fs::write(&path, [text(3), line(4)[..9].to_vec()].concat()).expect("torn");
        let (found, operations) = Operations::open(directory.path()).expect("opens");
        assert_eq!((found.seen, found.image.index()), (MetadataIndex::new(3), MetadataIndex::new(3)));
        assert_eq!(found.image.cluster_id(), cluster());
        operations.keep(None, line(4).into());
        drop(operations);
        assert_eq!(fs::read(&path).expect("written"), text(4));
        assert_eq!(names(directory.path()), [NEWEST]);
    }

    #[test]
    fn a_run_that_cannot_be_continued_is_kept_under_its_first_index() {
        let directory = tempfile::tempdir().expect("a directory");
        let (_, operations) = Operations::open(directory.path()).expect("opens");
        operations.keep(Some(MetadataIndex::new(1)), text(2).into());
        operations.keep(Some(MetadataIndex::new(9)), header().into());
        drop(operations);
        let aside = directory.path().join("operations-00000000000000000001.ndjson");
        assert_eq!(fs::read(aside).expect("kept"), text(2));
        assert_eq!(fs::read(directory.path().join(NEWEST)).expect("begun"), header());
    }

    #[test]
    fn damage_is_set_aside_and_what_was_seen_before_it_still_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut damaged = text(4);
        let at = text(3).len() + 20;
        damaged[at] ^= 1;
        damaged.extend_from_slice(&line(5));
        fs::write(directory.path().join(NEWEST), &damaged).expect("writable");
        let (found, operations) = Operations::open(directory.path()).expect("opens");
        drop(operations);
        assert_eq!((found.seen, found.image.index()), (MetadataIndex::new(3), MetadataIndex::new(0)));
        assert_eq!(names(directory.path()), ["operations-00000000000000000001.ndjson"]);
    }
}
