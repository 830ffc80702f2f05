//! Placement of new partitions: over live brokers in order of registration, least loaded first.
//!
//! Load is counted in two ways, over all topics: partitions whose first replica a broker is, and replicas. The
//! first replica, which leads, goes to the broker with the fewest first replicas, then the fewest replicas, then
//! the one that registered first. The others go to the brokers with the fewest replicas, then the next in order
//! of registration after the first replica, round and round: three partitions on brokers 1, 2, 3 become
//! `1,2,3  2,3,1  3,1,2`. N partitions on N idle brokers are one each; on more brokers the first N get one.

use std::collections::BTreeMap;

use yak_model::{BrokerId, DirectoryId};

use crate::image::Image;

/// Places partitions one after the other, counting those it placed.
#[derive(Debug)]
pub(super) struct Placement {
    /// In order of registration.
    brokers: Vec<Load>,
}

#[derive(Debug)]
struct Load {
    broker: BrokerId,
    directory: DirectoryId,
    first_replicas: u32,
    replicas: u32,
}

impl Placement {
    /// A placement over the live brokers of an image.
    pub(super) fn new(image: &Image) -> Self {
        let mut counts: BTreeMap<BrokerId, (u32, u32)> = BTreeMap::new();
        for partition in image.partitions() {
            for (at, replica) in partition.replicas.iter().enumerate() {
                let (first_replicas, replicas) = counts.entry(*replica).or_default();
                *first_replicas += u32::from(at == 0);
                *replicas += 1;
            }
        }
        let live = image.brokers_by_registration().into_iter().filter(|broker| !broker.fenced);
        let load = |broker: &crate::image::Broker| {
            let (first_replicas, replicas) = counts.get(&broker.id()).copied().unwrap_or_default();
            Load { broker: broker.id(), directory: broker.directory(), first_replicas, replicas }
        };
        Self { brokers: live.map(load).collect() }
    }

    /// How many brokers there are to place on.
    pub(super) fn live(&self) -> usize {
        self.brokers.len()
    }

    /// The replicas of one more partition, the future leader first. At most as many as there are live brokers.
    pub(super) fn place(&mut self, replicas: usize) -> Vec<(BrokerId, DirectoryId)> {
        let count = self.brokers.len();
        let by_load = |at: &usize| (self.brokers[*at].first_replicas, self.brokers[*at].replicas, *at);
        let Some(first) = (0..count).min_by_key(by_load) else { return Vec::new() };
        // Distances from the first replica, so that ties go to the next in order of registration.
        let mut others: Vec<usize> = (1..count).map(|distance| (first + distance) % count).collect();
        others.sort_by_key(|at| self.brokers[*at].replicas);
        let chosen = std::iter::once(first).chain(others).take(replicas);
        chosen.map(|at| self.take(at, at == first)).collect()
    }

    /// Counts replicas that were placed by hand.
    pub(super) fn count(&mut self, replicas: &[BrokerId]) {
        for (at, replica) in replicas.iter().enumerate() {
            if let Some(found) = self.brokers.iter().position(|load| load.broker == *replica) {
                self.take(found, at == 0);
            }
        }
    }

    fn take(&mut self, at: usize, first: bool) -> (BrokerId, DirectoryId) {
        let load = &mut self.brokers[at];
        load.first_replicas += u32::from(first);
        load.replicas += 1;
        (load.broker, load.directory)
    }
}
