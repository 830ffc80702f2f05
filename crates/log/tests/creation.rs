//! Creating partitions where something of that name is there already.

mod common;

use std::path::Path;

use common::*;
use yak_log::{Dir, FlushMode, MemDir, NewLog};
use yak_model::TopicId;

fn filled() -> Fixture {
    let mut fixture = Fixture::new(config(FlushMode::Sync));
    (0..5_u32).for_each(|n| _ = fixture.append(&n.to_be_bytes()));
    fixture
}

#[test]
fn a_namesake_is_set_aside_when_a_partition_is_created() {
    for (metadata, other) in [(None, 8), (Some("version: 0\ntopic_id: %"), 8), (Some(""), 7), (None, 7)] {
        let Fixture { mem, directory, log, .. } = filled();
        directory.close(vec![log], None).unwrap();
        if let Some(text) = metadata {
            let path = Path::new("t-0/partition.metadata");
            mem.tamper(path, |content| *content = text.as_bytes().to_vec()).unwrap();
        }
        let directory = open_directory(&mem, &yak_log::ManualClock::default());
        let topic_id = TopicId::from_random([other; 16]);
        let new = [NewLog { partition: partition(), topic_id, config: config(FlushMode::Sync) }];
        let log = directory.create_logs(&new).unwrap().pop().unwrap();
        assert_eq!((log.start(), log.end()), (offset(0), offset(0)));
        let stray = mem.list(Path::new("")).unwrap().into_iter().find(|entry| entry.name.ends_with("-stray"));
        let stray = stray.expect("records are never written over").name;
        let size = mem.metadata(&Path::new(&stray).join("00000000000000000000.log")).unwrap().len;
        assert!(size > 0);
        drop((log, directory));
        let directory = open_directory(&mem, &yak_log::ManualClock::default());
        let found: Vec<_> = directory.found().iter().map(|found| found.topic_id).collect();
        assert_eq!(found, [Some(topic_id)]);
    }
}

#[test]
fn an_interrupted_creation_is_taken_up_again() {
    let (mem, clock) = (MemDir::new(), yak_log::ManualClock::default());
    let directory = open_directory(&mem, &clock);
    mem.create_dir(Path::new("t-0")).unwrap();
    mem.open(Path::new("t-0/partition.metadata.tmp"), yak_log::dir::OpenMode::CreateNew).unwrap();
    let new = [NewLog { partition: partition(), topic_id: topic_id(), config: config(FlushMode::Sync) }];
    drop(directory.create_logs(&new).unwrap());
    let names: Vec<_> = mem.list(Path::new("t-0")).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["00000000000000000000.log", "partition.metadata"]);
    assert!(mem.list(Path::new("")).unwrap().iter().all(|entry| !entry.name.ends_with("-stray")));
}
