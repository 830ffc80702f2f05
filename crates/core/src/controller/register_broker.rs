//! Register broker: a process says that it is there, under an id it drew at its start.

use yak_model::api::{LogProof, RegisterBroker, Registered, Rejection};
use yak_model::config::FlushMode;
use yak_model::limits::{MAX_BROKERS, MAX_LABEL_LEN};
use yak_model::metadata::{BrokerRegistration, MetadataRecord, PartitionRecord};
use yak_model::{BrokerEpoch, DirectoryId, ErrorCode};

use super::Draft;
use super::command::Decide;
use super::fence_broker::change_partitions;
use super::partition_change::PartitionChange;
use crate::image::Topic;

/// Most log directories of one broker.
const MAX_DIRECTORIES: usize = 256;

impl Decide for RegisterBroker {
    type Reply = Registered;

    fn decide(self, draft: &mut Draft<'_>) -> Result<Registered, Rejection> {
        let cluster_id = draft.image().cluster_id();
        check_form(&self)?;
        if let Some(other) = self.cluster_id.filter(|id| *id != cluster_id) {
            let message =
                format!("broker {} belongs to cluster {other}, this is {cluster_id}", self.broker_id);
            return Err(Rejection::new(ErrorCode::InconsistentClusterId, message));
        }
        let known = draft.image().broker(self.broker_id).map(|broker| &broker.registration);
        if let Some(same) = known.filter(|known| known.incarnation_id == self.incarnation_id) {
            return Ok(Registered { broker_epoch: same.broker_epoch, cluster_id });
        }
        if known.is_none() && draft.image().brokers().count() >= MAX_BROKERS {
            let message =
                format!("a cluster has at most {MAX_BROKERS} brokers, those that are gone included");
            return Err(Rejection::new(ErrorCode::PolicyViolation, message));
        }
        let which = if known.is_some() { "new incarnation" } else { "first time" };
        let (id, host, port) = (self.broker_id, &self.host, self.port);
        draft.because(format!("broker {id} registered ({which}) at {host}:{port}"));
        let index = i64::try_from(draft.index().get()).expect("no journal has 2^63 lines");
        let broker_epoch = BrokerEpoch::new(index);
        let registration = registration(&self, broker_epoch);
        draft.push(MetadataRecord::BrokerRegistered(registration.clone()));
        change_partitions(draft, |image, topic, partition| {
            let at = partition.replicas.iter().position(|replica| *replica == id)?;
            let known_directory = partition.directory_ids[at];
            let proven = covers(self.proof, topic) && registration.directory_ids.contains(&known_directory);
            let directory = home(partition, at, &registration.directory_ids);
            let mut change = PartitionChange::new(topic, partition);
            change.replace(id, proven, directory);
            change.elect(image);
            change.finish()
        });
        Ok(Registered { broker_epoch, cluster_id })
    }
}

/// Whether it may stand in the journal.
fn check_form(request: &RegisterBroker) -> Result<(), Rejection> {
    let rack = request.rack.as_deref().unwrap_or_default();
    let message = if request.broker_id.get() < 0 {
        "a broker's id is not negative".to_owned()
    } else if request.host.len().max(rack.len()) > MAX_LABEL_LEN {
        format!("a host and a rack have at most {MAX_LABEL_LEN} bytes")
    } else if request.directory_ids.len() > MAX_DIRECTORIES {
        format!("a broker has at most {MAX_DIRECTORIES} log directories")
    } else {
        return Ok(());
    };
    Err(Rejection::new(ErrorCode::InvalidRequest, message))
}

fn registration(request: &RegisterBroker, broker_epoch: BrokerEpoch) -> BrokerRegistration {
    BrokerRegistration {
        broker_id: request.broker_id,
        broker_epoch,
        incarnation_id: request.incarnation_id,
        directory_ids: request.directory_ids.clone(),
        host: request.host.clone(),
        port: request.port,
        advertised: request.advertised,
        rack: request.rack.clone(),
    }
}

/// Whether the logs of a topic hold everything that they acknowledged.
fn covers(proof: LogProof, topic: &Topic) -> bool {
    proof.undamaged && (proof.page_cache_kept || topic.flush() == FlushMode::Sync)
}

/// The directory of a replica: where it was, if that is still there.
fn home(partition: &PartitionRecord, at: usize, directories: &[DirectoryId]) -> DirectoryId {
    let known = partition.directory_ids[at];
    if directories.contains(&known) { known } else { directories.first().copied().unwrap_or_default() }
}
