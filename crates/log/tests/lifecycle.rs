//! Opening and closing: clean shutdown, markers, partitions that come and go.

mod common;

use std::path::Path;

use common::*;
use yak_log::{Dir, FlushMode, LogConfig, LogDirectory, LogError, MemDir, NewLog, OnDamage, OpenError};
use yak_model::{BrokerEpoch, BrokerId, ClusterId, PartitionIndex, TopicId, TopicPartition};

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
