//! INV-19 and INV-20: a flipped bit or a lost index changes no answer; what cannot be answered is reported.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::let_underscore_must_use,
    reason = "a test fails by panicking, and prints its denominators"
)]

use std::path::{Path, PathBuf};

use yak_log::{Dir, FlushMode, LogConfig, ManualClock, MemDir, NewLog};
use yak_model::{LeaderEpoch, TimestampMs};
use yak_test_crash::*;

/// Everything that a log answers.
#[derive(Debug, PartialEq, Eq)]
struct Answers {
    content: Vec<Read>,
    times: Vec<Option<(i64, i64)>>,
    newest: Option<(i64, i64)>,
    retries: Vec<i64>,
}

fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix == "index" || suffix == "timeindex")
}

fn small() -> LogConfig {
    config(FlushMode::Sync, 500)
}

fn record(n: i64) -> (i64, Vec<u8>) {
    // Times rise, with one straggler in four.
    let time = NOW.get() + if n % 4 == 3 { n * 10 - 25 } else { n * 10 };
    (time, vec![b'a' + u8::try_from(n % 26).unwrap(); 20])
}

fn retry(n: i64) -> bytes::BytesMut {
    batch(&[record(n)], Some((5, 0, i32::try_from(n).unwrap())))
}

const COUNT: i64 = 16;

/// A log of several segments in two epochs, closed or killed, of which records before 2 were deleted.
fn written(clean: bool) -> MemDir {
    let mem = MemDir::new();
    let directory = open_directory(&mem, &ManualClock::default()).unwrap();
    let new = NewLog { partition: partition(0), topic_id: topic_id(), config: small() };
    let mut log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    for n in 0..COUNT {
        let epoch = LeaderEpoch::new(i32::try_from(n / 7).unwrap());
        log.append_as_leader(&mut retry(n), epoch, NOW).unwrap();
        if n == 9 {
            log.delete_before(yak_model::Offset::new(2)).unwrap();
            log.set_high_watermark(yak_model::Offset::new(9));
            directory.checkpoint().unwrap();
            directory.retention_clock(NOW).unwrap();
        }
    }
    directory.flush_due().unwrap();
    if clean {
        directory.close(vec![log], None).unwrap();
    }
    mem.snapshot()
}

fn ask(mem: &MemDir) -> Result<Answers, Report> {
    let mut opened = open(mem, &small())?;
    let reader = opened.log.reader();
    let content = content(&reader)?;
    let found = |found: Option<yak_log::TimestampedOffset>| {
        found.map(|found| (found.offset.get(), found.timestamp.get()))
    };
    let mut times = Vec::new();
    for ms in (-30..COUNT * 10 + 20).step_by(7) {
        let answer = reader.offset_for_time(TimestampMs::new(NOW.get() + ms), END).map_err(Report::Read)?;
        times.push(found(answer));
    }
    let newest = found(reader.max_timestamp_offset(END).map_err(Report::Read)?);
    let mut retries = Vec::new();
    for n in COUNT - 5..COUNT {
        let appended = opened.log.append_as_leader(&mut retry(n), LeaderEpoch::new(9), NOW).unwrap();
        assert!(appended.duplicate, "a retransmission was appended again");
        retries.push(appended.base_offset.get());
    }
    Ok(Answers { content, times, newest, retries })
}

#[test]
fn inv_19_every_single_flipped_bit() {
    for clean in [true, false] {
        let mem = written(clean);
        let expected = ask(&mem.snapshot()).unwrap();
        assert_eq!(expected.content.len(), usize::try_from(COUNT - 2).unwrap());
        let files = mem.files();
        assert!(files.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "log")).count() > 3);
        let (mut same, mut reported) = (0, 0);
        for (path, bytes) in &files {
            for bit in 0..bytes.len() * 8 {
                let image = mem.snapshot();
                image.tamper(path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8)).unwrap();
                match ask(&image) {
                    Ok(answers) => {
                        assert_eq!(answers, expected, "{} bit {bit}, clean: {clean}", path.display());
                        same += 1;
                    }
                    Err(report) => {
                        assert!(!is_index(path), "INV-20: {report:?}, {} bit {bit}", path.display());
                        reported += 1;
                    }
                }
            }
        }
        println!(
            "clean: {clean}: {} bits of {} files flipped: {same} the same content, {reported} reported",
            same + reported,
            files.len()
        );
        assert!(same > 1000 && reported > 1000);
    }
}

#[test]
fn inv_20_indexes_are_caches() {
    for clean in [true, false] {
        let mem = written(clean);
        let expected = ask(&mem.snapshot()).unwrap();
        let indexes: Vec<(PathBuf, Vec<u8>)> =
            mem.files().into_iter().filter(|(path, _)| is_index(path)).collect();
        assert!((4..=12).contains(&indexes.len()), "{}", indexes.len());
        let mut images = 0;
        for subset in 0..1_u32 << indexes.len() {
            let image = mem.snapshot();
            for (n, (path, _)) in indexes.iter().enumerate() {
                if subset >> n & 1 == 1 {
                    image.remove_file(path).unwrap();
                }
            }
            assert_eq!(ask(&image).unwrap(), expected, "subset {subset:b} deleted, clean: {clean}");
            images += 1;
        }
        for (path, bytes) in &indexes {
            for len in 0..bytes.len() {
                for zeros in [false, true] {
                    let image = mem.snapshot();
                    let spoil = |bytes: &mut Vec<u8>| {
                        if zeros { bytes[len..].fill(0) } else { bytes.truncate(len) }
                    };
                    image.tamper(path, spoil).unwrap();
                    assert_eq!(ask(&image).unwrap(), expected, "{} cut to {len}", path.display());
                    images += 1;
                }
            }
        }
        println!("clean: {clean}: {images} ways to lose indexes, every answer the same");
    }
}
