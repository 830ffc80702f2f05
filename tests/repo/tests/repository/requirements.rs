//! Each requirement that we claim names a test or script that exists and, in a full run, ran.

use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use yak_test_repo::{read, root, tracked_files_with};

/// One line of `tests/requirements.tsv`: a script (with a slash) or a test (as `program::path`) shows a row.
struct Claim {
    row: String,
    shown_by: String,
}

fn claims() -> Result<Vec<Claim>> {
    let table = read("tests/requirements.tsv")?;
    let mut claims = Vec::new();
    for (number, line) in (1..).zip(table.lines()).filter(|(_, line)| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        ensure!(fields.len() == 3, "requirements.tsv:{number}: {} fields instead of 3", fields.len());
        ensure!(fields[2].len() > 10, "requirements.tsv:{number}: says not what is asserted");
        claims.push(Claim { row: fields[0].to_owned(), shown_by: fields[1].to_owned() });
    }
    Ok(claims)
}

/// The names of all test functions, with how many there are of each.
fn test_functions() -> Result<BTreeMap<String, usize>> {
    let mut names = BTreeMap::new();
    for path in tracked_files_with("rs")? {
        let text = read(&path)?;
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) else { continue };
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            *names.entry(rest[..end].to_owned()).or_default() += 1;
            is_test = false;
        }
    }
    Ok(names)
}

#[test]
fn every_claim_is_a_row_and_names_something_that_exists() -> Result<()> {
    let functions = test_functions()?;
    let claims = claims()?;
    assert!(!claims.is_empty());
    let mut seen = BTreeSet::new();
    for Claim { row, shown_by } in claims {
        assert!(seen.insert((row.clone(), shown_by.clone())), "{row}: {shown_by} is there twice");
        let numbers = row.split_once('-').context("a row is like 000-001")?;
        let digits = |text: &str| text.len() == 3 && text.chars().all(|c| c.is_ascii_digit());
        assert!(digits(numbers.0) && digits(numbers.1), "{row} is not a row");
        if shown_by.contains('/') {
            assert!(root().join(&shown_by).is_file(), "{row}: {shown_by} does not exist");
        } else {
            let function = shown_by.rsplit("::").next().unwrap_or_default();
            assert!(functions.contains_key(function), "{row}: there is no test {shown_by}");
            assert!(
                shown_by.contains("::"),
                "{row}: {shown_by} lacks its program, as in `log::segment_rolls`"
            );
        }
    }
    Ok(())
}

/// `scripts/test.sh` runs this last and names, in `YAK_EXECUTED`, the list of what it ran and what passed.
#[test]
#[ignore = "scripts/test.sh runs it last, with the list of executed tests"]
fn every_claimed_test_ran() -> Result<()> {
    let list = env::var("YAK_EXECUTED").context("YAK_EXECUTED names the list of executed tests")?;
    let list = fs::read_to_string(&list).with_context(|| format!("read {list}"))?;
    let executed: BTreeSet<&str> = list.lines().collect();
    let missing: Vec<String> = claims()?
        .into_iter()
        .filter(|claim| !claim.shown_by.contains('/') && !executed.contains(claim.shown_by.as_str()))
        .map(|claim| format!("{} {}", claim.row, claim.shown_by))
        .collect();
    assert_eq!(missing, [""; 0], "claimed, but not run or not passed");
    Ok(())
}
