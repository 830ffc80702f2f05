//! A random walk: whatever happens in whatever order, who may live lives and who must die dies.

use std::collections::BTreeMap;

use super::*;

/// A small generator of one's own: the same seed, the same walk.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What is known of the one broker, from outside.
#[derive(Default)]
struct Seen {
    /// Open connections, and the process at the other end of each.
    open: BTreeMap<u64, u8>,
    process: u8,
    /// The last time something came from the process on record.
    heard_ms: u64,
    /// How often what happened.
    counts: BTreeMap<&'static str, u32>,
}

impl Seen {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

fn step(rig: &mut Rig, seen: &mut Seen, dice: &mut Dice, number: u64) {
    match dice.roll(12) {
        0 => {
            let process = seen.process.wrapping_add(u8::try_from(dice.roll(2)).unwrap());
            let connected = rig.sessions.state(BrokerId::new(1)).is_some_and(|state| state.connected);
            let alive = connected && rig.now_ms < seen.heard_ms + 1_000;
            match rig.register(1, process, number) {
                Ok(_) => {
                    assert!(process == seen.process || !alive, "a living process was replaced");
                    (seen.process, seen.heard_ms) = (process, rig.now_ms);
                    seen.open.insert(number, process);
                    seen.count("registered");
                }
                Err(refused) => {
                    assert_eq!(refused.code, ErrorCode::DuplicateBrokerRegistration);
                    // Alive, or not known to be dead because the judge was absent.
                    assert!(connected && process != seen.process, "nobody is in its way");
                    seen.count("refused");
                }
            }
        }
        1 if rig.controller.image().broker(BrokerId::new(1)).is_some() => {
            rig.resume(seen.process, number).expect("the process on record may always resume");
            seen.open.insert(number, seen.process);
            seen.heard_ms = rig.now_ms;
            seen.count("resumed");
        }
        2 => {
            let some = seen.open.keys().nth(usize::try_from(dice.roll(4)).unwrap()).copied();
            if let Some(over) = some {
                seen.open.remove(&over);
                rig.close(over);
                seen.count("closed");
            }
        }
        3..=6 => {
            if let Some((&over, _)) = seen.open.last_key_value()
                && rig.beat(over).is_ok()
            {
                seen.heard_ms = rig.now_ms;
                seen.count("beat");
            }
        }
        7 => {
            rig.stall(dice.roll(2_000));
            seen.count("stalled");
        }
        8 => rig.full = dice.roll(3) == 0,
        9 if dice.roll(4) == 0 => {
            rig.restart();
            seen.open.clear();
            seen.heard_ms = rig.now_ms;
            seen.count("restarted");
        }
        _ => rig.pass(dice.roll(400)),
    }
}

fn judge(rig: &mut Rig, seen: &mut Seen) {
    for line in rig.take_said() {
        let silent_ms = rig.now_ms - seen.heard_ms;
        if line.contains("no heartbeat") {
            assert!(silent_ms >= 1_000, "fenced after {silent_ms} ms of silence");
            seen.count("died of silence");
        } else if line.contains("connection closed") {
            let connected = rig.sessions.state(BrokerId::new(1)).unwrap().connected;
            assert!(!connected, "its connection is open");
            seen.count("died of a closed connection");
        } else if line.starts_with("unfence") {
            seen.count("unfenced");
        }
    }
    let suspended = rig.sessions.suspended().count();
    assert!(suspended == 0 || rig.is_live(), "only who is live is suspended");
}

#[test]
fn whatever_happens() {
    let mut totals: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..60 {
        let (mut rig, mut seen, mut dice) = (Rig::new(), Seen::default(), Dice(seed));
        for number in 0..400 {
            step(&mut rig, &mut seen, &mut dice, number);
            judge(&mut rig, &mut seen);
        }
        // Progress: with room on the disk and nothing more heard, it is dead within a session time.
        rig.full = false;
        rig.pass(1_100);
        assert!(!rig.is_live(), "seed {seed}: a silent broker lives");
        seen.counts.into_iter().for_each(|(what, times)| *totals.entry(what).or_default() += times);
    }
    for what in ["registered", "refused", "resumed", "closed", "beat", "stalled", "restarted", "unfenced"] {
        assert!(totals.get(what).is_some_and(|times| *times > 100), "{what}: {totals:?}");
    }
    for what in ["died of silence", "died of a closed connection"] {
        assert!(totals.get(what).is_some_and(|times| *times > 20), "{what}: {totals:?}");
    }
}
