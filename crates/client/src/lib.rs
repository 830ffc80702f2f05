//! The client library: producer, consumer and admin over NDJSON.
//!
//! ```text
//!   Cluster ── bootstrap, metadata cache, one connection for questions
//!     ├── Admin      topics, partitions, configs, offsets, status
//!     ├── Producer   Feed ─► open batches ─► queues ─► one connection a leader ─► Delivery
//!     └── Consumer   one connection a leader ─► Chunk (whole fetched batches) ─► Event
//! ```
//!
//! A [`Cluster`] is cheap to clone and shared by everything built on it. A [`Producer`] and a [`Consumer`]
//! each have one owner; their network runs on tasks of the tokio runtime they were started on (either
//! flavour). Every queue is bounded in bytes: a producer waits when its memory is full, a consumer fetches
//! no further than its owner reads.
//!
//! Errors are [`ClientError`]: what failed, where, Kafka's code, whether trying again may help, and a hint.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use yak_client::{ClientConfig, Cluster, Consumer, ConsumerConfig, Event, Producer, ProducerConfig, Record, Stop};
//! use yak_model::api::TailStart;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::connect(ClientConfig::default()).await?;
//! let topic = "orders".parse()?;
//!
//! let mut producer = Producer::start(&cluster, ProducerConfig::default(), |_delivery| {}).await?;
//! let orders = producer.open(&topic).await?;
//! producer.send(orders, Record::keyed(b"k", b"hello"), 0).await?;
//! let stats = producer.close(Duration::from_secs(30)).await;
//! assert_eq!(stats.acknowledged, 1);
//!
//! let mut consumer = Consumer::new(&cluster, ConsumerConfig::default())?;
//! consumer.assign_topic(&topic, TailStart::Beginning, Stop::AtEnd).await?;
//! while let Some(event) = consumer.next().await? {
//!     let Event::Records(chunk) = event else { continue };
//!     for record in chunk.records() {
//!         assert_eq!(record.value, Some(&b"hello"[..]));
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod admin;
mod cluster;
mod config;
mod connection;
mod consumer;
mod error;
mod group;
mod producer;

pub use address::{Address, DEFAULT_PORT, InvalidAddress};
pub use admin::Admin;
pub use cluster::{Cluster, Leader, Missing, TopicInfo};
pub use config::ClientConfig;
pub use connection::Connection;
pub use consumer::{
    Assignment, Chunk, ConsumedRecord, Consumer, ConsumerConfig, Event, GroupConfig, GroupStart, HeaderIter,
    Headers, OutOfRange, Positions, StartedAt, StartedPartition, Stop,
};
pub use error::ClientError;
pub use producer::{
    Acknowledged, Delivery, Feed, Outcome, Partitioner, Producer, ProducerConfig, ProducerStats, PushError,
    Record, TopicHandle,
};
pub use yak_record::{Compression, Header, TimestampType};
