//! Producer ids out of the blocks that the zookeeper gave to this broker.
//!
//! One block is in use and one ahead of it, asked for when the broker joins and whenever the one in use is half used, so
//! that producers get ids while the zookeeper is away: at least half a block of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use yak_model::ProducerId;
use yak_model::api::{AllocateProducerIds, Rejection};
use yak_model::limits::PRODUCER_ID_BLOCK_LEN;

use crate::broker::Broker;

/// How long a client waits for the next block.
const ALLOCATE_TIMEOUT_MS: u32 = 10_000;
/// Between a block that was not given and the next try.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is left of the blocks. Ids of a block that a crash left unused are never used.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    left: Mutex<Left>,
    /// Held while a new block is asked for, so that many clients ask once.
    allocating: AsyncMutex<()>,
    /// Told when the ids become few.
    few: Notify,
}

/// First id left of a block, and the first beyond it.
type Block = (i64, i64);

#[derive(Debug, Default)]
struct Left {
    used: Block,
    ahead: Block,
}

impl Left {
    const fn count(&self) -> i64 {
        (self.used.1 - self.used.0) + (self.ahead.1 - self.ahead.0)
    }

    fn take(&mut self) -> Option<i64> {
        if self.used.0 == self.used.1 {
            self.used = std::mem::take(&mut self.ahead);
        }
        (self.used.0 < self.used.1).then(|| {
            self.used.0 += 1;
            self.used.0 - 1
        })
    }

    fn add(&mut self, block: Block) {
        if self.used.0 == self.used.1 {
            self.used = std::mem::take(&mut self.ahead);
        }
        let free = if self.used.0 == self.used.1 { &mut self.used } else { &mut self.ahead };
        // A block is asked for only when there is room for it; beyond that its ids would be lost, and never used.
        *free = block;
    }
}

impl ProducerIds {
    fn lock(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<ProducerId> {
        let mut left = self.lock();
        let id = left.take();
        if left.count() <= PRODUCER_ID_BLOCK_LEN / 2 {
            self.few.notify_one();
        }
        id.map(ProducerId::new)
    }

    /// How many are left.
    pub(crate) fn left(&self) -> i64 {
        self.lock().count()
    }

    /// An id that nobody else has or had.
    pub(crate) async fn next(&self, broker: &Broker) -> Result<ProducerId, Rejection> {
        loop {
            if let Some(id) = self.take() {
                return Ok(id);
            }
            let _allocating = self.allocating.lock().await;
            if let Some(id) = self.take() {
                return Ok(id);
            }
            self.allocate(broker).await?;
        }
    }

    /// Asks for a block, while `allocating` is held.
    async fn allocate(&self, broker: &Broker) -> Result<(), Rejection> {
        let ask = AllocateProducerIds { broker_id: broker.id(), broker_epoch: broker.epoch() };
        let block = broker.decide(ask, ALLOCATE_TIMEOUT_MS).await?;
        self.lock().add((block.first.get(), block.end.get()));
        Ok(())
    }
}

/// Keeps ids ahead of those who ask for them, until `stop`.
pub(crate) async fn keep_ahead(broker: Arc<Broker>, stop: CancellationToken) {
    let ids = &broker.producer_ids;
    let keep = async {
        loop {
            while ids.left() <= PRODUCER_ID_BLOCK_LEN / 2 {
                let allocated = {
                    let _allocating = ids.allocating.lock().await;
                    // Somebody who could not wait may have asked meanwhile.
                    if ids.left() > PRODUCER_ID_BLOCK_LEN / 2 { break } else { ids.allocate(&broker).await }
                };
                if let Err(rejection) = allocated {
                    tracing::debug!(%rejection, "no producer ids ahead for now");
                    sleep(RETRY_AFTER).await;
                }
            }
            ids.few.notified().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = keep => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::replication::tests::rig::{Rig, until};

    #[tokio::test(flavor = "multi_thread")]
    async fn there_are_ids_while_the_zookeeper_is_away() {
        let rig = Rig::new(&[]);
        let node = rig.start(1).await;
        let broker = Arc::clone(&node.broker);
        let stop = CancellationToken::new();
        let ahead = tokio::spawn(keep_ahead(Arc::clone(&broker), stop.clone()));
        until("a block is there before anybody asked", || {
            broker.producer_ids.left() == PRODUCER_ID_BLOCK_LEN
        })
        .await;
        let mut given = BTreeSet::new();
        for _ in 0..PRODUCER_ID_BLOCK_LEN / 2 {
            given.insert(broker.producer_ids.next(&broker).await.expect("an id"));
        }
        until("the next block was asked for when this one was half used", || {
            broker.producer_ids.left() == PRODUCER_ID_BLOCK_LEN / 2 + PRODUCER_ID_BLOCK_LEN
        })
        .await;
        let left = broker.producer_ids.left();
        let _directory = rig.end_zookeeper().await;
        for _ in 0..left {
            given.insert(
                broker.producer_ids.next(&broker).await.expect("an id, though the zookeeper is gone"),
            );
        }
        assert_eq!(given.len(), usize::try_from(2 * PRODUCER_ID_BLOCK_LEN).expect("small"), "each only once");
        let refused = broker.producer_ids.next(&broker).await.expect_err("none is left");
        assert!(refused.code.is_retriable(), "{refused}");
        stop.cancel();
        ahead.await.expect("no panic");
    }
}
