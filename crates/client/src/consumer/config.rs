//! How a consumer fetches.

use std::time::Duration;

use yak_model::api::{Isolation, ReadFrom};

/// What to do when a position is not in the partition any more (or not yet).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutOfRange {
    /// Go on at the first record still there; said as [`super::Event::Reset`].
    #[default]
    Earliest,
    /// Go on at the end; said as [`super::Event::Reset`].
    Latest,
    /// Fail with [`crate::ClientError::OffsetOutOfRange`].
    Fail,
}

/// How a consumer works.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Which records may be seen.
    pub isolation: Isolation,
    /// Who is asked. With [`ReadFrom::Any`] an in-sync follower is preferred to the leader. Default: the leader.
    pub read_from: ReadFrom,
    /// Longest a broker holds a fetch. Default 5 s.
    pub max_wait: Duration,
    /// A broker answers as soon as it has this many bytes. Default 1.
    pub min_bytes: u32,
    /// Most bytes of records in one reply. Default 1 MiB.
    pub fetch_bytes: u32,
    /// Most bytes of one partition in one reply. Default 1 MiB.
    pub partition_bytes: u32,
    /// How long nobody may be reached before [`super::Consumer::next`] fails. Default: for ever; the outage is
    /// told once, as [`super::Event::Waiting`].
    pub outage_timeout: Option<Duration>,
    /// What to do when a position is out of range.
    pub out_of_range: OutOfRange,
    /// Have missing topics created, if the cluster allows it. Default true.
    pub create_topics: bool,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            isolation: Isolation::ReadUncommitted,
            read_from: ReadFrom::Leader,
            max_wait: Duration::from_secs(5),
            min_bytes: 1,
            fetch_bytes: 1024 * 1024,
            partition_bytes: 1024 * 1024,
            outage_timeout: None,
            out_of_range: OutOfRange::Earliest,
            create_topics: true,
        }
    }
}
