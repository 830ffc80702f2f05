//! Bad input at the command lines of yak-topics, yak-groups and yak-status: the exact first line on stderr, and the exit code.

use std::process::Command;

/// The first line on stderr, and the exit code.
fn refused(program: &str, args: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(program)
        .args(args)
        .env_remove("YAK_BOOTSTRAP_SERVERS")
        .output()
        .expect("the program runs");
    assert!(output.stdout.is_empty(), "{args:?}");
    let stderr = String::from_utf8(output.stderr).expect("errors are UTF-8");
    (stderr.lines().next().unwrap_or_default().to_owned(), output.status.code())
}

const TOPICS: &str = env!("CARGO_BIN_EXE_yak-topics");
const GROUPS: &str = env!("CARGO_BIN_EXE_yak-groups");
const STATUS: &str = env!("CARGO_BIN_EXE_yak-status");

#[test]
fn what_makes_no_sense_is_one_line_and_exit_code_2() {
    let one = "error: exactly one of --create, --list, --describe, --alter, --delete, --elect-preferred, --elect-unclean is required";
    for (args, line) in [
        (&[][..], one),
        (&["--list", "--delete"], one),
        (&["--crate", "--topic", "t"], "error: unknown option '--crate'"),
        (&["--create"], "error: --create needs --topic"),
        (
            &["--create", "--topic", "a/b"],
            "error: --topic: topic name \"a/b\" contains '/'; allowed are a-z A-Z 0-9 . _ -",
        ),
        (&["--create", "--topic", "t", "--partitions", "0"], "error: --partitions: 0 is not at least 1"),
        (
            &["--create", "--topic", "t", "--partitions", "three"],
            "error: --partitions: \"three\" is not a whole number",
        ),
        (
            &["--create", "--topic", "t", "--config", "retntion.ms=5"],
            "error: --config retntion.ms: unknown key, did you mean retention.ms?",
        ),
        (
            &["--create", "--topic", "t", "--config", "segment.bytes=1GB"],
            "error: --config segment.bytes: \"1GB\" is not a size (use bytes, or 1GiB)",
        ),
        (
            &["--create", "--topic", "t", "--config", "retention.ms"],
            "error: --config: \"retention.ms\" is not key=value",
        ),
        (
            &["--alter", "--topic", "t", "--delete-config", "retntion.ms"],
            "error: --delete-config retntion.ms: unknown key",
        ),
        (
            &["--delete", "--topic", "t", "--partitions", "3"],
            "error: --partitions cannot be used with --delete",
        ),
    ] {
        assert_eq!(refused(TOPICS, args), (line.to_owned(), Some(2)), "{args:?}");
    }
    let extra = "error: unexpected argument 'extra'".to_owned();
    assert_eq!(refused(STATUS, &["extra"]), (extra, Some(2)));
    let zero = "error: --watch: 0 is not at least 1".to_owned();
    assert_eq!(refused(STATUS, &["--watch", "0"]), (zero, Some(2)));
}

#[test]
fn groups_are_named_and_told_one_thing_to_do() {
    for (args, line) in [
        (
            &["--group", "g"][..],
            "error: exactly one of --list, --describe, --explain, --reset-offsets, --delete-offsets, --delete is required",
        ),
        (&["--describe"], "error: --describe needs --group or --all-groups"),
        (&["--describe", "--group", ""], "error: --group: it must not be empty"),
        (&["--describe", "--group", "g", "--all-groups"], "error: --group cannot be used with --all-groups"),
        (
            &["--reset-offsets", "--group", "g", "--topic", "t:x", "--to-latest"],
            "error: --topic: \"x\" is not a whole number",
        ),
        (
            &["--reset-offsets", "--group", "g", "--topic", "t", "--by-duration", "soon"],
            "error: --by-duration: \"soon\" is not a duration (use PT1H30M, P2D, or 90m)",
        ),
        (
            &["--reset-offsets", "--group", "g", "--topic", "t", "--to-latest", "--execute", "--dry-run"],
            "error: --execute cannot be used with --dry-run",
        ),
        (
            &["--list", "--state", "fine"],
            "error: --state: \"fine\" is not one of Empty, PreparingRebalance, CompletingRebalance, Assigning, Reconciling, Stable, Dead",
        ),
    ] {
        assert_eq!(refused(GROUPS, args), (line.to_owned(), Some(2)), "{args:?}");
    }
}

#[test]
fn nobody_there_is_said_with_the_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = free.to_string();
    let connection = ["-b", &address, "--request-timeout-ms", "300"];
    for (program, args) in [(TOPICS, &["--list"][..]), (GROUPS, &["--list"]), (STATUS, &[])] {
        let (line, code) = refused(program, &[args, &connection].concat());
        assert_eq!(line, format!("error: no broker answered at {address}: connection refused"));
        assert_eq!(code, Some(1));
    }
}
