//! Pure state machines: the controller, the sessions of brokers and the partition replica.
//!
//! # Contract
//!
//! **Inputs.** A machine changes only by calls of its `handle_*` methods, made by one owner at a time (a thread,
//! a lock). Nothing here reads a clock, a file, a socket, an environment or a source of randomness: the
//! monotonic time (`now`, in milliseconds from any origin), the wall clock and every id are arguments. Collections
//! are ordered. The same inputs in the same order give the same state, the same effects and the same answers, on
//! every machine; simulation by seed lives on that, and so does replaying a journal.
//!
//! **Time.** `now` never decreases between two calls to the same machine (asserted). The wall clock may jump; it
//! stamps journal lines and records and decides nothing.
//!
//! **Controller** ([`controller`]). [`controller::Controller::handle`] decides a command to records and a reply
//! and applies the records to its own image at once. The caller makes the records durable as one journal line
//! before it shows anybody the reply or the new image, including those of later commands, which were decided on
//! top of it. Applying the journal's lines to an empty [`image::Image`] gives the controller's image.
//!
//! ```text
//!   command ──► decide ──► records ──► apply to the own image
//!                  │          │
//!                reply        └─► the caller: journal line ─► sync ─► publish image, send replies in order
//! ```
//!
//! **Partition** ([`partition`]). A [`partition::Replica`] owns the partition's log through the small trait
//! [`partition::ReplicaLog`] and decides what is accepted, what is visible and what is acknowledged. What it wants
//! done is drained by `poll_effect` after each input, in order; syncing is such an effect, answered by
//! `handle_durable` or `handle_log_failed`.
//!
//! **Group** ([`group`]). A [`group::classic::ClassicGroup`] brings the members of a consumer group together: joins,
//! syncs, heartbeats and time go in; answers to those that waited, and what must be made durable before anybody works
//! by it, come out by `poll_effect`. A [`group::consumer::ConsumerGroup`] (KIP-848) assigns by itself: heartbeats go in
//! and are answered at once, and what they changed is made durable before the answer is shown.
//!
//! **Sessions** ([`sessions`]). [`sessions::Sessions`] watches brokers: heartbeats, connections and time go in, what
//! the controller shall fence or unfence comes out by `poll_effect`. Deadlines are judged after everything that had
//! arrived was handled, and its own lateness kills nobody.
//!
//! **Failure.** The caller's fault and the cluster's state come back as `Rejection`s. A broken invariant is a
//! panic, in release too: going on would cost data.

pub mod controller;
pub mod group;
pub mod image;
pub mod partition;
pub mod sessions;
