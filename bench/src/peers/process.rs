//! Processes that are measured, and programs that measure them. None outlives its handle.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// How often one looks whether something has come true.
const GLANCE: Duration = Duration::from_millis(1);
/// How many lines of each process are shown when something has failed.
const LAST_LINES: usize = 5;

/// A process of ours in the background; killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts it; what it says goes to `NAME.log` in the directory.
    pub(super) fn start(name: &str, command: &mut Command, directory: &Path) -> Result<Self> {
        let path = directory.join(format!("{name}.log"));
        let log = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = child.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name: name.to_owned() })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails if it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}", self.name),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// The last lines that the processes in a directory said, for a person who looks for what went wrong.
pub(super) fn logs(directory: &Path) -> String {
    let files = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_log = |path: &PathBuf| path.extension().is_some_and(|end| end == "log" || end == "stderr");
    let mut logs: Vec<PathBuf> = files.filter(is_log).collect();
    logs.sort();
    let mut text = String::new();
    for log in logs {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().rev().take(LAST_LINES).collect();
        for line in lines.into_iter().rev() {
            text += &format!("{}: {line}\n", log.file_stem().unwrap_or_default().display());
        }
    }
    text
}

/// Runs a program to its end; what it printed. It has to end well and in time.
pub(super) fn run(command: &mut Command, patience: Duration) -> Result<String> {
    let said = tempfile::tempfile()?;
    let complained = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(complained.try_clone()?);
    let name = format!("{} {:?}", command.get_program().display(), command.get_args().last());
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let deadline = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("{name} has not ended after {patience:?}");
        }
        sleep(Duration::from_millis(5));
    };
    let (said, complained) = (text(said)?, text(complained)?);
    ensure!(status.success(), "{name}: {status}: {said}{complained}");
    Ok(said)
}

fn text(mut file: File) -> Result<String> {
    use std::io::{Read as _, Seek as _};
    file.rewind()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Waits until something yields a value.
pub(super) fn until<T>(
    what: &str,
    patience: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        ensure!(Instant::now() < deadline, "waited {patience:?} in vain for {what}");
        sleep(GLANCE);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_has_to_end_well_and_in_time() {
        let long = Duration::from_secs(60);
        assert_eq!(run(&mut sh("echo out; echo err >&2"), long).unwrap(), "out\n");
        let error = run(&mut sh("echo why >&2; exit 3"), long).unwrap_err().to_string();
        assert!(error.contains("why") && error.contains('3'), "{error}");
        let error = run(&mut sh("exec sleep 60"), Duration::from_millis(20)).unwrap_err().to_string();
        assert!(error.contains("has not ended"), "{error}");
    }

    #[test]
    fn a_process_goes_with_its_handle() {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Process::start("it", &mut sh("echo $$; exec sleep 60"), directory.path()).unwrap();
        let stat = format!("/proc/{}/stat", process.pid());
        process.check().unwrap();
        drop(process);
        assert!(!Path::new(&stat).exists());
        let mut ended = Process::start("gone", &mut sh("exit 1"), directory.path()).unwrap();
        let checked = until("its end", Duration::from_secs(60), || Ok(ended.check().err()));
        assert!(checked.unwrap().to_string().starts_with("gone ended"));
    }

    #[test]
    fn the_last_lines_of_each_log_are_shown() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("b.log"), (0..20).map(|n| format!("{n}\n")).collect::<String>())
            .unwrap();
        fs::write(directory.path().join("a.stderr"), "alone").unwrap();
        fs::write(directory.path().join("data"), "no log").unwrap();
        assert_eq!(logs(directory.path()), "a: alone\nb: 15\nb: 16\nb: 17\nb: 18\nb: 19\n");
    }
}
