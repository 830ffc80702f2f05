//! A standalone broker as a real process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{KafkaSocket, Site, Socket, binary, signal, wait_for};

/// How to start a broker.
#[derive(Clone, Debug)]
pub struct BrokerBuilder {
    data: PathBuf,
    args: Vec<String>,
    site: Site,
    small_disk_kib: Option<u32>,
    open_files: Option<u32>,
}

impl BrokerBuilder {
    /// A standalone broker on a free port with its data under `data`.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            args: vec!["--port".to_owned(), "0".to_owned()],
            site: Site::default(),
            small_disk_kib: None,
            open_files: None,
        }
    }

    /// Sets a configuration value.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.args.push("--override".to_owned());
        self.args.push(format!("{key}={value}"));
        self
    }

    /// Adds a flag.
    #[must_use]
    pub fn arg(mut self, flag: &str) -> Self {
        self.args.push(flag.to_owned());
        self
    }

    /// Listens on this port instead of any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.args[1] = port.to_string();
        self
    }

    /// Runs and listens there.
    #[must_use]
    pub fn site(mut self, site: Site) -> Self {
        self.args.extend(["--override".to_owned(), site.listeners()]);
        self.site = site;
        self
    }

    /// Puts the data on a file system of its own with so much room, which only the broker sees (a mount
    /// namespace; Linux). It goes with the broker. From outside it is [`Broker::inside`].
    #[must_use]
    pub const fn small_disk(mut self, kib: u32) -> Self {
        self.small_disk_kib = Some(kib);
        self
    }

    /// Lets it open at most so many files and connections together.
    #[must_use]
    pub const fn open_files(mut self, limit: u32) -> Self {
        self.open_files = Some(limit);
        self
    }

    fn command(&self) -> Command {
        let program = binary("yak-broker");
        if let Some(limit) = self.open_files {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("ulimit -n {limit} && exec \"$@\""), "sh"]).arg(program);
            return command;
        }
        let Some(kib) = self.small_disk_kib else { return self.site.command("yak-broker") };
        std::fs::create_dir_all(&self.data).unwrap();
        let script = format!("mount -t tmpfs -o size={kib}k tmpfs \"$1\" && shift && exec \"$@\"");
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
            .arg(&self.data)
            .arg(program);
        command
    }

    /// Starts it and waits for its `YAK_READY` line.
    #[must_use]
    pub fn start(&self) -> Broker {
        self.try_start().unwrap_or_else(|stderr| panic!("the broker did not become ready: {stderr}"))
    }

    /// The same; what it said on stderr if it ends before it is ready.
    ///
    /// # Errors
    /// What it wrote to stderr.
    pub fn try_start(&self) -> Result<Broker, String> {
        let log = self.data.with_extension("stderr");
        let stderr = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = self
            .command()
            .args(["--standalone", "--data"])
            .arg(&self.data)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some(ready) = line.strip_prefix("YAK_READY ") else {
            drop(child.wait());
            return Err(std::fs::read_to_string(&log).unwrap_or_default());
        };
        let ready: Value = serde_json::from_str(ready).unwrap_or_else(|e| panic!("{line}: {e}"));
        let bootstrap = ready["bootstrap"].as_str().expect("bootstrap is a text").to_owned();
        Ok(Broker { child, bootstrap, ready, log, data: self.data.clone() })
    }
}

/// A broker that is running; killed when dropped.
#[derive(Debug)]
pub struct Broker {
    child: Child,
    bootstrap: String,
    ready: Value,
    log: PathBuf,
    data: PathBuf,
}

impl Broker {
    /// Starts a standalone broker with its data under `data`.
    #[must_use]
    pub fn start(data: &Path) -> Self {
        BrokerBuilder::new(data).start()
    }

    /// Its address, `127.0.0.1:PORT`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A path as the broker sees it, for a disk that only it has.
    #[must_use]
    pub fn inside(&self, path: &Path) -> PathBuf {
        Path::new("/proc")
            .join(self.pid().to_string())
            .join("root")
            .join(path.strip_prefix("/").unwrap_or(path))
    }

    /// What it said when it was ready.
    #[must_use]
    pub const fn ready(&self) -> &Value {
        &self.ready
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A raw connection to it.
    #[must_use]
    pub fn connect(&self) -> Socket {
        Socket::connect(&self.bootstrap)
    }

    /// A raw connection to it that speaks Kafka's protocol.
    #[must_use]
    pub fn connect_kafka(&self) -> KafkaSocket {
        KafkaSocket::connect(&self.bootstrap)
    }

    /// What it has written to stderr so far, over all its starts with the same data.
    #[must_use]
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it in order (SIGTERM); its exit code.
    pub fn stop(mut self) -> Option<i32> {
        signal(self.pid(), "TERM");
        wait_for("the broker's end", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
