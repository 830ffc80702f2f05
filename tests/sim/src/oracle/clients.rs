//! What is checked as clients are answered.

use yak_core::partition::Acknowledged;
use yak_model::BrokerId;
use yak_model::api::Acks;
use yak_model::config::FlushMode;

use super::{Oracle, Record};
use crate::message::Key;

/// How long after another leader began a leader may go on acknowledging by itself: a lease, in whole milliseconds.
const LEASE_US: u64 = 801_000;

/// An acknowledgement as a leader gives it.
#[derive(Debug)]
pub struct Ack<'a> {
    /// Who, in which life.
    pub broker: (usize, u64),
    /// Of which partition.
    pub key: Key,
    /// In which epoch it leads.
    pub epoch: i32,
    /// What was asked for.
    pub acks: Acks,
    /// What is said.
    pub acknowledged: &'a Acknowledged,
    /// The values of the batch.
    pub values: &'a [u64],
    /// The leader's ISR, as committed.
    pub isr: &'a [BrokerId],
}

fn at(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

impl Oracle {
    /// A value is on its way.
    pub fn produced(&mut self, value: u64, key: Key) {
        self.born.insert(value, key);
    }

    /// Its producer takes it for not written.
    pub fn refused(&mut self, value: u64) {
        self.refused.insert(value);
        let key = self.born.get(&value).and_then(|key| self.partitions.get(key));
        let visible = key.is_some_and(|partition| partition.values.contains_key(&value));
        self.check("INV-24 NoAbortedRead", !visible, || format!("{value} is visible, and was refused"));
    }

    /// A leader answers a produce.
    pub fn acks(&mut self, ack: &Ack<'_>) {
        self.inv_17_sticky_failure(ack);
        self.inv_30_original_offset(ack);
        let base = ack.acknowledged.base_offset.get();
        if ack.acks != Acks::All {
            self.totals.acknowledged_by_leader += ack.values.len() as u64;
            self.lease(ack);
            return;
        }
        self.inv_5_no_zombie_ack(ack);
        self.inv_12_everywhere_in_the_isr(ack);
        self.inv_15_durable_where_promised(ack);
        let Some(partition) = self.partitions.get_mut(&ack.key) else { return };
        if partition.lossy {
            return;
        }
        for (offset, value) in (base..).zip(ack.values) {
            if let std::collections::btree_map::Entry::Vacant(vacant) = partition.acked.entry(offset) {
                vacant.insert((*value, ack.epoch));
                self.totals.acknowledged += 1;
            }
        }
        let end = base + i64::try_from(ack.values.len()).unwrap_or(0);
        let committed = partition.committed.get(at(base)..at(end)).map(<[Record]>::to_vec);
        let same = committed
            .is_some_and(|records| records.iter().map(|record| record.value).eq(ack.values.iter().copied()));
        self.check("INV-12 AckedSurvives", same, || format!("acknowledged and not committed: {ack:?}"));
    }

    fn inv_17_sticky_failure(&mut self, ack: &Ack<'_>) {
        if !self.any_failed {
            return;
        }
        let failed = self.failed.contains(&ack.broker);
        self.check("INV-17 StickyFailure", !failed, || format!("acknowledged after a failure: {ack:?}"));
    }

    /// A retried batch gets its original offset: there it is in the leader's log.
    fn inv_30_original_offset(&mut self, ack: &Ack<'_>) {
        let Some(mirror) = self.mirrors.get(&(ack.broker.0, ack.key)) else { return };
        let base = at(ack.acknowledged.base_offset.get());
        let records = mirror.records.get(base..base + ack.values.len());
        let same = records
            .is_some_and(|records| records.iter().map(|record| record.value).eq(ack.values.iter().copied()));
        if ack.acknowledged.duplicate {
            self.totals.duplicates += 1;
        }
        if ack.acknowledged.duplicate || !same {
            self.check("INV-30 OriginalOffset", same, || format!("not there: {ack:?}"));
        }
    }

    /// Whoever leads in a later epoch has what is acknowledged.
    fn inv_5_no_zombie_ack(&mut self, ack: &Ack<'_>) {
        let Some(partition) = self.partitions.get(&ack.key) else { return };
        if partition.lossy {
            return;
        }
        let base = at(ack.acknowledged.base_offset.get());
        let later: Vec<usize> = partition.led.range(ack.epoch + 1..).map(|(_, led)| led.0).collect();
        let lacks = later.into_iter().find(|broker| {
            self.mirrors.get(&(*broker, ack.key)).is_some_and(|mirror| {
                let there = mirror.records.get(base..base + ack.values.len());
                mirror.runs
                    && !mirror.is_excused()
                    && !there.is_some_and(|there| there.iter().map(|record| &record.value).eq(ack.values))
            })
        });
        self.check("INV-5 NoZombieAck", lacks.is_none(), || {
            format!("broker {lacks:?} (from 0) led later without it: {ack:?}")
        });
    }

    /// A leader that answers by itself has not been replaced for longer than a lease.
    fn lease(&mut self, ack: &Ack<'_>) {
        let Some(partition) = self.partitions.get(&ack.key) else { return };
        let later = partition.led.range(ack.epoch + 1..).map(|(_, (_, _, since_us))| *since_us).min();
        let (Some(later), now_us) = (later, self.now_us) else { return };
        self.check("INV-5 NoZombieAck", now_us < later + LEASE_US, || {
            format!("replaced {} us ago, and acknowledges by itself: {ack:?}", now_us - later)
        });
    }

    /// Each member of the ISR, as the controller has it at this moment, has what is acknowledged: any one of them may be
    /// the one that keeps its disk.
    fn inv_12_everywhere_in_the_isr(&mut self, ack: &Ack<'_>) {
        let Some(partition) = self.partitions.get(&ack.key).filter(|partition| !partition.lossy) else {
            return;
        };
        let base = at(ack.acknowledged.base_offset.get());
        let lacks = partition.in_sync.iter().copied().find(|broker| {
            self.mirrors.get(&(*broker, ack.key)).is_some_and(|mirror| {
                let there = mirror.records.get(base..base + ack.values.len());
                !mirror.is_excused()
                    && !there.is_some_and(|there| there.iter().map(|record| &record.value).eq(ack.values))
            })
        });
        self.check("INV-12 AckedSurvives", lacks.is_none(), || {
            format!("broker {lacks:?} (from 0) is in the ISR without it: {ack:?}")
        });
    }

    /// With `flush=sync` what is acknowledged is durable on every member of the ISR.
    fn inv_15_durable_where_promised(&mut self, ack: &Ack<'_>) {
        let Some(partition) = self.partitions.get(&ack.key) else { return };
        if partition.flush != FlushMode::Sync || partition.lossy {
            return;
        }
        let end = ack.acknowledged.base_offset.get() + i64::try_from(ack.values.len()).unwrap_or(0);
        let lacks = ack.isr.iter().copied().find(|id| {
            let broker = usize::try_from(id.get() - 1).unwrap_or(usize::MAX);
            self.mirrors
                .get(&(broker, ack.key))
                .is_some_and(|mirror| !mirror.lost_disk && mirror.durable_end() < end)
        });
        self.check("INV-15 PowerCut", lacks.is_none(), || format!("not durable on {lacks:?}: {ack:?}"));
    }

    /// A consumer was given records: from the offset that it asked for on, without a gap, and as they are committed.
    pub fn consumed(&mut self, key: Key, from: i64, records: &[Record]) {
        for (offset, record) in (from..).zip(records) {
            self.totals.read += 1;
            let Some(partition) = self.partitions.get_mut(&key) else { return };
            let committed = partition.committed.get(at(record.offset)).copied();
            let before = *partition.read.entry(record.offset).or_insert(record.value);
            let lossy = partition.lossy;
            if lossy {
                continue;
            }
            self.check("INV-25 HwRead", committed.is_some(), || {
                format!("{record:?} of {key:?} was read, and is not committed")
            });
            self.check("INV-26 RepeatableRead", before == record.value && offset == record.offset, || {
                format!("{record:?} of {key:?} was {before} before, and {offset} was asked for")
            });
            self.check("INV-1 LogMatching", committed.is_none_or(|committed| committed == *record), || {
                format!("{record:?} of {key:?} was read, and {committed:?} is committed")
            });
            let born = self.born.get(&record.value).copied();
            self.check("INV-27 TopicIdentity", born == Some(key), || {
                format!("{record:?}, produced to {born:?}, was read from {key:?}")
            });
        }
    }

    /// A leader says what the latest offset is.
    pub fn latest(&mut self, key: Key, epoch: i32, offset: i64) {
        let Some(partition) = self.partitions.get_mut(&key) else { return };
        if partition.lossy {
            return;
        }
        let earlier = partition.latest.range(..epoch).map(|(_, offset)| *offset).max().unwrap_or(0);
        let known = partition.latest.entry(epoch).or_insert(offset);
        let mine = *known;
        *known = mine.max(offset);
        self.check("INV-11 LatestMonotone", offset >= earlier.max(mine), || {
            format!("{key:?}: {offset} in epoch {epoch}, after {mine}, and {earlier} in earlier ones")
        });
    }

    /// The same, as a client sees it: never below what it was given.
    pub fn latest_seen(&mut self, key: Key, offset: i64, returned: i64) {
        if self.partitions.get(&key).is_none_or(|partition| partition.lossy) {
            return;
        }
        self.check("INV-11 LatestMonotone", offset >= returned, || {
            format!("{key:?}: latest is {offset} for a client that was given {returned}")
        });
    }

    /// A produce ended, one way or another, in time.
    pub fn inv_23_no_silence(&mut self, in_time: bool, what: impl FnOnce() -> String) {
        self.check("INV-23 NoSilence", in_time, what);
    }
}
