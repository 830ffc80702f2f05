//! Why a broker cannot start, or had to end.

use std::path::PathBuf;

use thiserror::Error;
use yak_log::{LogError, OpenError, StorageFailure};
use yak_model::api::Rejection;
use yak_net::BindError;

/// Why a broker cannot start, or had to end. Each prints as one line that names what to look at.
#[derive(Debug, Error)]
pub enum StartError {
    /// The host name to listen on means nothing here.
    #[error("cannot listen on {host}:{port}: {reason}")]
    Resolve {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The port is taken, or the address is not ours.
    #[error("{0}")]
    Bind(#[from] BindError),
    /// The data directory cannot be made.
    #[error("cannot create {}: {reason}", path.display())]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The data directory is in use, of another broker, or not readable.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// A partition's log, or the whole directory, failed.
    #[error("{0}")]
    Log(#[from] LogError),
    /// The disk failed.
    #[error("{0}")]
    Storage(#[from] StorageFailure),
    /// The zookeeper's journal cannot be used.
    #[error("{0}")]
    Zookeeper(#[from] yak_zookeeper::StartError),
    /// The embedded zookeeper ended, and the broker with it.
    #[error("{0}")]
    Ended(yak_zookeeper::Ended),
    /// It was told to stop before it was ready.
    #[error("stopped before it was ready")]
    Stopped,
    /// The files of the session cannot be read or written, or the system has no thread to give.
    #[error("cannot use {}: {reason}", path.display())]
    Session {
        /// The directory they are in.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The zookeeper does not accept this broker.
    #[error("the zookeeper refused broker {broker_id}: {rejection}")]
    Refused {
        /// The broker.
        broker_id: i32,
        /// Why.
        rejection: Rejection,
    },
    /// The ports file cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    PortsFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The thread that follows the metadata ended with an error.
    #[error("the metadata cannot be followed any more: {0}")]
    Follow(String),
}

impl StartError {
    /// What to do about it, if that is not obvious.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Bind(error) if error.reason.kind() == std::io::ErrorKind::AddrInUse => {
                Some("another program listens there; choose another port with --port, or any free one with --port 0".into())
            }
            Self::Open(OpenError::InUse(_)) => {
                Some("another broker uses this directory; stop it, or choose another directory with --data".into())
            }
            Self::Open(OpenError::OtherBroker { found, .. }) => {
                Some(format!("start this broker with --id {found}, or choose another directory with --data"))
            }
            Self::CreateDirectory { .. } => Some("choose a directory that you may write to with --data".into()),
            _ => None,
        }
    }
}
