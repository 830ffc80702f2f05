//! Allocate producer ids: a block for one broker, never handed out again.

use yak_model::api::Rejection;
use yak_model::limits::PRODUCER_ID_BLOCK_LEN;
use yak_model::metadata::MetadataRecord;
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, ProducerId};

use super::Draft;
use super::command::Decide;
use crate::image::ProducerIdBlock;

/// Asks for the next block of producer ids.
#[derive(Clone, Copy, Debug)]
pub struct AllocateProducerIds {
    /// Who asks.
    pub broker_id: BrokerId,
    /// Under which registration.
    pub broker_epoch: BrokerEpoch,
}

impl Decide for AllocateProducerIds {
    type Reply = ProducerIdBlock;

    fn decide(self, draft: &mut Draft<'_>) -> Result<ProducerIdBlock, Rejection> {
        let Self { broker_id, broker_epoch } = self;
        draft.registered(broker_id, broker_epoch)?;
        let first = draft.image().next_producer_id();
        let Some(end) = first.get().checked_add(PRODUCER_ID_BLOCK_LEN).map(ProducerId::new) else {
            return Err(Rejection::new(ErrorCode::UnknownServerError, "every producer id was handed out"));
        };
        draft.because(format!("broker {broker_id} asked for producer ids"));
        draft.push(MetadataRecord::ProducerIds { broker_id, broker_epoch, first, end });
        Ok(ProducerIdBlock { broker_id, broker_epoch, first, end })
    }
}
