//! Fetch: read records, waiting until there are some.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use yak_model::Offset;
use yak_model::api::{Fetch, FetchEntry, FetchReply, FetchedPartition, Rejection, Reply};
use yak_model::limits::{MAX_FETCH_BYTES, MAX_FETCH_WAIT_MS};
use yak_record::Records;

use crate::answer::Answer;
use crate::broker::Broker;
use crate::wakeups::Wait;
use yak_model::limits::at_most_entries;

/// Reads every entry, and answers when there are `min_bytes`, an error, or `max_wait_ms` have passed.
pub(crate) fn fetch(broker: &Arc<Broker>, request: Fetch) -> Answer<FetchReply<Records>> {
    if let Err(rejection) = at_most_entries(request.entries.len()) {
        return Answer::Now(Err(rejection));
    }
    let (reply, enough) = read(broker, &request);
    if enough || request.max_wait_ms == 0 {
        return Answer::ok(reply);
    }
    let broker = Arc::clone(broker);
    // From its arrival on, wherever its reply stands in the queue.
    let wait_ms = request.max_wait_ms.min(MAX_FETCH_WAIT_MS);
    let deadline = Instant::now() + Duration::from_millis(wait_ms.into());
    Answer::later(async move {
        let hosted =
            request.entries.iter().filter_map(|entry| broker.partition(&entry.topic, entry.partition).ok());
        let wait = Wait::new(hosted.collect());
        loop {
            wait.arm();
            let (reply, enough) = read(&broker, &request);
            if enough {
                return Ok(Reply::new(reply));
            }
            tokio::select! {
                () = wait.grown() => {}
                () = sleep_until(deadline) => return Ok(Reply::new(reply)),
                () = broker.stopping.cancelled() => return Ok(Reply::new(reply)),
            }
        }
    })
}

/// One look at every entry; whether that is enough to answer with.
fn read(broker: &Broker, request: &Fetch) -> (FetchReply<Records>, bool) {
    let mut left = u64::from(request.max_bytes.min(MAX_FETCH_BYTES));
    let (mut found, mut refused) = (0_u64, false);
    let mut partitions = Vec::with_capacity(request.entries.len());
    for entry in &request.entries {
        let max_bytes = u64::from(entry.max_bytes).min(left);
        // Once the reply is full, later entries only tell where they are.
        let fetched = read_entry(broker, entry, max_bytes, found == 0 || left > 0);
        match &fetched.records {
            Ok(records) => {
                let len = records.len() as u64;
                found += len;
                left = left.saturating_sub(len);
            }
            Err(_) => refused = true,
        }
        partitions.push(fetched);
    }
    let enough = refused || found >= u64::from(request.min_bytes);
    (FetchReply { partitions }, enough)
}

fn read_entry(
    broker: &Broker,
    entry: &FetchEntry,
    max_bytes: u64,
    wanted: bool,
) -> FetchedPartition<Records> {
    let read = broker.partition(&entry.topic, entry.partition).and_then(|partition| {
        let read = partition.read(entry.leader_epoch, entry.offset, max_bytes)?;
        Ok::<_, Rejection>(read)
    });
    let (high_watermark, log_start_offset, records) = match read {
        Ok(read) => {
            let records = if wanted { read.records } else { Records::EMPTY };
            (read.high_watermark, read.log_start_offset, Ok(records))
        }
        Err(rejection) => (Offset::new(-1), Offset::new(-1), Err(rejection)),
    };
    FetchedPartition {
        topic: entry.topic.clone(),
        partition: entry.partition,
        high_watermark,
        log_start_offset,
        records,
    }
}
