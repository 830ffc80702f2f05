//! What every program shares: flags, errors and hints, exit codes, signals, output.
//!
//! Data goes to stdout ([`stdout`]), everything else to stderr ([`console`]). A tool is a [`tool::Tool`];
//! [`tool::main`] is its whole `main`; a server is a [`server::ServerProgram`]. Every first line that a tool may show for bad input or a broken
//! cluster stands in [`messages`], so that tests and tools agree on it.

pub mod args;
pub mod console;
pub mod failure;
pub mod human;
pub mod messages;
pub mod parse;
pub mod properties;
pub mod server;
pub mod signals;
pub mod stdout;
pub mod suggest;
pub mod table;
pub mod text;
pub mod time;
pub mod tool;
pub mod usage;

pub use args::{Connection, ConnectionArgs, OutputArgs};
pub use console::Console;
pub use failure::{Exit, Failure};
pub use signals::Interrupt;
pub use stdout::{Output, OutputError};
pub use tool::{Session, Tool};
