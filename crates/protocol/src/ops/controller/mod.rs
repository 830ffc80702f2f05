//! Operations of the zookeeper's port that a broker's port does not have, one file each.
//!
//! The others (`create_topics`, `metadata`, ...) are those of a broker's port, with [`create_topics`] adding what a
//! broker says when it forwards one.

pub(crate) mod allocate_producer_ids;
pub(crate) mod alter_isr;
pub(crate) mod create_topics;
pub(crate) mod heartbeat;
pub(crate) mod indexed;
pub(crate) mod register_broker;
pub(crate) mod resume_broker;
pub(crate) mod shutdown_broker;
pub(crate) mod status;
pub(crate) mod watch;
