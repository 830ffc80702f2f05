//! Blocks of producer ids.

use super::*;

#[test]
fn blocks_never_overlap_whoever_asks() {
    let mut rig = Rig::cluster(2);
    let mut next = 0;
    for id in [1, 2, 2, 1] {
        let (broker_id, broker_epoch) = (BrokerId::new(id), rig.epoch(id));
        let block = rig.submit(AllocateProducerIds { broker_id, broker_epoch }).unwrap();
        assert_eq!((block.first.get(), block.end.get(), block.broker_id), (next, next + 1_000, broker_id));
        next += 1_000;
    }
}

#[test]
fn blocks_never_overlap_across_a_restart_or_an_image() {
    let mut rig = Rig::cluster(1);
    let (broker_id, broker_epoch) = (BrokerId::new(1), rig.epoch(1));
    rig.submit(AllocateProducerIds { broker_id, broker_epoch }).unwrap();
    for replay in [Image::clone, rebuilt] {
        rig.controller = Controller::new(ControllerConfig::default(), replay(&rig.replayed));
        let last = rig.image().next_producer_id();
        let block = rig.submit(AllocateProducerIds { broker_id, broker_epoch }).unwrap();
        assert_eq!(block.first, last);
        assert_eq!(rig.image().last_producer_ids(), Some(block));
    }
}

#[test]
fn a_former_registration_gets_none() {
    let mut rig = Rig::cluster(1);
    let (broker_id, broker_epoch) = (BrokerId::new(1), rig.epoch(1));
    rig.register(1);
    let refused = rig.submit(AllocateProducerIds { broker_id, broker_epoch }).unwrap_err();
    assert_eq!(refused.code, ErrorCode::StaleBrokerEpoch);
}
