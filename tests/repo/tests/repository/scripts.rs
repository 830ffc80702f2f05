//! Scripts parse, say what they do, and can be run.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result};
use yak_test_repo::{read, root, tracked_files};

/// Every shell script; `lib.sh` is only sourced.
fn scripts() -> Result<Vec<PathBuf>> {
    let mut files = tracked_files()?;
    files.retain(|path| path.extension().is_some_and(|end| end == "sh") || path.starts_with(".ci"));
    assert!(!files.is_empty());
    Ok(files)
}

#[test]
fn every_script_parses() -> Result<()> {
    for path in scripts()? {
        let parsed = Command::new("bash").arg("-n").arg(root().join(&path)).output().context("run bash")?;
        assert!(parsed.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&parsed.stderr));
    }
    Ok(())
}

#[test]
fn every_script_says_what_it_does_stops_at_a_failure_and_can_be_run() -> Result<()> {
    for path in scripts()? {
        let text = read(&path)?;
        let mut lines = text.lines();
        let library = path.ends_with("lib.sh");
        if !library {
            assert_eq!(lines.next(), Some("#!/usr/bin/env bash"), "{}", path.display());
            assert!(text.contains("\nset -euo pipefail\n"), "{} goes on after a failure", path.display());
            let mode = fs::metadata(root().join(&path))?.permissions().mode();
            assert!(mode & 0o111 != 0, "{} cannot be run", path.display());
        }
        let says = lines.next().is_some_and(|line| line.starts_with("# ") && line.len() > 20);
        assert!(says, "{} does not say what it does", path.display());
    }
    Ok(())
}

/// Where shellcheck is installed, it has nothing to say. (The workflow installs it.)
#[test]
fn shellcheck_is_content() -> Result<()> {
    let mut command = Command::new("shellcheck");
    command.args(["--external-sources", "--source-path=SCRIPTDIR", "--severity=style"]).current_dir(root());
    match command.args(scripts()?).output() {
        Ok(checked) => assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout)),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound, "shellcheck: {error}"),
    }
    Ok(())
}
