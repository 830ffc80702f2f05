//! Loading: what a coordinator of before has written is read from the log.
//!
//! The whole log is read, and only below the high watermark: what is answered by it will not go away again. What was in
//! the log when this broker became leader is its to make durable, so loading waits until all of that is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use yak_model::Offset;
use yak_model::api::Rejection;
use yak_record::{Batches, DecompressionLimits, Records, Scratch, decode};

use super::shard::Shard;
use super::state::{Phase, State};
use super::stored::Loaded;
use crate::wakeups::Wait;

/// How much is read at once.
const READ_BYTES: u64 = 1024 * 1024;

/// When it is tried again after an error. Most likely another broker leads, and this one hears of it before.
const AGAIN: Duration = Duration::from_secs(1);

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    /// Another broker leads, or the log failed.
    #[error("{0}")]
    Refused(Rejection),
    /// The disk.
    #[error("reading failed: {0}")]
    Read(#[from] std::io::Error),
    /// What is in the log is no batch.
    #[error("a batch is damaged: {0}")]
    Batch(#[from] yak_record::BatchError),
    /// The work was cut off.
    #[error("loading did not end: {0}")]
    Cut(#[from] tokio::task::JoinError),
}

impl Shard {
    /// Begins to read the log; `loaded` names this reading.
    pub(super) fn load(self: &Arc<Self>, loaded: u64) {
        let shard = Arc::clone(self);
        self.around.runtime.spawn(async move {
            let loading = async {
                loop {
                    let began = Instant::now();
                    match shard.read_all().await {
                        Ok(read) => return shard.activate(loaded, read, began),
                        Err(error) => {
                            tracing::error!(partition = %shard.partition.id(), %error, "coordinator_not_loaded");
                        }
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            };
            tokio::select! {
                () = shard.ended().cancelled() => {}
                () = loading => {}
            }
        });
    }

    async fn read_all(self: &Arc<Self>) -> Result<Loaded, LoadError> {
        let reader = self.partition.reader();
        let end = reader.log_end();
        let mut read = Loaded::default();
        let mut offset = reader.log_start();
        let wait = Wait::new(vec![Arc::clone(&self.partition)]);
        while offset < end {
            wait.arm();
            let before = offset;
            let shard = Arc::clone(self);
            // Reading may wait for the disk, and decoding takes its time.
            let some = tokio::task::spawn_blocking(move || shard.read_some(before, read)).await?;
            (read, offset) = some?;
            if offset == before {
                wait.grown().await;
            }
        }
        Ok(read)
    }

    /// Reads what is below the high watermark from `offset` on. Returns the offset behind it.
    fn read_some(&self, mut offset: Offset, mut read: Loaded) -> Result<(Loaded, Offset), LoadError> {
        let (mut scratch, limits) = (Scratch::new(), DecompressionLimits::default());
        let mut bytes = BytesMut::new();
        loop {
            let some =
                self.partition.read(Some(self.epoch), offset, READ_BYTES).map_err(LoadError::Refused)?;
            bytes.clear();
            Records::read_into(&some.records, &mut bytes)?;
            if bytes.is_empty() {
                return Ok((read, offset));
            }
            for batch in Batches::new(&bytes) {
                let batch = batch?;
                let header = yak_record::BatchHeader::parse(batch)?;
                for record in decode(batch, &mut scratch, &limits)? {
                    let record = record?;
                    read.take(record.key, record.value, self.partition.id());
                }
                offset = header.next_offset();
            }
        }
    }

    /// Coordinates by what was read.
    fn activate(self: &Arc<Self>, loaded: u64, read: Loaded, began: Instant) {
        let mut state = self.lock();
        if state.loaded != loaded || state.phase != Phase::Loading {
            return;
        }
        let now_ms = self.around.clock.now_ms();
        state.groups = read.groups(&self.around, now_ms);
        state.phase = Phase::Active;
        let groups = state.groups.len();
        tracing::info!(
            partition = %self.partition.id(),
            epoch = %self.epoch,
            groups,
            ms = began.elapsed().as_millis(),
            "coordinator_active"
        );
        // Topics may have gone, come or grown since; and members are to be heard of from now on.
        self.look_at_topics(&mut state);
        if state.phase == Phase::Active {
            self.activated();
        }
    }
}

impl State {
    /// Whether there is room for a group that is not known.
    pub(super) fn check_room(&self, id: &yak_model::GroupId) -> Result<(), Rejection> {
        use yak_model::limits::MAX_GROUPS_PER_COORDINATOR as MOST;
        if self.groups.len() < MOST || self.groups.contains_key(id) {
            return Ok(());
        }
        let message = format!("this coordinator has {MOST} groups, as many as it takes");
        Err(Rejection::new(yak_model::ErrorCode::PolicyViolation, message))
    }
}
