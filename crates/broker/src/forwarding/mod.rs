//! Forwarding by hand: a line without `leader_epoch` is answered by whichever broker it was typed at.
//!
//! ```text
//!   line without leader_epoch ─► split ─┬─ led here ─► the operation itself
//!                                       ├─ led by 2 ─► pool ─► link ─► broker 2: `forwarded_by`, `leader_epoch`
//!                                       └─ led by 3 ─► pool ─► link ─► broker 3
//!   answers in the order of the request's entries ◄─── merged ◄──┘
//! ```
//!
//! Contract:
//! - *One hop.* What is forwarded carries `forwarded_by`, and whoever gets such a line answers it or refuses it. It
//!   shows the key of the registration, so that no client can pass for a broker; and where the operation has a
//!   leader epoch, that of the metadata by which it was sent here.
//! - *Never twice.* A produce (or a deletion) whose line was begun to be sent and which was not answered is reported as
//!   unknown (`NETWORK_EXCEPTION`, `REQUEST_TIMED_OUT`), and never sent again: what is typed by hand has no sequence
//!   numbers by which a leader could recognise it. Sent again, until [`PATIENCE`] is over, is only what was
//!   refused before anything was done because metadata differ or nobody leads, and what only reads.
//! - *Order.* A connection's line that changes something waits for the answer to the one before it
//!   (`ndjson::sequence`). Replies are in order of the requests, as always.
//! - *Deadlines.* The leader keeps the request's own; it is given [`GRACE`] more to say so. A leader that is fenced
//!   meanwhile is not waited for.
//! - *Bounds.* Links are pooled: [`MAX_LINKS`] to each broker for what is answered soon, [`MAX_HELD`] for fetches that may
//!   be held, one request on a link at a time; who finds none waits for its turn. A link that was idle for
//!   [`IDLE`] is closed. An answer is read as it is needed: at most one fetch reply for each connection.
//! - *Clients.* Who typed the line is a client of this broker, and of no other.

mod ask;
mod entry;
mod fetch;
mod offsets;
mod pool;
mod produce;
mod scatter;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use self::entry::{Leader, Place, any_away, place};
pub(crate) use self::fetch::{Fetched, fetch, fetch_from};
pub(crate) use self::offsets::{delete_records, list_offsets};
pub(crate) use self::pool::Pool;
pub(crate) use self::produce::{any_away as produces_away, produce};

/// How long what was refused because metadata differ, or nobody leads, is asked for again: an election takes a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// How long a leader may take for what has no deadline of its own, or beyond one that it does not keep.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How much later than its deadline a leader may say that it has passed.
const GRACE: Duration = Duration::from_secs(1);
/// Links to one broker for what is answered soon.
const MAX_LINKS: usize = 4;
/// Links to one broker for fetches that may be held.
const MAX_HELD: usize = 16;
/// A link that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(5);
