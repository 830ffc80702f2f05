//! What is checked as the controller decides.

use yak_core::image::Image;
use yak_model::BrokerId;
use yak_model::api::{AlterIsr, AlterIsrReply, IsrProposal};
use yak_model::metadata::{JournalLine, MetadataRecord, PartitionRecord, RecoveryState};

use super::Oracle;
use crate::message::Key;

/// What a leader has proposed and not been answered.
#[derive(Debug)]
pub(crate) struct Outstanding {
    proposal: IsrProposal,
    /// It was refused as ineligible.
    refused: bool,
}

/// The number of a broker, from 0.
fn number(id: BrokerId) -> usize {
    usize::try_from(id.get() - 1).unwrap_or(usize::MAX)
}

impl Oracle {
    /// The controller decided a line; `before` and `after` are its images.
    pub fn decided(
        &mut self,
        before: &Image,
        after: &Image,
        line: &JournalLine,
        registered: &[(usize, u64)],
    ) {
        let mut running = before.clone();
        let mut newcomer = None;
        for record in &line.records {
            match record {
                MetadataRecord::BrokerRegistered(registration) => {
                    let (broker, epoch) = (number(registration.broker_id), registration.broker_epoch.get());
                    newcomer = Some(registration.broker_id);
                    self.replaced.remove(&broker);
                    let known = self.broker_epochs.insert(broker, epoch);
                    self.check("INV-7 BrokerEpoch", known.is_none_or(|known| known < epoch), || {
                        format!("broker {} registered with epoch {epoch} after {known:?}", broker + 1)
                    });
                }
                MetadataRecord::Partition(partition) => {
                    let known = running.topic_by_id(partition.topic_id);
                    let known = known.and_then(|topic| topic.partition(partition.partition)).cloned();
                    if let Some(known) = known {
                        self.partition_decided(&known, partition, (after, &line.cause), registered);
                    }
                }
                _ => {}
            }
            // What is inconsistent shows where the line is applied.
            drop(running.apply(record));
        }
        if let Some(newcomer) = newcomer {
            self.inv_6_kept_its_place(after, newcomer);
        }
        self.in_sync_are(after);
    }

    /// The controller begins anew with what was durable: nobody was ever told of the rest.
    pub fn controller_began(&mut self, image: &Image) {
        let epochs =
            image.brokers().map(|broker| (number(broker.registration.broker_id), broker.epoch().get()));
        self.broker_epochs = epochs.collect();
        self.in_sync_are(image);
    }

    /// The ISR of each partition, by the controller.
    fn in_sync_are(&mut self, image: &Image) {
        for record in image.partitions() {
            if let Some(partition) = self.partitions.get_mut(&(record.topic_id, record.partition.get())) {
                partition.in_sync.clear();
                partition.in_sync.extend(record.in_sync_replicas.iter().copied().map(number));
            }
        }
    }

    /// A new process that is in an ISR from its registration on has everything.
    fn inv_6_kept_its_place(&mut self, image: &Image, newcomer: BrokerId) {
        let kept = image.partitions().filter(|record| record.in_sync_replicas.contains(&newcomer));
        let keys: Vec<Key> = kept.map(|record| (record.topic_id, record.partition.get())).collect();
        for key in keys {
            let broker = number(newcomer);
            if let Some(mirror) = self.mirrors.get(&(broker, key)) {
                let process = [(broker, mirror.life)];
                self.inv_6_unclean_exclusion(key, newcomer, &process, "keeps its place in the ISR");
            }
        }
    }

    fn partition_decided(
        &mut self,
        before: &PartitionRecord,
        after: &PartitionRecord,
        (image, cause): (&Image, &str),
        registered: &[(usize, u64)],
    ) {
        let key = (after.topic_id, after.partition.get());
        let unclean = after.recovery_state == RecoveryState::Recovering && cause.contains("UNCLEAN");
        let elected = after.leader.filter(|_| after.leader_epoch != before.leader_epoch);
        if let Some(leader) = elected {
            self.totals.elections += 1;
            self.inv_14_clean_election(before, after, unclean);
            if !unclean {
                self.inv_35_queue_order((before, after), image, cause);
            }
            if unclean {
                self.totals.unclean += 1;
                self.lossy(key);
                let asked = self.may_be_unclean;
                self.check("INV-14 CleanElection", asked, || {
                    format!("nobody asked for the unclean election: {after:?}")
                });
            }
            if !unclean {
                self.inv_6_unclean_exclusion(key, leader, registered, "leads");
            }
        }
        if !unclean {
            for joined in after.in_sync_replicas.iter().filter(|id| !before.in_sync_replicas.contains(id)) {
                self.inv_6_unclean_exclusion(key, *joined, registered, "is in the ISR");
                if let Some(mirror) =
                    self.mirrors.get_mut(&(number(*joined), key)).filter(|mirror| mirror.runs)
                {
                    mirror.lost_disk = false;
                    mirror.lost_cache = false;
                }
            }
        }
    }

    fn inv_14_clean_election(&mut self, before: &PartitionRecord, after: &PartitionRecord, unclean: bool) {
        let clean = after.leader.is_none_or(|leader| {
            before.in_sync_replicas.contains(&leader) || before.eligible_leader_replicas.contains(&leader)
        });
        self.check("INV-14 CleanElection", clean || unclean, || format!("{before:?} became {after:?}"));
    }

    /// The live head of the queue leads, or, if none in it lives, who is eligible.
    fn inv_35_queue_order(
        &mut self,
        (before, after): (&PartitionRecord, &PartitionRecord),
        image: &Image,
        cause: &str,
    ) {
        let lives = |id: &&BrokerId| image.is_live(**id);
        let head = before.in_sync_replicas.iter().find(lives);
        let eligible = before.eligible_leader_replicas.iter().any(|id| Some(*id) == after.leader);
        let preferred =
            before.replicas.first().filter(|id| before.in_sync_replicas.contains(id) && lives(id));
        let handed_over = cause.contains("preferred leader") && preferred == after.leader.as_ref();
        let holds = match (after.leader, head) {
            (Some(leader), Some(head)) => leader == *head || handed_over,
            (Some(_), None) => eligible,
            (None, _) => true,
        };
        let at_head = after.leader.is_none() || after.in_sync_replicas.first() == after.leader.as_ref();
        self.check("INV-35 QueueOrder", holds && at_head, || format!("{before:?} became {after:?}: {cause}"));
    }

    /// Who joins the ISR or leads has what is committed; looked at while the registered process runs.
    fn inv_6_unclean_exclusion(&mut self, key: Key, id: BrokerId, registered: &[(usize, u64)], what: &str) {
        let broker = number(id);
        let (Some(partition), Some(mirror)) = (self.partitions.get(&key), self.mirrors.get(&(broker, key)))
        else {
            return;
        };
        if partition.lossy || !mirror.runs || !registered.contains(&(broker, mirror.life)) {
            return;
        }
        let committed = &partition.committed;
        let has = mirror.records.iter().zip(committed).take_while(|(mine, theirs)| mine == theirs).count();
        let needed = committed.len();
        self.check("INV-6 UncleanExclusion", has >= needed, || {
            format!("broker {} {what} of {key:?} with {has} of {needed} committed records", broker + 1)
        });
    }

    /// The controller's ISR is a part of what its leader counts.
    pub fn inv_8_maximal_isr(&mut self, record: &PartitionRecord, maximal: &[BrokerId]) {
        let holds = record.in_sync_replicas.iter().all(|member| maximal.contains(member));
        self.check("INV-8 MaximalIsr", holds, || format!("the leader counts {maximal:?}, of {record:?}"));
    }

    /// A leader proposes.
    pub fn inv_9_one_alter(&mut self, (broker, life): (usize, u64), proposal: &IsrProposal) {
        let key = (proposal.topic_id, proposal.partition.get());
        let before = self.proposals.get(&(broker, life, key));
        let same_state = |known: &Outstanding| {
            let known = &known.proposal;
            (known.leader_epoch, known.partition_epoch) == (proposal.leader_epoch, proposal.partition_epoch)
        };
        let holds = before
            .filter(|known| same_state(known))
            .is_none_or(|known| known.refused || known.proposal == *proposal);
        let found = format!("{before:?} is under way, and {proposal:?} follows");
        self.check("INV-9 OneAlter", holds, || found);
        self.proposals
            .insert((broker, life, key), Outstanding { proposal: proposal.clone(), refused: false });
    }

    /// An ISR change is compared and set: one about a leader or a state of its partition that is over is refused,
    /// whatever it says.
    pub fn compared_and_set(&mut self, before: &Image, alter: &AlterIsr, reply: &AlterIsrReply) {
        for (proposal, result) in alter.proposals.iter().zip(&reply.results) {
            let topic = before.topic_by_id(proposal.topic_id);
            let Some(now) = topic.and_then(|topic| topic.partition(proposal.partition)) else { continue };
            let meant = (Some(alter.broker_id), proposal.leader_epoch, proposal.partition_epoch);
            let outdated = meant != (now.leader, now.leader_epoch, now.partition_epoch);
            self.totals.outdated += u64::from(outdated);
            self.check("INV-9 OneAlter", !outdated || result.is_err(), || {
                format!("{proposal:?} came when its state was over, and was accepted: {now:?}")
            });
        }
    }

    /// A proposal was refused as ineligible.
    pub fn refused_proposal(&mut self, (broker, life): (usize, u64), proposal: &IsrProposal) {
        let key = (proposal.topic_id, proposal.partition.get());
        if let Some(known) = self.proposals.get_mut(&(broker, life, key))
            && known.proposal == *proposal
        {
            known.refused = true;
        }
    }

    /// A broker that was well was not heard to die: `well` if it was.
    pub fn inv_34_no_false_death(&mut self, broker: usize, well: bool, what: &str) {
        self.check("INV-34 NoFalseDeath", !well, || format!("broker {} was well, and {what}", broker + 1));
    }

    /// The zookeeper was absent, or a connection was cut and made again.
    pub fn inv_34_absence(&mut self) {
        self.check("INV-34 NoFalseDeath", true, String::new);
    }

    /// A request between brokers was accepted.
    pub fn inv_7_accepted(&mut self, broker: BrokerId, shown: i64) {
        let known = self.broker_epochs.get(&number(broker)).copied();
        self.check("INV-7 BrokerEpoch", known.is_some_and(|known| shown <= known && shown > 0), || {
            format!("broker {broker} showed epoch {shown}, and registered with {known:?}")
        });
    }
}
