//! A file of lines through `yak-producer`, and what bounds it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use yak_testkit::{Cluster, binary};

use super::disk_text;
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::rig::{BROKERS, builder, create_topic, processes, usage};
use crate::cluster::usage::{DiskUse, of_ended_children};

const TOPIC: &str = "lines";
/// Flush mode, partitions, and the rows of rate and of processor time.
const KINDS: [(&str, i32, Row); 4] = [
    (
        "os",
        1,
        Row::median(
            "yak-producer, a file of 100-byte lines, RF 3, acks=all, flush=os, 1 partition",
            "",
            "million lines/s",
        ),
    ),
    (
        "os",
        BROKERS,
        Row::median("yak-producer, the same file, flush=os, 3 partitions", "", "million lines/s"),
    ),
    ("sync", 1, Row::median("yak-producer, the same file, flush=sync, 1 partition", "", "million lines/s")),
    (
        "sync",
        BROKERS,
        Row::median("yak-producer, the same file, flush=sync, 3 partitions", "", "million lines/s"),
    ),
];

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let input = Input::write(&plan.work, plan.lines)?;
    for _ in 0..plan.files {
        for kind in KINDS {
            one(plan, report, &input.path, kind)?;
        }
    }
    Ok(())
}

/// One run, with a cluster of its own.
fn one(
    plan: &Plan,
    report: &mut Report,
    input: &Path,
    (flush, partitions, row): (&str, i32, Row),
) -> Result<()> {
    let cluster = builder().start();
    create_topic(&cluster, TOPIC, partitions, &format!(r#""flush":"{flush}""#));
    let all = processes(&cluster);
    let (before, disk, producer) = (usage(&all), DiskUse::of(cluster.directory()), of_ended_children());
    let begin = Instant::now();
    let ended = Command::new(binary("yak-producer"))
        .args(["-q", "--topic", TOPIC, "--bootstrap-server", &cluster.bootstrap(), "--file"])
        .arg(input)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status()
        .context("starting yak-producer")?;
    let seconds = begin.elapsed().as_secs_f64();
    ensure!(ended.success(), "yak-producer: {ended}");
    let lines = f64::from(u32::try_from(plan.lines).unwrap_or(u32::MAX));
    report.read(row, lines / seconds / 1e6)?;
    let share = |cpu: std::time::Duration| format!("{:.0} %", 100.0 * cpu.as_secs_f64() / seconds);
    let mut text =
        format!("  of a core: yak-producer {}", share(of_ended_children().saturating_sub(producer)));
    for (name, used) in usage(&all) {
        text += &format!(", {name} {}", share(used.since(before[&name]).cpu));
    }
    report.say(&text)?;
    report.say(&format!("  {}", disk_text(DiskUse::of(cluster.directory()).since(disk), seconds)))?;
    let stored = stored(&cluster, partitions);
    ensure!(stored == plan.lines, "{stored} lines are stored of {}", plan.lines);
    Ok(())
}

/// Records of all partitions, by their leaders.
fn stored(cluster: &Cluster, partitions: i32) -> u64 {
    let of_one = |number: i32| {
        let leader = cluster.leader_of(1, TOPIC, number)?;
        cluster.partition(leader, TOPIC, number)?["high_watermark"].as_u64()
    };
    (0..partitions).filter_map(of_one).sum()
}

/// A file that goes when it is no longer needed.
struct Input {
    path: PathBuf,
}

impl Input {
    /// Each line has 100 bytes with its end, and is like no other.
    fn write(directory: &Path, lines: u64) -> Result<Self> {
        let input = Self { path: directory.join(format!("lines-{lines}-{}", std::process::id())) };
        let fault = || format!("writing {}", input.path.display());
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&input.path).with_context(fault)?);
        for number in 0..lines {
            let number = number.wrapping_mul(7_919);
            writeln!(
                file,
                "{number:<20}the quick brown fox jumps over the lazy dog and runs on through the dark wood.."
            )
            .with_context(fault)?;
        }
        file.flush().with_context(fault)?;
        Ok(input)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // What cannot be removed lies in the work directory, which the script clears.
        drop(std::fs::remove_file(&self.path));
    }
}
