//! What is printed, of which files, and while they grow.

use std::path::Path;

use super::*;
use crate::dump_log::follow::Follower;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// What Apache Kafka 4.3.1 printed for the same bytes, made by kafka-python.
#[test]
fn text_is_kafkas_word_for_word() {
    let goldens = [
        include_str!("../../../../record/tests/golden/plain.hex"),
        include_str!("../../../../record/tests/golden/idempotent.hex"),
        include_str!("../../../../record/tests/golden/zstd.hex"),
    ];
    let mut content = Vec::new();
    for (base, hex) in (0..).step_by(4).zip(goldens) {
        let mut batch = unhex(hex);
        patch_base_offset(&mut batch, Offset::new(base));
        patch_leader_epoch(&mut batch, LeaderEpoch::new(0));
        content.extend(batch);
    }
    let partition = Partition::new();
    let path = partition.segment(0, &content);
    let dumped = dump(&[path], |args| args.print_data_log = true);
    dumped.assert_whole();
    let shown = dumped.text.replace(&format!("{}/", partition.0.path().display()), "");
    assert_eq!(shown, include_str!("../segment.golden.txt"));
    let shallow = partition.dump(|_| ());
    let batches: Vec<_> = shown.lines().filter(|line| !line.starts_with("| ")).collect();
    assert_eq!(shallow.text.lines().skip(1).collect::<Vec<_>>(), batches[1..]);
}

#[test]
fn json_lines_have_the_fields_of_the_text() {
    let (partition, ..) = Partition::with_segment();
    partition.write("leader-epoch-checkpoint", b"0\n2\n0 0\n1 5\n");
    let dumped = partition.dump(|args| {
        args.print_data_log = true;
        args.output.json = true;
    });
    dumped.assert_whole();
    let lines: Vec<serde_json::Value> =
        dumped.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).cloned().collect::<Vec<_>>();
    assert_eq!((of("leader_epoch").len(), of("batch").len(), of("record").len()), (2, 3, 10));
    let last = of("record").pop().unwrap();
    assert_eq!((last["offset"].as_i64(), last["value"].as_str()), (Some(9), Some("value 9")));
    assert_eq!((&last["key"], last["timestamp"].as_i64()), (&serde_json::Value::Null, Some(START + 9)));
    let batch = &of("batch")[2];
    assert_eq!((batch["base_offset"].as_i64(), batch["leader_epoch"].as_i64()), (Some(5), Some(1)));
    assert_eq!((batch["valid"].as_bool(), batch["timestamp_type"].as_str()), (Some(true), Some("create")));
}

#[test]
fn a_brokers_directory_is_dumped_partition_by_partition() {
    let broker = tempfile::tempdir().unwrap();
    for name in ["orders-1", "orders-0", "empty-0"] {
        fs::create_dir(broker.path().join(name)).unwrap();
    }
    fs::write(broker.path().join("meta.properties"), "version=1\n").unwrap();
    for name in
        ["orders-0/00000000000000000009", "orders-0/00000000000000000000", "orders-1/00000000000000000000"]
    {
        for extension in ["index", "log"] {
            fs::write(broker.path().join(name).with_extension(extension), "").unwrap();
        }
    }
    fs::write(broker.path().join("orders-0/partition.metadata"), "version: 0\n").unwrap();
    let groups = find::expand(&[broker.path().to_owned()]).unwrap();
    let shown = |target: &find::Target| {
        let path = target.path.strip_prefix(broker.path()).unwrap().display().to_string();
        if target.last { format!("{path} (last)") } else { path }
    };
    let shown: Vec<Vec<_>> = groups.iter().map(|group| group.iter().map(shown).collect()).collect();
    assert_eq!(shown.len(), 2);
    let expected = [
        "orders-0/00000000000000000000.log",
        "orders-0/00000000000000000000.index",
        "orders-0/00000000000000000009.log (last)",
        "orders-0/00000000000000000009.index",
    ];
    assert_eq!(shown[0], expected);
    assert_eq!(shown[1], ["orders-1/00000000000000000000.log (last)", "orders-1/00000000000000000000.index"]);
    let refused = |path: &Path| find::expand(&[path.to_owned()]).unwrap_err();
    assert!(refused(&broker.path().join("empty-0")).message.ends_with("there are no files of a log in it"));
    assert!(refused(&broker.path().join("meta.properties")).message.ends_with("not a file of a log"));
    assert!(refused(&broker.path().join("missing")).message.starts_with("cannot read "));
}

#[test]
fn following_shows_each_batch_once_and_goes_on_to_the_next_segment() {
    let (partition, content, ends) = Partition::with_segment();
    partition.segment(0, &content[..ends[0]]);
    let groups = find::expand(&[partition.0.path().to_owned()]).unwrap();
    let mut follower = Follower::new(&groups[0]).unwrap();
    let mut context = Context::new(&DumpLogArgs::default(), None, Output::new(Vec::new()));
    let mut step = |expected: usize, problems: u64| {
        follower.advance(&mut context).unwrap();
        context.printer.flush().unwrap();
        let text = String::from_utf8(context.printer.output().sink().clone()).unwrap();
        assert_eq!(text.matches("baseOffset: ").count(), expected, "{text}");
        assert_eq!(context.problems(), problems, "{:?}", context.shown());
    };
    step(1, 0);
    step(1, 0);
    partition.segment(0, &content[..ends[1] - 7]);
    step(1, 0);
    partition.segment(0, &content[..ends[1]]);
    step(2, 0);
    partition.segment(0, &content);
    partition.segment(10, &batch(10, 2, 1));
    partition.segment(12, b"");
    step(4, 0);
    partition.segment(12, &batch(14, 2, 1));
    step(5, 1);
}
