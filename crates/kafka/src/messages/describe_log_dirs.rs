//! DescribeLogDirs (key 35): how large partitions are on the disk (KIP-113).

use yak_model::ErrorCode;

use crate::table::table;

table! {
    /// Asks for sizes.
    struct DescribeLogDirsRequest(key DescribeLogDirs, versions 1..=4, flexible from 2) {
        /// Of which topics; null: all.
        topics: Option<Vec<DescribableLogDirTopic>> = Some(Vec::new()), 0..;
    }

    /// The partitions of a topic.
    struct DescribableLogDirTopic {
        /// The topic's name.
        topic: String, 0..;
        /// Which partitions.
        partitions: Vec<i32>, 0..;
    }

    /// The broker's directories.
    struct DescribeLogDirsResponse(key DescribeLogDirs, versions 1..=4, flexible from 2) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 0..;
        /// Why there is no answer.
        error_code: Option<ErrorCode>, 3..;
        /// By directory.
        results: Vec<DescribeLogDirsResult>, 0..;
    }

    /// A directory.
    struct DescribeLogDirsResult {
        /// Why nothing is said of it.
        error_code: Option<ErrorCode>, 0..;
        /// Its absolute path.
        log_dir: String, 0..;
        /// By topic.
        topics: Vec<DescribeLogDirsTopic>, 0..;
        /// The size of the file system (KIP-827); -1: unknown.
        total_bytes: i64 = -1, 4..;
        /// What is free of it; -1: unknown.
        usable_bytes: i64 = -1, 4..;
    }

    /// The partitions of a topic.
    struct DescribeLogDirsTopic {
        /// The topic's name.
        name: String, 0..;
        /// By partition.
        partitions: Vec<DescribeLogDirsPartition>, 0..;
    }

    /// A partition in a directory.
    struct DescribeLogDirsPartition {
        /// Which partition.
        partition_index: i32, 0..;
        /// The size of its segments.
        partition_size: i64, 0..;
        /// How far its end is behind the high watermark, or, of a log that moves here, behind the present one.
        offset_lag: i64, 0..;
        /// Whether it moves here from another directory.
        is_future_key: bool, 0..;
    }
}
