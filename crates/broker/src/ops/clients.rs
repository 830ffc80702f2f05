//! Producer ids.

use std::sync::Arc;

use yak_model::api::{InitProducerId, InitProducerIdReply, Rejection, Reply};
use yak_model::{ErrorCode, ProducerEpoch};

use crate::answer::Outcome;
use crate::broker::Broker;

/// A producer id of one's own, or the next epoch of the one it has (KIP-360). When the epochs of an id are
/// used up, a new id begins.
pub(crate) async fn init_producer_id(
    broker: Arc<Broker>,
    request: InitProducerId,
) -> Outcome<InitProducerIdReply> {
    let next_epoch = match request.current {
        None => None,
        Some((id, epoch)) if id.get() >= 0 && epoch.get() >= 0 => {
            // The last epoch stays free, so that a fencing epoch always exists (as in Kafka).
            let last = i16::MAX - 1;
            (epoch.get() < last).then(|| (id, ProducerEpoch::new(epoch.get() + 1)))
        }
        Some(_) => {
            let message = "producer_id and producer_epoch are not negative, or both left out";
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
    };
    let (producer_id, producer_epoch) = match next_epoch {
        Some(next) => next,
        None => (broker.producer_ids.next(&broker).await?, ProducerEpoch::new(0)),
    };
    Ok(Reply::new(InitProducerIdReply { producer_id, producer_epoch }))
}
