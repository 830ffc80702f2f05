//! Partition directories: segments, indexes, recovery, retention, over a `Dir` trait.
//!
//! Synchronous code without a runtime. On disk is what Apache Kafka writes, so that its dump tool reads our
//! files, and two files of our own beside it (`synced-offset-slots`, `retention-clock`).
//!
//! # Life of a log directory
//!
//! ```text
//! LogDirectory::open(dir, options)      takes .lock, reads meta.properties, checkpoints, slots; finds partitions
//!   .found() .missing() .was_clean()    what is there; what a slot remembers and is not there
//!   .set_cluster_id(id)                 first start: writes meta.properties
//!   .check_whole(partition, most)       before open_log: what lies below the recovery point is not trusted either
//!   .open_log(partition, topic_id, config, OnDamage) -> (Log, RecoveryReport)
//!   .create_logs(&[NewLog]) -> Vec<Log> all directories synced together
//!   .delete_log(log)  .set_aside_stray(partition)  .forget_missing(topic_id, partition)
//!   .unchecked()                        damaged or never opened: while there are any, no clean shutdown
//!   .checkpoint()                       everything so far durable, e.g. before DeleteRecords is answered
//!   .retention_clock(wall)              the time by which Log::retain judges age
//!   .longest_operation()                how long a write or sync has been under way
//!   .failure()                          Some: the directory is offline for good
//!   .close(logs, broker_epoch)          syncs everything and leaves the clean-shutdown marker
//! ```
//!
//! # A log
//!
//! [`Log`] is the one writer; whoever owns it serialises its methods (the broker keeps it in the partition's
//! lock). [`LogReader`] is a cheap clone that reads without any lock of the writer's.
//!
//! ```text
//! log.append_as_leader(&mut batches, epoch, now) -> Appended   batches must have passed record::validate
//! log.append_as_follower(&batches, now)                        checks CRC, contiguity, epochs itself
//! log.start_epoch(epoch)        a leader's epoch begins at the log's end, even if nothing is appended
//! log.epoch_end(epoch)          where an epoch ended, for truncation by epoch
//! log.truncate_to(offset)  log.reset_to(offset)  log.delete_before(offset)
//! log.retain(&clock, high_watermark)  log.roll_if_due(now)  log.set_config(config)
//! log.compaction(&clock, high_watermark)  log.swap_in(rewritten)  log.compacted(compaction)
//! log.reader()                  read, offset_for_time, max_timestamp_offset, start/end/durable_end, sizes
//! log.observe(observer)         told when the durable end moves, and when the directory failed
//! ```
//!
//! # Durability
//!
//! One flusher thread for each directory. In a `flush=sync` log every append asks for a sync by itself, and
//! [`DurableObserver::durable`] is called on the flusher's thread when it is done. A `flush=os` log is synced
//! in the background, at most 5 s later, when it rolls, and on close. With [`Background::Manual`] there is no
//! thread and the caller drives [`LogDirectory::flush_now`] (simulation, tests).
//!
//! Ordering contract, which recovery relies on:
//!
//! 1. bytes are written, then the log end is published to readers;
//! 2. segments are synced, then the slot is written, then the durable end is published;
//! 3. leader epochs are replaced durably before a recovery point that covers them;
//! 4. before a truncation the slot (and a stored high watermark above the target) is lowered and synced;
//! 5. a raised log start is durable in the slot before the first segment below it goes;
//! 6. a file that compaction made is durable before its name says that it replaces others, that name before the
//!    others go, and their going before it gets theirs;
//! 7. the first failed write, sync, truncation or rename takes the directory offline for good; no room
//!    (ENOSPC, EDQUOT) on an append does not: the partial bytes are cut off again and the append is refused.
//!    Too many open files (EMFILE, ENFILE) refuse what needs another one, and nothing else.
//!
//! # Open files
//!
//! A partition holds one file open, the log file of its active segment, and that only once this process has
//! appended to it. Everything else is opened for as long as it is read, written or synced.

mod busy;
mod compaction;
mod config;
pub mod dir;
mod directory;
mod disk;
mod epochs;
mod error;
mod flusher;
mod log;
mod producers;
mod reader;
mod recovery;
mod segment;
mod sync;

pub use compaction::{Compacted, Compaction, CompactionConfig, CompactionError, Rewritten};
pub use config::{DEFAULT_PRODUCER_EXPIRATION_MS, FlushMode, LogConfig};
pub use dir::{Dir, File, MemDir, RealDir};
pub use directory::{
    Background, DirectoryOptions, FoundPartition, LogDirectory, ManualClock, MetaProperties,
    MissingPartition, NewLog, RetentionClock, Space,
};
pub use error::{AppendError, LogError, OpenError, ProducerError, ReadError, StorageFailure};
pub use flusher::DurableObserver;
pub use log::{Appended, Log, Retained};
pub use reader::{LogReader, TimestampedOffset};
pub use recovery::{Cut, Damage, DamageKind, OnDamage, RecoveryReport, SetAside};
