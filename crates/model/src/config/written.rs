//! The first stage of a server's configuration: what was written, and where.

use super::{Fault, KeyTable, Origin, nearest, parse_properties};

/// One value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The key, not yet known to exist.
    pub key: String,
    /// The value, not yet read.
    pub text: String,
    /// Where it was written.
    pub origin: Origin,
}

/// Everything that was written, from every layer, with the faults of its syntax.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub(super) assignments: Vec<Assignment>,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<String>,
}

impl Written {
    /// Adds a default that depends on how the program was started; it replaces the table's.
    pub fn default_value(&mut self, key: &str, text: impl Into<String>) {
        self.assign(key, text, Origin::Default);
    }

    /// Adds the text of a `server.properties` file.
    pub fn file(&mut self, path: &str, text: &str) {
        let (properties, faults) = parse_properties(path, text);
        self.faults.extend(faults);
        for property in properties {
            let origin = Origin::File { path: path.into(), line: property.line };
            self.assign(&property.key, property.value, origin);
        }
    }

    /// Adds those environment variables that name a key of `table`: `YAK_LOG_DIRS` is `log.dirs`.
    ///
    /// The environment is shared with other programs, so an unknown variable is a warning, and only when it
    /// looks like a misspelt key.
    pub fn environment(&mut self, table: &KeyTable, variables: impl IntoIterator<Item = (String, String)>) {
        let known: Vec<(String, &str)> = table.names().map(|key| (variable_name(key), key)).collect();
        for (name, text) in variables.into_iter().filter(|(name, _)| name.starts_with("YAK_")) {
            if let Some((_, key)) = known.iter().find(|(variable, _)| *variable == name) {
                self.assign(key, text, Origin::Environment(name));
            } else if let Some(near) = nearest(&name, known.iter().map(|(variable, _)| variable.as_str())) {
                self.warnings.push(format!("env {name}: unknown key, did you mean {near}?"));
            }
        }
    }

    /// Adds a `--override key=value`.
    pub fn override_with(&mut self, argument: &str) {
        match argument.split_once('=') {
            Some((key, text)) => self.assign(key.trim(), text.trim(), Origin::Override),
            None => {
                self.faults.push(Fault::new(
                    Origin::Override,
                    "",
                    format!("\"{argument}\" is not key=value"),
                ));
            }
        }
    }

    /// Adds the value of a flag of its own.
    pub fn flag(&mut self, flag: &'static str, key: &str, text: impl Into<String>) {
        self.assign(key, text, Origin::Flag(flag));
    }

    /// Adds a fault that the caller found, such as a file that cannot be read.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    fn assign(&mut self, key: &str, text: impl Into<String>, origin: Origin) {
        self.assignments.push(Assignment { key: key.to_owned(), text: text.into(), origin });
    }
}

/// `YAK_LOG_DIRS` of `log.dirs`, `YAK_CLIENT_PORT` of `clientPort`.
fn variable_name(key: &str) -> String {
    let mut name = "YAK_".to_owned();
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(if matches!(c, '.' | '-') { '_' } else { c.to_ascii_uppercase() });
    }
    name
}
