//! What the nemesis does and when, drawn from a seed before anything happens.

use std::ops::Range;
use std::time::Duration;

use crate::random::Random;

/// Whom a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// Whoever leads some partition then.
    Leader,
    /// Any broker that runs.
    Any,
    /// The broker that was started last, so that it is hit while it recovers.
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
}

/// A fault, some time after the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How long nothing happens before it.
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
    /// So many kills and stops in an order of the seed's. Every other restart is at once, most of these within 0.3 s; every
    /// fourth kill hits whom the kill before it hit, just started again. Half of the stops are shorter than the brokers'
    /// session. `pause`: milliseconds between faults.
    #[must_use]
    pub fn by_seed(seed: u64, kills: u64, stops: u64, pause: &Range<u64>) -> Self {
        let mut random = Random::new(seed);
        let mut kinds: Vec<bool> = (0..kills + stops).map(|at| at < kills).collect();
        random.shuffle(&mut kinds);
        let mut steps: Vec<Step> = Vec::new();
        let (mut killed, mut stopped) = (0, 0);
        for is_kill in kinds {
            let step = if is_kill {
                killed += 1;
                kill(&mut random, killed, pause)
            } else {
                stopped += 1;
                stop(&mut random, stopped, pause)
            };
            steps.push(step);
        }
        Self { steps }
    }
}

fn kill(random: &mut Random, number: u64, pause: &Range<u64>) -> Step {
    // Numbers 2, 6, 10... are started at once, so that 3, 7, 11... find them starting.
    let away = match number % 4 {
        0 => random.millis(0..450),
        2 => random.millis(0..300),
        _ => random.millis(700..3_000),
    };
    if number > 1 && number % 4 == 3 {
        let pause = Duration::from_millis(300) + random.millis(0..500);
        return Step { pause, in_stream: false, fault: Fault::Kill { victim: Victim::Newcomer, away } };
    }
    let victim = if random.chance(75) { Victim::Leader } else { Victim::Any };
    Step { pause: random.millis(pause.clone()), in_stream: true, fault: Fault::Kill { victim, away } }
}

fn stop(random: &mut Random, number: u64, pause: &Range<u64>) -> Step {
    let length = if number.is_multiple_of(2) { random.millis(100..700) } else { random.millis(1_500..3_500) };
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
                Fault::Stop { .. } => None,
            })
        };
        assert_eq!((kills().count(), plan.steps.len()), (40, 60));
        assert_eq!(kills().filter(|(_, away)| *away < AT_ONCE).count(), 20);
        assert_eq!(kills().filter(|(victim, _)| *victim == Victim::Newcomer).count(), 10);
    }
}
