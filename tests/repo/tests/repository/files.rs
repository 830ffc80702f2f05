//! How files look: their first line, their length, and what they must not contain.

use anyhow::Result;
use yak_test_repo::{read, tracked_files, tracked_files_with};

/// A file above this fails; think of splitting long before.
const MAX_LINES: usize = 700;
/// A file above this is reported.
const LONG_LINES: usize = 400;

/// Written in two halves, so that this file does not contain them.
const FORBIDDEN: &[(&str, &str)] = &[
    ("/ro", "ot/"),
    ("/home", "/"),
    ("TO", "DO"),
    ("FIX", "ME"),
    ("static.", "crates.io"),
    ("index.", "crates.io"),
    ("pypi.", "org"),
    ("python", "hosted.org"),
    ("maven.", "org"),
    ("maven.", "apache.org"),
    ("registry.", "npmjs.org"),
    ("proxy.", "golang.org"),
];

#[test]
fn every_rust_file_says_first_what_lives_in_it() -> Result<()> {
    for path in tracked_files_with("rs")? {
        let text = read(&path)?;
        let first = text.lines().next().unwrap_or_default();
        let says = first.strip_prefix("//! ").is_some_and(|says| says.len() > 10);
        assert!(says, "{} does not begin with a `//!` line", path.display());
    }
    Ok(())
}

#[test]
fn no_rust_file_is_a_monster() -> Result<()> {
    for path in tracked_files_with("rs")? {
        let lines = read(&path)?.lines().count();
        if lines > LONG_LINES {
            println!("{lines:5} lines: {}", path.display());
        }
        assert!(lines <= MAX_LINES, "{} has {lines} lines, at most {MAX_LINES}", path.display());
    }
    Ok(())
}

#[test]
fn no_file_contains_a_local_path_a_registry_host_or_unfinished_work() -> Result<()> {
    for path in tracked_files()? {
        // Files that are not text have nothing to search.
        let Ok(text) = read(&path) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            for (head, tail) in FORBIDDEN {
                let word = format!("{head}{tail}");
                assert!(!line.contains(&word), "{}:{number} contains {word}", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn the_top_level_holds_nothing_unexpected() -> Result<()> {
    const TOP: &[&str] = &[
        ".ci",
        ".github",
        ".gitignore",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "bench",
        "clippy.toml",
        "config",
        "crates",
        "docs",
        "examples",
        "rustfmt.toml",
        "scripts",
        "tests",
    ];
    for path in tracked_files()? {
        let top = path.iter().next().map(|part| part.to_string_lossy().into_owned()).unwrap_or_default();
        assert!(TOP.contains(&top.as_str()), "{} is not expected at the top level", path.display());
    }
    Ok(())
}
