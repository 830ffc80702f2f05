//! What a killed member had others take over; one with a name of its own comes back to what it had.

use std::collections::BTreeSet;

use yak_test_interop::{Client, unique};

use crate::stage::{Join, Place, places};
use crate::trial::Trial;

const PROTOCOLS: [&str; 2] = ["classic", "consumer"];
const PARTITIONS: i64 = 4;
/// The program of those who stay, of those who are killed, and of those who come in their place.
const STAYS: usize = 0;
const DIES: usize = 1;
const COMES: usize = 2;

/// A group of two, in two programs.
struct Pair {
    feature: String,
    join: Join,
    places: BTreeSet<Place>,
    /// The one that stays, the other, and who comes in its place.
    names: [String; 3],
}

impl Pair {
    /// `None`, and a cell that says why, if the client has none.
    fn begin(trial: &mut Trial, feature: String, mut join: Join) -> Option<Self> {
        let name = join.group.clone();
        let topic = trial.topic(&name, PARTITIONS);
        join.topics = vec![topic.clone()];
        let names = ["stays", "dies", "comes"].map(|member| format!("{name}-{member}"));
        let pair = Self { feature, join, places: places(&[&topic], PARTITIONS), names };
        for (program, name) in [(STAYS, &pair.names[0]), (DIES, &pair.names[1])] {
            if let Err(why) = pair.enter(trial, program, name) {
                trial.cells.lacks(&pair.feature, &why);
                return None;
            }
        }
        Some(pair)
    }

    fn enter(&self, trial: &mut Trial, program: usize, name: &str) -> Result<(), String> {
        let mut join = self.join.clone();
        // Both in place of one another have the same.
        let part = if program == STAYS { "one" } else { "other" };
        join.instance = join.instance.map(|instance| format!("{instance}-{part}"));
        trial.stage.join(program, name, &join)
    }

    /// Both have their share, and have read ten records of each partition.
    fn settle(&self, trial: &mut Trial) {
        let two = [self.names[0].as_str(), &self.names[1]];
        trial.stage.wait(&self.feature, |stage| stage.share(&two, &self.places));
        let written = trial.write(&self.places, 0..10);
        trial.stage.wait(&self.feature, |stage| stage.read(&two).len() >= written.len());
    }
}

pub(crate) fn run(client: Client) {
    let Some(mut trial) = Trial::start(client) else { return };
    let mut killed = Vec::new();
    let mut named = Vec::new();
    for protocol in PROTOCOLS {
        let group = |kind: &str| Join::new(&unique(&format!("{kind}-{protocol}")), &[], protocol);
        let feature = format!("takes over from a killed member, {protocol}");
        let join = Join { session_ms: 6000, ..group("killed") };
        killed.extend(Pair::begin(&mut trial, feature, join));
        let feature = format!("comes back under its own name, {protocol}");
        let join = group("named");
        named.extend(Pair::begin(&mut trial, feature, Join { instance: Some(join.group.clone()), ..join }));
    }
    for pair in killed.iter().chain(&named) {
        pair.settle(&mut trial);
    }
    if killed.is_empty() {
        return;
    }
    let before: Vec<_> = named.iter().map(|pair| away(pair, &mut trial)).collect();
    trial.stage.kill(DIES);
    let written: Vec<_> = killed.iter().map(|pair| trial.write(&pair.places, 10..20)).collect();
    for (pair, before) in named.iter().zip(before) {
        back(pair, &mut trial, &before);
    }
    for (pair, written) in killed.iter().zip(&written) {
        taken_over(pair, &mut trial, written);
    }
}

/// What the other held, and how often the one that stays was told what it holds. Where a killed member keeps its name until its
/// session ends, as the new protocol has it, the other goes in order.
fn away(pair: &Pair, trial: &mut Trial) -> (BTreeSet<Place>, usize) {
    let other = trial.stage.member(&pair.names[1]).holds();
    if pair.join.protocol == "consumer" {
        trial.stage.leave(&pair.names[1]);
    }
    (other, trial.stage.member(&pair.names[0]).held.len())
}

/// Who comes under the name gets what that had, and the other notices nothing.
fn back(pair: &Pair, trial: &mut Trial, (other, told): &(BTreeSet<Place>, usize)) {
    let (stays, comes) = (&pair.names[0], &pair.names[2]);
    pair.enter(trial, COMES, comes).expect("as the one before");
    trial.stage.wait(&pair.feature, |stage| stage.member(comes).holds() == *other);
    let written = trial.write(&pair.places, 10..20);
    trial.stage.wait(&pair.feature, |stage| {
        let read = stage.read(&[stays, comes]);
        written.iter().all(|record| read.contains(record))
    });
    assert_eq!(trial.stage.member(stays).held.len(), *told, "{}: nothing moves", pair.feature);
    trial.cells.passes(&pair.feature);
}

/// The one that stays has everything, and nothing was skipped. (What the other had read and not committed is read again.)
fn taken_over(pair: &Pair, trial: &mut Trial, written: &[(Place, i64)]) {
    let (stays, dies) = (&pair.names[0], &pair.names[1]);
    trial.stage.wait(&pair.feature, |stage| {
        let read: BTreeSet<_> = stage.read(&[stays, dies]).into_iter().collect();
        stage.member(stays).holds() == pair.places && written.iter().all(|record| read.contains(record))
    });
    let all: BTreeSet<_> = trial.stage.read(&[stays, dies]).into_iter().collect();
    assert_eq!(all.len(), 2 * written.len(), "{}: every record", pair.feature);
    trial.cells.passes(&pair.feature);
}
