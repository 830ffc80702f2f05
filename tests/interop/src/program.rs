//! A client program that is running, and the list of them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
#[cfg(unix)]
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Answer, Setup, Speaker};

/// Longer than the programs' own patience of a minute.
const PATIENCE: Duration = Duration::from_secs(100);
const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");

/// How many programs this process has started.
static STARTED: AtomicUsize = AtomicUsize::new(0);

/// A client in one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// kafka-python, newest.
    KafkaPython3,
    /// kafka-python of 2020.
    KafkaPython202,
    /// kafka-python of 2019.
    KafkaPython147,
    /// kafka-python of 2018.
    KafkaPython144,
    /// librdkafka from Python.
    Confluent,
    /// aiokafka.
    Aiokafka,
    /// kafkajs.
    Kafkajs,
    /// kcat, which has an old librdkafka.
    Kcat,
    /// rskafka.
    Rskafka,
    /// Apache Kafka's own client, newest.
    Java4,
    /// Apache Kafka's own client before version 4.
    Java39,
}

impl Client {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 11] = [
        Self::Java4,
        Self::Java39,
        Self::KafkaPython3,
        Self::KafkaPython202,
        Self::KafkaPython147,
        Self::KafkaPython144,
        Self::Confluent,
        Self::Aiokafka,
        Self::Kafkajs,
        Self::Kcat,
        Self::Rskafka,
    ];

    /// Its name and version, as the program itself says them too.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::KafkaPython3 => "kafka-python 3.0.12",
            Self::KafkaPython202 => "kafka-python 2.0.2",
            Self::KafkaPython147 => "kafka-python 1.4.7",
            Self::KafkaPython144 => "kafka-python 1.4.4",
            Self::Confluent => "confluent-kafka 2.16.1",
            Self::Aiokafka => "aiokafka 0.14.0",
            Self::Kafkajs => "kafkajs 2.2.4",
            Self::Kcat => "kcat 1.7.1",
            Self::Rskafka => "rskafka 0.6.0",
            Self::Java4 => "kafka-clients 4.3.1",
            Self::Java39 => "kafka-clients 3.9.2",
        }
    }

    /// What starts it.
    #[must_use]
    pub fn command(self, setup: &Setup) -> Command {
        let python = |script: &str| {
            let mut command = setup.python();
            command.arg(format!("{CLIENTS}/{script}"));
            command
        };
        let old = |version: &str| {
            let mut command = python("kafka_python.py");
            command.env("PYTHONPATH", setup.path(format!("kafka-python-{version}")));
            command
        };
        let java = |kafka: &str| {
            let mut command = setup.java(kafka);
            command.arg("Peer");
            command
        };
        match self {
            Self::KafkaPython3 => python("kafka_python.py"),
            Self::KafkaPython202 => old("2.0.2"),
            Self::KafkaPython147 => old("1.4.7"),
            Self::KafkaPython144 => old("1.4.4"),
            Self::Confluent => python("confluent.py"),
            Self::Aiokafka => python("aio.py"),
            Self::Kafkajs => {
                let mut command = Command::new("node");
                command.env("NODE_PATH", setup.path("javascript/node_modules"));
                command.arg(format!("{CLIENTS}/kafkajs.cjs"));
                command
            }
            Self::Kcat => {
                let mut command = python("kcat.py");
                let fetched = setup.path("kcat/usr/bin/kcat");
                if fetched.exists() {
                    command
                        .env("KCAT", &fetched)
                        .env("LD_LIBRARY_PATH", libraries(&setup.path("kcat/usr/lib")));
                } else {
                    command.env("KCAT", "kcat");
                }
                command
            }
            Self::Rskafka => Command::new(example("rskafka")),
            Self::Java4 => java("kafka"),
            Self::Java39 => java("kafka-3.9"),
        }
    }
}

/// Debian has libraries in a directory named after the machine.
fn libraries(below: &std::path::Path) -> PathBuf {
    let entries = below.read_dir().into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).find(|path| path.is_dir()).unwrap_or_else(|| below.to_owned())
}

fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let profile = test.ancestors().nth(2).expect("a test lies in <profile>/deps");
    let path = profile.join("examples").join(name);
    assert!(path.exists(), "cargo build -p yak-test-interop --example {name}");
    path
}

/// A line that a program writes.
#[derive(Clone, Debug)]
pub enum Line {
    /// What it tells of a stream.
    Event(Value),
    /// The answer to a request.
    Answer(Answer),
}

/// A program that is running; killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    complaints: PathBuf,
}

impl Program {
    /// Starts a client's program against a broker.
    #[must_use]
    pub fn start(client: Client, setup: &Setup, bootstrap: &str) -> Self {
        Self::spawn(client.command(setup), &format!("{client:?}"), setup, bootstrap)
    }

    /// Starts another program beside them that is written for the newest kafka-python.
    #[must_use]
    pub fn python(script: &str, setup: &Setup, bootstrap: &str) -> Self {
        let mut command = setup.python();
        command.arg(format!("{CLIENTS}/{script}"));
        Self::spawn(command, script, setup, bootstrap)
    }

    fn spawn(mut command: Command, name: &str, setup: &Setup, bootstrap: &str) -> Self {
        let logs = setup.path("logs");
        fs::create_dir_all(&logs).expect("the directory can be made");
        let test = std::thread::current().name().unwrap_or("main").replace("::", "-");
        // One test may have several programs of one kind.
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let complaints = logs.join(format!("{test}-{name}-{number}.stderr"));
        let stderr = File::create(&complaints).expect("the file can be made");
        command.arg(bootstrap).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take().expect("stdin is a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let read = stdout.lines().map_while(Result::ok);
            read.take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop);
        });
        Self { child, stdin, lines, complaints }
    }

    /// Sends a request without waiting for its answer.
    pub fn send(&mut self, request: &Value) {
        // A program that has ended is noticed by the silence.
        drop(writeln!(self.stdin, "{request}").and_then(|()| self.stdin.flush()));
    }

    /// The next line.
    #[must_use]
    pub fn next_line(&mut self) -> Line {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => self.line(&line),
            Err(RecvTimeoutError::Timeout) => panic!("silent for {PATIENCE:?}; {}", self.complained()),
            Err(RecvTimeoutError::Disconnected) => panic!("it has ended; {}", self.complained()),
        }
    }

    /// A line, if it has written one.
    #[must_use]
    pub fn try_line(&mut self) -> Option<Line> {
        match self.lines.try_recv() {
            Ok(line) => Some(self.line(&line)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("it has ended; {}", self.complained()),
        }
    }

    fn line(&self, line: &str) -> Line {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let reason = |name: &str| line[name].as_str().map(str::to_owned);
        match (line.get("ok"), reason("lacks"), reason("error")) {
            (Some(done), _, _) => Line::Answer(Answer::Done(done.clone())),
            (_, Some(why), _) => Line::Answer(Answer::Lacks(why)),
            (_, _, Some(why)) => Line::Answer(Answer::Failed(format!("{why}; {}", self.complained()))),
            _ => Line::Event(line),
        }
    }

    fn complained(&self) -> String {
        let text = fs::read_to_string(&self.complaints).unwrap_or_default();
        let last: Vec<_> = text.lines().rev().take(5).collect();
        format!("{}: {}", self.complaints.display(), last.into_iter().rev().collect::<Vec<_>>().join(" / "))
    }

    /// `kill -9` of it and of what it has started, and waits until it is gone.
    pub fn kill(mut self) {
        let group = format!("-{}", self.child.id());
        let status = Command::new("kill").args(["-KILL", "--", &group]).status().expect("there is a kill");
        assert!(status.success(), "kill {group}: {status}");
        self.child.wait().expect("it ends");
    }

    /// Runs one of Apache Kafka's tools within the program, which must be ours for Apache Kafka.
    ///
    /// # Panics
    /// If the request is not understood; a tool may fail.
    #[must_use]
    pub fn tool(&mut self, main: &str, args: &[&str], stdin: &str) -> crate::Dump {
        let stdin = crate::bytes::encode(Some(stdin.as_bytes()));
        let left = self.ask(json!({ "op": "tool", "main": main, "args": args, "stdin": stdin })).done();
        let stdout = crate::bytes::decode(&left["stdout"]).unwrap_or_default();
        crate::Dump {
            code: left["code"].as_i64().and_then(|code| i32::try_from(code).ok()),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: left["stderr"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

impl Speaker for Program {
    fn ask(&mut self, request: Value) -> Answer {
        self.send(&request);
        loop {
            if let Line::Answer(answer) = self.next_line() {
                return answer;
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
