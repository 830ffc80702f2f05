//! What every part of the dump shares: options, the printer, and how a problem is reported.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use yak_cli::{Console, Failure, Output, OutputError};
use yak_model::ErrorCode;
use yak_record::{DecompressionLimits, Scratch};

use super::args::DumpLogArgs;
use super::printer::Printer;

/// Why the dump ends before everything was printed.
#[derive(Debug)]
pub(super) enum Stop {
    /// Stdout takes no more.
    Output(OutputError),
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

/// Why one file could not be dumped to its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Everything ends.
    Stop(Stop),
    /// This file cannot be read.
    Read(io::Error),
}

impl From<OutputError> for Stop {
    fn from(error: OutputError) -> Self {
        Self::Output(error)
    }
}

impl From<OutputError> for Trouble {
    fn from(error: OutputError) -> Self {
        Self::Stop(Stop::Output(error))
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl Trouble {
    /// The same, unless the file is gone.
    pub(super) fn unless_gone(self) -> Result<(), Self> {
        match self {
            Self::Read(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => Err(other),
        }
    }
}

/// Where something was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) position: u64,
    /// The offset there, as far as it can be told.
    pub(super) offset: i64,
}

/// Options, printer, report, and memory that is used again.
#[derive(Debug)]
pub(super) struct Context<W: Write = io::StdoutLock<'static>> {
    pub(super) args: DumpLogArgs,
    pub(super) printer: Printer<W>,
    pub(super) scratch: Scratch,
    pub(super) limits: DecompressionLimits,
    /// Tests look at the problems instead.
    console: Option<Arc<Console>>,
    problems: Vec<String>,
    count: u64,
}

/// Problems whose text is kept, for tests; all are shown and counted.
const KEPT: usize = 100;

impl<W: Write> Context<W> {
    pub(super) fn new(args: &DumpLogArgs, console: Option<Arc<Console>>, output: Output<W>) -> Self {
        let terminal = console.as_ref().is_some_and(|console| console.stdout_is_terminal());
        Self {
            args: args.clone(),
            printer: Printer::new(args, terminal, output),
            scratch: Scratch::new(),
            limits: DecompressionLimits::default(),
            console,
            problems: Vec::new(),
            count: 0,
        }
    }

    /// Whether the records of a batch are looked at.
    pub(super) const fn is_deep(&self) -> bool {
        self.args.deep_iteration || self.args.print_data_log || self.args.offsets_decoder
    }

    /// How many problems there were.
    pub(super) const fn problems(&self) -> u64 {
        self.count
    }

    /// Reports damage in a segment.
    pub(super) fn damage(
        &mut self,
        place: Place<'_>,
        what: &dyn std::fmt::Display,
    ) -> Result<(), OutputError> {
        let Place { path, position, offset } = place;
        self.problem(format!("{}: position {position}, offset {offset}: {what}", path.display()))
    }

    /// Reports a file whose content is wrong.
    pub(super) fn wrong(&mut self, path: &Path, what: &dyn std::fmt::Display) -> Result<(), OutputError> {
        self.problem(format!("{}: {what}", path.display()))
    }

    pub(super) fn cannot_read(&mut self, path: &Path, error: &io::Error) -> Result<(), OutputError> {
        self.problem(format!("cannot read {}: {error}", path.display()))
    }

    /// Says what is worth knowing and no damage.
    pub(super) fn note(&mut self, text: &str) -> Result<(), OutputError> {
        self.printer.flush()?;
        if let Some(console) = &self.console {
            console.note(text);
        }
        Ok(())
    }

    /// Shows a problem, behind what was printed before it.
    fn problem(&mut self, message: String) -> Result<(), OutputError> {
        self.printer.flush()?;
        self.count += 1;
        let failure = Failure { retriable: false, ..Failure::new(ErrorCode::CorruptMessage, message) };
        if let Some(console) = &self.console {
            console.failure(&failure);
        }
        if self.problems.len() < KEPT {
            self.problems.push(failure.message);
        }
        Ok(())
    }

    /// The text of the first problems.
    #[cfg(test)]
    pub(super) fn shown(&self) -> &[String] {
        &self.problems
    }
}
