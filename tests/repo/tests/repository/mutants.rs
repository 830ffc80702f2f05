//! Bugs that are put in on purpose still go in: a patch that does not apply any more proves nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use yak_test_repo::{read, tracked_files_with};

/// Those that every harness must catch, by RELIABILITY.
const REQUIRED: [&str; 8] = [
    "truncate-to-high-watermark",
    "no-compare-and-set",
    "acknowledge-before-fsync",
    "serve-above-high-watermark",
    "no-duplicate-window",
    "restart-in-the-same-epoch",
    "resume-is-registration",
    "wiped-survivor-keeps-its-place",
];

fn patches() -> Result<Vec<PathBuf>> {
    let mut patches = tracked_files_with("patch")?;
    patches.retain(|path| path.starts_with("tests/sim/mutants"));
    Ok(patches)
}

fn name(path: &std::path::Path) -> Result<String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.map(str::to_owned).with_context(|| format!("{} has no name", path.display()))
}

/// The lines that a hunk expects in its file, and those that it puts there.
type Hunk = (Vec<String>, Vec<String>);

/// A unified diff: each file with its hunks.
fn parse(patch: &str) -> Result<Vec<(String, Vec<Hunk>)>> {
    let mut files: Vec<(String, Vec<Hunk>)> = Vec::new();
    for line in patch.lines() {
        if line.starts_with("diff ") || line.starts_with("index ") || line.starts_with("--- ") {
            continue;
        }
        if let Some(file) = line.strip_prefix("+++ b/") {
            files.push((file.to_owned(), Vec::new()));
            continue;
        }
        let (_, hunks) = files.last_mut().with_context(|| format!("{line:?} stands before any file"))?;
        if line.starts_with("@@ ") {
            hunks.push(Hunk::default());
            continue;
        }
        let (before, after) = hunks.last_mut().with_context(|| format!("{line:?} stands in no hunk"))?;
        let (kind, text) = line.split_at_checked(1).unwrap_or((" ", ""));
        ensure!([" ", "-", "+"].contains(&kind), "{line:?} is no line of a hunk");
        if kind != "+" {
            before.push(text.to_owned());
        }
        if kind != "-" {
            after.push(text.to_owned());
        }
    }
    Ok(files)
}

#[test]
fn every_mutant_applies_and_changes_the_product() -> Result<()> {
    for path in patches()? {
        let patch = read(&path)?;
        let files = parse(&patch).with_context(|| path.display().to_string())?;
        assert!(!files.is_empty(), "{} changes nothing", path.display());
        for (file, hunks) in files {
            assert!(file.starts_with("crates/"), "{} changes {file}, which is no product", path.display());
            let text = read(&file)?;
            let lines: Vec<&str> = text.lines().collect();
            assert!(!hunks.is_empty(), "{} changes nothing in {file}", path.display());
            for (before, after) in hunks {
                assert_ne!(before, after, "{} changes nothing in {file}", path.display());
                let places = lines.windows(before.len()).filter(|lines| **lines == before[..]).count();
                assert_eq!(places, 1, "{} fits {places} places of {file}:\n{before:#?}", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn the_mutants_and_the_page_about_them_are_the_same() -> Result<()> {
    let names = patches()?.iter().map(|path| name(path)).collect::<Result<BTreeSet<String>>>()?;
    let page = read("docs/mutants.md")?;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned));
    let rows: Vec<String> = rows.collect();
    let told: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(told.len(), rows.len(), "docs/mutants.md has a row twice");
    assert_eq!(names, told, "patches in tests/sim/mutants, and rows of docs/mutants.md");
    for required in REQUIRED {
        assert!(names.contains(required), "there must be a mutant {required}");
    }
    Ok(())
}
