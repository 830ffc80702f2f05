//! Telling that a server is ready: one line on stdout, and a file if asked for.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

/// What a program that starts a server needs to know: its address, its process id, its directory.
#[derive(Clone, Debug)]
pub struct Ready(Value);

impl Ready {
    /// To be told as this JSON object, to which the process id is added.
    #[must_use]
    pub fn new(mut object: Value) -> Self {
        if let Some(fields) = object.as_object_mut() {
            fields.insert("pid".to_owned(), std::process::id().into());
        }
        Self(object)
    }

    /// The line for stdout: `YAK_READY {...}`.
    #[must_use]
    pub fn line(&self) -> String {
        format!("YAK_READY {}", self.0)
    }

    /// Prints the line. A broken stdout is no reason not to serve.
    pub fn print(&self) {
        drop(writeln!(io::stdout(), "{}", self.line()));
    }

    /// Writes the object to a file that appears whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Said without the temporary file's own name, which would only puzzle.
        fs::metadata(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{}", self.0)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn line_and_file_are_the_same_object() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ports.json");
        let ready = Ready::new(json!({"zookeeper": "127.0.0.1:2181"}));
        ready.write(&path).unwrap();
        let expected = format!("{{\"pid\":{},\"zookeeper\":\"127.0.0.1:2181\"}}", std::process::id());
        assert_eq!(ready.line(), format!("YAK_READY {expected}"));
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{expected}\n"));
        assert!(ready.write(&directory.path().join("no/such/folder")).is_err());
    }
}
