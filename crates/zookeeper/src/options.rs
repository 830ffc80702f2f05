//! How a zookeeper runs.

use std::path::PathBuf;

use yak_core::controller::ControllerConfig;
use yak_model::ClusterId;

/// How a zookeeper runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// What its configuration says of new topics.
    pub controller: ControllerConfig,
    /// Whether changes are synced to disk before they are acknowledged. Off: they survive the process, not the
    /// machine.
    pub durable: bool,
    /// The cluster that the directory belongs to, if that is known. A new journal takes it, an existing one must
    /// be of it.
    pub cluster_id: Option<ClusterId>,
    /// How large the journal grows.
    pub limits: JournalLimits,
    /// The folder of the journal within the directory; empty is the directory itself.
    pub folder: PathBuf,
    /// Bytes of the journal's newest lines that are kept in memory for who watches it; 0 where nobody can.
    pub feed_bytes: usize,
    /// Whether each change is told on stderr: for a process that does nothing else.
    pub tell_changes: bool,
}

/// How large the journal grows.
#[derive(Clone, Copy, Debug)]
pub struct JournalLimits {
    /// Lines after which a new file is begun from an image.
    pub lines: u64,
    /// Bytes after which a new file is begun from an image, those of the image not counted.
    pub bytes: u64,
    /// Bytes of older files that are kept for people to read.
    pub history_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            controller: ControllerConfig::default(),
            durable: true,
            cluster_id: None,
            limits: JournalLimits::default(),
            folder: PathBuf::from("zookeeper"),
            feed_bytes: 0,
            tell_changes: false,
        }
    }
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self { lines: 20_000, bytes: 8 << 20, history_bytes: 64 << 20 }
    }
}
