//! Every command of `docs/assignment.md`, executed from top to bottom in one shell, as the page itself describes.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use yak_testkit::binary;

/// Longer than the page takes, by far.
const PATIENCE: Duration = Duration::from_secs(600);

/// A block of commands, the line of the page on which it begins, and what it prints.
#[derive(Debug)]
struct Block {
    line: usize,
    commands: String,
    output: Vec<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut within = "";
    for (number, line) in (1..).zip(page.lines()) {
        match (within, line.strip_prefix("```")) {
            ("", Some("sh")) => {
                blocks.push(Block { line: number, commands: String::new(), output: Vec::new() });
                within = "sh";
            }
            ("", Some("text")) => within = "text",
            (_, Some(other)) => {
                assert!(!within.is_empty(), "line {number}: a block of {other:?}");
                within = "";
            }
            (_, None) => match (within, blocks.last_mut()) {
                ("sh", Some(block)) => writeln!(block.commands, "{line}").expect("a text takes it"),
                ("text", Some(block)) => block.output.push(line.to_owned()),
                _ => {}
            },
        }
    }
    blocks
}

/// Whether the lines are as expected; `…` is any text within a line, and as a line of its own any lines.
fn matches(expected: &[String], found: &[&str]) -> bool {
    match (expected.split_first(), found.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "…" => {
            (0..=found.len()).any(|skipped| matches(rest, &found[skipped..]))
        }
        (Some((first, rest)), Some((line, further))) => matches_line(first, line) && matches(rest, further),
        _ => false,
    }
}

fn matches_line(expected: &str, found: &str) -> bool {
    let Some((head, tail)) = expected.split_once('…') else {
        return expected.trim_end() == found.trim_end();
    };
    // Columns are as wide as what stands in them.
    let (head, tail) = (head.trim_end(), tail.trim_start());
    let Some(rest) = found.strip_prefix(head) else { return false };
    rest.char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .any(|at| matches_line(tail, rest[at..].trim_start()))
}

/// One script of all blocks; each writes what it prints to a file of its number.
fn script(blocks: &[Block]) -> String {
    let mut script = "trap 'scripts/cluster.sh down > /dev/null 2>&1' EXIT\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        writeln!(script, "{{\n{}}} > {number}.block 2>&1", block.commands).expect("a text takes it");
    }
    script
}

/// A directory in which the page's commands find what they name.
fn stage(directory: &Path) {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository");
    for name in ["scripts", "examples"] {
        symlink(top.join(name), directory.join(name)).expect("a link");
    }
}

#[test]
fn every_command_of_the_assignment_does_what_the_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/assignment.md");
    let blocks = blocks(&std::fs::read_to_string(page).expect("the page is there"));
    assert!(blocks.len() >= 20, "only {} blocks", blocks.len());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let directory = directory.path();
    stage(directory);
    let programs: PathBuf = binary("yak-broker").parent().expect("a directory").into();
    let mut shell = Command::new("bash")
        .args(["-c", &script(&blocks)])
        .current_dir(directory)
        .env("YAK_BIN", programs)
        .env("YAK_FREE_PORTS", "1")
        .env_remove("YAK_BOOTSTRAP_SERVERS")
        .stdin(Stdio::null())
        .spawn()
        .expect("bash runs");
    let begun = Instant::now();
    while shell.try_wait().expect("it can be waited for").is_none() && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    if shell.try_wait().expect("it can be waited for").is_none() {
        yak_testkit::signal(shell.id(), "TERM");
    }
    let mut wrong = String::new();
    for (number, block) in blocks.iter().enumerate() {
        let found = std::fs::read_to_string(directory.join(format!("{number}.block")));
        let found = found.unwrap_or_else(|_| "(it was not reached)".to_owned());
        if !matches(&block.output, &found.lines().collect::<Vec<_>>()) {
            let expected = block.output.join("\n");
            write!(wrong, "\nline {}:\n{}expected:\n{expected}\nfound:\n{found}", block.line, block.commands)
                .expect("a text takes it");
        }
    }
    drop(shell.wait());
    assert!(wrong.is_empty(), "docs/assignment.md is not what happens:{wrong}");
}

#[test]
fn what_may_differ_may_and_nothing_else() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (expected, found, same) in [
        ("a … b", "a 12 b", true),
        ("a … b", "a 12 c", false),
        ("a   …  b", "a 1234567 b", true),
        ("a\n…\nb", "a\nb", true),
        ("a\n…\nb", "a\nx\ny\nb", true),
        ("a\n…", "b", false),
        ("a", "a\nb", false),
        ("a … b … c", "a 1 b 2 c", true),
    ] {
        assert_eq!(matches(&lines(expected), &found.lines().collect::<Vec<_>>()), same, "{expected} {found}");
    }
}
