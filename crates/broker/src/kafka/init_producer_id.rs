//! InitProducerId: an id for an idempotent producer (KIP-98, KIP-360).

use yak_kafka::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use yak_model::api::InitProducerId;
use yak_model::{ErrorCode, ProducerEpoch, ProducerId};

use super::Asked;
use crate::ops;

pub(super) async fn init_producer_id(asked: Asked, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |code| InitProducerIdResponse {
        error_code: Some(code),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    };
    if request.transactional_id.is_some() {
        // The one answer that clients take for final, until there are transactions.
        return refused(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    let has_id = request.producer_id != -1 || request.producer_epoch != -1;
    let current =
        has_id.then(|| (ProducerId::new(request.producer_id), ProducerEpoch::new(request.producer_epoch)));
    match ops::clients::init_producer_id(asked.broker, InitProducerId { current }).await {
        Ok(reply) => InitProducerIdResponse {
            producer_id: reply.body.producer_id.get(),
            producer_epoch: reply.body.producer_epoch.get(),
            ..InitProducerIdResponse::default()
        },
        Err(rejection) => refused(rejection.code),
    }
}
