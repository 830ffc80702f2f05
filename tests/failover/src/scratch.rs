//! The directory of a run: gone when all went well, kept when it did not.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tempfile::TempDir;

/// A directory, with the nemesis' log in it.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: Option<TempDir>,
    begin: Instant,
}

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let directory = tempfile::Builder::new().prefix(&format!("yak-{name}-")).tempdir().unwrap();
        Self { directory: Some(directory), begin: Instant::now() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.as_ref().unwrap().path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes down what is done to the cluster, and when.
    pub(crate) fn note(&self, what: &str) {
        let path = self.file("nemesis.log");
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(log, "{:9.3} {what}", self.begin.elapsed().as_secs_f64()).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(directory) = self.directory.take()
        {
            eprintln!("everything that this run wrote is kept in {}", directory.keep().display());
        }
    }
}
