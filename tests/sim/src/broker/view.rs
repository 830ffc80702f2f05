//! What the oracle and the end of a run ask of a broker.

use std::collections::BTreeMap;

use yak_core::partition::Role;
use yak_model::{BrokerId, MetadataIndex};

use super::{Broker, Hosted};
use crate::message::Key;
use crate::oracle::{Record, read_back};

impl Broker {
    /// What each running replica that leads counts, for the oracle: key, epoch, maximal ISR.
    #[must_use]
    pub fn leaders(&self) -> Vec<(Key, i32, Vec<BrokerId>)> {
        let Some(process) = &self.process else { return Vec::new() };
        let leader = |(key, hosted): (&Key, &Hosted)| match hosted.replica.role() {
            Role::Leader(epoch) => Some((*key, epoch.get(), hosted.replica.maximal_isr()?)),
            _ => None,
        };
        process.hosted.iter().filter_map(leader).collect()
    }

    /// The ends of its logs, and their high watermarks.
    #[must_use]
    pub fn ends(&self) -> BTreeMap<Key, (i64, i64)> {
        let Some(process) = &self.process else { return BTreeMap::new() };
        let ends = |hosted: &Hosted| {
            (hosted.replica.log().disk_ref().reader().log_end().get(), hosted.replica.high_watermark().get())
        };
        process.hosted.iter().map(|(key, hosted)| (*key, ends(hosted))).collect()
    }

    /// All of a log, as it is read from the disk.
    ///
    /// # Errors
    /// It is not there, or does not give back whole batches.
    pub fn read_all(&self, key: Key) -> Result<Vec<Record>, String> {
        let hosted = self.process.as_ref().and_then(|process| process.hosted.get(&key));
        let reader = hosted.ok_or("it is not there")?.replica.log().disk_ref().reader();
        read_back(reader, reader.log_start().get(), reader.log_end().get())
    }

    /// Whether its session is open and its partitions work by the zookeeper's metadata.
    #[must_use]
    pub fn is_settled(&self, index: MetadataIndex) -> bool {
        self.process.as_ref().is_some_and(|process| process.linked && process.applied.index() == index)
    }
}
