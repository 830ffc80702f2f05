//! Groups as a client sees them: their coordinator, and membership.
//!
//! ```text
//!   Coordinator   finds the broker that runs a group, asks it, finds it again when it moves
//!   Membership    a task that keeps the group stream: joins, hears assignments, joins again ─► Standing
//! ```
//!
//! A member has two connections to its coordinator: the stream, and one for what it says itself (commits, and what it
//! owns). Whoever owns partitions looks at the [`Standing`] and says what it did; see `consumer::group`.

mod coordinator;
mod member;
mod standing;

pub(crate) use coordinator::{Coordinator, passing};
pub(crate) use member::Membership;
pub(crate) use standing::{Ended, Identity, Standing};
