//! Allocate producer ids: a block for one broker, never handed out again.

use yak_model::api::{AllocateProducerIds, ProducerIdBlock, Rejection};
use yak_model::limits::PRODUCER_ID_BLOCK_LEN;
use yak_model::metadata::MetadataRecord;
use yak_model::{ErrorCode, ProducerId};

use super::Draft;
use super::command::Decide;

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
