//! Telling that the broker is ready: one line on stdout, and a file if asked for.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::json;
use yak_model::BrokerId;

use super::StartError;

/// What a program that starts a broker needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) broker_id: BrokerId,
    pub(crate) data: String,
}

impl Ready {
    fn object(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        json!({
            "bootstrap": format!("{host}:{}", self.port),
            "broker_id": self.broker_id.get(),
            "pid": std::process::id(),
            "data": self.data,
        })
        .to_string()
    }

    /// `YAK_READY {"bootstrap":"127.0.0.1:9092","broker_id":1,"pid":4711,"data":"data/broker-1"}`.
    pub(crate) fn line(&self) -> String {
        format!("YAK_READY {}", self.object())
    }

    /// Writes the object to a file that appears whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), StartError> {
        let failed = |reason| StartError::PortsFile { path: path.to_owned(), reason };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        writeln!(file, "{}", self.object()).map_err(failed)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
        }
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}
