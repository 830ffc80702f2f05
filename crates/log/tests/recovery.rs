//! After a crash: what is kept, what is cut, what is damage.

mod common;

use common::*;
use yak_log::{DamageKind, Dir, FlushMode, LogConfig, LogError, MemDir, OnDamage};

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
fn damage_below_the_recovery_point_is_found_if_the_whole_log_is_to_be_checked() {
    let fixture = filled(FlushMode::Sync, 300);
    fixture.directory.checkpoint().unwrap();
    let mem = fixture.killed();
    let first = mem.files().into_iter().find(|(path, _)| path.extension().is_some_and(|e| e == "log"));
    let (path, content) = first.unwrap();
    mem.tamper(&path, |content| content[200] ^= 4).unwrap();
    let (_, report) = Fixture::open(mem.snapshot(), config(FlushMode::Sync)).unwrap();
    assert_eq!((report.damage, report.end), (None, offset(300)), "a checkpoint is trusted");

    let total = 300 * content.len() as u64;
    for (most, found) in [(0, false), (content.len() as u64, false), (total, true)] {
        let directory = open_directory(&mem.snapshot(), &yak_log::ManualClock::default());
        let checked = directory.check_whole(&partition(), most).unwrap();
        assert_eq!(checked > content.len() as u64, found, "{checked} of at most {most} bytes");
        let opened = directory.open_log(&partition(), topic_id(), config(FlushMode::Sync), OnDamage::Refuse);
        assert_eq!(matches!(opened, Err(LogError::Damaged { .. })), found, "at most {most} bytes");
    }
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
