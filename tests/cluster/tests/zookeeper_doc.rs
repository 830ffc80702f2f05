//! Every example of `docs/zookeeper.md`, executed as the page itself describes, and its lines of a journal, read.

use std::path::Path;

use yak_protocol::journal::{decode_header, decode_line, encode_header, encode_line};
use yak_testkit::examples::blocks;
use yak_testkit::{Zookeeper, ZookeeperBuilder};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/zookeeper.md");
    std::fs::read_to_string(path).expect("the page is there")
}

/// Executes the blocks of a tag against a fresh zookeeper, which is returned; how many lines were compared, too.
fn execute(data: &Path, tag: &str, settings: &[(&str, &str)]) -> (Zookeeper, usize) {
    let builder = ZookeeperBuilder::new(data).set("session.timeout.ms", "30s");
    let builder = settings.iter().fold(builder, |builder, (key, value)| builder.set(key, value));
    let zookeeper = builder.start();
    let compared = blocks(&page(), tag).iter().map(|block| block.execute(|| zookeeper.connect())).sum();
    (zookeeper, compared)
}

#[test]
fn every_example_of_the_zookeepers_page_is_true() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (_zookeeper, compared) = execute(&directory.path().join("zookeeper"), "ndjson", &[]);
    assert!(compared >= 20, "the page has its examples: {compared} lines were compared");
    let (_zookeeper, compared) = execute(&directory.path().join("refusing"), "ndjson refusing", &[]);
    assert_eq!(compared, 2);
}

#[test]
fn a_new_file_is_begun_as_the_page_shows_and_the_old_one_stays() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path().join("zookeeper");
    let (zookeeper, compared) = execute(&data, "ndjson small", &[("journal.max.lines", "3")]);
    assert!(compared >= 8, "{compared} lines were compared");
    drop(zookeeper);
    let read = |first: u32| {
        let path = data.join(format!("journal-{first:020}.ndjson"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| unreachable!("{}: {error}", path.display()))
    };
    let (old, new) = (read(1), read(4));
    assert_eq!(old.lines().count(), 1 + 3, "{old}");
    let header = decode_header(new.lines().next().expect("a line").as_bytes()).expect("a header");
    let image = header.image.expect("an image");
    assert_eq!(image.index.get(), 3);
    let after = usize::try_from(image.lines).expect("few") + 1;
    assert!(new.lines().nth(after).is_some_and(|line| line.starts_with("{\"index\":4,")), "{new}");
}

#[test]
fn its_lines_of_a_journal_are_such_and_show_every_kind_of_record() {
    let page = page();
    let mut within = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        within = line == "```journal" || (within && line != "```");
        if within && line.starts_with('{') {
            lines.push(line);
        }
    }
    for line in &lines {
        let mut again = Vec::new();
        match decode_line(line.as_bytes()) {
            Ok(read) => encode_line(&read, &mut again),
            Err(_) => encode_header(&decode_header(line.as_bytes()).expect("a header"), &mut again),
        }
        assert_eq!(String::from_utf8_lossy(&again).trim_end(), *line);
    }
    for kind in [
        "cluster",
        "broker_registered",
        "broker_unfenced",
        "broker_fenced",
        "topic_created",
        "topic_deleted",
        "partition",
        "config",
        "producer_ids",
    ] {
        let record = format!("\"records\":[{{\"{kind}\":");
        assert!(lines.iter().any(|line| line.contains(&record)), "{kind} is not shown");
    }
}
