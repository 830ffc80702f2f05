//! Opening, closing, crashing: what comes back, what is cut, what is damage.

mod common;

use std::path::Path;

use common::*;
use yak_log::{
    DamageKind, Dir, FlushMode, LogConfig, LogDirectory, LogError, MemDir, NewLog, OnDamage, OpenError,
};
use yak_model::{BrokerEpoch, BrokerId, ClusterId, PartitionIndex, TopicId, TopicPartition};

fn filled(flush: FlushMode, count: u32) -> Fixture {
    let mut fixture = Fixture::new(config(flush));
    (0..count).for_each(|n| _ = fixture.append(&n.to_be_bytes()));
    fixture
}

fn expected(count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|n| n.to_be_bytes().to_vec()).collect()
}

fn last_log(mem: &MemDir) -> (std::path::PathBuf, usize) {
    let logs = mem.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "log"));
    let (path, content) = logs.max().expect("a log file");
    (path, content.len())
}

#[test]
fn a_clean_shutdown_is_opened_without_a_check() {
    for flush in [FlushMode::Sync, FlushMode::Os] {
        let fixture = filled(flush, 300);
        let (mut fixture, report) = fixture.reopen_clean();
        assert!(report.clean && report.checked_bytes == 0 && report.cut.is_none(), "{report:?}");
        assert_eq!((report.start, report.end, report.durable_end), (offset(0), offset(300), offset(300)));
        assert_eq!(values(&fixture.reader()), expected(300));
        assert_eq!(fixture.append(&300_u32.to_be_bytes()), 300);
        let (fixture, report) = fixture.reopen_clean();
        assert!(report.clean);
        assert_eq!(values(&fixture.reader()), expected(301));
        assert_eq!(fixture.log.latest_epoch(), Some(epoch(0)));
    }
}

#[test]
fn the_marker_is_kafkas_and_goes_at_open() {
    let fixture = filled(FlushMode::Sync, 1);
    let Fixture { mem, directory, log, .. } = fixture;
    directory.close(vec![log], Some(BrokerEpoch::new(42))).unwrap();
    let marker = |mem: &MemDir| {
        mem.files()
            .into_iter()
            .find(|(path, _)| path == Path::new(".kafka_cleanshutdown"))
            .map(|(_, text)| text)
    };
    assert_eq!(marker(&mem).unwrap(), br#"{"version":0,"brokerEpoch":42}"#);
    let (fixture, _) = Fixture::open(mem, config(FlushMode::Sync)).unwrap();
    assert!(marker(&fixture.mem).is_none());
    assert!(fixture.directory.was_clean());
}

#[test]
fn a_log_that_was_not_closed_leaves_no_marker() {
    let Fixture { mem, directory, .. } = filled(FlushMode::Sync, 1);
    directory.close(Vec::new(), None).unwrap();
    let (_, report) = Fixture::open(mem, config(FlushMode::Sync)).unwrap();
    assert!(!report.clean);
}

#[test]
fn everything_survives_a_kill() {
    for flush in [FlushMode::Sync, FlushMode::Os] {
        let fixture = filled(flush, 300);
        let (killed, report) = Fixture::open(fixture.killed(), config(flush)).unwrap();
        assert!(!report.clean && report.cut.is_none());
        assert_eq!(values(&killed.reader()), expected(300));
        let durable = if flush == FlushMode::Sync { 300 } else { 0 };
        assert_eq!(report.durable_end, offset(durable), "{report:?}");
        assert_eq!(report.rewritten_bytes > 0, flush == FlushMode::Sync);
        killed.directory.flush_now().unwrap();
        assert_eq!(killed.log.durable_end(), offset(300));
    }
}

#[test]
fn a_torn_tail_is_cut_and_named() {
    let fixture = filled(FlushMode::Sync, 30);
    fixture.directory.flush_now().unwrap();
    let mem = fixture.killed();
    let (path, len) = last_log(&mem);
    mem.tamper(&path, |content| content.extend_from_slice(&single(b"torn")[..40])).unwrap();
    let (opened, report) = Fixture::open(mem, config(FlushMode::Sync)).unwrap();
    let cut = report.cut.unwrap();
    assert!(cut.file.ends_with(&path));
    assert_eq!((cut.position, cut.bytes, cut.offset), (len as u64, 40, offset(30)));
    assert_eq!(cut.problem, "the batch needs 61 bytes, there are 40");
    assert_eq!(values(&opened.reader()), expected(30));
}

#[test]
fn a_batch_of_an_older_epoch_ends_the_log() {
    let mut fixture = filled(FlushMode::Sync, 10);
    fixture.log.append_as_leader(&mut single(b"new"), epoch(4), NOW).unwrap();
    fixture.directory.flush_now().unwrap();
    let mem = fixture.killed();
    // Left over from before a truncation: whole, contiguous, and of another leader.
    let mut stale = single(b"stale");
    yak_record::patch_base_offset(&mut stale, offset(11));
    yak_record::patch_leader_epoch(&mut stale, epoch(3));
    let (path, _) = last_log(&mem);
    mem.tamper(&path, |content| content.extend_from_slice(&stale)).unwrap();
    let (opened, report) = Fixture::open(mem, config(FlushMode::Sync)).unwrap();
    assert_eq!(report.cut.unwrap().problem, "leader epoch 3 after 4");
    assert_eq!(opened.log.end(), offset(11));
}

#[test]
fn after_a_kill_only_what_came_after_the_recovery_point_is_read() {
    let one_segment = LogConfig { segment_bytes: 1 << 20, ..config(FlushMode::Sync) };
    for after in [0_u32, 1, 20, 100] {
        let mut fixture = Fixture::new(one_segment.clone());
        for n in 0..2000_u32 {
            let late = i64::from(n % 7) * 50;
            fixture.append_batch(batch(&[(NOW.get() + i64::from(n) - late, &n.to_be_bytes())], None));
        }
        fixture.directory.checkpoint().unwrap();
        for n in 2000..2000 + after {
            fixture.append(&n.to_be_bytes());
        }
        let index = |mem: &MemDir, suffix: &str| {
            let (_, content) = mem
                .files()
                .into_iter()
                .find(|(path, _)| path.extension().is_some_and(|e| e == suffix))
                .unwrap();
            content
        };
        let (killed, report) = Fixture::open(fixture.killed(), one_segment.clone()).unwrap();
        let limit = 45_000 + u64::from(after) * 80;
        assert!(report.checked_bytes < limit, "{} bytes were read", report.checked_bytes);
        assert_eq!(values(&killed.reader()), expected(2000 + after));
        // The index, continued, is that of the whole log made anew.
        let bare = fixture.killed();
        let paths: Vec<_> = bare.files().into_iter().map(|(path, _)| path).collect();
        for path in paths {
            if path.extension().is_some_and(|e| e == "index" || e == "timeindex") {
                bare.remove_file(&path).unwrap();
            }
        }
        let (anew, report) = Fixture::open(bare, one_segment.clone()).unwrap();
        assert!(report.checked_bytes > 100_000);
        assert!(index(&killed.mem, "index") == index(&anew.mem, "index"), "after {after}");
        // Time entries that waited in memory are not all made up for, but that only costs time.
        let end = offset(i64::MAX);
        for time in (0..2000).step_by(13).map(at) {
            let found = killed.reader().offset_for_time(time, end).unwrap();
            assert_eq!(found, anew.reader().offset_for_time(time, end).unwrap());
        }
    }
}

#[test]
fn damage_below_the_slot_is_refused_and_can_be_set_aside() {
    let fixture = filled(FlushMode::Sync, 300);
    fixture.directory.flush_now().unwrap();
    let mem = fixture.killed();
    let (path, len) = last_log(&mem);
    mem.tamper(&path, |content| content[len - 3] ^= 4).unwrap();
    let before = mem.files();
    let error = Fixture::open(mem.snapshot(), config(FlushMode::Sync)).unwrap_err();
    let LogError::Damaged { damage, .. } = &error else { panic!("{error}") };
    assert!(matches!(damage.kind, DamageKind::BadBatch(_)));
    assert_eq!((damage.offset, damage.durable_end), (offset(299), offset(300)));
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    let refused = Fixture::open(mem.snapshot(), config(FlushMode::Sync));
    assert!(refused.is_err(), "it stays damaged");

    let (mut opened, report) = Fixture::open_with(mem, config(FlushMode::Sync), OnDamage::SetAside).unwrap();
    assert_eq!(report.end, offset(299));
    assert_eq!(report.set_aside.len(), 1);
    assert!(report.damage.is_some());
    let aside =
        opened.mem.files().into_iter().find(|(path, _)| path.display().to_string().ends_with(".damaged"));
    let original = before.into_iter().find(|(p, _)| *p == path).unwrap().1;
    assert_eq!(aside.unwrap().1, original, "the damaged file is kept as it was");
    assert_eq!(values(&opened.reader()), expected(299));
    assert_eq!(opened.append(&299_u32.to_be_bytes()), 299);
    opened.directory.flush_now().unwrap();
    let (again, _) = Fixture::open(opened.killed(), config(FlushMode::Sync)).unwrap();
    assert_eq!(values(&again.reader()), expected(300));
}

#[test]
fn damage_is_not_forgotten_by_a_clean_shutdown() {
    let fixture = filled(FlushMode::Sync, 300);
    fixture.directory.flush_now().unwrap();
    let mem = fixture.killed();
    let (path, len) = last_log(&mem);
    // In the middle of the last segment, which ends well.
    mem.tamper(&path, |content| content[len / 2] ^= 4).unwrap();
    for round in 0..3 {
        let directory = open_directory(&mem, &yak_log::ManualClock::default());
        let opened = directory.open_log(&partition(), topic_id(), config(FlushMode::Sync), OnDamage::Refuse);
        assert!(matches!(opened, Err(LogError::Damaged { .. })), "round {round}");
        directory.close(Vec::new(), None).unwrap();
    }
    // A log that nobody opened is not clean either.
    let mem = filled(FlushMode::Sync, 10).killed();
    open_directory(&mem, &yak_log::ManualClock::default()).close(Vec::new(), None).unwrap();
    let (_, report) = Fixture::open(mem, config(FlushMode::Sync)).unwrap();
    assert!(!report.clean);
}

#[test]
fn a_log_that_ends_below_its_slot_is_damage() {
    for (clean, loss) in [(false, 1), (true, 1), (false, usize::MAX), (true, usize::MAX)] {
        let fixture = filled(FlushMode::Sync, 30);
        fixture.directory.flush_now().unwrap();
        let mem = if clean {
            let Fixture { mem, directory, log, .. } = fixture;
            directory.close(vec![log], None).unwrap();
            mem
        } else {
            fixture.killed()
        };
        let (path, len) = last_log(&mem);
        let one = single(&[0; 4]).len();
        mem.tamper(&path, |content| content.truncate(len.saturating_sub(loss.saturating_mul(one)))).unwrap();
        let error = Fixture::open(mem.clone(), config(FlushMode::Sync)).unwrap_err();
        let LogError::Damaged { damage, .. } = &error else { panic!("{error}") };
        assert_eq!(damage.kind, DamageKind::EndsEarly);
        let left = if loss == 1 { 29 } else { 0 };
        assert_eq!(damage.offset, offset(left));
        let (opened, _) = Fixture::open_with(mem, config(FlushMode::Sync), OnDamage::SetAside).unwrap();
        assert_eq!(opened.log.end(), offset(left));
    }
}

#[test]
fn a_missing_segment_is_damage_below_the_slot() {
    let fixture = filled(FlushMode::Sync, 300);
    fixture.directory.flush_now().unwrap();
    let mem = fixture.killed();
    let logs: Vec<_> =
        mem.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "log")).collect();
    mem.remove_file(&logs[logs.len() - 2].0).unwrap();
    // The slot is lost as well, so that everything is checked; the stored high watermark is not.
    fixture.reader();
    let error = Fixture::open(mem, config(FlushMode::Sync));
    // What lies before the last checked segment is found by whoever reads there.
    match error {
        Err(LogError::Damaged { damage, .. }) => assert_eq!(damage.kind, DamageKind::Gap),
        Ok((opened, _)) => assert!(read_from(&opened.reader(), 0, 1000).is_err()),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn missing_indexes_are_rebuilt_and_equal() {
    let fixture = filled(FlushMode::Sync, 300);
    let Fixture { mem, directory, log, .. } = fixture;
    directory.close(vec![log], None).unwrap();
    let is_index = |path: &Path| path.extension().is_some_and(|e| e == "index" || e == "timeindex");
    let indexes =
        |mem: &MemDir| -> Vec<_> { mem.files().into_iter().filter(|(path, _)| is_index(path)).collect() };
    let before = indexes(&mem);
    assert!(before.len() > 8);
    for (path, _) in &before {
        mem.remove_file(path).unwrap();
    }
    let (fixture, report) = Fixture::open(mem, config(FlushMode::Sync)).unwrap();
    assert!(report.clean);
    assert_eq!(values(&fixture.reader()), expected(300));
    let Fixture { mem, directory, log, .. } = fixture;
    directory.close(vec![log], None).unwrap();
    assert_eq!(indexes(&mem), before);
}

#[test]
fn producers_are_remembered_over_a_clean_shutdown_and_a_kill() {
    for clean in [true, false] {
        let mut fixture = Fixture::new(config(FlushMode::Sync));
        for n in 0..200 {
            fixture.append_batch(batch(&[(NOW.get(), &[0; 20])], stamp(5, 1, n)));
        }
        let mut fixture = if clean {
            fixture.reopen_clean().0
        } else {
            Fixture::open(fixture.killed(), config(FlushMode::Sync)).unwrap().0
        };
        for n in 195..200 {
            let mut again = batch(&[(NOW.get(), &[0; 20])], stamp(5, 1, n));
            let appended = fixture.log.append_as_leader(&mut again, epoch(0), NOW).unwrap();
            assert!(appended.duplicate);
            assert_eq!(appended.base_offset, offset(i64::from(n)), "clean: {clean}");
        }
        assert_eq!(fixture.append_batch(batch(&[(NOW.get(), b"n")], stamp(5, 1, 200))), 200);
    }
}

#[test]
fn many_partitions_are_created_with_few_syncs_and_open_fast() {
    let fixture = Fixture::new(config(FlushMode::Sync));
    let new: Vec<NewLog> = (1..=200)
        .map(|n| NewLog {
            partition: TopicPartition::new("t".parse().unwrap(), PartitionIndex::new(n)),
            topic_id: topic_id(),
            config: config(FlushMode::Sync),
        })
        .collect();
    let before = fixture.mem.op_count();
    let mut logs = fixture.directory.create_logs(&new).unwrap();
    let ops = fixture.mem.ops().split_off(before);
    let syncs = ops.iter().filter(|op| format!("{op:?}").starts_with("Sync")).count();
    assert!(syncs <= 2, "{syncs} syncs");
    let Fixture { mem, directory, log, .. } = fixture;
    logs.push(log);
    directory.close(logs, None).unwrap();
    let directory = open_directory(&mem, &yak_log::ManualClock::default());
    assert_eq!(directory.found().len(), 201);
    assert!(directory.found().iter().all(|found| found.topic_id == Some(topic_id())));
    let before = mem.op_count();
    for found in directory.found() {
        let opened =
            directory.open_log(&found.partition, topic_id(), config(FlushMode::Sync), OnDamage::Refuse);
        assert!(opened.unwrap().1.clean);
    }
    assert_eq!(mem.op_count() - before, 0, "opening a clean log changes nothing");
}

#[test]
fn a_directory_has_one_owner_one_broker_and_one_cluster() {
    let fixture = filled(FlushMode::Sync, 1);
    let options = || options(&fixture.clock);
    let open = |mem: MemDir, options| LogDirectory::open(std::sync::Arc::new(mem), options).map(drop);
    assert!(matches!(open(fixture.mem.clone(), options()), Err(OpenError::InUse(_))));
    let mut other = options();
    other.broker_id = BrokerId::new(3);
    let error = open(fixture.killed(), other).unwrap_err();
    assert_eq!(error.to_string(), "log directory (memory) belongs to broker 1, not to broker 3");
    let mut other = options();
    other.cluster_id = Some(ClusterId::from_random([9; 16]));
    assert!(matches!(open(fixture.killed(), other), Err(OpenError::OtherCluster { .. })));
    let mut unknown = options();
    unknown.cluster_id = None;
    let directory = LogDirectory::open(std::sync::Arc::new(fixture.killed()), unknown).unwrap();
    assert_eq!(directory.meta().unwrap().broker_id, BrokerId::new(1));
    assert!(directory.set_cluster_id(ClusterId::from_random([9; 16])).is_err());
}

#[test]
fn topics_of_the_same_name_are_told_apart() {
    let fixture = filled(FlushMode::Sync, 5);
    let Fixture { mem, directory, log, .. } = fixture;
    directory.close(vec![log], None).unwrap();
    let directory = open_directory(&mem, &yak_log::ManualClock::default());
    let other = TopicId::from_random([8; 16]);
    let error =
        directory.open_log(&partition(), other, config(FlushMode::Sync), OnDamage::Refuse).unwrap_err();
    assert!(matches!(error, LogError::TopicId { .. }), "{error}");
    directory.set_aside_stray(&partition()).unwrap();
    let new = NewLog { partition: partition(), topic_id: other, config: config(FlushMode::Sync) };
    let log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    assert_eq!(log.end(), offset(0));
    let names: Vec<String> = mem.list(Path::new("")).unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(names.iter().any(|name| name.starts_with("t-0.") && name.ends_with("-stray")), "{names:?}");
    assert!(directory.missing().is_empty());
}

#[test]
fn a_deleted_partition_is_gone_and_its_name_starts_anew() {
    let fixture = filled(FlushMode::Sync, 300);
    let reader = fixture.reader();
    let range = reader.read(offset(0), 100, offset(300)).unwrap();
    let Fixture { mem, directory, log, .. } = fixture;
    directory.flush_now().unwrap();
    directory.delete_log(log).unwrap();
    directory.flush_now().unwrap();
    directory.empty_trash();
    drop(range);
    let names: Vec<String> = mem.list(Path::new("")).unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(!names.iter().any(|name| name.starts_with("t-0")), "{names:?}");
    let new = NewLog {
        partition: partition(),
        topic_id: TopicId::from_random([8; 16]),
        config: LogConfig::default(),
    };
    let log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    assert_eq!((log.start(), log.end()), (offset(0), offset(0)));
    drop((log, directory));
    let directory = open_directory(&mem.snapshot(), &yak_log::ManualClock::default());
    assert!(directory.missing().is_empty());
}

#[test]
fn a_lost_partition_directory_is_reported() {
    let fixture = filled(FlushMode::Sync, 10);
    fixture.directory.flush_now().unwrap();
    let mem = fixture.killed();
    mem.rename(Path::new("t-0"), Path::new("lost+found")).unwrap();
    let directory = open_directory(&mem, &yak_log::ManualClock::default());
    let missing = directory.missing();
    assert_eq!(missing.len(), 1);
    assert_eq!((missing[0].topic_id, missing[0].synced_end), (topic_id(), offset(10)));
    let error = directory.open_log(&partition(), topic_id(), config(FlushMode::Sync), OnDamage::Refuse);
    assert!(matches!(error, Err(LogError::NotFound(_))));
    directory.forget_missing(topic_id(), PartitionIndex::new(0)).unwrap();
    assert!(directory.missing().is_empty());
}

#[test]
fn no_marker_is_left_until_what_could_not_be_opened_is_settled() {
    let open = |mem: &MemDir| open_directory(mem, &yak_log::ManualClock::default());
    type Settle = fn(&LogDirectory);
    let settled: [(&str, Settle); 4] = [
        ("refused", |_| {}),
        ("deleted", |directory| directory.delete_unopened(&partition(), topic_id()).unwrap()),
        ("stray", |directory| directory.set_aside_stray(&partition()).unwrap()),
        ("set aside", |directory| {
            let config = config(FlushMode::Sync);
            let (log, _) = directory.open_log(&partition(), topic_id(), config, OnDamage::SetAside).unwrap();
            directory.finish(vec![log], None).unwrap();
        }),
    ];
    for (what, settle) in settled {
        let Fixture { mem, directory, log, .. } = filled(FlushMode::Sync, 30);
        directory.close(vec![log], None).unwrap();
        let (path, len) = last_log(&mem);
        mem.tamper(&path, |content| content[len - 3] ^= 4).unwrap();
        // The end of a clean log is looked at, not its checksums.
        let directory = open(&mem);
        mem.tamper(&path, |content| content.truncate(len - 1)).unwrap();
        let opened = directory.open_log(&partition(), topic_id(), config(FlushMode::Sync), OnDamage::Refuse);
        assert!(matches!(opened, Err(LogError::Damaged { .. })), "{what}");
        assert_eq!(directory.unchecked(), [partition()]);
        settle(&directory);
        assert_eq!(directory.unchecked().is_empty(), what != "refused", "{what}");
        if what != "set aside" {
            directory.finish(Vec::new(), None).unwrap();
        }
        drop(directory);
        assert_eq!(open(&mem).was_clean(), what != "refused", "{what}");
    }
}

#[test]
fn no_marker_is_left_while_a_partition_is_missing() {
    let Fixture { mem, directory, log, .. } = filled(FlushMode::Sync, 10);
    directory.close(vec![log], None).unwrap();
    mem.rename(Path::new("t-0"), Path::new("lost+found")).unwrap();
    let directory = open_directory(&mem, &yak_log::ManualClock::default());
    assert!(directory.was_clean());
    directory.close(Vec::new(), None).unwrap();
    let directory = open_directory(&mem, &yak_log::ManualClock::default());
    assert!(!directory.was_clean());
    directory.forget_missing(topic_id(), PartitionIndex::new(0)).unwrap();
    directory.close(Vec::new(), None).unwrap();
    assert!(open_directory(&mem, &yak_log::ManualClock::default()).was_clean());
}
