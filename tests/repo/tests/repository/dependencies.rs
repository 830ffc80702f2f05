//! Dependencies are declared once, each with a reason.

use anyhow::{Context, Result};
use cargo_metadata::DependencyKind;
use yak_test_repo::{read, tracked_files, workspace};

#[test]
fn every_dependency_has_a_line_of_reason() -> Result<()> {
    let manifest = read("Cargo.toml")?;
    let section = manifest.split("[workspace.dependencies]").nth(1).context("the section")?;
    let section = section.split("\n[").next().unwrap_or_default();
    let (mut comment, mut after_comment, mut seen) = (String::new(), false, 0);
    for line in section.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            // A comment stands before one dependency, or before several that it names.
            if !after_comment {
                comment.clear();
            }
            comment.push_str(text);
        } else if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| !name.starts_with("yak-")) {
            let (names, reason) = comment.split_once(": ").unwrap_or_default();
            let named = names.split(", ").any(|listed| listed == name);
            assert!(named && reason.len() > 10, "{name} has no comment `# {name}: reason`");
            seen += 1;
        }
        after_comment = line.starts_with("# ");
    }
    assert!(seen > 10, "only {seen} dependencies were found");
    Ok(())
}

#[test]
fn every_crate_takes_versions_and_lints_from_the_workspace() -> Result<()> {
    for package in &workspace()?.packages {
        let manifest = read(package.manifest_path.as_std_path())?;
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} has lints of its own", package.name);
        for line in manifest.lines().filter(|line| line.contains("version = ")) {
            assert!(!line.contains('"'), "{} pins a version of its own: {line}", package.name);
        }
        let path_only = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
        for dependency in path_only.filter(|dependency| dependency.kind == DependencyKind::Normal) {
            assert!(dependency.name.starts_with("yak-"), "{} takes {}", package.name, dependency.name);
        }
    }
    Ok(())
}

#[test]
fn every_workspace_dependency_is_used() -> Result<()> {
    let manifest = read("Cargo.toml")?;
    let section = manifest.split("[workspace.dependencies]").nth(1).context("the section")?;
    let section = section.split("\n[").next().unwrap_or_default();
    let mut manifests = String::new();
    for path in tracked_files()?.iter().filter(|path| path.ends_with("Cargo.toml") && path.iter().count() > 1)
    {
        manifests.push_str(&read(path)?);
    }
    for (name, _) in section.lines().filter_map(|line| line.split_once(" = ")) {
        let used =
            manifests.contains(&format!("\n{name}.workspace")) || manifests.contains(&format!("\n{name} = "));
        assert!(used, "{name} is declared and not used");
    }
    Ok(())
}
