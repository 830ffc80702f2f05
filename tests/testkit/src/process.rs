//! Programs under test.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use crate::{DEADLINE, binary, wait_for};

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Finished {
    /// Stdout as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("stdout is UTF-8")
    }

    /// The first line on stderr that is not a note (`note: created topic ...`): what went wrong.
    #[must_use]
    pub fn first_error(&self) -> &str {
        self.stderr.lines().find(|line| !line.starts_with("note: ")).unwrap_or("")
    }

    /// The same, having checked that it succeeded.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "signal {:?}, stderr: {}", self.signal, self.stderr);
        self
    }
}

/// A program that is running; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    /// Starts `name` with `args`; stdin is a pipe for [`Running::write`].
    #[must_use]
    pub fn start<S: AsRef<OsStr>>(name: &str, args: &[S]) -> Self {
        Self::spawn(Command::new(binary(name)).args(args))
    }

    /// Starts a prepared command with all three streams as pipes.
    #[must_use]
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .env_remove("YAK_BOOTSTRAP_SERVERS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Self { child, stdout, stderr }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its stdin. A program that has ended already is not an error here; its exit code tells.
    pub fn write(&mut self, input: &[u8]) {
        if let Some(stdin) = &mut self.child.stdin {
            match stdin.write_all(input).and_then(|()| stdin.flush()) {
                Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => panic!("writing to stdin: {e}"),
                _ => {}
            }
        }
    }

    /// Closes its stdin.
    pub fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Sends it a signal (`"TERM"`, `"KILL"`, `"STOP"`, `"INT"`, ...).
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end and returns what it wrote. Stdin is closed first.
    #[must_use]
    pub fn finish(mut self) -> Finished {
        self.close_stdin();
        let status = wait_for("the program's end", || self.child.try_wait().unwrap());
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        #[cfg(not(unix))]
        let signal = None;
        Finished {
            code: status.code(),
            signal,
            stdout: join(&mut self.stdout),
            stderr: String::from_utf8_lossy(&join(&mut self.stderr)).into_owned(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

fn join(stream: &mut Option<JoinHandle<Vec<u8>>>) -> Vec<u8> {
    stream.take().map(|reader| reader.join().expect("the reader does not panic")).unwrap_or_default()
}

/// Runs `name` with `args` to its end, with nothing on stdin.
#[must_use]
pub fn run<S: AsRef<OsStr>>(name: &str, args: &[S]) -> Finished {
    run_with_input(name, args, b"")
}

/// Runs `name` with `args` to its end, with `input` on stdin.
#[must_use]
pub fn run_with_input<S: AsRef<OsStr>>(name: &str, args: &[S], input: &[u8]) -> Finished {
    let mut running = Running::start(name, args);
    running.write(input);
    running.finish()
}

/// Sends a signal to a process that a test started.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
    assert!(sent.success(), "kill -{name} {pid} within {DEADLINE:?}");
}
