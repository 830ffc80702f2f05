//! A zookeeper alone, as a real process.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Node, Socket, binary, signal, wait_for};

/// How to start a zookeeper.
#[derive(Clone, Debug)]
pub struct ZookeeperBuilder {
    data: PathBuf,
    args: Vec<String>,
    small_disk_kib: Option<u32>,
    wrapper: Vec<String>,
}

impl ZookeeperBuilder {
    /// A zookeeper on a free port with its journal under `data`.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        let args = vec!["--port".to_owned(), "0".to_owned()];
        Self { data: data.to_owned(), args, small_disk_kib: None, wrapper: Vec::new() }
    }

    /// Adds a flag or an argument.
    #[must_use]
    pub fn arg(mut self, flag: &str) -> Self {
        self.args.push(flag.to_owned());
        self
    }

    /// Sets a configuration value.
    #[must_use]
    pub fn set(self, key: &str, value: &str) -> Self {
        self.arg("--override").arg(&format!("{key}={value}"))
    }

    /// Listens on this port instead of any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.args[1] = port.to_string();
        self
    }

    /// Runs it by another program, which is given its command line after these words.
    #[must_use]
    pub fn by(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Puts the journal on a file system of its own with so much room, which only the zookeeper sees (a mount
    /// namespace; Linux). It goes with the zookeeper. From outside it is [`Zookeeper::inside`].
    #[must_use]
    pub const fn small_disk(mut self, kib: u32) -> Self {
        self.small_disk_kib = Some(kib);
        self
    }

    fn command(&self) -> Command {
        let program = binary("yak-zookeeper");
        if let Some((wrapper, words)) = self.wrapper.split_first() {
            let mut command = Command::new(wrapper);
            command.args(words).arg(program);
            return command;
        }
        let Some(kib) = self.small_disk_kib else { return Command::new(program) };
        std::fs::create_dir_all(&self.data).unwrap();
        let script = format!("mount -t tmpfs -o size={kib}k tmpfs \"$1\" && shift && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
        command.arg(&self.data).arg(program);
        command
    }

    /// Starts it and waits for its `YAK_READY` line.
    #[must_use]
    pub fn start(&self) -> Zookeeper {
        self.try_start().unwrap_or_else(|stderr| panic!("the zookeeper did not become ready: {stderr}"))
    }

    /// The same; what it said on stderr if it ends before it is ready.
    ///
    /// # Errors
    /// What it wrote to stderr.
    pub fn try_start(&self) -> Result<Zookeeper, String> {
        let log = self.data.with_extension("stderr");
        let mut command = self.command();
        command.arg("--data").arg(&self.data).args(&self.args);
        let mut node = Node::spawn(command, &log);
        let ready = wait_for("YAK_READY of the zookeeper, or its end", || match node.ready() {
            Some(ready) => Some(Some(ready)),
            None => (!node.is_running()).then_some(None),
        });
        let Some(ready) = ready else {
            return Err(std::fs::read_to_string(&log).unwrap_or_default());
        };
        Ok(Zookeeper { node, ready, log })
    }
}

/// A zookeeper that is running; killed when dropped.
#[derive(Debug)]
pub struct Zookeeper {
    node: Node,
    ready: Value,
    log: PathBuf,
}

impl Zookeeper {
    /// Starts a zookeeper with its journal under `data`.
    #[must_use]
    pub fn start(data: &Path) -> Self {
        ZookeeperBuilder::new(data).start()
    }

    /// What it said when it was ready.
    #[must_use]
    pub const fn ready(&self) -> &Value {
        &self.ready
    }

    /// Its address, `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.ready["zookeeper"].as_str().expect("an address")
    }

    /// Its process id, as it says itself.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let pid = self.ready["pid"].as_u64().expect("a number");
        u32::try_from(pid).expect("a process id")
    }

    /// A path as the zookeeper sees it, for a disk that only it has.
    #[must_use]
    pub fn inside(&self, path: &Path) -> PathBuf {
        let root = Path::new("/proc").join(self.pid().to_string()).join("root");
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A raw connection to it.
    #[must_use]
    pub fn connect(&self) -> Socket {
        Socket::connect(self.address())
    }

    /// What it has written to stderr so far, over all its starts with the same data.
    #[must_use]
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(self) {
        self.end_by("KILL");
    }

    /// Sends it a signal (`"TERM"`, `"INT"`, ...) and waits for its end; its exit code.
    pub fn end_by(mut self, name: &str) -> Option<i32> {
        signal(self.pid(), name);
        self.node.wait_end()
    }

    /// Waits for its end by itself; its exit code and what it wrote to stderr.
    pub fn wait_end(mut self) -> (Option<i32>, String) {
        let code = self.node.wait_end();
        (code, self.stderr())
    }
}

impl Drop for Zookeeper {
    fn drop(&mut self) {
        // It may run by another program, which does not take it along.
        if self.node.is_running() {
            drop(Command::new("kill").args(["-KILL", &self.pid().to_string()]).status());
        }
    }
}
