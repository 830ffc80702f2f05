//! Programs with members of groups, and what these have told.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yak_test_interop::{Answer, Client, Line, Program, Setup};
use yak_testkit::DEADLINE;

/// A partition of a topic.
pub(crate) type Place = (String, i64);

/// How a member joins.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) group: String,
    pub(crate) topics: Vec<String>,
    pub(crate) protocol: &'static str,
    pub(crate) assignor: Option<&'static str>,
    pub(crate) instance: Option<String>,
    pub(crate) session_ms: u32,
}

impl Join {
    /// With the client's own assignor, and so long a session that nobody is missed during a test.
    pub(crate) fn new(group: &str, topics: &[&str], protocol: &'static str) -> Self {
        let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        Self {
            group: group.to_owned(),
            topics,
            protocol,
            assignor: None,
            instance: None,
            session_ms: 300_000,
        }
    }
}

/// What one member has told.
#[derive(Debug, Default)]
pub(crate) struct Member {
    program: usize,
    /// Each set of partitions that it has held, in order; the last is what it holds.
    pub(crate) held: Vec<BTreeSet<Place>>,
    /// Partition and offset of each record, in order.
    pub(crate) read: Vec<(Place, i64)>,
    /// By record, how often it had been told what it holds and refused a commit: then it may go back.
    tenures: Vec<usize>,
    uncommitted: usize,
}

impl Member {
    pub(crate) fn holds(&self) -> BTreeSet<Place> {
        self.held.last().cloned().unwrap_or_default()
    }

    /// Partition and offset of each record, in order, with a number that changes with what it holds.
    pub(crate) fn read_in_tenures(&self) -> impl Iterator<Item = (&Place, i64, usize)> {
        self.read.iter().zip(&self.tenures).map(|((place, offset), tenure)| (place, *offset, *tenure))
    }
}

/// The programs of one client, and their members by name.
#[derive(Debug)]
pub(crate) struct Stage {
    client: Client,
    setup: Setup,
    bootstrap: String,
    programs: BTreeMap<usize, Program>,
    members: BTreeMap<String, Member>,
}

impl Stage {
    pub(crate) fn new(client: Client, setup: &Setup, bootstrap: &str) -> Self {
        let (setup, bootstrap) = (setup.clone(), bootstrap.to_owned());
        Self { client, setup, bootstrap, programs: BTreeMap::new(), members: BTreeMap::new() }
    }

    /// Asks a program, which is started if it does not run yet.
    pub(crate) fn ask(&mut self, program: usize, request: &Value) -> Answer {
        let start = || Program::start(self.client, &self.setup, &self.bootstrap);
        self.programs.entry(program).or_insert_with(start).send(request);
        loop {
            let running = self.programs.get_mut(&program).expect("it was started");
            match running.next_line() {
                Line::Event(event) => self.told(&event),
                Line::Answer(answer) => return answer,
            }
        }
    }

    /// Whether a member has joined.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Has a member of one of the programs join; why it cannot, if the client lacks that.
    pub(crate) fn join(&mut self, program: usize, name: &str, join: &Join) -> Result<(), String> {
        self.members.insert(name.to_owned(), Member { program, ..Member::default() });
        let request = json!({ "op": "join", "member": name, "group": join.group, "topics": join.topics,
            "protocol": join.protocol, "assignor": join.assignor, "instance": join.instance,
            "session_ms": join.session_ms });
        match self.ask(program, &request) {
            Answer::Done(_) => Ok(()),
            Answer::Lacks(why) => {
                self.members.remove(name);
                Err(why)
            }
            Answer::Failed(why) => panic!("{name} cannot join: {why}"),
        }
    }

    /// Has a member leave in order.
    pub(crate) fn leave(&mut self, name: &str) {
        let program = self.member(name).program;
        drop(self.ask(program, &json!({ "op": "leave", "member": name })).done());
    }

    /// `kill -9` of a program with all its members.
    pub(crate) fn kill(&mut self, program: usize) {
        self.programs.remove(&program).expect("it runs").kill();
    }

    pub(crate) fn member(&self, name: &str) -> &Member {
        self.members.get(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// Waits until what members tell makes it true.
    pub(crate) fn wait(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.listen();
            if condition(self) {
                return;
            }
            assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain: {what}; {:#?}", self.summary());
            sleep(Duration::from_millis(5));
        }
    }

    /// Waits until these members together have read all these records.
    pub(crate) fn wait_for_records(&mut self, names: &[&str], records: &BTreeSet<(Place, i64)>) {
        let missing = |stage: &Self| -> Vec<_> {
            let read: BTreeSet<_> = stage.read(names).into_iter().collect();
            records.difference(&read).cloned().collect()
        };
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.listen();
            let missing = missing(self);
            if missing.is_empty() {
                return;
            }
            let some = &missing[..missing.len().min(10)];
            assert!(
                Instant::now() < deadline,
                "{some:?} and so on, {} in all, are not read; {:#?}",
                missing.len(),
                self.summary()
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// Takes in what members have told.
    pub(crate) fn listen(&mut self) {
        let mut events = Vec::new();
        for program in self.programs.values_mut() {
            while let Some(line) = program.try_line() {
                let Line::Event(event) = line else { panic!("nothing was asked: {line:?}") };
                events.push(event);
            }
        }
        events.iter().for_each(|event| self.told(event));
    }

    fn told(&mut self, event: &Value) {
        let name = event["member"].as_str().unwrap_or_else(|| panic!("{event}"));
        let member = self.members.get_mut(name).unwrap_or_else(|| panic!("{event}"));
        if let Some(why) = event["failed"].as_str() {
            panic!("{name} failed: {why}; {:#?}", self.summary());
        }
        if let Some(places) = event["holds"].as_array() {
            member.held.push(places.iter().map(|place| self::place(&place[0], &place[1])).collect());
        } else if event.get("read").is_some() {
            let offset = event["offset"].as_i64().unwrap_or_else(|| panic!("{event}"));
            member.tenures.push(member.held.len() + member.uncommitted);
            member.read.push((place(&event["topic"], &event["partition"]), offset));
        } else {
            member.uncommitted += 1;
        }
    }

    /// Whether these members have all these partitions, each its own, and nobody has none.
    pub(crate) fn share(&self, names: &[&str], places: &BTreeSet<Place>) -> bool {
        let held: Vec<_> = names.iter().map(|name| self.member(name).holds()).collect();
        let all: BTreeSet<_> = held.iter().flatten().cloned().collect();
        held.iter().all(|held| !held.is_empty())
            && held.iter().map(BTreeSet::len).sum::<usize>() == places.len()
            && all == *places
    }

    /// Everything that these members have read, in order of partitions and offsets.
    pub(crate) fn read(&self, names: &[&str]) -> Vec<(Place, i64)> {
        let mut read: Vec<_> = names.iter().flat_map(|name| self.member(name).read.clone()).collect();
        read.sort();
        read
    }

    /// What a failed test shows of each member.
    fn summary(&self) -> BTreeMap<&str, String> {
        let text = |member: &Member| {
            let (held, read) = (member.held.iter().rev().take(5).collect::<Vec<_>>(), member.read.len());
            format!("holds {held:?} (newest first), read {read}, {} commits refused", member.uncommitted)
        };
        self.members.iter().map(|(name, member)| (name.as_str(), text(member))).collect()
    }
}

fn place(topic: &Value, partition: &Value) -> Place {
    let topic = topic.as_str().expect("a topic has a name").to_owned();
    (topic, partition.as_i64().expect("a partition is a number"))
}

/// All partitions of some topics, each of which has so many.
pub(crate) fn places(topics: &[&str], partitions: i64) -> BTreeSet<Place> {
    topics.iter().flat_map(|topic| (0..partitions).map(move |at| ((*topic).to_owned(), at))).collect()
}
