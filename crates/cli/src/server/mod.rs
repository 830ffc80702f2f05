//! What the servers share: the frame of their `main`, their flags, the line that says they are ready.
//!
//! ```text
//!  arguments ─► configuration ─┬─► --print-config, --check-config
//!                              └─► log ─► signals ─► serve until the first SIGTERM or Ctrl-C ─► exit code
//! ```
//!
//! A server is a [`ServerProgram`]; [`main`] is its whole `main`. The second signal ends the process at once, whatever
//! it is stuck in.

mod args;
pub mod files;
mod log;
mod ready;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;
use yak_model::config::{Faults, Settings, print_config};

pub use args::ServerArgs;
pub use ready::Ready;

use crate::args::OutputArgs;
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::signals::Interrupt;
use crate::usage;

/// A server.
pub trait ServerProgram: Parser {
    /// What the user typed to get here.
    const NAME: &'static str;
    /// Its configuration, without faults.
    type Loaded;

    /// The flags that every server has.
    fn common(&self) -> &ServerArgs;

    /// Reads and validates the configuration.
    ///
    /// # Errors
    /// Every fault of every layer.
    fn load(&self, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self::Loaded, Faults>;

    /// Every key with its value and origin.
    fn settings(loaded: &Self::Loaded) -> &Settings;

    /// Serves until `stop` is cancelled, then ends in order.
    ///
    /// # Errors
    /// Why it could not start, or had to end.
    fn serve(self, loaded: Self::Loaded, stop: CancellationToken) -> Result<(), Failure>;
}

/// Runs a server from the process's arguments to its exit code.
#[must_use]
pub fn main<P: ServerProgram>() -> ExitCode {
    ExitCode::from(run::<P>().code())
}

fn run<P: ServerProgram>() -> Exit {
    let program = match P::try_parse() {
        Ok(program) => program,
        Err(error) => return usage::refuse(&error, P::NAME, &OutputArgs::default()),
    };
    let loaded = match program.load(environment()) {
        Ok(loaded) => loaded,
        Err(faults) => {
            say(&faults.to_string());
            return Exit::Usage;
        }
    };
    let (common, settings) = (program.common(), P::settings(&loaded));
    if common.print_config {
        return print(&print_config(settings));
    }
    if common.check_config {
        settings.warnings().iter().for_each(|warning| say(&format!("warning: {warning}")));
        return Exit::Done;
    }
    log::to_stderr(common);
    settings.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    let interrupt = Interrupt::listen().map_err(|error| Failure::local("cannot start", &error));
    match interrupt.and_then(|interrupt| program.serve(loaded, interrupt.token())) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            Console::new(&OutputArgs::default()).failure(&failure);
            failure.exit
        }
    }
}

/// The variables that are text; no key has another name.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn print(text: &str) -> Exit {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(_) => Exit::Failed,
    }
}

fn say(text: &str) {
    // Nobody reads stderr: there is no one left to tell.
    drop(writeln!(std::io::stderr(), "{text}"));
}
