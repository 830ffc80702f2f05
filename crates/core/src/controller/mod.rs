//! The controller: decides every change of the cluster's metadata.
//!
//! ```text
//!                     register (new incarnation)
//!          ┌──────────────────────────────────────────────┐
//!          ▼                                              │
//!   ┌─────────────┐  recovered its logs, caught up   ┌────┴─────┐
//!   │   fenced    │ ───────────── unfence ─────────► │   live   │
//!   │ leads none  │ ◄── fence (died), shut down ──── │ may lead │
//!   └─────────────┘                                  └──────────┘
//! ```
//!
//! A command is one file: the command, its reply, and how it is decided. To decide, it looks at the image in its
//! draft (`draft.rs`) and pushes records, each of which is applied to that image at once, so that what follows in
//! the same command sees it. A rejected command leaves nothing behind.
//!
//! Whatever a command does to a partition goes through `partition_change.rs`, where the rules on leaders, the ISR
//! queue and epochs stand. When a broker counts as dead or alive is not decided here: whoever watches it says so by
//! a command, as does whoever proposes another ISR or a hand-over.

mod allocate_producer_ids;
mod alter_configs;
mod alter_isr;
mod command;
mod create_cluster;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod draft;
mod elect_leaders;
mod fence_broker;
mod heal;
mod new_partitions;
mod partition_change;
mod placement;
mod rebalance_leaders;
mod register_broker;
mod shutdown_broker;
#[cfg(test)]
mod tests;
mod unfence_broker;

pub use command::{Command, CommandReply, Operation};
pub use create_cluster::CreateCluster;
pub use create_topics::CreateTopics;
use draft::Draft;
pub use fence_broker::FenceBroker;
pub use rebalance_leaders::RebalanceLeaders;
use yak_model::api::Rejection;
use yak_model::config::FlushMode;
use yak_model::metadata::{JournalLine, MetadataRecord};
use yak_model::{MetadataIndex, Term, TimestampMs};

use crate::image::Image;

/// What the zookeeper's own configuration says.
#[derive(Clone, Debug, Default)]
pub struct ControllerConfig {
    /// `log.flush.mode`: what `flush` a topic gets that does not name one.
    pub flush: FlushMode,
}

/// Decides commands over its image.
#[derive(Debug)]
pub struct Controller {
    config: ControllerConfig,
    image: Image,
    /// The latest `now` seen.
    now_ms: u64,
}

/// What became of a command.
#[derive(Debug)]
pub struct Decision {
    /// What it changes: one journal line, all or nothing. Nothing to write if empty.
    pub records: Vec<MetadataRecord>,
    /// The image's index with the records applied; the line's index if there are any.
    pub index: MetadataIndex,
    /// When, by the wall clock of the call.
    pub time: TimestampMs,
    /// Why, for a person; empty without records.
    pub cause: String,
    /// What to answer once the records, and those of all earlier commands, are durable.
    pub reply: Result<CommandReply, Rejection>,
}

impl Decision {
    /// The records as a journal line; `None` if nothing changes.
    #[must_use]
    pub fn line(&mut self, term: Term, synced: MetadataIndex) -> Option<JournalLine> {
        if self.records.is_empty() {
            return None;
        }
        let (cause, records) = (std::mem::take(&mut self.cause), std::mem::take(&mut self.records));
        Some(JournalLine { index: self.index, term, synced, time: self.time, cause, records })
    }
}

impl Controller {
    /// A controller that goes on from an image.
    #[must_use]
    pub fn new(config: ControllerConfig, image: Image) -> Self {
        Self { config, image, now_ms: 0 }
    }

    /// The image with every decision applied, durable or not.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Goes back to an image of before: the decisions since could not be written, and nobody was told of them.
    ///
    /// # Panics
    /// If the image is later than the present one.
    pub fn restore(&mut self, image: Image) {
        assert!(image.index() <= self.image.index(), "an image to go back to is not later than the present");
        self.image = image;
    }

    /// Decides a command and applies its records.
    ///
    /// # Panics
    /// If `now_ms` lies before that of an earlier call.
    pub fn handle(&mut self, now_ms: u64, wall: TimestampMs, command: Command) -> Decision {
        assert!(now_ms >= self.now_ms, "the monotonic clock went back");
        self.now_ms = now_ms;
        let mut draft = Draft::new(&self.config, &self.image);
        let reply = command.decide(&mut draft);
        let (mut records, mut cause) = (Vec::new(), String::new());
        if reply.is_ok() && draft.has_records() {
            let index = draft.index();
            (self.image, records, cause) = draft.finish();
            self.image.set_index(index);
        }
        Decision { records, index: self.image.index(), time: wall, cause, reply }
    }
}
