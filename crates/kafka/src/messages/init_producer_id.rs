//! InitProducerId (key 22): an id for an idempotent producer (KIP-98).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks for an id.
    struct InitProducerIdRequest(key InitProducerId, versions 0..=5, flexible from 2) {
        /// The transaction's producer, or null.
        transactional_id: Option<String> = Some(String::new()), 0..;
        /// After how long an open transaction is aborted.
        transaction_timeout_ms: i32, 0..;
        /// The id that the producer has, if it wants a higher epoch (KIP-360); -1: none.
        producer_id: i64 = -1, 3..;
        /// The epoch that the producer has; -1: none.
        producer_epoch: i16 = -1, 3..;
    }

    /// The id.
    struct InitProducerIdResponse(key InitProducerId, versions 0..=5, flexible from 2) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// Why there is none.
        error_code: Option<ErrorCode>, 0..;
        /// The id; -1: none.
        producer_id: i64 = -1, 0..;
        /// Its epoch.
        producer_epoch: i16, 0..;
    }
}
