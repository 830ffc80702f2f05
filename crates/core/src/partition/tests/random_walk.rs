//! Random inputs, with the invariants checked after each and every acknowledgement accounted for.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Produce(Acks, u8),
    Duplicate(u8),
    Durable(i64),
    Fetch(i32, i64, i64),
    Isr(Vec<i32>),
    Lead(Option<i32>),
    MinIsr(u16),
    Time(u64),
    Fail,
}

fn step() -> impl Strategy<Value = Step> {
    let acks = prop_oneof![Just(Acks::None), Just(Acks::Leader), Just(Acks::All)];
    let isr = Just(vec![1, 2, 3])
        .prop_shuffle()
        .prop_flat_map(|all| (1..=3usize).prop_map(move |n| all[..n].to_vec()));
    prop_oneof![
        8 => (acks, 1..5u8).prop_map(|(acks, count)| Step::Produce(acks, count)),
        2 => (1..255u8).prop_map(Step::Duplicate),
        6 => (0..6i64).prop_map(Step::Durable),
        8 => (2..4i32, 0..6i64, 0..3i64).prop_map(|(id, back, lag)| Step::Fetch(id, back, lag)),
        2 => isr.prop_map(Step::Isr),
        2 => proptest::option::weighted(0.8, 1..3i32).prop_map(Step::Lead),
        1 => (1..4u16).prop_map(Step::MinIsr),
        3 => (0..600u64).prop_map(Step::Time),
        1 => proptest::bool::weighted(0.1).prop_map(|fail| if fail { Step::Fail } else { Step::Time(1) }),
    ]
}

/// What an observer of the replica believes.
#[derive(Default)]
struct Observer {
    waiting: BTreeSet<Token>,
    highest: i64,
    named: u8,
}

impl Observer {
    fn produced(&mut self, rig: &Rig, outcome: Result<ProduceOutcome, Rejection>, acks: Acks) {
        match outcome {
            Ok(ProduceOutcome::Waiting(token)) => {
                assert!(acks == Acks::All && self.waiting.insert(token), "a token is used once");
            }
            Ok(ProduceOutcome::Done(done)) => {
                assert!(rig.replica.failure().is_none(), "INV-17");
                assert!(acks != Acks::All || done.end_offset.get() <= rig.high_watermark(), "INV-12");
            }
            Err(_) => {}
        }
    }

    fn drain(&mut self, rig: &mut Rig) {
        while let Some(effect) = rig.replica.poll_effect() {
            match effect {
                Effect::Sync => assert!(rig.replica.identity().flush == FlushMode::Sync),
                Effect::HighWatermark(offset) => assert_eq!(offset, rig.replica.high_watermark()),
                Effect::Progress => assert!(matches!(rig.replica.role(), Role::Follower(..))),
                Effect::ProposeIsr(_) => assert!(matches!(rig.replica.role(), Role::Leader(_))),
                Effect::ProduceDone { token, result } => {
                    assert!(self.waiting.remove(&token), "INV-23: answered once");
                    if let Ok(done) = result {
                        assert!(done.end_offset.get() <= rig.high_watermark(), "INV-12");
                    }
                }
            }
        }
        let high_watermark = rig.high_watermark();
        assert!(high_watermark >= self.highest, "INV-10");
        assert!(high_watermark <= rig.replica.log().end().get());
        self.highest = high_watermark;
        if let Ok(bound) = rig.replica.check_fetch(None, Offset::ZERO) {
            assert!(bound.high_watermark.get() <= high_watermark, "INV-25");
        }
    }

    fn take(&mut self, rig: &mut Rig, step: Step) {
        let end = rig.replica.log().end().get();
        match step {
            Step::Produce(acks, count) => {
                self.named = self.named.wrapping_add(1);
                let mut batch = vec![0; usize::from(count)];
                batch[0] = self.named;
                let outcome = rig.produce(acks, &batch);
                self.produced(rig, outcome, acks);
            }
            Step::Duplicate(named) if rig.replica.log().known.contains_key(&named) => {
                let outcome = rig.produce(Acks::All, &[named]);
                self.produced(rig, outcome, Acks::All);
                assert_eq!(rig.replica.log().end().get(), end, "INV-29");
            }
            Step::Duplicate(_) => {}
            Step::Durable(back) => {
                let durable = (end - back).max(rig.replica.log().durable);
                rig.replica.log_mut().durable = durable;
                rig.replica.handle_durable(rig.now_ms, Offset::new(durable));
            }
            Step::Fetch(id, back, lag) => {
                let fetched = (end - back).max(0);
                drop(rig.follower(id, fetched, (fetched - lag).max(0)));
            }
            Step::Isr(members) => {
                let head = members[0];
                rig.isr(&members);
                rig.lead(Some(head));
            }
            Step::Lead(leader) => rig.lead(leader),
            Step::MinIsr(minimum) => rig.replica.handle_min_insync_replicas(rig.now_ms, minimum),
            Step::Time(passed) => {
                rig.now_ms += passed;
                rig.replica.handle_time(rig.now_ms);
                assert!(rig.replica.next_deadline().is_none_or(|deadline| deadline > rig.now_ms), "INV-23");
            }
            Step::Fail => rig.replica.handle_log_failed("it burns"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn inv_10_inv_12_inv_17_inv_23_inv_25_hold_on_a_random_walk(
        steps in proptest::collection::vec(step(), 1..120),
        synced in any::<bool>(),
    ) {
        let flush = if synced { FlushMode::Sync } else { FlushMode::Os };
        let mut rig = Rig::leader(flush, &[1, 2, 3], 2);
        let mut observer = Observer::default();
        for step in steps {
            observer.take(&mut rig, step);
            observer.drain(&mut rig);
        }
        rig.now_ms += 2 * TIMEOUT_MS;
        rig.replica.handle_time(rig.now_ms);
        observer.drain(&mut rig);
        prop_assert!(observer.waiting.is_empty(), "INV-23: everybody was answered");
    }
}
