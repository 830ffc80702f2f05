//! The flags that every server has, and the layers of its configuration that they name.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::{ArgAction, Args};
use yak_model::config::{Fault, KeyTable, Origin, Written};

use crate::parse;

/// The flags that every server has.
#[derive(Clone, Debug, Default, Args)]
pub struct ServerArgs {
    /// Settings, as key=value lines with Kafka's names
    pub file: Option<PathBuf>,
    /// Port to listen on; 0 is any free port
    #[arg(long, value_name = "P", value_parser = parse::whole::<u16>)]
    pub port: Option<u16>,
    /// Set one key
    #[arg(long = "override", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Write the YAK_READY object to this file, too
    #[arg(long, value_name = "FILE")]
    pub ports_file: Option<PathBuf>,
    /// Print every key with its value and where that comes from, then exit
    #[arg(long)]
    pub print_config: bool,
    /// Check the settings, report every fault, then exit
    #[arg(long)]
    pub check_config: bool,
    /// Log more on stderr; twice for still more
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}

impl ServerArgs {
    /// Adds what stands in the file, in the environment and in the overrides, each a layer above the one before.
    pub fn write_down(
        &self,
        written: &mut Written,
        table: &KeyTable,
        environment: impl IntoIterator<Item = (String, String)>,
    ) {
        if let Some(path) = &self.file {
            let name = path.display().to_string();
            match read(path) {
                Ok(text) => written.file(&name, &text),
                Err(error) => {
                    let origin = Origin::File { path: name.into(), line: 0 };
                    written.fault(Fault::new(origin, "", format!("cannot be read: {error}")));
                }
            }
        }
        written.environment(table, environment);
        for argument in &self.overrides {
            written.override_with(argument);
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    String::from_utf8(fs::read(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("byte {at} is not UTF-8"))
    })
}
