//! Where a value was written, and what is wrong with it there.

use std::fmt;
use std::sync::Arc;

/// Where a value was written. Later variants take precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nowhere: the table's default, or the default of the way the program was started.
    Default,
    /// In a file.
    File {
        /// The path as given.
        path: Arc<str>,
        /// The line, from 1; 0 for the file as a whole.
        line: usize,
    },
    /// In an environment variable of this name.
    Environment(String),
    /// In a `--override key=value`.
    Override,
    /// In a flag of its own.
    Flag(&'static str),
}

impl Origin {
    /// Whether `other` was written at the same level of precedence.
    #[must_use]
    pub fn same_layer(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0 } => f.write_str(path),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Environment(name) => write!(f, "env {name}"),
            Self::Override => f.write_str("--override"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands.
    pub origin: Origin,
    /// The key; empty where there is none.
    pub key: String,
    /// What is wrong, as a sentence fragment.
    pub problem: String,
}

impl Fault {
    /// A fault of a key at a place.
    pub fn new(origin: Origin, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { origin, key: key.into(), problem: problem.into() }
    }

    /// `file:12:`, `env YAK_X:`, `--override`: what stands before the key.
    fn place(&self) -> String {
        match self.origin {
            Origin::Override => "--override".to_owned(),
            _ => format!("{}:", self.origin),
        }
    }

    /// `key: problem`, or the problem alone where the place names the key.
    fn what(&self) -> String {
        let named = matches!(self.origin, Origin::Environment(_) | Origin::Flag(_)) || self.key.is_empty();
        if named { self.problem.clone() } else { format!("{}: {}", self.key, self.problem) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place(), self.what())
    }
}

/// Everything wrong with a configuration, at least one fault; printed one a line, those of a file aligned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// The lines to print.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let in_file = |fault: &&Fault| matches!(fault.origin, Origin::File { .. });
        let width = self.0.iter().filter(in_file).map(|fault| fault.place().len()).max().unwrap_or(0);
        let line = |fault: &Fault| {
            let width = if in_file(&fault) { width } else { 0 };
            format!("{:width$} {}", fault.place(), fault.what())
        };
        self.0.iter().map(line).collect()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_their_place_and_align_within_a_file() {
        let file = |line| Origin::File { path: "c.properties".into(), line };
        let faults = Faults(vec![
            Fault::new(file(9), "log.segment.bytes", "\"1GB\" is not a size"),
            Fault::new(file(12), "min.insync.replica", "unknown key"),
            Fault::new(Origin::Environment("YAK_NUM_PARTITIONS".into()), "num.partitions", "\"x\" is wrong"),
            Fault::new(Origin::Override, "num.partitions", "\"y\" is wrong"),
            Fault::new(Origin::Flag("--port"), "listeners", "\"z\" is wrong"),
        ]);
        assert_eq!(
            faults.to_string(),
            "c.properties:9:  log.segment.bytes: \"1GB\" is not a size\n\
             c.properties:12: min.insync.replica: unknown key\n\
             env YAK_NUM_PARTITIONS: \"x\" is wrong\n\
             --override num.partitions: \"y\" is wrong\n\
             --port: \"z\" is wrong"
        );
    }

    #[test]
    fn later_layers_take_precedence() {
        let file = Origin::File { path: "f".into(), line: 9 };
        assert!(Origin::Default < file);
        assert!(file < Origin::Environment("YAK_A".into()));
        assert!(Origin::Environment("YAK_Z".into()) < Origin::Override);
        assert!(Origin::Override < Origin::Flag("--id"));
        assert!(file.same_layer(&Origin::File { path: "g".into(), line: 1 }));
    }
}
