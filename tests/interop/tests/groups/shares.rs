//! Members share partitions as their assignor says, leave in order, and go on later where they stopped.

use std::collections::BTreeSet;

use yak_test_interop::{Client, unique};

use crate::stage::{Join, Place, Stage, places};
use crate::trial::Trial;

/// Protocols with their assignors.
const KINDS: [(&str, &str); 6] = [
    ("classic", "range"),
    ("classic", "roundrobin"),
    ("classic", "sticky"),
    ("classic", "cooperative-sticky"),
    ("consumer", "uniform"),
    ("consumer", "range"),
];
const PARTITIONS: i64 = 3;
/// What is said of a client without any of them.
const NO_GROUPS: &str = "has no groups";

/// A group of two topics of three partitions each, at which assignors differ.
struct Sharing {
    feature: String,
    topics: [String; 2],
    places: BTreeSet<Place>,
    join: Join,
    /// Its members, in the order in which they come.
    names: [String; 4],
    /// What the first two held when they were alone.
    two: [BTreeSet<Place>; 2],
}

/// All groups take each step together, so that they wait at the same time.
pub(crate) fn run(client: Client) {
    let Some(mut trial) = Trial::start(client) else { return };
    let mut groups: Vec<_> = KINDS.iter().filter_map(|kind| Sharing::begin(&mut trial, *kind)).collect();
    let steps =
        [Sharing::first, Sharing::second, Sharing::third, Sharing::records, Sharing::left, Sharing::later];
    for step in steps {
        groups.iter_mut().for_each(|group| step(group, &mut trial));
    }
    for feature in ["gets back what a member leaves", "goes on where it stopped"] {
        if groups.is_empty() {
            trial.cells.lacks(feature, NO_GROUPS);
        } else {
            trial.cells.passes(feature);
        }
    }
}

impl Sharing {
    /// The first member joins; `None` if the client cannot.
    fn begin(trial: &mut Trial, (protocol, assignor): (&'static str, &'static str)) -> Option<Self> {
        let name = format!("{protocol}-{assignor}");
        let topics = ["one", "two"].map(|topic| trial.topic(&format!("{topic}-{name}"), PARTITIONS));
        let both = [topics[0].as_str(), topics[1].as_str()];
        let mut join = Join::new(&unique(&name), &both, protocol);
        join.assignor = Some(assignor);
        let places = places(&both, PARTITIONS);
        let feature = format!("shares partitions, {protocol}, {assignor}");
        let names = ["a", "b", "c", "d"].map(|member| format!("{name}-{member}"));
        if let Err(why) = trial.stage.join(0, &names[0], &join) {
            trial.cells.lacks(&feature, &why);
            return None;
        }
        Some(Self { feature, topics, places, join, names, two: Default::default() })
    }

    fn assignor(&self) -> &str {
        self.join.assignor.unwrap_or_default()
    }

    fn is_sticky(&self) -> bool {
        ["sticky", "cooperative-sticky"].contains(&self.assignor())
    }

    fn name(&self, member: usize) -> &str {
        &self.names[member]
    }

    /// The members that are there when records are written.
    fn present(&self) -> Vec<&str> {
        let count = if self.is_sticky() { 3 } else { 2 };
        self.names.iter().take(count).map(String::as_str).collect()
    }

    /// The first member has everything, and a second one joins.
    fn first(&mut self, trial: &mut Trial) {
        trial.stage.wait(&self.feature, |stage| stage.member(self.name(0)).holds() == self.places);
        trial.stage.join(0, self.name(1), &self.join).expect("as the first");
    }

    /// The two share, and if the assignor is to keep partitions where they are, a third one joins.
    fn second(&mut self, trial: &mut Trial) {
        let two = [self.name(0), self.name(1)];
        trial.stage.wait(&self.feature, |stage| stage.share(&two, &self.places));
        self.check_two(&trial.stage);
        self.two = [0, 1].map(|member| trial.stage.member(self.name(member)).holds());
        if self.is_sticky() {
            trial.stage.join(0, self.name(2), &self.join).expect("as the first");
        }
    }

    fn check_two(&self, stage: &Stage) {
        let of = |member: usize| stage.member(self.name(member)).holds();
        let numbers = |held: &BTreeSet<Place>, topic: &str| -> Vec<_> {
            held.iter().filter(|place| place.0 == topic).map(|place| place.1).collect()
        };
        if self.assignor() == "range" {
            for held in [of(0), of(1)] {
                assert_eq!(
                    numbers(&held, &self.topics[0]),
                    numbers(&held, &self.topics[1]),
                    "{}: the same numbers of each topic",
                    self.feature
                );
            }
            return;
        }
        assert_eq!((of(0).len(), of(1).len()), (3, 3), "{}", self.feature);
        if self.assignor() == "roundrobin" {
            let lists = [of(0), of(1)].map(|held| numbers(&held, &self.topics[0]));
            assert!(lists.contains(&vec![0, 2]) && lists.contains(&vec![1]), "{}: {lists:?}", self.feature);
        }
        if self.assignor() == "cooperative-sticky" {
            let held = &stage.member(self.name(0)).held;
            let full = held.iter().position(|held| *held == self.places).expect("it had all of them");
            assert!(held[full..].iter().all(|held| held.len() >= 3), "nothing stops that stays: {held:?}");
        }
    }

    /// With a sticky assignor nobody gets what another keeps.
    fn third(&mut self, trial: &mut Trial) {
        if !self.is_sticky() {
            return;
        }
        trial.stage.wait(&self.feature, |stage| stage.share(&self.present(), &self.places));
        for (member, before) in self.two.iter().enumerate() {
            let after = trial.stage.member(self.name(member)).holds();
            assert!(after.len() == 2 && after.is_subset(before), "{}: {before:?} {after:?}", self.feature);
        }
    }

    /// Each record is read once, by whoever has its partition.
    fn records(&mut self, trial: &mut Trial) {
        let written = trial.write(&self.places, 0..10);
        let present = self.present();
        trial.stage.wait(&self.feature, |stage| stage.read(&present).len() >= written.len());
        assert_eq!(trial.stage.read(&present), written, "{}", self.feature);
        for name in present {
            let member = trial.stage.member(name);
            assert!(
                member.read.iter().all(|(place, _)| member.holds().contains(place)),
                "{}: {member:?}",
                self.feature
            );
        }
        trial.cells.passes(&self.feature);
    }

    /// All but the first leave, and it has everything again.
    fn left(&mut self, trial: &mut Trial) {
        for name in &self.present()[1..] {
            trial.stage.leave(name);
        }
        trial.stage.wait(&self.feature, |stage| stage.member(self.name(0)).holds() == self.places);
    }

    /// The first leaves too; another goes on behind what was read.
    fn later(&mut self, trial: &mut Trial) {
        trial.stage.leave(self.name(0));
        let written = trial.write(&self.places, 10..15);
        trial.stage.join(0, self.name(3), &self.join).expect("as the first");
        trial.stage.wait(&self.feature, |stage| stage.read(&[self.name(3)]).len() >= written.len());
        assert_eq!(trial.stage.read(&[self.name(3)]), written, "{}", self.feature);
    }
}
