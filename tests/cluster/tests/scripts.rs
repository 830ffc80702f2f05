//! `scripts/cluster.sh`, `scripts/demo.sh` and `scripts/demo-groups.sh`, run as a person runs them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;
use yak_testkit::{Finished, Running, binary, signal, wait_for};

/// Each of these keeps the whole machine busy, so they run one after the other.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn script(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name);
    let mut command = Command::new(path);
    command.env("YAK_BIN", binary("yak-broker").parent().expect("a program lies in a directory"));
    command
}

// --- the demonstration of groups ---

/// Runs it short. Nothing may be left in `TMPDIR`.
fn demonstrate_groups(flags: &[&str]) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let short = ["--minutes", "0.25", "--records", "5000"];
    let mut command = script("demo-groups.sh");
    let finished = Running::spawn(command.args(short).args(flags).env("TMPDIR", directory.path())).finish();
    let left: Vec<_> = std::fs::read_dir(directory.path()).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?} was left behind");
    let text = finished.text();
    assert_eq!(finished.code, Some(0), "{text}\n{}", finished.stderr);
    text
}

#[test]
fn groups_under_fire_print_every_record() {
    let _turn = turn();
    let text = demonstrate_groups(&["--kills", "1"]);
    assert!(text.contains("kill -9 of broker"), "{text}");
    assert!(text.contains("Every record was printed at least once, in order"), "{text}");
}

#[test]
fn groups_in_peace_print_every_record_once() {
    let _turn = turn();
    let text = demonstrate_groups(&["--calm"]);
    assert!(text.contains("Every record was printed exactly once, in order"), "{text}");
}

// --- the demonstration ---

/// Runs it to its end. Nothing may be left in `TMPDIR`, and it fits on a page of 80 columns.
fn demonstrate(flags: &[&str]) -> Finished {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let finished = Running::spawn(script("demo.sh").args(flags).env("TMPDIR", directory.path())).finish();
    let left: Vec<_> = std::fs::read_dir(directory.path()).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?} was left behind");
    let text = finished.text();
    let wide = text.lines().filter(|line| line.chars().count() > 80 && !line.starts_with("acknowledged "));
    assert_eq!(wide.collect::<Vec<_>>(), [""; 0], "lines of more than 80 columns");
    finished
}

/// The numbers of the last line, and which broker it was.
#[derive(Debug)]
struct Verdict {
    acknowledged: u64,
    read: u64,
    lost: u64,
    duplicated: u64,
    reordered: u64,
    deed: String,
    after: u64,
}

fn verdict(finished: &Finished) -> Verdict {
    let text = finished.text();
    let last = text.lines().last().unwrap_or_default();
    let words: Vec<&str> = last.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    let [
        "acknowledged",
        acknowledged,
        "read",
        read,
        lost,
        "lost",
        duplicated,
        "duplicated",
        reordered,
        "reordered",
        deed,
        "broker",
        "1",
        "after",
        "acknowledgement",
        after,
    ] = words[..]
    else {
        unreachable!("the last line is {last:?}; stderr: {}", finished.stderr)
    };
    let number = |text: &str| text.parse().expect("a number");
    Verdict {
        acknowledged: number(acknowledged),
        read: number(read),
        lost: number(lost),
        duplicated: number(duplicated),
        reordered: number(reordered),
        deed: deed.to_owned(),
        after: number(after),
    }
}

/// The milliseconds in front of the first line of the timeline that contains `what`.
fn at_ms(finished: &Finished, what: &str) -> u64 {
    let text = finished.text();
    let timeline = text.rsplit("== ").next().unwrap_or_default();
    let line = timeline.lines().find(|line| line.contains(what));
    let line = line.unwrap_or_else(|| unreachable!("{what:?} is not in {timeline}"));
    line.split_whitespace().next().and_then(|ms| ms.parse().ok()).expect("a line begins with milliseconds")
}

#[track_caller]
fn assert_whole(verdict: &Verdict) {
    assert!(verdict.acknowledged >= 20_000, "{verdict:?}");
    assert!((5_000..verdict.acknowledged - 5_000).contains(&verdict.after), "in mid-stream: {verdict:?}");
    assert_eq!(verdict.read, verdict.acknowledged, "{verdict:?}");
    assert_eq!((verdict.lost, verdict.duplicated, verdict.reordered), (0, 0, 0), "{verdict:?}");
}

#[test]
fn the_demonstration_kills_the_leader_and_loses_nothing() {
    let _turn = turn();
    let finished = demonstrate(&[]).ok();
    let verdict = verdict(&finished);
    assert_whole(&verdict);
    assert_eq!(verdict.deed, "killed");
    let (noticed, elected) = (at_ms(&finished, "noticed: "), at_ms(&finished, "elected: broker 2, epoch 1"));
    assert!(noticed <= elected, "{}", finished.text());
    assert!(elected <= at_ms(&finished, "first acknowledgement by broker 2"), "{}", finished.text());
    assert!(elected <= at_ms(&finished, "stream-0: 1 caught up"), "{}", finished.text());
    let text = finished.text();
    for shown in
        ["Isr: 1,2,3", "Isr: 2,3\n", "Isr: 2,3,1", "equal, ", "abnormal login: mallory: ", "top pages of "]
    {
        assert!(text.contains(shown), "{shown:?} is not in {text}");
    }
}

#[test]
fn the_demonstration_stops_the_leader_and_loses_nothing() {
    let _turn = turn();
    let finished = demonstrate(&["--hang"]).ok();
    let verdict = verdict(&finished);
    assert_whole(&verdict);
    assert_eq!(verdict.deed, "stopped");
    assert!(
        at_ms(&finished, "noticed and given up: no heartbeat for ")
            <= at_ms(&finished, "first acknowledgement by ")
    );
}

#[test]
fn the_unsafe_demonstration_says_so_and_loses_records() {
    let _turn = turn();
    let finished = demonstrate(&["--unsafe"]).ok();
    let verdict = verdict(&finished);
    assert!(verdict.lost > 0, "{verdict:?}");
    assert_eq!(verdict.read, verdict.acknowledged - verdict.lost + verdict.duplicated, "{verdict:?}");
    assert!(finished.text().contains("UNSAFE: acks=1."), "{}", finished.text());
    assert!(finished.text().contains("both followers are stopped"), "{}", finished.text());
    let why = format!("broker 1 had acknowledged these {} records", verdict.lost);
    assert!(finished.text().contains(&why), "{}", finished.text());
}

/// Its directory under `within`, once that is there.
fn directory_in(within: &Path) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(within).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    entries.find(|path| path.join("run").is_dir())
}

/// The processes that a cluster's directory knows of, by name.
fn processes(directory: &Path) -> Vec<(String, u32)> {
    let Ok(entries) = std::fs::read_dir(directory.join("run")) else { return Vec::new() };
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "pid"));
    files
        .filter_map(|path| {
            let pid = std::fs::read_to_string(&path).ok()?.trim().parse().ok()?;
            Some((path.file_stem()?.to_string_lossy().into_owned(), pid))
        })
        .collect()
}

fn is_there(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().expect("ps runs");
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// A program as a terminal starts it: a group of processes of its own, which Ctrl-C ends if it does not mind. (Whoever
/// runs this test may ignore Ctrl-C, and its children would, too.)
const FROM_TERMINAL: &str = "import os, signal, sys
os.setpgrp()
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])";

/// Starts the demonstration act by act, and ends it before the fourth act by what `end` does to its process.
#[track_caller]
fn ended_in_between_leaves_nothing(end: impl Fn(u32)) {
    let _turn = turn();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let demo = script("demo.sh");
    let mut command = Command::new("python3");
    command.args(["-c", FROM_TERMINAL]).arg(demo.get_program()).arg("--step");
    command.envs(demo.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.env("TMPDIR", directory.path());
    // To a file, because a question has no end of line.
    let page = directory.path().join("page");
    let file = std::fs::File::create(&page).expect("a file");
    let mut demo = command.stdin(Stdio::piped()).stdout(file).spawn().expect("it starts");
    let mut keyboard = demo.stdin.take().expect("stdin is a pipe");
    let asked = |times: usize| {
        wait_for(&format!("question {times}"), || {
            let text = std::fs::read_to_string(&page).unwrap_or_default();
            (text.matches("[Enter]").count() == times).then_some(())
        });
    };
    for act in 1..=3 {
        asked(act);
        keyboard.write_all(b"\n").expect("it reads");
    }
    asked(4);
    let work = directory_in(directory.path()).expect("its directory is there");
    let started = processes(&work);
    assert!(started.len() >= 7, "a zookeeper, three brokers, and clients: {started:?}");
    assert!(started.iter().all(|(_, pid)| is_there(*pid)), "{started:?}");
    end(demo.id());
    demo.wait().expect("it ends");
    wait_for("the end of everything that it started", || {
        let left = started.iter().filter(|(_, pid)| is_there(*pid)).count();
        (left == 0 && !work.exists()).then_some(())
    });
}

#[test]
fn a_demonstration_that_is_interrupted_leaves_nothing() {
    ended_in_between_leaves_nothing(|demo| signal(demo, "TERM"));
}

#[test]
fn a_demonstration_that_is_killed_leaves_nothing() {
    ended_in_between_leaves_nothing(|demo| signal(demo, "KILL"));
}

#[test]
fn a_demonstration_that_ctrl_c_ends_leaves_nothing() {
    ended_in_between_leaves_nothing(|demo| {
        // To all of its group, as a terminal does.
        let sent = Command::new("kill").args(["-INT", "--", &format!("-{demo}")]).status();
        assert!(sent.expect("kill runs").success());
    });
}

// --- a cluster in the background ---

/// A cluster of `scripts/cluster.sh` in a directory of its own; ended when dropped.
struct Background {
    directory: TempDir,
}

impl Background {
    fn run(&self, arguments: &[&str]) -> Finished {
        Running::spawn(&mut self.command(arguments)).finish()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = script("cluster.sh");
        command
            .args(arguments)
            .env("YAK_CLUSTER", self.directory.path().join("data"))
            .env("YAK_FREE_PORTS", "1");
        command
    }

    /// The addresses of all brokers, as it tells them to a person.
    fn bootstrap(&self) -> String {
        let up = self.run(&["up"]).ok().text();
        let (_, addresses) = up.rsplit_once("YAK_BOOTSTRAP_SERVERS=").expect("the line to copy");
        addresses.trim().to_owned()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.command(&["down"]).output());
    }
}

#[test]
fn a_cluster_in_the_background_is_killed_and_started_again() {
    let _turn = turn();
    let cluster = Background { directory: tempfile::tempdir().expect("a temporary directory") };
    let up = cluster.run(&["up"]).ok().text();
    let names = ["zookeeper ", "broker-1 ", "broker-2 ", "broker-3 "];
    assert!(names.iter().all(|name| up.lines().any(|line| line.starts_with(name))), "{up}");
    let pids = |cluster: &Background| {
        let mut found = processes(&cluster.directory.path().join("data"));
        found.sort();
        found
    };
    let before = pids(&cluster);
    let bootstrap = cluster.bootstrap();
    assert_eq!(pids(&cluster), before, "what runs stays as it is");

    let create = ["--bootstrap-server", &bootstrap, "--create", "--topic", "greetings"];
    drop(yak_testkit::run("yak-topics", &create).ok());
    let send = ["--bootstrap-server", &bootstrap, "--topic", "greetings", "--quiet"];
    drop(yak_testkit::run_with_input("yak-producer", &send, b"before\n").ok());
    let killed = cluster.run(&["kill", "leader"]).ok().text();
    assert!(killed.starts_with("broker-1 leads greetings-0\nkilled broker-1 (kill -9 "), "{killed}");
    drop(yak_testkit::run_with_input("yak-producer", &send, b"after\n").ok());
    let read =
        ["--bootstrap-server", &bootstrap, "--topic", "greetings", "--from-beginning", "--exit", "--quiet"];
    assert_eq!(yak_testkit::run("yak-consumer", &read).ok().text(), "before\nafter\n");

    let status = cluster.run(&["status"]).ok().text();
    let dead = status.lines().find(|line| line.starts_with("broker-1 "));
    assert_eq!(dead.and_then(|line| line.split_whitespace().nth(1)), Some("-"), "{status}");
    assert!(status.contains("greetings-0"), "{status}");

    drop(cluster.run(&["restart", "1"]).ok());
    drop(cluster.run(&["restart", "zookeeper"]).ok());
    let after = pids(&cluster);
    let same = before.iter().filter(|process| after.contains(process)).count();
    assert_eq!(same, 2, "brokers 2 and 3 are the same processes: {before:?} {after:?}");
    drop(cluster.run(&["kill", "2"]).ok());
    drop(cluster.run(&["up"]).ok());
    assert_eq!(yak_testkit::run("yak-consumer", &read).ok().text(), "before\nafter\n");

    let running = pids(&cluster);
    let down = cluster.run(&["down"]).ok().text();
    assert!(down.contains("broker-1 has ended\n") && down.contains("zookeeper has ended\n"), "{down}");
    assert!(!running.iter().any(|(_, pid)| is_there(*pid)), "{running:?}");
}

#[test]
fn what_a_cluster_cannot_do_is_said() {
    let cluster = Background { directory: tempfile::tempdir().expect("a temporary directory") };
    for (arguments, code, says) in [
        (&["status"][..], 1, "error: there is no cluster in "),
        (&["kill", "9"], 1, "error: there is no broker-9 in "),
        (&["restart", "1"], 1, "error: there is no broker-1 in "),
        (&["explode"], 2, "Runs a zookeeper and three brokers"),
        (&[], 2, "Runs a zookeeper and three brokers"),
        (&["kill", "1", "greetings"], 1, "error: only a leader has a topic"),
    ] {
        let finished = cluster.run(arguments);
        assert_eq!(
            (finished.code, finished.stderr.starts_with(says)),
            (Some(code), true),
            "{arguments:?}: {finished:?}"
        );
    }
    let demo = Running::spawn(script("demo.sh").args(["--hang", "--unsafe"])).finish();
    assert_eq!(
        (demo.code, demo.stderr.starts_with("error: --hang and --unsafe")),
        (Some(1), true),
        "{demo:?}"
    );
}

// --- the example ---

#[test]
fn the_live_consumer_finds_the_top_pages_and_the_abnormal_logins() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let broker = yak_testkit::Broker::start(&directory.path().join("broker-1"));
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for topic in ["page-views", "logins"] {
        let file = examples.join(format!("{topic}.ndjson"));
        let file = file.to_str().expect("UTF-8");
        let send = ["--bootstrap-server", broker.bootstrap(), "--topic", topic, "--file", file, "--quiet"];
        drop(yak_testkit::run("yak-producer", &send).ok());
    }
    let mut bad = Running::start("yak-producer", &["-b", broker.bootstrap(), "-t", "logins", "-q"]);
    bad.write(b"not an event\n");
    drop(bad.finish().ok());
    let read = [
        "-b",
        broker.bootstrap(),
        "-t",
        "page-views",
        "-t",
        "logins",
        "--from-beginning",
        "--exit",
        "--json",
    ];
    let records = yak_testkit::run("yak-consumer", &read).ok().stdout;

    let mut live = Running::spawn(Command::new("python3").arg(examples.join("live.py")));
    live.write(&records);
    let live = live.finish().ok();
    let text = live.text();
    let reported: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("abnormal login: ")).collect();
    assert_eq!(reported.len(), 2, "{text}");
    assert!(
        reported.iter().any(|line| line.starts_with("mallory: 5 failed logins in a row within ")),
        "{text}"
    );
    assert!(reported.contains(&"grace: from IN and US within 60 s"), "{text}");
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    let views = std::fs::read_to_string(examples.join("page-views.ndjson")).expect("it is there");
    for line in views.lines() {
        let view: serde_json::Value = serde_json::from_str(line).expect("JSON");
        *counts.entry(view["page"].as_str().expect("a page").to_owned()).or_default() += 1;
    }
    let mut ranking: Vec<_> = counts.into_iter().collect();
    ranking.sort_by_key(|(page, count)| (std::cmp::Reverse(*count), page.clone()));
    let top: Vec<_> = ranking[..3].iter().map(|(page, count)| format!("{page} {count}")).collect();
    assert!(text.contains(&format!("top pages of 300 views: {}\n", top.join(", "))), "{text}");
    assert!(text.ends_with("300 page views, 129 logins, 2 abnormal\n"), "{text}");
    assert!(live.stderr.starts_with("skipped logins-0@129: "), "{}", live.stderr);
}
