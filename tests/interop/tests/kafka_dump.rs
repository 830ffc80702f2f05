//! Apache Kafka's dump tool reads our segments, indexes and snapshots, prints what ours prints, and reports damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;
use yak_test_interop::{Damaged, Dump, KafkaDump, Partition, Record, compact_logs, write_logs};
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

/// The files of all partitions with these extensions: one start of Java for all of them.
fn files(partitions: &[Partition], extensions: &[&str]) -> Vec<PathBuf> {
    let of = |partition: &Partition| extensions.iter().flat_map(|e| partition.files(e)).collect::<Vec<_>>();
    partitions.iter().flat_map(of).collect()
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn kafka_reads_what_compaction_left() {
    let Some(kafka) = KafkaDump::find() else { return };
    let root = tempdir().unwrap();
    let partitions = compact_logs(root.path(), &write_logs(root.path()));
    let dump = kafka.dump(DEEP, &files(&partitions, &["log"]));
    assert_eq!(dump.code, Some(0), "{}", dump.stderr);
    // With `--deep-iteration` the tool says of every record that is gone that it is; that is no complaint here.
    let said: Vec<_> =
        dump.complaints().into_iter().filter(|line| !line.contains(" is followed by ")).collect();
    assert_eq!(said, Vec::<&str>::new());
    let left = partitions.iter().flat_map(|partition| &partition.records);
    let records = dump.stdout.lines().filter(|line| line.starts_with("| "));
    let without_sequence = |line: &str| {
        let (before, after) = line.split_once(" sequence: ").expect("every line has one");
        format!("{before} {}", after.split_once(' ').expect("and something behind it").1)
    };
    assert!(records.map(without_sequence).eq(left.map(|record| without_sequence(&record_line(record)))));
    assert!(dump.stdout.contains(" deleteHorizonMs: OptionalLong["), "tombstones have their time");
    assert!(dump.stdout.contains(" count: 0 "), "what is gone is an empty batch");
    let mut next = 0;
    for line in dump.stdout.lines().filter(|line| line.starts_with("baseOffset: ")) {
        let number = |name: &str| -> i64 {
            let (_, after) = line.split_once(&format!("{name}: ")).expect(line);
            after.split(' ').next().and_then(|number| number.parse().ok()).expect(line)
        };
        assert!(line.ends_with("isvalid: true"), "{line}");
        assert!([0, next].contains(&number("baseOffset")), "{line} where {next} belongs");
        next = number("lastOffset") + 1;
    }
    let indexes = kafka.dump(&["--index-sanity-check"], &files(&partitions, &["index", "timeindex"]));
    assert_eq!((indexes.code, indexes.complaints()), (Some(0), Vec::new()), "{}", indexes.stdout);
    let ours = yak_dump(&["--allow-gaps"], &files(&partitions, &["log", "index", "timeindex", "snapshot"]));
    assert_eq!((ours.code, ours.stderr.as_str()), (Some(0), ""));
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn kafka_reads_every_record() {
    let Some(kafka) = KafkaDump::find() else { return };
    let root = tempdir().unwrap();
    let partitions = write_logs(root.path());
    let segments = files(&partitions, &["log"]);
    assert!(segments.len() > 3 * partitions.len(), "only {} segments", segments.len());
    let dump = kafka.dump(DEEP, &segments);
    assert_eq!((dump.code, dump.complaints()), (Some(0), Vec::new()));

    let written: Vec<_> = partitions.iter().flat_map(|partition| &partition.records).collect();
    let records: Vec<_> = dump.stdout.lines().filter(|line| line.starts_with("| ")).collect();
    assert_eq!(records.len(), written.len());
    for (line, record) in records.into_iter().zip(&written) {
        assert_eq!(line, record_line(record));
    }
    let batches: Vec<_> = dump.stdout.lines().filter(|line| line.starts_with("baseOffset: ")).collect();
    let firsts: Vec<_> = written.iter().filter(|record| record.index_in_batch == 0).collect();
    assert_eq!(batches.len(), firsts.len());
    for (line, first) in batches.into_iter().zip(firsts) {
        let expected = format!(
            " producerId: {} producerEpoch: {} partitionLeaderEpoch: {} ",
            first.producer_id, first.producer_epoch, first.leader_epoch
        );
        assert!(line.contains(&expected) && line.ends_with("isvalid: true"), "{line}");
    }
    partitions.iter().for_each(check_epochs);
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
    let partitions = write_logs(root.path());
    let segments = files(&partitions, &["log"]).len();
    let indexes = files(&partitions, &["index", "timeindex"]);
    assert_eq!(indexes.len(), 2 * segments, "two indexes beside each segment");
    let sane = kafka.dump(&["--index-sanity-check"], &indexes);
    assert_eq!(sane.complaints(), [""; 0]);
    assert_eq!(sane.stdout.matches("passed sanity check.").count(), indexes.len(), "{}", sane.stdout);
    let dump = kafka.dump(&[], &indexes);
    assert_eq!(dump.complaints(), [""; 0]);
    let offsets = dump.stdout.lines().filter(|line| line.starts_with("offset: ")).count();
    let times = dump.stdout.lines().filter(|line| line.starts_with("timestamp: ")).count();
    assert!(
        offsets > 10 * segments && times > 5 * segments,
        "{offsets} and {times} entries, {segments} segments"
    );

    for partition in partitions.iter().filter(|partition| partition.records[0].producer_id >= 0) {
        let dump = kafka.dump(&[], &partition.files("snapshot"));
        assert_eq!(dump.complaints(), [""; 0], "{}", partition.name());
        for id in 1000..1003 {
            let last = partition.records.iter().rfind(|record| record.producer_id == id).unwrap();
            let expected = format!(" lastSequence: {} lastOffset: {} ", last.sequence(), last.offset);
            let found = dump.stdout.lines().rfind(|line| line.starts_with(&format!("producerId: {id} ")));
            assert!(found.is_some_and(|line| line.contains(&expected)), "{expected}: {}", dump.stdout);
        }
    }
}

#[test]
#[ignore = "needs scripts/interop-setup.sh"]
fn our_dump_prints_what_kafkas_prints() {
    let Some(kafka) = KafkaDump::find() else { return };
    let root = tempdir().unwrap();
    let partitions = write_logs(root.path());
    let all = files(&partitions, &["log", "index", "timeindex", "snapshot"]);
    for (flags, files) in [(DEEP, &all[..]), (&[], &partitions[0].files("log"))] {
        let (theirs, ours) = (kafka.dump(flags, files), yak_dump(flags, files));
        assert_eq!((ours.code, ours.stderr.as_str()), (Some(0), ""));
        for (theirs, ours) in theirs.stdout.lines().zip(ours.stdout.lines()) {
            assert_eq!(theirs, ours);
        }
        assert_eq!(theirs.stdout.len(), ours.stdout.len());
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
        let dump = kafka.dump(&["--deep-iteration"], &damaged);
        assert!(dump.complaints().iter().any(|line| line.contains(theirs)), "{theirs}: {dump:?}");
        let dump = yak_dump(&[], &damaged);
        assert_eq!(dump.code, Some(1), "{dump:?}");
        assert!(dump.stderr.contains(ours), "{ours}: {}", dump.stderr);
    };
    check(&second("log"), "isvalid: false", "the checksum does not match", &|bytes| bytes[100] ^= 1);
    check(&second("log"), "invalid bytes at the end", "are no whole batch", &|bytes| {
        bytes.truncate(bytes.len() - 1);
    });
    check(&second("log"), "is followed by", "non-consecutive offsets", &|bytes| {
        let second_batch = 12 + usize::from(bytes[11]) + 256 * usize::from(bytes[10]);
        bytes[second_batch + 6] += 1;
    });
    check(&second("index"), "Mismatches in", "the batch there ends with offset", &|bytes| bytes[3] += 1);
    check(&second("timeindex"), "timestamp mismatch", "the largest timestamp of the batch is", &|bytes| {
        bytes[7] ^= 1;
    });
    check(&second("snapshot"), "CRC", "the checksum is", &|bytes| bytes[20] ^= 1);
}
