//! The programs in `examples/`, run by the very lines that their page shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use yak_testkit::{DEADLINE, binary, signal, wait_for};

use crate::Setup;

/// The top of the repository, where the page's lines are meant to be typed.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const PAGE: &str = include_str!("../../../examples/README.md");

/// What the examples need, and where they leave their files.
#[derive(Debug)]
pub struct Examples {
    python: PathBuf,
    directory: TempDir,
}

impl Examples {
    /// If they can be run.
    #[must_use]
    pub fn find() -> Option<Self> {
        let python = Setup::find()?.path("examples/bin/python");
        Some(Self { python, directory: tempfile::tempdir().expect("a temporary directory") })
    }

    /// Where the tests' own files go.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts the one line of the page that holds `what`, with more arguments.
    #[must_use]
    pub fn start(&self, what: &str, more: &[&str]) -> Example {
        let mut lines = PAGE.lines().filter(|line| line.contains(what) && !line.starts_with(['#', '[']));
        let line = lines.next().unwrap_or_else(|| panic!("the page has no line with {what}"));
        assert_eq!(lines.next(), None, "the page has several lines with {what}");
        let mut words = line.split_whitespace();
        // The page's environment is ours.
        let program = self.python.with_file_name(words.next().expect("a line has a program"));
        // Whoever started this test may ignore Ctrl-C, and then so would the program.
        self.spawn(Command::new("env").arg("--default-signal=INT").arg(program).args(words).args(more))
    }

    /// Runs a few lines of Python.
    #[must_use]
    pub fn python(&self, script: &str, arguments: &[&str]) -> Finished {
        self.spawn(Command::new(&self.python).args(["-c", script]).args(arguments)).finish()
    }

    fn spawn(&self, command: &mut Command) -> Example {
        let [said, complained] = ["stdout", "stderr"].map(|name| {
            tempfile::Builder::new()
                .prefix(name)
                .tempfile_in(self.directory())
                .and_then(|file| file.keep().map_err(|error| error.error))
                .expect("a file in our directory")
        });
        let child = command
            .current_dir(ROOT)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("MPLCONFIGDIR", self.directory().join("matplotlib"))
            .env("YAK_BROKER", binary("yak-broker"))
            .stdin(Stdio::null())
            .stdout(said.0)
            .stderr(complained.0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Example { child, said: said.1, complained: complained.1 }
    }
}

/// A program of the page that runs; killed when dropped.
#[derive(Debug)]
pub struct Example {
    child: Child,
    said: PathBuf,
    complained: PathBuf,
}

/// What it left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub said: String,
    /// What it wrote to stderr.
    pub complained: String,
}

impl Finished {
    /// What it printed, if it ended well.
    #[must_use]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.said, self.complained);
        self.said
    }
}

impl Example {
    /// The lines that it has printed so far.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.said).unwrap_or_default();
        // The last one may be half a line.
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
    }

    /// Waits until it has printed so many lines; these.
    #[must_use]
    pub fn wait_for_lines(&mut self, count: usize) -> Vec<String> {
        wait_for(&format!("{count} lines"), || {
            let ended = self.child.try_wait().expect("our child").is_some();
            let lines = self.said();
            assert!(!ended || lines.len() >= count, "it ended: {lines:?} {}", self.complaint());
            (lines.len() >= count).then_some(lines)
        })
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our child").is_none()
    }

    /// Ctrl-C, and its end.
    #[must_use]
    pub fn interrupt(self) -> Finished {
        signal(self.child.id(), "INT");
        self.finish()
    }

    /// Waits for its end.
    #[must_use]
    pub fn finish(self) -> Finished {
        self.finish_within(DEADLINE)
    }

    /// The same for a program that takes long.
    #[must_use]
    pub fn finish_within(mut self, patience: Duration) -> Finished {
        let deadline = Instant::now() + patience;
        let status = loop {
            match self.child.try_wait().expect("our child") {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "it has not ended: {:?}", self.said()),
            }
            sleep(Duration::from_millis(5));
        };
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        Finished { code: status.code(), said, complained: self.complaint() }
    }

    fn complaint(&self) -> String {
        fs::read_to_string(&self.complained).unwrap_or_default()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
