//! Looking offsets up.

use tokio::time::{Instant, sleep};
use yak_model::api::{ListOffsets, ListOffsetsReply};

use super::Admin;
use crate::ClientError;
use crate::cluster::{Backoff, Kind};

impl Admin {
    /// Looks offsets up. Entries whose leader is changing are asked again until the request timeout.
    ///
    /// # Errors
    /// When nobody answers in time, or the whole request is refused.
    pub async fn list_offsets(&self, request: &ListOffsets) -> Result<ListOffsetsReply, ClientError> {
        let deadline = Instant::now() + self.cluster.config().request_timeout;
        let mut backoff = Backoff::new(self.cluster.config());
        let mut reply: ListOffsetsReply = self.cluster.ask(Kind::Look, request).await?;
        loop {
            let open: Vec<usize> = (0..reply.partitions.len()).filter(|at| is_open(&reply, *at)).collect();
            let pause = backoff.next();
            if open.is_empty() || Instant::now() + pause >= deadline {
                return Ok(reply);
            }
            sleep(pause).await;
            let entries = open.iter().map(|at| request.entries[*at].clone()).collect();
            let again: ListOffsetsReply = self.cluster.ask(Kind::Look, &ListOffsets { entries }).await?;
            for (at, result) in open.into_iter().zip(again.partitions) {
                reply.partitions[at] = result;
            }
        }
    }
}

/// Whether the entry was refused in a way that passes.
fn is_open(reply: &ListOffsetsReply, at: usize) -> bool {
    matches!(&reply.partitions[at], Err(refused) if refused.rejection.code.is_retriable())
}
