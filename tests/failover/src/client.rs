//! One verifiable client: a process, and the file that its events go to.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use yak_testkit::{binary, signal, wait_for};

/// A client that is running; killed when dropped.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    history: PathBuf,
    /// What is counted in the history.
    marker: &'static str,
    counted: u64,
    read_up_to: u64,
    /// A line that was not whole when it was read.
    rest: String,
}

impl Client {
    /// Starts `program`; events go to `history`, complaints beside it.
    pub(crate) fn start(program: &str, args: &[String], history: &Path, marker: &'static str) -> Self {
        let mut command = Command::new(binary(program));
        command
            .args(args)
            .env_remove("YAK_BOOTSTRAP_SERVERS")
            .stdin(Stdio::null())
            .stdout(File::create(history).unwrap())
            .stderr(File::create(history.with_extension("stderr")).unwrap());
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Self { child, history: history.to_owned(), marker, counted: 0, read_up_to: 0, rest: String::new() }
    }

    /// How many events of its kind there are so far. A client that has ended early is a failure.
    pub(crate) fn count(&mut self) -> u64 {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended early, {status}: {}", self.history.display(), self.complaints());
        }
        self.count_events();
        self.counted
    }

    /// Only what was written since the last time is read.
    fn count_events(&mut self) {
        let mut file = File::open(&self.history).unwrap();
        file.seek(SeekFrom::Start(self.read_up_to)).unwrap();
        let mut new = Vec::new();
        file.read_to_end(&mut new).unwrap();
        self.read_up_to += new.len() as u64;
        self.rest.push_str(std::str::from_utf8(&new).unwrap());
        let whole = self.rest.rfind('\n').map_or(0, |end| end + 1);
        let count = self.rest[..whole].lines().filter(|line| line.contains(self.marker)).count();
        self.counted += count as u64;
        self.rest.drain(..whole);
    }

    fn complaints(&self) -> String {
        std::fs::read_to_string(self.history.with_extension("stderr")).unwrap_or_default()
    }

    /// Asks it to end, and waits until it has. Its exit code is not judged, its history is.
    pub(crate) fn stop(mut self) -> PathBuf {
        signal(self.child.id(), "TERM");
        self.wait();
        self.history.clone()
    }

    /// Waits until it ends by itself, and has succeeded.
    pub(crate) fn finish(mut self) -> PathBuf {
        let status = self.wait();
        assert!(status.success(), "{}, {status}: {}", self.history.display(), self.complaints());
        self.history.clone()
    }

    fn wait(&mut self) -> std::process::ExitStatus {
        wait_for("the end of a client", || self.child.try_wait().unwrap())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
