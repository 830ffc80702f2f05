//! Subscribe: metadata, and every change of it.

use super::MetadataReply;
use crate::TopicName;

/// Streams the metadata of topics to the connection from here on. Nothing is created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscribe {
    /// Which topics; `None` for all.
    pub topics: Option<Vec<TopicName>>,
}

/// What a subscription brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionEvent {
    /// The state at first, and again whenever something of it has changed: always the newest, so a slow reader misses
    /// what lay between.
    Metadata(MetadataReply),
    /// The broker lives, and has nothing to tell.
    Alive,
}
