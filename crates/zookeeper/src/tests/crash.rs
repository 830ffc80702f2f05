//! Every point at which power may go, with every subset of what was not yet on disk lost.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{JournalLimits, Options};
use yak_core::image::Image;
use yak_log::dir::{Crash, MemDir, Op};

use super::rig::*;

/// Of so many unsynced operations every subset is lost; of more, every subset of the last so many.
const ALL_SUBSETS_OF: usize = 6;

struct History {
    dir: MemDir,
    /// The image after each index.
    images: Vec<Image>,
    /// After how many operations each index had been acknowledged.
    acknowledged: Vec<usize>,
}

/// Commands over several starts, with compactions among them.
fn history() -> History {
    let dir = MemDir::new();
    let mut images = vec![Image::default()];
    let mut acknowledged = vec![0];
    let limits = JournalLimits { lines: 5, history_bytes: 3_000, ..JournalLimits::default() };
    for round in 0..3 {
        let zookeeper = try_start(&dir, Options { limits, ..options() }).unwrap();
        let handle = zookeeper.handle();
        let mut done = || {
            let image = handle.image().as_ref().clone();
            if image.index() != images.last().unwrap().index() {
                images.push(image);
                acknowledged.push(dir.op_count());
            }
        };
        done();
        register(&handle, 1);
        done();
        unfence(&handle, 1);
        done();
        for number in 0..3 {
            create(&handle, &format!("topic-{round}-{number}")).unwrap();
            done();
        }
        assert!(zookeeper.shutdown_blocking().is_in_order());
    }
    History { dir, images, acknowledged }
}

impl History {
    fn check(&self, crash: &Crash) {
        let found = recover(&self.dir.crash(crash)).unwrap_or_else(|error| panic!("{crash:?}: {error}"));
        let index = usize::try_from(found.image.index().get()).unwrap();
        assert_eq!(found.image, self.images[index], "all of a command or nothing of it: {crash:?}");
        let acknowledged = self.acknowledged.iter().rposition(|at| *at <= crash.at).unwrap();
        assert!(index >= acknowledged, "{acknowledged} was acknowledged, {index} is there: {crash:?}");
    }
}

fn subsets(unsynced: &[usize]) -> Vec<BTreeSet<usize>> {
    let last = &unsynced[unsynced.len().saturating_sub(ALL_SUBSETS_OF)..];
    let chosen = |bits: usize| {
        let lost = last.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
        lost.map(|(_, operation)| *operation).collect()
    };
    let mut subsets: Vec<BTreeSet<usize>> = (0..1 << last.len()).map(chosen).collect();
    subsets.push(unsynced.iter().copied().collect());
    subsets
}

#[test]
fn inv_12_whatever_was_acknowledged_survives_a_power_cut_at_any_point() {
    let history = history();
    let operations = history.dir.op_count();
    let mut images = 0;
    for at in 0..=operations {
        for lost in subsets(&history.dir.unsynced(at)) {
            history.check(&Crash { at, lost, torn: None });
            images += 1;
        }
    }
    assert!(operations > 60 && images > 3 * operations, "{operations} operations, {images} images");
}

#[test]
fn inv_18_a_power_cut_within_a_write_leaves_whole_commands() {
    let history = history();
    let ops = history.dir.ops();
    let mut images = 0;
    for (at, op) in ops.iter().enumerate() {
        let Op::Write { bytes, .. } = op else { continue };
        for torn in 0..bytes.len() {
            history.check(&Crash { at: at + 1, torn: Some(torn), ..Crash::default() });
            images += 1;
        }
    }
    assert!(images > 1_000, "{images} images");
}

/// A crash during a start, which cuts and rewrites, is as harmless.
#[test]
fn a_second_crash_while_starting_after_the_first_loses_nothing() {
    let (dir, images) = some_history();
    let text = journal_text(&dir);
    let torn = holding(&text[..text.len() - 20]);
    recover(&torn).unwrap();
    for at in 0..=torn.op_count() {
        for lost in subsets(&torn.unsynced(at)) {
            let found = recover(&torn.crash(&Crash { at, lost, torn: None })).unwrap();
            assert_eq!(found.image, images[images.len() - 2], "at {at}");
        }
    }
    assert!(torn.op_count() >= 3, "it cut, wrote and synced");
    assert!(torn.files().iter().any(|(path, _)| path == Path::new("zookeeper/.lock")));
}
