//! What each client could do, as the tests found it: the cells of `docs/kafka-compatibility.md`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::Setup;

/// What a test found of a client or tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The client or tool, with its version.
    pub who: String,
    /// What it was to do.
    pub feature: String,
    /// The test, as `program::path`.
    pub test: String,
    /// Why it cannot; `None` if it does.
    pub lacks: Option<String>,
}

/// What one test writes. It begins with an empty file, so that nothing stays of a run before.
#[derive(Debug)]
pub struct Cells {
    who: String,
    test: String,
    file: File,
}

impl Cells {
    /// Of the test that calls it.
    #[must_use]
    pub fn of(who: &str) -> Self {
        let program = std::env::current_exe().expect("a running program has a path");
        let program = program.file_stem().expect("a program has a name").to_string_lossy().into_owned();
        let program = program.rsplit_once('-').map_or(program.as_str(), |(name, _)| name);
        let test =
            format!("{program}::{}", std::thread::current().name().expect("a test's thread has a name"));
        let results = Setup::results();
        fs::create_dir_all(&results).expect("the directory can be made");
        let path = results.join(format!("{}-{who}.tsv", test.replace("::", "-")).replace(' ', "-"));
        let file = File::create(path).expect("the file can be made");
        Self { who: who.to_owned(), test, file }
    }

    /// The client does it.
    pub fn passes(&mut self, feature: &str) {
        self.write(feature, "");
    }

    /// The client lacks it.
    pub fn lacks(&mut self, feature: &str, why: &str) {
        self.write(feature, why);
    }

    fn write(&mut self, feature: &str, lacks: &str) {
        let lacks = lacks.replace(['\t', '\n'], " ");
        writeln!(self.file, "{}\t{feature}\t{}\t{lacks}", self.who, self.test)
            .expect("the file can be written");
    }
}

/// Everything that a run has found.
///
/// # Errors
/// If a file cannot be read.
pub fn read_cells(results: &Path) -> io::Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for entry in fs::read_dir(results)? {
        let text = fs::read_to_string(entry?.path())?;
        cells.extend(text.lines().filter_map(cell));
    }
    Ok(cells)
}

fn cell(line: &str) -> Option<Cell> {
    let mut fields = line.split('\t').map(str::to_owned);
    let (who, feature, test) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Cell { who, feature, test, lacks: fields.next().filter(|why| !why.is_empty()) })
}
