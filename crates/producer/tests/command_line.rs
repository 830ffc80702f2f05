//! Bad input at yak-producer's command line: the exact first line on stderr, and the exit code.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_yak-producer"))
        .args(args)
        .env_remove("YAK_BOOTSTRAP_SERVERS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // It may end before it has read anything.
    let written = child.stdin.take().expect("stdin is a pipe").write_all(input);
    let output = child.wait_with_output().expect("the program ends");
    drop(written);
    output
}

/// The first line on stderr, and the exit code.
fn refused(args: &[&str]) -> (String, Option<i32>) {
    let output = run(args, b"");
    assert!(output.stdout.is_empty(), "{args:?}");
    let stderr = String::from_utf8(output.stderr).expect("errors are UTF-8");
    (stderr.lines().next().unwrap_or_default().to_owned(), output.status.code())
}

#[test]
fn what_makes_no_sense_is_one_line_and_exit_code_2() {
    for (args, line) in [
        (&["--topc", "t"][..], "error: unknown option '--topc'"),
        (&[], "error: --topic is required"),
        (&["-t"], "error: --topic needs a value"),
        (&["-t", "a b"], "error: --topic: topic name \"a b\" contains ' '; allowed are a-z A-Z 0-9 . _ -"),
        (&["-t", ""], "error: --topic: a topic name must not be empty"),
        (&["-t", "t", "-p", "one"], "error: --partition: \"one\" is not a whole number"),
        (&["-t", "t", "--acks", "2"], "error: --acks: \"2\" is not one of all, 1, 0"),
        (
            &["-t", "t", "-z", "lzo"],
            "error: --compression: \"lzo\" is not one of none, gzip, snappy, lz4, zstd",
        ),
        (
            &["-t", "t", "--batch-size", "1GB"],
            "error: --batch-size: \"1GB\" is not a size (use bytes, or 1GiB)",
        ),
        (&["-t", "t", "-b", "h:x"], "error: --bootstrap-server: \"h:x\" is not HOST[:PORT]"),
        (&["-t", "t", "-X", "acks"], "error: --command-property: \"acks\" is not key=value"),
        (&["-t", "t", "-X", "akcs=all"], "error: -X akcs: unknown property"),
        (&["-t", "t", "--report=%q"], "error: --report: \"%q\" means nothing (use %t %p %o %n %%)"),
        (&["-t", "t", "-k", "a", "-K", ":"], "error: --key cannot be used with --key-separator"),
        (
            &["-t", "t", "--acks", "1", "--idempotent"],
            "error: --idempotent cannot be used with --acks 0 or 1: only --acks all can rule out duplicates",
        ),
    ] {
        assert_eq!(refused(args), (line.to_owned(), Some(2)), "{args:?}");
    }
}

#[test]
fn with_json_the_error_is_an_object() {
    let line =
        r#"{"error":{"code":"INVALID_REQUEST","message":"unknown option '--nope'","retriable":false}}"#;
    assert_eq!(refused(&["-t", "t", "--json", "--nope"]), (line.to_owned(), Some(2)));
}

#[test]
fn a_typo_gets_a_suggestion_and_no_page_of_usage() {
    let output = run(&["--topc", "t"], b"");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "error: unknown option '--topc'\n  hint: did you mean '--topic'?\n");
}

#[test]
fn a_file_that_is_not_there_is_exit_code_1() {
    let (line, code) = refused(&["-t", "t", "-l", "/nonexistent/file"]);
    assert_eq!(line, "error: cannot open /nonexistent/file: No such file or directory (os error 2)");
    assert_eq!(code, Some(1));
}

#[test]
fn nobody_there_is_said_with_the_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = free.to_string();
    let (line, code) = refused(&["-t", "t", "-b", &address, "--request-timeout-ms", "300"]);
    assert_eq!(line, format!("error: no broker answered at {address}: connection refused"));
    assert_eq!(code, Some(1));
}

#[test]
fn help_and_version_are_no_errors() {
    for (args, part) in [
        (["-h"], "Examples:\n  yak-producer --topic t"),
        (["--help"], "-K, --key-separator"),
        (["-V"], "yak-producer 0.1"),
    ] {
        let output = run(&args, b"");
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(part), "{args:?}");
        assert!(output.stderr.is_empty());
    }
}
