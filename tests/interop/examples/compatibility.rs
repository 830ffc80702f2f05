//! Writes `docs/kafka-compatibility.md` to stdout, from the last run of the tests.

use std::io::Write;

use anyhow::{Context, Result};
use yak_test_interop::{Setup, document, read_cells};

fn main() -> Result<()> {
    let results = Setup::results();
    let cells = read_cells(&results).with_context(|| format!("{}: run the tests", results.display()))?;
    Ok(std::io::stdout().write_all(document(&cells).as_bytes())?)
}
