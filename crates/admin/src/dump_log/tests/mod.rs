//! Logs that are whole, damaged in every way, or being written, and what the dump says of them.

mod damage;
mod groups;
mod output;
mod small_files;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use yak_cli::{Interrupt, Output};
use yak_model::{LeaderEpoch, Offset, TimestampMs};
use yak_record::{BatchBuilder, Compression, RecordParts, patch_base_offset, patch_leader_epoch};

use super::args::DumpLogArgs;
use super::context::Context;
use super::{dump_group, find};

const START: i64 = 1_700_000_000_000;

/// A batch of `count` records in an epoch.
fn batch(base_offset: i64, count: i64, epoch: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for offset in base_offset..base_offset + count {
        let value = format!("value {offset}");
        let timestamp = Some(TimestampMs::new(START + offset));
        builder.push(&RecordParts { timestamp, value: Some(value.as_bytes()), ..RecordParts::default() });
    }
    let mut batch = builder.finish(Compression::None, None);
    patch_base_offset(&mut batch, Offset::new(base_offset));
    patch_leader_epoch(&mut batch, LeaderEpoch::new(epoch));
    batch.to_vec()
}

/// A partition's directory.
struct Partition(TempDir);

impl Partition {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn segment(&self, base: i64, content: &[u8]) -> PathBuf {
        self.write(&format!("{base:020}.log"), content)
    }

    /// Three batches of offsets 0-2, 3-4 and 5-9, and where they end.
    fn with_segment() -> (Self, Vec<u8>, [usize; 3]) {
        let partition = Self::new();
        let batches = [batch(0, 3, 0), batch(3, 2, 0), batch(5, 5, 1)];
        let ends = [1, 2, 3].map(|count| batches[..count].concat().len());
        let content = batches.concat();
        partition.segment(0, &content);
        (partition, content, ends)
    }

    fn dump(&self, change: impl FnOnce(&mut DumpLogArgs)) -> Dumped {
        dump(&[self.0.path().to_owned()], change)
    }
}

struct Dumped {
    text: String,
    problems: Vec<String>,
}

impl Dumped {
    /// The one problem, without the directory.
    fn problem(&self) -> &str {
        assert_eq!(self.problems.len(), 1, "{:?}", self.problems);
        self.problems[0].rsplit_once('/').unwrap().1
    }

    fn assert_whole(&self) {
        assert_eq!(self.problems, [""; 0]);
    }

    fn batches(&self) -> usize {
        self.text.lines().filter(|line| line.starts_with("baseOffset: ")).count()
    }
}

fn dump(paths: &[PathBuf], change: impl FnOnce(&mut DumpLogArgs)) -> Dumped {
    let mut args = DumpLogArgs::default();
    change(&mut args);
    let mut context = Context::new(&args, None, Output::new(Vec::new()));
    for group in find::expand(paths).unwrap() {
        dump_group(&mut context, &group, &Interrupt::default()).unwrap();
    }
    context.printer.flush().unwrap();
    assert_eq!(context.problems(), context.shown().len() as u64);
    let text = String::from_utf8(context.printer.output().sink().clone()).unwrap();
    Dumped { text, problems: context.shown().to_vec() }
}
