//! A zookeeper over a directory in memory, and what tests ask of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Handle, Journal, JournalError, Options, Recovered, StartError, Zookeeper};
use yak_core::controller::CreateTopics;
use yak_core::image::Image;
use yak_log::dir::{Dir, MemDir};
use yak_model::api::{self, CreateTopic, LogProof, RegisterBroker, Rejection, TopicDefaults, UnfenceBroker};
use yak_model::metadata::JournalLine;
use yak_model::{BrokerId, ClusterId, DirectoryId, IncarnationId, TopicId, TopicName};

pub(crate) const DEFAULTS: TopicDefaults =
    TopicDefaults { partitions: 1, replication_factor: 1, min_insync_replicas: 1 };

pub(crate) fn options() -> Options {
    Options { cluster_id: Some(cluster()), ..Options::default() }
}

pub(crate) fn cluster() -> ClusterId {
    ClusterId::from_random([7; 16])
}

pub(crate) fn start(dir: &MemDir) -> Zookeeper {
    try_start(dir, options()).expect("the zookeeper starts")
}

pub(crate) fn try_start(dir: &MemDir, options: Options) -> Result<Zookeeper, StartError> {
    Zookeeper::start(Arc::new(dir.clone()), options)
}

/// What a journal says, without the thread.
pub(crate) fn recover(dir: &MemDir) -> Result<Recovered, JournalError> {
    Journal::open(Arc::new(dir.clone()), &Options::default(), cluster()).map(|(_, found)| found)
}

/// A directory with one file of the journal, as text.
pub(crate) fn holding(text: &[u8]) -> MemDir {
    let dir = MemDir::new();
    dir.create_dir(Path::new("zookeeper")).unwrap();
    let file = dir.open(&first_file(), yak_log::dir::OpenMode::CreateNew).unwrap();
    file.write_all_at(text, 0).unwrap();
    dir.snapshot()
}

pub(crate) fn first_file() -> PathBuf {
    PathBuf::from("zookeeper/journal-00000000000000000001.ndjson")
}

/// The files of the journal with what is in them, oldest first.
pub(crate) fn journal_files(dir: &MemDir) -> Vec<(String, Vec<u8>)> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let files = dir.files().into_iter().map(|(path, bytes)| (name(path), bytes));
    files.filter(|(name, _)| name.starts_with("journal-")).collect()
}

/// The journal's only file.
pub(crate) fn journal_text(dir: &MemDir) -> Vec<u8> {
    let mut files = journal_files(dir);
    assert_eq!(files.len(), 1);
    files.remove(0).1
}

/// A line with its line break, read.
pub(crate) fn decoded(line: &[u8]) -> JournalLine {
    yak_protocol::journal::decode_line(line.strip_suffix(b"\n").unwrap()).unwrap()
}

/// A journal of a cluster with a live broker and some topics, and its image after each command.
pub(crate) fn some_history() -> (MemDir, Vec<Image>) {
    let dir = MemDir::new();
    let zookeeper = start(&dir);
    let handle = zookeeper.handle();
    let mut images = vec![Image::default(), handle.image().as_ref().clone()];
    let mut done = || images.push(handle.image().as_ref().clone());
    register(&handle, 1);
    done();
    unfence(&handle, 1);
    done();
    for topic in ["orders", "clicks", "logins"] {
        create(&handle, topic).unwrap();
        done();
    }
    assert!(zookeeper.shutdown_blocking().is_in_order());
    (dir, images)
}

pub(crate) fn register(handle: &Handle, id: i32) {
    let fresh = crate::random_bytes().unwrap();
    let registration = RegisterBroker {
        broker_id: BrokerId::new(id),
        incarnation_id: IncarnationId::from_random(fresh),
        cluster_id: None,
        directory_ids: vec![DirectoryId::from_random([1; 16])],
        host: "localhost".to_owned(),
        port: 9092,
        advertised: false,
        rack: None,
        proof: LogProof::default(),
    };
    handle.submit_blocking(registration).unwrap();
}

pub(crate) fn unfence(handle: &Handle, id: i32) {
    let broker_id = BrokerId::new(id);
    let broker_epoch = handle.image().broker(broker_id).unwrap().epoch();
    handle.submit_blocking(UnfenceBroker { broker_id, broker_epoch }).unwrap();
}

pub(crate) fn creation(topic: &str) -> CreateTopics {
    let topic = CreateTopic {
        name: topic.to_owned(),
        partitions: None,
        replication_factor: None,
        assignment: None,
        configs: std::collections::BTreeMap::new(),
    };
    CreateTopics {
        request: api::CreateTopics { topics: vec![topic], validate_only: false, timeout_ms: 0 },
        topic_ids: vec![TopicId::from_random(crate::random_bytes().unwrap())],
        defaults: DEFAULTS,
        on_first_use: false,
    }
}

pub(crate) fn create(handle: &Handle, topic: &str) -> Result<(), Rejection> {
    handle.submit_blocking(creation(topic))?.remove(0).map(drop)
}

pub(crate) fn name(topic: &str) -> TopicName {
    topic.parse().unwrap()
}
