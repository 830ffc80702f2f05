//! Anything in any order: requests that come late or twice, answers and pushes that are lost or overtake one another,
//! coordinators that move, topics that change. The invariants hold after each step, nobody who is still a member
//! believes to own what another one owns, and when faults stop everybody has its part.

use super::*;

/// A small generator: the walks are the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit as u64).unwrap()
    }
}

/// A consumer. It owns what it was told last, by answers or, if it has one, by its stream alone.
#[derive(Default)]
struct Walker {
    id: String,
    instance: Option<&'static str>,
    has_stream: bool,
    life: u32,
    epoch: i32,
    owned: BTreeSet<Partition>,
    /// What it sent and may arrive again.
    sent: Vec<ConsumerGroupHeartbeat>,
}

impl Walker {
    fn request(&self, chance: &mut Chance) -> ConsumerGroupHeartbeat {
        let instance_id = self.instance.map(instance);
        if self.epoch == 0 {
            let wants: [&[&str]; 3] = [&["t"], &["t", "u"], &["u"]];
            return ConsumerGroupHeartbeat {
                instance_id,
                subscribed_regex: (chance.below(4) == 0).then(|| "[tu]".to_owned()),
                server_assignor: (chance.below(3) == 0).then(|| "range".to_owned()),
                ..join(&self.id, wants[chance.below(3)])
            };
        }
        let owned = (chance.below(4) > 0).then(|| by_topic(&self.owned));
        ConsumerGroupHeartbeat { instance_id, owned, ..heartbeat(&self.id, self.epoch) }
    }

    fn forget(&mut self, chance: &mut Chance) {
        self.epoch = 0;
        self.owned.clear();
        if chance.below(2) == 0 {
            self.life += 1;
            let name = self.id.split('-').next().unwrap_or_default();
            self.id = format!("{name}-{}", self.life);
            self.sent.clear();
        }
    }
}

struct Walk {
    rig: Rig,
    chance: Chance,
    walkers: Vec<Walker>,
    late: usize,
    moved: usize,
}

const SHAPES: [&[(&str, u32)]; 4] =
    [&[("t", 5)], &[("t", 5), ("u", 2)], &[("t", 6), ("u", 3)], &[("u", 3), ("x", 1)]];

impl Walk {
    fn new(seed: u64) -> Self {
        let config = GroupConfig { session_timeout_ms: 10_000, ..GroupConfig::default() };
        let walker = |n: usize| Walker {
            id: format!("w{n}"),
            instance: [None, None, Some("i"), None, Some("j")][n],
            has_stream: n >= 3,
            ..Walker::default()
        };
        let walkers = (0..5).map(walker).collect();
        Self { rig: Rig::with(config, SHAPES[1]), chance: Chance(seed), walkers, late: 0, moved: 0 }
    }

    /// A walker speaks; its answer may be lost.
    fn speak(&mut self, at: usize, hears: bool) {
        let request = self.walkers[at].request(&mut self.chance);
        let answered = self.rig.send(&request);
        let walker = &mut self.walkers[at];
        walker.sent.push(request);
        if !hears {
            return;
        }
        match answered {
            Ok(reply) if !walker.has_stream => {
                walker.epoch = reply.member_epoch.get();
                if let Some(assignment) = reply.assignment {
                    walker.owned = one_by_one(&assignment);
                }
            }
            Ok(_) if walker.epoch == 0 => self.push(at),
            Ok(_) => {}
            Err(ErrorCode::UnreleasedInstanceId) => {}
            Err(ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch | ErrorCode::FencedInstanceId) => {
                walker.forget(&mut self.chance);
            }
            Err(code) => panic!("{code}"),
        }
    }

    /// The stream of a walker tells it what is its own now.
    fn push(&mut self, at: usize) {
        let id = member_id(&self.walkers[at].id);
        let told = self.rig.group.assignment_for(self.rig.now_ms, &id);
        self.rig.drain();
        let walker = &mut self.walkers[at];
        match told {
            Some(assignment) => {
                walker.epoch = assignment.member_epoch.get();
                walker.owned = one_by_one(&assignment.partitions);
            }
            None => walker.forget(&mut self.chance),
        }
    }

    fn leave(&mut self, at: usize) {
        let walker = &mut self.walkers[at];
        let instance_id = walker.instance.map(instance);
        let epoch = if walker.instance.is_some() && self.chance.below(2) == 0 { -2 } else { -1 };
        let request = ConsumerGroupHeartbeat { instance_id, ..heartbeat(&walker.id, epoch) };
        walker.forget(&mut self.chance);
        drop(self.rig.send(&request));
    }

    /// Something that was sent before arrives (again).
    fn come_late(&mut self, at: usize) {
        let sent = &self.walkers[at].sent;
        if !sent.is_empty() {
            let request = sent[self.chance.below(sent.len())].clone();
            drop(self.rig.send(&request));
            self.late += 1;
        }
    }

    fn step(&mut self) {
        let at = self.chance.below(self.walkers.len());
        match self.chance.below(40) {
            0..=19 => self.speak(at, true),
            20..=22 => self.speak(at, false),
            23..=26 if self.walkers[at].has_stream && self.walkers[at].epoch > 0 => self.push(at),
            23..=28 => self.come_late(at),
            29..=30 => self.leave(at),
            31 => self.walkers[at].forget(&mut self.chance),
            32 => {
                self.rig.topics = topics(SHAPES[self.chance.below(SHAPES.len())]);
                self.rig.group.handle_metadata(self.rig.now_ms, &self.rig.topics);
                self.rig.drain();
            }
            33 => self.reload(),
            _ => {
                let ms = self.chance.below(2_000) as u64;
                self.rig.pass(ms);
            }
        }
        self.assert_exclusive();
    }

    fn reload(&mut self) {
        let rig = &mut self.rig;
        let config = rig.group.config;
        rig.group = ConsumerGroup::load(config, rig.now_ms, rig.stored.clone(), &rig.topics);
        rig.drain();
        self.moved += 1;
    }

    /// Whoever is still a member owns nothing that another one owns.
    fn assert_exclusive(&self) {
        let mut owners = BTreeMap::<Partition, &str>::new();
        for walker in &self.walkers {
            let member = self.rig.group.members.get(&member_id(&walker.id));
            let stands = member.is_some_and(|member| {
                (member.previous_epoch..=member.epoch).contains(&MemberEpoch::new(walker.epoch))
            });
            for partition in walker.owned.iter().filter(|_| stands) {
                let other = owners.insert(*partition, &walker.id);
                assert_eq!(other, None, "{partition:?} is owned by {} too", walker.id);
            }
        }
    }

    /// Everybody hears everything from now on.
    fn calm(&mut self, seed: u64) {
        for _ in 0..40 {
            for at in 0..self.walkers.len() {
                self.speak(at, true);
                if self.walkers[at].has_stream && self.walkers[at].epoch > 0 {
                    self.push(at);
                }
                self.assert_exclusive();
            }
            self.rig.pass(1_000);
        }
        assert_eq!(self.rig.group.state(), GroupState::Stable, "seed {seed}: {:#?}", self.rig.group.view());
        let owned: usize = self.walkers.iter().map(|walker| walker.owned.len()).sum();
        assert_eq!(owned, self.rig.group.target_owners.len(), "seed {seed}");
        assert_eq!(self.rig.group.view().members.len(), self.walkers.len(), "seed {seed}");
    }
}

#[test]
fn nobody_owns_what_another_one_owns_and_everybody_gets_its_part() {
    let (mut late, mut moved, mut epochs) = (0, 0, 0);
    for seed in 0..300 {
        let mut walk = Walk::new(seed);
        for _ in 0..300 {
            walk.step();
        }
        walk.calm(seed);
        late += walk.late;
        moved += walk.moved;
        epochs += walk.rig.group.epoch().get();
    }
    assert!(late > 3_000 && moved > 1_000 && epochs > 10_000, "{late} late, {moved} moves, {epochs} epochs");
}
