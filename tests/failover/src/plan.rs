//! What the nemesis does and when, drawn from a seed before anything happens.

use std::ops::Range;
use std::time::Duration;

use yak_testkit::Random;

/// Whom a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// Whoever leads some partition then.
    Leader,
    /// Any broker that runs.
    Any,
    /// The broker that is started next after the kill before, so that it is hit while it recovers.
    Newcomer,
}

/// One fault, with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`, and started again after so long.
    Kill {
        /// Who.
        victim: Victim,
        /// How long nobody runs in its place.
        away: Duration,
    },
    /// `SIGSTOP`, and `SIGCONT` after so long.
    Stop {
        /// Who.
        victim: Victim,
        /// How long it hangs.
        length: Duration,
    },
    /// A clean shutdown, and started again after so long.
    ShutDown {
        /// How long nobody runs in its place.
        away: Duration,
    },
    /// `kill -9` of the zookeeper, and started again after so long.
    KillZookeeper {
        /// How long there is none.
        away: Duration,
    },
    /// `SIGSTOP` of the zookeeper, and `SIGCONT` after so long.
    StopZookeeper {
        /// How long it hangs.
        length: Duration,
    },
    /// A broker is cut off, one way or both, and connected again after so long.
    Cut {
        /// From whom.
        from: CutFrom,
        /// Which way.
        direction: Direction,
        /// How long.
        length: Duration,
    },
}

/// From whom a broker is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutFrom {
    /// The zookeeper.
    Zookeeper,
    /// The other brokers.
    Brokers,
    /// Both, and the clients.
    Everything,
}

/// Which way does not go any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the broker sends does not arrive.
    Out,
    /// Nothing arrives at the broker.
    In,
    /// Neither.
    Both,
}

impl Direction {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Out, Self::In, Self::Both];
}

/// A fault, some time after the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How long nothing happens before it; if it hits a newcomer, counted from the newcomer's start.
    pub pause: Duration,
    /// Whether records must have been acknowledged since the fault before it: it is to fall into a stream.
    pub in_stream: bool,
    /// What happens.
    pub fault: Fault,
}

/// Faults, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
}

/// Within this time after a kill a restart counts as made at once.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(500);

impl Plan {
    /// So many kills and stops in an order of the seed's. Every other restart is at once, half of these within 0.3 s; every
    /// fourth kill hits whom the kill before it hit, as soon as it was started again. Half of the stops are shorter than the
    /// brokers' session. `pause`: milliseconds between faults.
    #[must_use]
    pub fn by_seed(seed: u64, kills: u64, stops: u64, pause: &Range<u64>) -> Self {
        let mut random = Random::new(seed);
        let mut groups: Vec<Vec<Step>> = Vec::new();
        for number in 0..kills {
            let step = kill(&mut random, number, pause);
            match groups.last_mut().filter(|_| !step.in_stream) {
                Some(group) => group.push(step),
                None => groups.push(vec![step]),
            }
        }
        groups.extend((0..stops).map(|number| vec![stop(&mut random, number, pause)]));
        random.shuffle(&mut groups);
        Self { steps: groups.concat() }
    }
}

impl Plan {
    /// So many faults of every kind, also several at a time; cuts of the network only if there is one to cut.
    #[must_use]
    pub fn mixed(seed: u64, faults: u64, has_network: bool, pause: &Range<u64>) -> Self {
        let mut random = Random::new(seed);
        let step = |_| {
            let fault = any_fault(&mut random, has_network);
            // Some come while the fault before is not over.
            let is_early = random.chance(40);
            let pause = if is_early { random.millis(0..400) } else { random.millis(pause.clone()) };
            Step { pause, in_stream: !is_early, fault }
        };
        Self { steps: (0..faults).map(step).collect() }
    }
}

fn any_fault(random: &mut Random, has_network: bool) -> Fault {
    let victim = if random.chance(75) { Victim::Leader } else { Victim::Any };
    let away = if random.chance(50) { random.millis(0..450) } else { random.millis(500..3_000) };
    let length = if random.chance(50) { random.millis(100..800) } else { random.millis(1_000..4_000) };
    match random.within(0, if has_network { 100 } else { 70 }) {
        0..25 => Fault::Kill { victim, away },
        25..40 => Fault::Stop { victim, length },
        40..50 => Fault::ShutDown { away },
        50..62 => Fault::KillZookeeper { away },
        62..70 => Fault::StopZookeeper { length },
        _ => {
            let from = *random.pick(&[CutFrom::Zookeeper, CutFrom::Brokers, CutFrom::Everything]).unwrap();
            Fault::Cut { from, direction: *random.pick(&Direction::ALL).unwrap(), length }
        }
    }
}

/// Of four, the first comes back later, the second at once, the third hits the second's victim then, the fourth comes back
/// at once.
fn kill(random: &mut Random, number: u64, pause: &Range<u64>) -> Step {
    let away = match number % 4 {
        1 => random.millis(0..300),
        3 => random.millis(0..450),
        _ => random.millis(700..3_000),
    };
    if number % 4 == 2 {
        let fault = Fault::Kill { victim: Victim::Newcomer, away };
        return Step { pause: random.millis(0..60), in_stream: false, fault };
    }
    let victim = if random.chance(75) { Victim::Leader } else { Victim::Any };
    Step { pause: random.millis(pause.clone()), in_stream: true, fault: Fault::Kill { victim, away } }
}

fn stop(random: &mut Random, number: u64, pause: &Range<u64>) -> Step {
    let is_short = number % 2 == 1;
    let length = if is_short { random.millis(100..700) } else { random.millis(1_500..3_500) };
    let fault = Fault::Stop { victim: Victim::Leader, length };
    Step { pause: random.millis(pause.clone()), in_stream: true, fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_one_another() {
        let plan = Plan::by_seed(7, 40, 20, &(1_000..6_000));
        assert_eq!(plan, Plan::by_seed(7, 40, 20, &(1_000..6_000)));
        assert_ne!(plan, Plan::by_seed(8, 40, 20, &(1_000..6_000)));
    }

    #[test]
    fn half_of_the_restarts_are_at_once_and_some_kills_follow_them_at_once() {
        let plan = Plan::by_seed(1, 40, 20, &(1_000..6_000));
        let kills = || {
            plan.steps.iter().filter_map(|step| match step.fault {
                Fault::Kill { victim, away } => Some((victim, away)),
                _ => None,
            })
        };
        assert_eq!((kills().count(), plan.steps.len()), (40, 60));
        assert_eq!(kills().filter(|(_, away)| *away < AT_ONCE).count(), 20);
        assert_eq!(kills().filter(|(victim, _)| *victim == Victim::Newcomer).count(), 10);
    }
}
