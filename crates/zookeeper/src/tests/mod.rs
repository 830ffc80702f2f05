//! The zookeeper over a disk in memory: what is acknowledged survives, what is damaged is refused.

mod compaction;
mod crash;
mod damage;
mod failure;
mod full_disk;
mod gate;
mod group_commit;
mod restart;
mod rig;
mod torn;
