//! A broker, the tools of one line of Apache Kafka in one process, and who knows better.

use serde_json::{Value, json};
use yak_test_interop::{Cells, Client, Dump, Program, Setup, Speaker, Target, unique};

/// A line of releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Four,
    ThreeNine,
}

impl Line {
    pub(crate) const fn client(self) -> Client {
        match self {
            Self::Four => Client::Java4,
            Self::ThreeNine => Client::Java39,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Four => "tools 4.3.1",
            Self::ThreeNine => "tools 3.9.2",
        }
    }
}

pub(crate) struct Bench {
    pub(crate) line: Line,
    pub(crate) setup: Setup,
    pub(crate) target: Target,
    pub(crate) witness: Box<dyn Speaker>,
    pub(crate) cells: Cells,
    program: Program,
}

impl Bench {
    /// `None` if there are no tools.
    pub(crate) fn start(line: Line) -> Option<Self> {
        let setup = Setup::find()?;
        let target = Target::start(&setup);
        let (program, witness) = (target.program(line.client()), target.witness());
        Some(Self { line, setup, target, witness, cells: Cells::of(line.title()), program })
    }

    /// What `newest` calls a flag or class, in the older line too.
    pub(crate) const fn named(&self, newest: &'static str, older: &'static str) -> &'static str {
        match self.line {
            Line::Four => newest,
            Line::ThreeNine => older,
        }
    }

    /// A tool against the broker; it must succeed.
    pub(crate) fn tool(&mut self, main: &str, args: &[&str]) -> String {
        self.tool_with(main, args, "")
    }

    /// The same with a text on stdin.
    pub(crate) fn tool_with(&mut self, main: &str, args: &[&str], stdin: &str) -> String {
        let dump = self.raw(main, args, stdin);
        assert_eq!(dump.code, Some(0), "{main} {args:?}: {}{}", dump.stdout, dump.stderr);
        dump.stdout
    }

    /// A tool that is told of the broker in another way; it must succeed.
    pub(crate) fn bare_tool(&mut self, main: &str, args: &[&str]) -> String {
        let dump = self.program.tool(main, args, "");
        assert_eq!(dump.code, Some(0), "{main} {args:?}: {}{}", dump.stdout, dump.stderr);
        dump.stdout
    }

    /// The same, whether it succeeds or not.
    pub(crate) fn raw(&mut self, main: &str, args: &[&str], stdin: &str) -> Dump {
        let bootstrap = self.target.bootstrap().to_owned();
        // A command comes before all flags.
        let command = args.iter().take_while(|arg| !arg.starts_with("--")).count();
        let (command, flags) = args.split_at(command);
        let all = [command, &["--bootstrap-server", &bootstrap], flags].concat();
        self.program.tool(main, &all, stdin)
    }

    /// A topic that was not there before.
    pub(crate) fn topic(&mut self, name: &str, partitions: i32) -> String {
        let topic = unique(name);
        self.ask(json!({ "op": "create_topic", "topic": topic, "partitions": partitions,
            "replication_factor": 1, "configs": {} }));
        topic
    }

    /// Asks the client that the tools are built on.
    pub(crate) fn client(&mut self, request: Value) -> Value {
        self.program.ask(request).done()
    }

    /// Asks who knows better.
    pub(crate) fn ask(&mut self, request: Value) -> Value {
        self.witness.ask(request).done()
    }
}
