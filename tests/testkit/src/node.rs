//! One process of a cluster.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

use crate::{signal, wait_for};

/// A process of a cluster; killed when dropped.
#[derive(Debug)]
pub struct Node {
    child: Child,
    ready: Arc<Mutex<Option<(Instant, Value)>>>,
}

impl Node {
    /// Starts it; what it writes to stderr is appended to a file.
    pub(crate) fn spawn(mut command: Command, stderr: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(stderr).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let ready = Arc::new(Mutex::new(None));
        let told = Arc::clone(&ready);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let Some(object) = line.strip_prefix("YAK_READY ") else { continue };
                let said = serde_json::from_str(object).ok().map(|said| (Instant::now(), said));
                *told.lock().unwrap_or_else(PoisonError::into_inner) = said;
            }
        });
        Self { child, ready }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What it said when it was ready, if it is.
    #[must_use]
    pub fn ready(&self) -> Option<Value> {
        self.said().map(|(_, said)| said)
    }

    /// When it said so.
    #[must_use]
    pub fn ready_at(&self) -> Option<Instant> {
        self.said().map(|(at, _)| at)
    }

    fn said(&self) -> Option<(Instant, Value)> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it is ready; `log` is shown if it ends instead.
    pub fn wait_ready(&mut self, log: &Path) -> Value {
        wait_for(&format!("YAK_READY of process {} ({})", self.pid(), log.display()), || {
            let ready = self.ready();
            let running = ready.is_some() || self.is_running();
            assert!(running, "it ended: {}", std::fs::read_to_string(log).unwrap_or_default());
            ready
        })
    }

    /// Waits for its end by itself; its exit code.
    pub fn wait_end(&mut self) -> Option<i32> {
        wait_for("the end of a process", || self.child.try_wait().unwrap()).code()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it in order (SIGTERM); its exit code.
    pub fn shut_down(mut self) -> Option<i32> {
        signal(self.pid(), "TERM");
        self.wait_end()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
