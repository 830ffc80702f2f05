//! What is checked as replicas write, cut, advance.

use yak_log::LogReader;
use yak_model::config::FlushMode;

use super::{Oracle, Record, read_back};
use crate::message::Key;

/// An index into what is committed or mirrored.
fn at(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

impl Oracle {
    /// A process found, or made, this log.
    pub fn opened(&mut self, (broker, key): (usize, Key), life: u64, reader: LogReader) {
        let records = match read_back(&reader, reader.log_start().get(), reader.log_end().get()) {
            Ok(records) => records,
            Err(problem) => {
                self.violations
                    .push(format!("broker {}: a recovered log cannot be read: {problem}", broker + 1));
                return;
            }
        };
        self.inv_2_unique_record(key, &records);
        let mirror = self.mirrors.entry((broker, key)).or_default();
        let (durable, lost, before) = (mirror.durable, mirror.lost_disk, mirror.end());
        let end = i64::try_from(records.len()).unwrap_or(0);
        let power_cut = std::mem::take(&mut mirror.power_cut);
        let cut_failed = std::mem::take(&mut mirror.cut_failed);
        mirror.records = records;
        mirror.life = life;
        mirror.runs = true;
        mirror.reader = Some(reader);
        mirror.compared = 0;
        mirror.high_watermark = 0;
        // What a power cut took of a page cache is no truncation by the protocol.
        mirror.served = mirror.served.min(end);
        let os = self.partitions.get(&key).is_some_and(|partition| partition.flush == FlushMode::Os);
        mirror.lost_cache |= power_cut && os && end < before;
        if lost {
            return;
        }
        if power_cut {
            self.check("INV-15 PowerCut", end >= durable, || {
                format!("broker {} had {durable} durable, and recovered {end} of {key:?}", broker + 1)
            });
        } else {
            // The page cache has everything that was written.
            self.check("INV-12 AckedSurvives", end >= before || cut_failed, || {
                format!(
                    "broker {} had {before} written, and a new process found {end} of {key:?}",
                    broker + 1
                )
            });
        }
    }

    /// A process ended.
    pub fn ended(&mut self, broker: usize, power_cut: bool) {
        for ((of, _), mirror) in &mut self.mirrors {
            if *of == broker && mirror.runs {
                mirror.durable = mirror.durable_end();
                mirror.reader = None;
                mirror.runs = false;
            }
            if *of == broker {
                mirror.power_cut |= power_cut;
            }
        }
        if power_cut {
            self.alone_lose(broker, Some(FlushMode::Os));
        }
    }

    /// A broker's disk is empty, or damaged, from now on.
    pub fn disk_lost(&mut self, broker: usize, damaged: Option<Key>) {
        self.replaced.insert(broker);
        for ((_, key), mirror) in self.mirrors.iter_mut().filter(|((of, _), _)| *of == broker) {
            if damaged.is_none_or(|damaged| damaged == *key) {
                mirror.lost_disk = true;
                mirror.served = 0;
            }
            // A broker proves all of its logs or none.
            if let Some(partition) = self.partitions.get_mut(key) {
                partition.damaged = true;
            }
        }
        self.alone_lose(broker, None);
    }

    /// Partitions whose only wanted replica was there lose what they had.
    fn alone_lose(&mut self, broker: usize, flush: Option<FlushMode>) {
        let hosted: Vec<Key> =
            self.mirrors.keys().filter(|(of, _)| *of == broker).map(|(_, key)| *key).collect();
        for key in hosted {
            if let Some(partition) = self.partitions.get(&key)
                && partition.wanted == 1
                && flush.is_none_or(|flush| partition.flush == flush)
            {
                self.lossy(key);
            }
        }
    }

    /// All brokers lost their power at once.
    pub fn all_cut(&mut self) {
        self.partitions.values_mut().for_each(|partition| partition.all_cut = true);
    }

    /// Records came to the end of a log; `epoch` if it was a leader that wrote them.
    pub fn appended(&mut self, (broker, key): (usize, Key), epoch: Option<i32>, records: &[Record]) {
        self.inv_2_unique_record(key, records);
        self.inv_27_written(key, records);
        let Some(mirror) = self.mirrors.get_mut(&(broker, key)) else { return };
        let life = mirror.life;
        let expected = mirror.end();
        mirror.records.extend_from_slice(records);
        if records.first().is_some_and(|first| first.offset != expected) {
            self.violations.push(format!("broker {}: appended {records:?} at {expected}", broker + 1));
        }
        if let Some(epoch) = epoch {
            self.inv_4_one_writer((broker, key), epoch, life);
        }
    }

    fn inv_2_unique_record(&mut self, key: Key, records: &[Record]) {
        for record in records {
            let Some(partition) = self.partitions.get_mut(&key) else { return };
            let known = *partition.unique.entry((record.offset, record.epoch)).or_insert(*record);
            self.check("INV-2 UniqueRecord", known == *record, || {
                format!("{known:?} and {record:?} of {key:?}")
            });
        }
    }

    fn inv_27_written(&mut self, key: Key, records: &[Record]) {
        for record in records {
            let born = self.born.get(&record.value).copied();
            self.check("INV-27 TopicIdentity", born == Some(key), || {
                format!("{record:?}, produced to {born:?}, came to {key:?}")
            });
        }
    }

    fn inv_4_one_writer(&mut self, (broker, key): (usize, Key), epoch: i32, life: u64) {
        let Some(partition) = self.partitions.get_mut(&key) else { return };
        let writer = *partition.writers.entry(epoch).or_insert((broker, life));
        self.check("INV-4 OneWriter", writer == (broker, life), || {
            format!(
                "epoch {epoch} of {key:?} is written by {writer:?} and {:?} (broker, life)",
                (broker, life)
            )
        });
    }

    /// A log is about to be cut.
    pub fn truncates(&mut self, (broker, key): (usize, Key), to: i64) {
        self.totals.truncations += 1;
        let lossy = self.partitions.get(&key).is_none_or(|partition| partition.lossy);
        let Some(mirror) = self.mirrors.get_mut(&(broker, key)) else { return };
        mirror.records.truncate(at(to));
        mirror.compared = mirror.compared.min(at(to));
        let served = mirror.served;
        if !lossy {
            self.check("INV-3 NoServedTruncation", to >= served, || {
                format!("broker {} cuts {key:?} to {to}, and served up to {served} as leader", broker + 1)
            });
        }
    }

    /// A log was to be cut, and that failed.
    pub fn cut_failed(&mut self, place: (usize, Key)) {
        if let Some(mirror) = self.mirrors.get_mut(&place) {
            mirror.cut_failed = true;
        }
    }

    /// A replica became leader.
    pub fn leads(&mut self, (broker, key): (usize, Key), epoch: i32) {
        let now_us = self.now_us;
        let Some(partition) = self.partitions.get_mut(&key) else { return };
        let lossy = partition.lossy;
        if let Some(mirror) = self.mirrors.get_mut(&(broker, key)) {
            // What it knows to be below the high watermark it serves.
            mirror.served = mirror.served.max(mirror.high_watermark);
            let leads = (broker, mirror.life, now_us);
            let (known, life, _) = *partition.led.entry(epoch).or_insert(leads);
            self.check("INV-4 OneWriter", (known, life) == (leads.0, leads.1), || {
                format!("epoch {epoch} of {key:?} has two leaders: {:?} and {leads:?}", (known, life))
            });
        }
        if !lossy {
            self.inv_12_acked_survives((broker, key), epoch);
        }
    }

    /// Every acknowledged record is in the log of whoever leads.
    fn inv_12_acked_survives(&mut self, (broker, key): (usize, Key), epoch: i32) {
        let (Some(partition), Some(mirror)) = (self.partitions.get(&key), self.mirrors.get(&(broker, key)))
        else {
            return;
        };
        if partition.acked.is_empty() {
            return;
        }
        // A replica that hears late of an epoch that is over leads it without what came after.
        let lost = partition.acked.iter().find(|(offset, (value, of))| {
            *of <= epoch && mirror.records.get(at(**offset)).is_none_or(|record| record.value != *value)
        });
        let lost = lost.map(|(offset, value)| (*offset, *value));
        let (all_cut, damaged, flush) = (partition.all_cut, partition.damaged, partition.flush);
        let found =
            || format!("broker {} leads {key:?} in epoch {epoch} without acknowledged {lost:?}", broker + 1);
        self.check("INV-12 AckedSurvives", lost.is_none(), found);
        if all_cut && flush == FlushMode::Sync {
            self.check("INV-15 PowerCut", lost.is_none(), found);
        }
        if damaged {
            self.check("INV-16 MinorityDamage", lost.is_none(), found);
        }
    }

    /// A replica's high watermark moved. `leads`: in which epoch, with how many in the ISR, of how many needed.
    pub fn high_watermark(
        &mut self,
        (broker, key): (usize, Key),
        end: i64,
        leads: Option<(i32, usize, usize)>,
    ) {
        let Some(partition) = self.partitions.get(&key) else { return };
        let lossy = partition.lossy;
        let Some(mirror) = self.mirrors.get_mut(&(broker, key)) else { return };
        let before = std::mem::replace(&mut mirror.high_watermark, end);
        if leads.is_some() {
            mirror.served = mirror.served.max(end);
        }
        let grows = end >= before;
        // A follower whose disk lost something may know less than it did.
        if !lossy && (leads.is_some() || grows || !mirror.is_excused()) {
            self.check("INV-10 HwMonotone", grows, || {
                format!("the high watermark of {key:?} on broker {} fell from {before} to {end}", broker + 1)
            });
        }
        if let Some((epoch, in_sync, needed)) = leads {
            self.check("INV-13 MinIsrGate", in_sync >= needed, || {
                format!("{key:?} advanced to {end} in epoch {epoch} with {in_sync} in the ISR of {needed}")
            });
            self.commit((broker, key), end);
        }
        if !lossy {
            self.inv_1_log_matching((broker, key), end);
        }
    }

    /// What a leader takes for committed is so from now on.
    fn commit(&mut self, (broker, key): (usize, Key), end: i64) {
        let (Some(partition), Some(mirror)) =
            (self.partitions.get_mut(&key), self.mirrors.get(&(broker, key)))
        else {
            return;
        };
        let known = partition.committed.len();
        if at(end) <= known {
            return;
        }
        let new: Vec<Record> = mirror.records.get(known..at(end)).unwrap_or_default().to_vec();
        partition.committed.extend_from_slice(&new);
        let lossy = partition.lossy;
        for record in new {
            self.inv_24_no_aborted_read(record);
            let Some(partition) = self.partitions.get_mut(&key) else { return };
            let before = partition.values.insert(record.value, record.offset);
            if !lossy {
                self.check("INV-29 NoDuplicate", before.is_none(), || {
                    format!("{record:?} of {key:?} is at {before:?} already")
                });
            }
        }
    }

    fn inv_24_no_aborted_read(&mut self, record: Record) {
        let refused = self.refused.contains(&record.value);
        self.check("INV-24 NoAbortedRead", !refused, || format!("{record:?} was refused, and is visible"));
    }

    /// Below both high watermarks two replicas hold the same: each is compared with what is committed.
    fn inv_1_log_matching(&mut self, (broker, key): (usize, Key), end: i64) {
        let (Some(partition), Some(mirror)) =
            (self.partitions.get(&key), self.mirrors.get_mut(&(broker, key)))
        else {
            return;
        };
        let from = mirror.compared.min(at(end));
        let mine = mirror.records.get(from..at(end));
        let theirs = partition.committed.get(from..at(end));
        if from == at(end) {
            return;
        }
        mirror.compared = at(end);
        let differs = match (mine, theirs) {
            (Some(mine), Some(theirs)) => {
                mine.iter().zip(theirs).find(|(a, b)| a != b).map(|(a, b)| (*a, *b))
            }
            _ => {
                let (ends, known) = (mirror.end(), partition.committed.len());
                self.check("INV-1 LogMatching", false, || {
                    format!("{key:?}: broker {} says {end}, has {ends}, committed {known}", broker + 1)
                });
                return;
            }
        };
        self.check("INV-1 LogMatching", differs.is_none(), || {
            format!("{key:?}: broker {} and what was committed differ: {differs:?}", broker + 1)
        });
    }

    /// What is read from a disk in the end is what was seen to be written.
    pub fn read_in_the_end(&mut self, (broker, key): (usize, Key), read: Result<Vec<Record>, String>) {
        let Some(mirror) = self.mirrors.get(&(broker, key)) else { return };
        let same = read.as_ref().is_ok_and(|records| *records == mirror.records);
        self.check("INV-26 RepeatableRead", same, || {
            let problem = read.err().unwrap_or_else(|| "other records".to_owned());
            format!("in the end broker {} gives back of {key:?}: {problem}", broker + 1)
        });
    }

    /// Everything is at rest: every replica holds what its leader holds, and all that was acknowledged.
    pub fn in_the_end(&mut self, (broker, key): (usize, Key), leader: Option<usize>) {
        let mirror = self.mirrors.get(&(broker, key)).map(|mirror| mirror.records.clone());
        let leads = leader.and_then(|leader| self.mirrors.get(&(leader, key)));
        let leads = leads.map(|mirror| mirror.records.clone());
        let same = mirror == leads;
        self.check("INV-1 LogMatching", same, || {
            format!("in the end broker {} and its leader {leader:?} (from 0) differ in {key:?}", broker + 1)
        });
        let lossy = self.partitions.get(&key).is_none_or(|partition| partition.lossy);
        if !lossy {
            self.inv_12_acked_survives((broker, key), i32::MAX);
        }
    }
}
