//! Consumer groups: who is a member, who has which partitions.
//!
//! [`classic`] is Apache Kafka's first protocol, in which the coordinator brings members together and one of them
//! assigns. In [`consumer`] (KIP-848) the coordinator does.

pub mod classic;
pub mod consumer;
