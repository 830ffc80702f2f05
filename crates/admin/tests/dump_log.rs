//! yak-dump-log as a process: exit codes, and the first line on stderr.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use yak_record::{BatchBuilder, Compression, RecordParts};

fn batch() -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.push(&RecordParts { key: Some(b"k"), value: Some(b"hello\x1b[2J"), ..RecordParts::default() });
    builder.finish(Compression::None, None).to_vec()
}

fn dump_log(directory: &Path, args: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_yak-dump-log")).current_dir(directory).args(args).output();
    command.expect("the program starts")
}

fn first_line(stderr: &[u8]) -> String {
    String::from_utf8_lossy(stderr).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn exit_codes_tell_whole_from_damaged_from_nonsense() {
    let directory = tempfile::tempdir().unwrap();
    let log = "00000000000000000000.log";
    let run = |content: &[u8], args: &[&str]| {
        fs::write(directory.path().join(log), content).unwrap();
        let output = dump_log(directory.path(), args);
        let stdout = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), first_line(&output.stderr), stdout)
    };
    let mut content = batch();
    let (code, line, stdout) = run(&content, &["--print-data-log", log]);
    assert_eq!((code, line.as_str()), (Some(0), ""));
    assert!(
        stdout.contains("isvalid: true\n| offset: 0 ") && stdout.ends_with(" key: k payload: hello\x1b[2J\n")
    );
    let (code, line, _) = run(&content[..70], &["."]);
    assert_eq!(code, Some(0));
    assert!(line.starts_with("note: ./00000000000000000000.log: position 0: 70 bytes at the end"), "{line}");

    content[70] ^= 1;
    let (code, line, _) = run(&content, &["--files", log]);
    let expected = format!("error: {log}: position 0, offset 0: the checksum does not match the content");
    assert_eq!((code, line), (Some(1), expected));
    let (code, line, stdout) = run(&content, &["--json", log]);
    assert_eq!(code, Some(1));
    assert!(line.starts_with("{\"error\":{\"code\":\"CORRUPT_MESSAGE\","), "{line}");
    assert!(stdout.lines().all(|line| line.starts_with('{') && line.ends_with('}')));

    let (code, line, _) = run(&content, &[]);
    assert_eq!((code, line.as_str()), (Some(2), "error: which files? name files or directories of a log"));
    let (code, line, _) = run(&content, &["--deep-iterations", log]);
    assert_eq!((code, line.as_str()), (Some(2), "error: unknown option '--deep-iterations'"));
    fs::write(directory.path().join("notes.txt"), "x").unwrap();
    let (code, line, _) = run(&content, &["notes.txt"]);
    assert_eq!((code, line.as_str()), (Some(2), "error: notes.txt: not a file of a log"));
    let (code, line, _) = run(&content, &["00000000000000000001.log"]);
    assert_eq!(code, Some(1));
    assert!(line.starts_with("error: cannot read 00000000000000000001.log: "), "{line}");
}

#[test]
fn a_closed_stdout_is_a_clean_end() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("00000000000000000000.log"), batch()).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_yak-dump-log"))
        .args(["--print-data-log", "--follow"])
        .arg(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    drop(child.stdout.take());
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it goes on without a reader");
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), first_line(&output.stderr).as_str()), (Some(0), ""));
}
