//! Bad input at yak-consumer's command line: the exact first line on stderr, and the exit code.

use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yak-consumer"));
    command.args(args).env_remove("YAK_BOOTSTRAP_SERVERS").output().expect("the program runs")
}

/// The first line on stderr, and the exit code.
fn refused(args: &[&str]) -> (String, Option<i32>) {
    let output = run(args);
    assert!(output.stdout.is_empty(), "{args:?}");
    let stderr = String::from_utf8(output.stderr).expect("errors are UTF-8");
    (stderr.lines().next().unwrap_or_default().to_owned(), output.status.code())
}

#[test]
fn what_makes_no_sense_is_one_line_and_exit_code_2() {
    for (args, line) in [
        (&["--from-beginnning", "-t", "t"][..], "error: unknown option '--from-beginnning'"),
        (&[], "error: --topic is required"),
        (&["-t", ".."], "error: --topic: a topic cannot be named \"..\""),
        (
            &["-t", "t", "-o", "newest"],
            "error: --offset: \"newest\" is not an offset (use earliest, latest, N, -N, @TIME, @-10m or A:B)",
        ),
        (
            &["-t", "t", "-o", "@soon"],
            "error: --offset: \"soon\" is not a time (use 2025-03-01T12:00:00Z, -10m, or milliseconds since 1970)",
        ),
        (&["-t", "t", "-p", "0,x"], "error: --partition: \"x\" is not a whole number"),
        (&["-t", "t", "-n", "0"], "error: --max-messages: 0 is not at least 1"),
        (
            &["-t", "t", "-f", "%q"],
            "error: --format: \"%q\" means nothing (use %t %p %o %T %k %s %h %K %S %R %%)",
        ),
        (
            &["-t", "t", "--tail", "3", "--from-beginning"],
            "error: --tail cannot be used with --from-beginning",
        ),
        (&["-t", "t", "-g", "g", "-p", "0"], "error: --group cannot be used with --partition"),
        (&["-t", "t", "-g", "g", "-o", "5"], "error: --group cannot be used with --offset"),
        (&["-t", "t", "-g", ""], "error: --group: it must not be empty"),
        (&["-t", "t", "--show-rebalances"], "error: --show-rebalances needs --group"),
        (
            &["--include", "orders-("],
            "error: --include: \"orders-(\" is no regular expression: unclosed group",
        ),
        (
            &["-t", "t", "--print", "keys"],
            "error: --print: \"keys\" is not one of timestamp, partition, offset, headers, key, value",
        ),
        (
            &["-t", "t", "--formatter-property", "print.kye=true"],
            "error: --formatter-property print.kye: unknown property",
        ),
    ] {
        assert_eq!(refused(args), (line.to_owned(), Some(2)), "{args:?}");
    }
}

#[test]
fn nobody_there_is_said_with_the_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = free.to_string();
    let (line, code) = refused(&["-t", "t", "-b", &address, "--request-timeout-ms", "300"]);
    assert_eq!(line, format!("error: no broker answered at {address}: connection refused"));
    assert_eq!(code, Some(1));
    let json = refused(&["-t", "t", "-b", &address, "--request-timeout-ms", "300", "--json"]).0;
    assert!(
        json.starts_with(r#"{"error":{"code":"NETWORK_EXCEPTION","message":"no broker answered at "#),
        "{json}"
    );
}

#[test]
fn a_bad_environment_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yak-consumer"));
    let output = command.args(["-t", "t"]).env("YAK_BOOTSTRAP_SERVERS", "h:x").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "error: env YAK_BOOTSTRAP_SERVERS: \"h:x\" is not HOST[:PORT]\n");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn help_and_version_are_no_errors() {
    for (args, part) in [(["-h"], "Examples:\n  yak-consumer --topic t"), (["-V"], "yak-consumer 0.1")] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(part), "{args:?}");
        assert!(output.stderr.is_empty());
    }
}
