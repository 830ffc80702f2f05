//! The commands that README shows exist, with the flags it gives them.

use std::process::Command;

use anyhow::{Context, Result};
use yak_test_repo::{program_directory, programs, read, root};

/// Programs of the system that README may use besides our own.
const SYSTEM: &[&str] = &[
    "cargo", "cat", "cd", "cmp", "echo", "export", "git", "jq", "kill", "ls", "nc", "printf", "seq", "tail",
];

/// The command lines in README's `sh` blocks, continued lines joined, comments and prompts taken off.
fn commands() -> Result<Vec<String>> {
    let text = read("README.md")?;
    let mut commands = Vec::new();
    let mut inside = false;
    let mut open = String::new();
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            inside = language == "sh";
            continue;
        }
        let line = line.strip_prefix("$ ").unwrap_or(line).trim();
        if !inside || line.is_empty() || line.starts_with('#') {
            continue;
        }
        open.push_str(line.strip_suffix('\\').unwrap_or(line));
        if !line.ends_with('\\') {
            commands.push(std::mem::take(&mut open));
        }
    }
    Ok(commands)
}

/// The single programs of a command line with their arguments: `a | b > c` is `a` and `b`.
fn invocations(line: &str) -> Vec<Vec<String>> {
    let mut words = vec![Vec::new()];
    let mut word = String::new();
    let mut quote = None;
    for c in line.chars().chain([' ']) {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if matches!(c, '|' | ';' | '&') => words.push(Vec::new()),
            None if c == ' ' => {
                if let (false, Some(last)) = (word.is_empty(), words.last_mut()) {
                    last.push(std::mem::take(&mut word));
                }
            }
            None => word.push(c),
        }
        if quote.is_none() && word == "#" {
            break;
        }
    }
    words.retain(|words| !words.is_empty());
    words
}

#[test]
fn every_command_exists() -> Result<()> {
    let programs = programs()?;
    let commands = commands()?;
    assert!(commands.len() > 5, "README shows only {} commands", commands.len());
    for line in &commands {
        for words in invocations(line) {
            let program = words.iter().find(|word| !word.contains('=')).context(line.clone())?;
            let exists = SYSTEM.contains(&program.as_str())
                || programs.contains(program)
                || (program.contains('/') && root().join(program).is_file());
            assert!(exists, "README: `{program}` of `{line}` does not exist");
        }
    }
    Ok(())
}

#[test]
fn every_flag_exists() -> Result<()> {
    let programs = programs()?;
    let directory = program_directory()?;
    for line in &commands()? {
        for words in invocations(line) {
            let Some((program, arguments)) =
                words.split_first().filter(|(program, _)| programs.contains(program))
            else {
                continue;
            };
            let path = directory.join(program);
            let help = Command::new(&path).arg("--help").output();
            let help = help.with_context(|| format!("{}: run `cargo build --bins` first", path.display()))?;
            let help = String::from_utf8_lossy(&help.stdout);
            for flag in arguments.iter().filter(|argument| argument.starts_with("--")) {
                let flag = flag.split('=').next().unwrap_or_default();
                let listed =
                    help.split(|c: char| !(c.is_alphanumeric() || c == '-')).any(|word| word == flag);
                assert!(listed, "README: {program} has no {flag} (in `{line}`)");
            }
        }
    }
    Ok(())
}
