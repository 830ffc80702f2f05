//! Producer ids out of the block that the zookeeper gave to this broker.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Mutex as AsyncMutex;
use yak_model::ProducerId;
use yak_model::api::{AllocateProducerIds, Rejection};

use crate::broker::Broker;

/// How long a client waits for the next block.
const ALLOCATE_TIMEOUT_MS: u32 = 10_000;

/// The rest of the block. Ids of a block that a crash left unused are never used.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    /// First id left, and the first beyond the block.
    left: Mutex<(i64, i64)>,
    /// Held while a new block is asked for, so that many clients ask once.
    allocating: AsyncMutex<()>,
}

impl ProducerIds {
    fn lock(&self) -> MutexGuard<'_, (i64, i64)> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<ProducerId> {
        let mut left = self.lock();
        (left.0 < left.1).then(|| {
            left.0 += 1;
            ProducerId::new(left.0 - 1)
        })
    }

    /// An id that nobody else has or had.
    pub(crate) async fn next(&self, broker: &Broker) -> Result<ProducerId, Rejection> {
        loop {
            if let Some(id) = self.take() {
                return Ok(id);
            }
            let allocating = self.allocating.lock().await;
            if let Some(id) = self.take() {
                return Ok(id);
            }
            let ask = AllocateProducerIds { broker_id: broker.id(), broker_epoch: broker.epoch() };
            let block = broker.decide(ask, ALLOCATE_TIMEOUT_MS).await?;
            *self.lock() = (block.first.get(), block.end.get());
            drop(allocating);
        }
    }
}
