//! The foreign readers: kafka-python, and Apache Kafka's `DumpLogSegments`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::setup::ORACLE;
use crate::{Partition, Record, Setup, bytes};

/// kafka-python's record reader.
#[derive(Clone, Debug)]
pub struct Python(Setup);

/// What kafka-python says of a segment, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PythonLine {
    /// It read a record.
    Record(Box<Record>),
    /// It could not go on.
    Problem(String),
}

impl Python {
    /// The reader, if it is there.
    #[must_use]
    pub fn find() -> Option<Self> {
        Setup::find().map(Self)
    }

    /// Reads segments, one after the other.
    #[must_use]
    pub fn read(&self, segments: &[PathBuf]) -> Vec<PythonLine> {
        let script = Path::new(ORACLE).join("read_segments.py");
        let dump = run(self.0.python().arg(script).args(segments));
        assert_eq!(dump.code, Some(0), "{}", dump.stderr);
        dump.stdout.lines().map(|line| python_line(line).unwrap_or_else(|| panic!("{line}"))).collect()
    }
}

fn python_line(line: &str) -> Option<PythonLine> {
    let line: Value = serde_json::from_str(line).ok()?;
    if let Some(problem) = line["problem"].as_str() {
        return Some(PythonLine::Problem(problem.to_owned()));
    }
    let header = |pair: &Value| Some((pair[0].as_str()?.to_owned(), bytes::decode(&pair[1])));
    Some(PythonLine::Record(Box::new(Record {
        offset: line["offset"].as_i64()?,
        timestamp: line["timestamp"].as_i64()?,
        log_append_time: line["log_append_time"].as_bool()?,
        key: bytes::decode(&line["key"]),
        value: bytes::decode(&line["value"]),
        headers: line["headers"].as_array()?.iter().map(header).collect::<Option<_>>()?,
        leader_epoch: number(&line["leader_epoch"])?,
        producer_id: line["producer_id"].as_i64()?,
        producer_epoch: number(&line["producer_epoch"])?,
        base_sequence: number(&line["base_sequence"])?,
        compression: number(&line["compression"])?,
        index_in_batch: number(&line["index_in_batch"])?,
    })))
}

fn number<T: TryFrom<i64>>(value: &Value) -> Option<T> {
    T::try_from(value.as_i64()?).ok()
}

/// Apache Kafka's dump tool. It exits 0 on damage: what counts is what it prints.
#[derive(Clone, Debug)]
pub struct KafkaDump(Setup);

/// What a program printed.
#[derive(Clone, Debug)]
pub struct Dump {
    /// How it ended.
    pub code: Option<i32>,
    /// What it found.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Dump {
    /// The lines by which Kafka's tool says that something is wrong.
    ///
    /// With `--deep-iteration`, 4.3.1 reports of every segment but the first that offset -1 is followed by its first
    /// offset; neither that nor the heading above it is a complaint.
    #[must_use]
    pub fn complaints(&self) -> Vec<&str> {
        const WRONG: [&str; 2] = ["isvalid: false", " invalid bytes at the end of "];
        const NO_COMPLAINT: [&str; 2] = ["Non-consecutive offsets in ", "  -1 is followed by "];
        let wrong = self.stdout.lines().filter(|line| WRONG.iter().any(|wrong| line.contains(wrong)));
        let said = self.stderr.lines().filter(|line| !NO_COMPLAINT.iter().any(|no| line.starts_with(no)));
        wrong.chain(said).collect()
    }
}

impl KafkaDump {
    /// The tool, if it is there.
    #[must_use]
    pub fn find() -> Option<Self> {
        Setup::find().map(Self)
    }

    /// Dumps files.
    #[must_use]
    pub fn dump(&self, flags: &[&str], files: &[PathBuf]) -> Dump {
        let names: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        let mut java = self.0.java("kafka");
        java.arg("org.apache.kafka.tools.DumpLogSegments").args(flags).args(["--files", &names.join(",")]);
        run(&mut java)
    }
}

fn run(command: &mut Command) -> Dump {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Dump {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A copy of a partition, to be damaged.
#[derive(Debug)]
pub struct Damaged {
    copy: TempDir,
}

impl Damaged {
    /// Copies a partition's files.
    #[must_use]
    pub fn copy_of(partition: &Partition) -> Self {
        let copy = tempfile::tempdir().expect("a temporary directory");
        for entry in partition.directory.read_dir().expect("the partition was written") {
            let path = entry.expect("the directory can be read").path();
            let name = path.file_name().expect("a file has a name");
            fs::copy(&path, copy.path().join(name)).expect("the file can be copied");
        }
        Self { copy }
    }

    /// The copy of a file, with other content.
    #[must_use]
    pub fn change(&self, file: &Path, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let path = self.copy.path().join(file.file_name().expect("a file has a name"));
        let mut content = fs::read(file).expect("the original can be read");
        change(&mut content);
        fs::write(&path, content).expect("the copy can be written");
        path
    }
}
