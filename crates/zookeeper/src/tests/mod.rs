//! The zookeeper over a disk in memory: what is acknowledged survives, what is damaged is refused.

mod compaction;
mod crash;
mod damage;
mod failure;
mod full_disk;
pub(crate) mod gate;
mod group_commit;
mod restart;
pub(crate) mod rig;
mod torn;
