//! Apache Kafka's dump tool reads our segments, indexes and snapshots, prints what ours prints, and reports damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;
use yak_test_interop::{Damaged, Dump, KafkaDump, Partition, Record, write_logs};
use yak_testkit::binary;

const DEEP: &[&str] = &["--deep-iteration", "--print-data-log"];

fn yak_dump(flags: &[&str], files: &[PathBuf]) -> Dump {
    let output = Command::new(binary("yak-dump-log")).args(flags).args(files).output();
    let output = output.expect("the program starts");
    Dump {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The line of Kafka's text for a record.
fn record_line(record: &Record) -> String {
    let len =
        |field: &Option<Vec<u8>>| field.as_ref().map_or_else(|| "-1".to_owned(), |f| f.len().to_string());
    let kind = if record.log_append_time { "LogAppendTime" } else { "CreateTime" };
    let headers: Vec<_> = record.headers.iter().map(|(key, _)| key.as_str()).collect();
    let mut line = format!(
        "| offset: {} {kind}: {} keySize: {} valueSize: {} sequence: {} headerKeys: [{}]",
        record.offset,
        record.timestamp,
        len(&record.key),
        len(&record.value),
        record.sequence(),
        headers.join(",")
    );
    for (name, field) in [("key", &record.key), ("payload", &record.value)] {
        if let Some(bytes) = field {
            line.push_str(&format!(" {name}: {}", String::from_utf8_lossy(bytes)));
        }
    }
    line
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn kafka_reads_every_record() {
    let Some(kafka) = KafkaDump::find() else { return };
    let root = tempdir().unwrap();
    for partition in write_logs(root.path()) {
        let name = partition.name();
        let segments = partition.files("log");
        assert!(segments.len() > 2, "{name} has {} segments", segments.len());
        let dump = kafka.dump(DEEP, &segments);
        assert_eq!(dump.complaints(), [""; 0], "{name}");
        assert_eq!(dump.code, Some(0));
        let batches: Vec<_> = dump.stdout.lines().filter(|line| line.starts_with("baseOffset: ")).collect();
        assert_eq!(batches.len(), partition.batches(), "{name}");
        let records: Vec<_> = dump.stdout.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(records.len(), partition.records.len(), "{name}");
        for (line, record) in records.into_iter().zip(&partition.records) {
            assert_eq!(line, record_line(record), "{name}");
        }
        let firsts = partition.records.iter().filter(|record| record.index_in_batch == 0);
        for (line, first) in batches.into_iter().zip(firsts) {
            let expected = format!(
                " producerId: {} producerEpoch: {} partitionLeaderEpoch: {} ",
                first.producer_id, first.producer_epoch, first.leader_epoch
            );
            assert!(line.contains(&expected), "{name}: {line}");
        }
        check_epochs(&partition);
    }
}

/// No foreign tool reads this file, but its format is Kafka's.
fn check_epochs(partition: &Partition) {
    let lines: Vec<_> = partition.epochs.iter().map(|(epoch, start)| format!("{epoch} {start}\n")).collect();
    let expected = format!("0\n{}\n{}", lines.len(), lines.concat());
    let text = fs::read_to_string(partition.directory.join("leader-epoch-checkpoint"));
    let text = text.expect("the file is there");
    assert_eq!(text, expected, "{}", partition.name());
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn kafka_accepts_indexes_and_snapshots() {
    let Some(kafka) = KafkaDump::find() else { return };
    let root = tempdir().unwrap();
    for partition in write_logs(root.path()) {
        let name = partition.name();
        let segments = partition.files("log").len();
        let indexes = [partition.files("index"), partition.files("timeindex")];
        assert_eq!(indexes.each_ref().map(Vec::len), [segments; 2], "{name}: an index beside each segment");
        let indexes = indexes.concat();
        let sane = kafka.dump(&["--index-sanity-check"], &indexes);
        assert_eq!(sane.complaints(), [""; 0], "{name}");
        assert_eq!(
            sane.stdout.matches("passed sanity check.").count(),
            indexes.len(),
            "{name}: {}",
            sane.stdout
        );
        let dump = kafka.dump(&[], &indexes);
        assert_eq!(dump.complaints(), [""; 0], "{name}");
        let offsets = dump.stdout.lines().filter(|line| line.starts_with("offset: ")).count();
        let times = dump.stdout.lines().filter(|line| line.starts_with("timestamp: ")).count();
        assert!(
            offsets > 10 * segments.min(4) && times > 2 * segments,
            "{name}: {offsets} and {times} entries"
        );

        let snapshots = partition.files("snapshot");
        let dump = kafka.dump(&[], &snapshots);
        assert_eq!(dump.complaints(), [""; 0], "{name}");
        let ids: Vec<i64> = partition.records.iter().map(|record| record.producer_id).collect();
        for id in ids.into_iter().filter(|id| *id >= 0) {
            assert!(
                dump.stdout.contains(&format!("producerId: {id} producerEpoch: 2 ")),
                "{name}: {}",
                dump.stdout
            );
        }
    }
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn our_dump_prints_what_kafkas_prints() {
    let Some(kafka) = KafkaDump::find() else { return };
    let root = tempdir().unwrap();
    for partition in write_logs(root.path()) {
        for extension in ["log", "index", "timeindex", "snapshot"] {
            let files = partition.files(extension);
            if files.is_empty() {
                continue;
            }
            for flags in [&[][..], DEEP] {
                let (theirs, ours) = (kafka.dump(flags, &files), yak_dump(flags, &files));
                let name = partition.name();
                assert_eq!((ours.code, ours.stderr.as_str()), (Some(0), ""), "{name} {extension}");
                for (theirs, ours) in theirs.stdout.lines().zip(ours.stdout.lines()) {
                    assert_eq!(theirs, ours, "{name} {extension}");
                }
                assert_eq!(theirs.stdout, ours.stdout, "{name} {extension}");
            }
        }
    }
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn both_tools_report_damage() {
    let Some(kafka) = KafkaDump::find() else { return };
    let root = tempdir().unwrap();
    let partitions = write_logs(root.path());
    let partition = partitions.iter().find(|partition| partition.name() == "idempotent-0").unwrap();
    let second = |extension: &str| partition.files(extension)[1].clone();
    let check = |file: &Path, theirs: &str, ours: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let copy = Damaged::copy_of(partition);
        let damaged = [copy.change(file, |bytes| change(bytes))];
        let dump = kafka.dump(&[], &damaged);
        assert!(dump.complaints().iter().any(|line| line.contains(theirs)), "{theirs}: {dump:?}");
        let dump = yak_dump(&[], &damaged);
        assert_eq!(dump.code, Some(1), "{dump:?}");
        assert!(dump.stderr.contains(ours), "{ours}: {}", dump.stderr);
    };
    check(&second("log"), "isvalid: false", "the checksum does not match", &|bytes| bytes[100] ^= 1);
    check(&second("log"), "invalid bytes at the end", "are no whole batch", &|bytes| {
        bytes.truncate(bytes.len() - 1);
    });
    check(&second("index"), "Mismatches in", "the batch there ends with offset", &|bytes| bytes[3] += 1);
    check(&second("timeindex"), "timestamp mismatch", "the largest timestamp of the batch is", &|bytes| {
        bytes[7] ^= 1;
    });
    check(&second("snapshot"), "CRC", "the checksum is", &|bytes| bytes[20] ^= 1);
}
