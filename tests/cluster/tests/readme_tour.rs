//! README's tour, command by command as it stands there: each program in a terminal of its own, the leader killed by
//! hand in the middle of the typing.
//!
//! Ports are others than README's, given by the environment, and the process id in the `kill` is the broker's own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use tempfile::TempDir;
use yak_testkit::{binary, free_ports, signal, wait_for};

/// The commands of the tour, in order.
fn commands() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("README is there");
    let (_, tour) = readme.split_once("\n## The tour\n").expect("README has a tour");
    let (tour, _) = tour.split_once("\n## ").expect("and goes on behind it");
    let mut within = false;
    let mut commands = Vec::new();
    for line in tour.lines() {
        match line.strip_prefix("```") {
            Some(language) => within = language == "sh",
            None if within => commands.push(line.to_owned()),
            None => {}
        }
    }
    commands
}

/// A program that goes on, what it has printed so far, and its keyboard.
struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    page: PathBuf,
}

impl Terminal {
    fn text(&self) -> String {
        std::fs::read_to_string(&self.page).expect("the page is there")
    }

    fn type_line(&mut self, line: &str) {
        let keyboard = self.keyboard.as_mut().expect("it takes input");
        writeln!(keyboard, "{line}").expect("it reads");
    }

    /// Ctrl-C, and its exit code.
    fn interrupt(mut self) -> Option<i32> {
        signal(self.child.id(), "INT");
        self.end()
    }

    fn end(&mut self) -> Option<i32> {
        wait_for("the end of a program", || self.child.try_wait().expect("it can be waited for")).code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// The directory in which all terminals stand, and what runs in them, by command.
struct Room {
    directory: TempDir,
    ports: Vec<u16>,
    /// What terminals begin with, once README has said so.
    bootstrap: Option<String>,
    terminals: BTreeMap<String, Terminal>,
}

impl Room {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository");
        symlink(top.join("examples"), directory.path().join("examples")).expect("a link");
        Self { directory, ports: free_ports(4), bootstrap: None, terminals: BTreeMap::new() }
    }

    fn address(&self, at: usize) -> String {
        format!("127.0.0.1:{}", self.ports[at])
    }

    fn shell(&self, line: &str) -> Command {
        let programs = binary("yak-broker").parent().expect("a directory").to_owned();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command
            .args(["-c", line])
            .current_dir(self.directory.path())
            .env("PATH", path)
            .env("YAK_ZOOKEEPER_CONNECT", self.address(0))
            .env("YAK_BOOTSTRAP_SERVERS", self.bootstrap.as_deref().unwrap_or("127.0.0.1:1"));
        command
    }

    /// Starts what goes on. `listener` says where it listens, if it does.
    fn open(&mut self, line: &str, listener: Option<usize>) {
        let page = self.directory.path().join(format!("{}.page", line.replace([' ', '/'], "-")));
        let file = File::create(&page).expect("a file");
        let errors = file.try_clone().expect("a second handle");
        let mut command = self.shell(&format!("exec {line}"));
        if let Some(at) = listener {
            command.env("YAK_LISTENERS", format!("PLAINTEXT://{}", self.address(at)));
        }
        let child = command.stdin(Stdio::piped()).stdout(file).stderr(errors).spawn();
        let mut child = child.expect("bash runs");
        let keyboard = child.stdin.take();
        self.terminals.insert(line.to_owned(), Terminal { child, keyboard, page });
    }

    fn terminal(&mut self, line: &str) -> &mut Terminal {
        self.terminals.get_mut(line).unwrap_or_else(|| unreachable!("no terminal runs {line:?}"))
    }

    /// Waits until a terminal shows a text.
    fn shown(&mut self, line: &str, text: &str) {
        let terminal = self.terminal(line);
        wait_for(&format!("{text:?} of {line:?}"), || terminal.text().contains(text).then_some(()));
    }

    /// Runs what ends by itself; it must succeed.
    fn run(&self, line: &str) -> String {
        let Output { status, stdout, stderr } =
            self.shell(line).stdin(Stdio::null()).output().expect("bash runs");
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{line}: {status}: {stderr}");
        String::from_utf8_lossy(&stdout).into_owned()
    }

    fn all_in_sync(&self) {
        wait_for("three replicas in sync", || {
            let described = self.run("yak-topics --describe --topic greetings");
            let isr = described.rsplit("Isr: ").next().unwrap_or_default().trim().to_owned();
            (isr.split(',').count() == 3).then_some(())
        });
    }
}

const CONSUMER: &str = "yak-consumer --topic greetings --from-beginning";
const PRODUCER: &str = "yak-producer --topic greetings";
const DESCRIBE: &str = "yak-topics --describe --topic greetings";

/// Types a line, and waits until it is read.
fn say(room: &mut Room, line: &str) {
    room.terminal(PRODUCER).type_line(line);
    room.shown(CONSUMER, &format!("{line}\n"));
}

/// `kill -9` of broker 1, by the process id that it said itself.
fn kill_leader(room: &mut Room) {
    let broker = room.terminal("yak-broker --id 1");
    let text = broker.text();
    let (_, pid) = text.split_once("\"pid\":").expect("it says its process id");
    let pid: String = pid.chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(pid, broker.child.id().to_string(), "the process that runs in this terminal");
    drop(room.run(&format!("kill -9 {pid}")));
    room.terminal("yak-broker --id 1").end();
}

#[test]
fn the_tour_goes_as_readme_says() {
    let mut room = Room::new();
    let mut printed: Vec<(String, String)> = Vec::new();
    let mut starts = 0;
    for line in commands() {
        match line.as_str() {
            "export PATH=\"$PWD/target/quick:$PATH\"" => {}
            "export YAK_BOOTSTRAP_SERVERS=localhost:9092,localhost:9093,localhost:9094" => {
                let brokers: Vec<_> = (1..=3).map(|id| room.address(id)).collect();
                room.bootstrap = Some(brokers.join(","));
            }
            "yak-zookeeper" => room.open(&line, Some(0)),
            "yak-broker --id 1" | "yak-broker --id 2" | "yak-broker --id 3" => {
                let id = line.rsplit(' ').next().and_then(|id| id.parse().ok()).expect("a number");
                room.open(&line, Some(id));
                room.shown(&line, "YAK_READY {");
                starts += 1;
                if starts > 3 {
                    room.all_in_sync();
                }
            }
            CONSUMER => {
                room.open(&line, None);
                room.shown(&line, "note: created topic 'greetings' (1 partition, 3 replicas)");
            }
            PRODUCER => {
                room.open(&line, None);
                say(&mut room, "hello");
            }
            "kill -9 4711" => {
                say(&mut room, "before the kill");
                kill_leader(&mut room);
                say(&mut room, "after the kill");
            }
            other => {
                let here = other.replace("localhost:2181", &room.address(0));
                printed.push((other.to_owned(), room.run(&here)));
            }
        }
    }
    assert_eq!(starts, 4, "three brokers, and one of them again");
    say(&mut room, "after the return");

    let described: Vec<&str> =
        printed.iter().filter(|(line, _)| line == DESCRIBE).map(|(_, text)| text.as_str()).collect();
    let [before, killed, returned] = described[..] else { unreachable!("README describes {described:?}") };
    assert!(before.ends_with("Leader: 1\tReplicas: 1,2,3\tIsr: 1,2,3\n"), "{before}");
    assert!(killed.ends_with("Leader: 2\tReplicas: 1,2,3\tIsr: 2,3\n"), "{killed}");
    assert!(returned.ends_with("Leader: 2\tReplicas: 1,2,3\tIsr: 2,3,1\n"), "{returned}");
    let of = |start: &str| {
        let found = printed.iter().find(|(line, _)| line.starts_with(start));
        found.unwrap_or_else(|| unreachable!("README does not show {start}")).1.as_str()
    };
    assert!(of("yak-status").contains("greetings-0"), "{}", of("yak-status"));
    assert!(of("tail -n 2 data/zookeeper/journal-").contains("broker 1 fenced: connection closed"));
    assert_eq!(of("tail -n 2 data/zookeeper/journal-"), of("tail -n 2 data/broker-2/operations.ndjson"));
    assert!(of("yak-dump-log").contains("payload: after the kill"), "{}", of("yak-dump-log"));
    assert_eq!(of("yak-topics --list"), "greetings\nreplicated\ntest\n");
    assert!(of("yak-consumer --topic page-views").ends_with("300 page views, 129 logins, 2 abnormal\n"));
    assert_eq!(printed.iter().filter(|(line, _)| line.starts_with("cmp ")).count(), 2, "{printed:?}");

    let read = room.terminal(CONSUMER).text();
    let lines: Vec<&str> = read.lines().filter(|line| !line.contains(": ")).collect();
    assert_eq!(lines, ["hello", "before the kill", "after the kill", "after the return"], "{read}");
    let mut producer = room.terminals.remove(PRODUCER).expect("it runs");
    drop(producer.keyboard.take());
    assert_eq!(producer.end(), Some(0), "{}", producer.text());
    for line in [CONSUMER, "yak-broker --id 3", "yak-broker --id 2", "yak-broker --id 1", "yak-zookeeper"] {
        let terminal = room.terminals.remove(line).expect("it runs");
        assert_eq!(terminal.interrupt(), Some(0), "{line}");
    }
}
