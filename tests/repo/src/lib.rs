//! The repository tests itself: what the tests in `tests/repository` share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

/// The top of the repository.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The text of a file, by its path from the top.
///
/// # Errors
///
/// If it cannot be read as UTF-8.
pub fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = root().join(path);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// Every file that git has or would take, by its path from the top, in order.
///
/// # Errors
///
/// If git fails.
pub fn tracked_files() -> Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("run git")?;
    ensure!(listed.status.success(), "git: {}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).context("paths are UTF-8")?;
    let mut files: Vec<PathBuf> =
        listed.split_terminator('\0').map(PathBuf::from).filter(|path| root().join(path).is_file()).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The tracked files whose names end in `.extension`.
///
/// # Errors
///
/// If git fails.
pub fn tracked_files_with(extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = tracked_files()?;
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    Ok(files)
}

/// What cargo knows of the workspace, without its dependencies' packages.
///
/// # Errors
///
/// If cargo fails.
pub fn workspace() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().context("cargo metadata")
}

/// The names of the workspace's programs.
///
/// # Errors
///
/// If cargo fails.
pub fn programs() -> Result<Vec<String>> {
    let metadata = workspace()?;
    let targets = metadata.packages.iter().flat_map(|package| package.targets.iter());
    Ok(targets.filter(|target| target.is_bin()).map(|target| target.name.clone()).collect())
}

/// Where cargo puts the programs of the profile under which this test was built.
///
/// # Errors
///
/// If the test does not run from a target directory.
pub fn program_directory() -> Result<PathBuf> {
    let this = env::current_exe().context("this test's own path")?;
    let directory = this.ancestors().nth(2).context("a test lies in target/<profile>/deps")?;
    Ok(directory.to_path_buf())
}
