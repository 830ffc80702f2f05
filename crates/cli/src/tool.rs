//! The frame of every tool's `main`: arguments, signals, runtime, failure, exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgAction, Command, Parser};

use crate::args::{Color, OutputArgs};
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::signals::Interrupt;
use crate::usage;

/// What a tool needs of the world besides its arguments.
#[derive(Clone, Debug)]
pub struct Session {
    /// Where it says what is no data.
    pub console: Arc<Console>,
    /// Whether it is to end.
    pub interrupt: Interrupt,
}

/// A command line tool.
pub trait Tool: Parser {
    /// What the user typed to get here.
    const NAME: &'static str;

    /// How to talk to the user.
    fn output(&self) -> &OutputArgs;

    /// How much of what the client does is said on stderr: as often as `-v` was given, unless the first one means something
    /// else.
    fn log_level(&self) -> u8 {
        self.output().verbose
    }

    /// Does the work. An error is shown and decides the exit code; whoever showed several himself returns
    /// [`Exit::Failed`].
    ///
    /// # Errors
    /// Whatever made the tool stop.
    fn run(self, session: Session) -> impl Future<Output = Result<Exit, Failure>>;
}

/// Runs a tool from the process's arguments to its exit code.
#[must_use]
pub fn main<T: Tool>() -> ExitCode {
    ExitCode::from(run::<T>(std::env::args_os().collect()).code())
}

fn run<T: Tool>(args: Vec<OsString>) -> Exit {
    let matches = command::<T>().try_get_matches_from(&args);
    let tool = match matches.and_then(|matches| T::from_arg_matches(&matches)) {
        Ok(tool) => tool,
        Err(error) => return refuse::<T>(&error, &args),
    };
    let output = tool.output().clone();
    log_to_stderr(tool.log_level(), &output);
    let console = Arc::new(Console::new(&output));
    let outcome = start(tool, Arc::clone(&console));
    console.end_progress();
    outcome.unwrap_or_else(|failure| {
        console.failure(&failure);
        failure.exit
    })
}

/// The tool's command line, with `-h` and `--help` both short: one line an option, then the examples.
fn command<T: Tool>() -> Command {
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .help("This help")
        .help_heading("Output")
        .action(ArgAction::HelpShort);
    let version = Arg::new("version")
        .short('V')
        .long("version")
        .help("The version")
        .help_heading("Output")
        .action(ArgAction::Version);
    T::command().disable_help_flag(true).disable_version_flag(true).args([help, version]).max_term_width(100)
}

fn start<T: Tool>(tool: T, console: Arc<Console>) -> Result<Exit, Failure> {
    let unavailable = |error| Failure::local("cannot start", &error);
    let interrupt = Interrupt::listen().map_err(unavailable)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(T::NAME)
        .enable_all()
        .build()
        .map_err(unavailable)?;
    let outcome = runtime.block_on(tool.run(Session { console, interrupt }));
    // A task that is still stuck somewhere (a name lookup, say) must not keep the process alive.
    runtime.shutdown_background();
    outcome
}

fn refuse<T: Tool>(error: &clap::Error, args: &[OsString]) -> Exit {
    let given = |flag: &str| args.iter().any(|arg| arg == flag);
    let output = OutputArgs {
        json: given("--json"),
        color: if given("--color=never") { Color::Never } else { Color::Auto },
        ..OutputArgs::default()
    };
    usage::refuse(error, T::NAME, &output)
}

/// `-v` and `-vv`: what the client library reports.
fn log_to_stderr(level: u8, output: &OutputArgs) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match level {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let ansi = output.color.enabled(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    tracing_subscriber::fmt().with_max_level(level).with_ansi(ansi).with_writer(std::io::stderr).init();
}
