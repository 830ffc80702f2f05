//! The APIs: their keys, and which versions are advertised, accepted and flexible.

use std::ops::RangeInclusive;

macro_rules! api_keys {
    ($($number:literal $variant:ident;)*) => {
        /// The number by which a request says what it is
        /// (<https://kafka.apache.org/protocol#protocol_api_keys>).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        #[expect(missing_docs, reason = "the names are Kafka's own, and the messages are documented where they stand")]
        pub enum ApiKey {
            $($variant = $number,)*
        }

        impl ApiKey {
            /// Every key that is known here, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Kafka's number.
            #[must_use]
            pub const fn number(self) -> i16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// Kafka's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// The key of a number, if it is known here.
            #[must_use]
            pub const fn from_number(number: i16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

api_keys! {
    0 Produce;
    1 Fetch;
    2 ListOffsets;
    3 Metadata;
    8 OffsetCommit;
    9 OffsetFetch;
    10 FindCoordinator;
    11 JoinGroup;
    12 Heartbeat;
    13 LeaveGroup;
    14 SyncGroup;
    15 DescribeGroups;
    16 ListGroups;
    17 SaslHandshake;
    18 ApiVersions;
    19 CreateTopics;
    20 DeleteTopics;
    21 DeleteRecords;
    22 InitProducerId;
    23 OffsetForLeaderEpoch;
    24 AddPartitionsToTxn;
    25 AddOffsetsToTxn;
    26 EndTxn;
    28 TxnOffsetCommit;
    29 DescribeAcls;
    30 CreateAcls;
    31 DeleteAcls;
    32 DescribeConfigs;
    33 AlterConfigs;
    35 DescribeLogDirs;
    36 SaslAuthenticate;
    37 CreatePartitions;
    42 DeleteGroups;
    43 ElectLeaders;
    44 IncrementalAlterConfigs;
    45 AlterPartitionReassignments;
    46 ListPartitionReassignments;
    47 OffsetDelete;
    55 DescribeQuorum;
    60 DescribeCluster;
    61 DescribeProducers;
    65 DescribeTransactions;
    66 ListTransactions;
    68 ConsumerGroupHeartbeat;
    69 ConsumerGroupDescribe;
    75 DescribeTopicPartitions;
}

/// An API whose messages are in [`crate::messages`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Which.
    pub key: ApiKey,
    /// The versions to tell clients.
    pub advertised: RangeInclusive<i16>,
    /// The versions that can be decoded and encoded.
    pub accepted: RangeInclusive<i16>,
    /// The first flexible version; `i16::MAX` if there is none.
    pub flexible_from: i16,
}

/// Advertised and accepted versions that are the same.
const fn both(key: ApiKey, versions: RangeInclusive<i16>, flexible_from: i16) -> Api {
    let again = *versions.start()..=*versions.end();
    Api { key, advertised: versions, accepted: again, flexible_from }
}

/// What a broker advertises, in order of key.
pub const APIS: &[Api] = &[
    // Versions 0 to 2 are advertised, though never served: librdkafka before 2.11 takes a minimum above 0 for a
    // broker that cannot compress, and silently stops compressing (KAFKA-18659).
    Api { key: ApiKey::Produce, advertised: 0..=12, accepted: 3..=13, flexible_from: 9 },
    both(ApiKey::Fetch, 4..=17, 12),
    both(ApiKey::ListOffsets, 1..=10, 6),
    both(ApiKey::Metadata, 0..=13, 9),
    both(ApiKey::OffsetCommit, 2..=9, 8),
    both(ApiKey::OffsetFetch, 1..=9, 6),
    // librdkafka takes a broker without version 0 for one that cannot read lz4, and silently stops compressing.
    both(ApiKey::FindCoordinator, 0..=6, 3),
    // Old versions of librdkafka take a broker without version 0 for one that runs no groups (KAFKA-19444).
    both(ApiKey::JoinGroup, 0..=9, 6),
    both(ApiKey::Heartbeat, 0..=4, 4),
    both(ApiKey::LeaveGroup, 0..=5, 4),
    both(ApiKey::SyncGroup, 0..=5, 4),
    both(ApiKey::DescribeGroups, 0..=6, 5),
    both(ApiKey::ListGroups, 0..=5, 3),
    both(ApiKey::ApiVersions, 0..=4, 3),
    both(ApiKey::CreateTopics, 2..=7, 5),
    both(ApiKey::DeleteTopics, 1..=6, 4),
    both(ApiKey::DeleteRecords, 0..=2, 2),
    both(ApiKey::InitProducerId, 0..=5, 2),
    both(ApiKey::OffsetForLeaderEpoch, 2..=4, 4),
    both(ApiKey::DescribeConfigs, 1..=4, 4),
    both(ApiKey::AlterConfigs, 0..=2, 2),
    both(ApiKey::DescribeLogDirs, 1..=4, 2),
    both(ApiKey::CreatePartitions, 0..=3, 2),
    both(ApiKey::DeleteGroups, 0..=2, 2),
    both(ApiKey::ElectLeaders, 0..=2, 2),
    both(ApiKey::IncrementalAlterConfigs, 0..=1, 1),
    both(ApiKey::ListPartitionReassignments, 0..=0, 0),
    // Never made flexible.
    both(ApiKey::OffsetDelete, 0..=0, i16::MAX),
    both(ApiKey::DescribeCluster, 0..=2, 0),
    both(ApiKey::DescribeProducers, 0..=0, 0),
    both(ApiKey::ConsumerGroupHeartbeat, 0..=1, 0),
    both(ApiKey::ConsumerGroupDescribe, 0..=1, 0),
    both(ApiKey::DescribeTopicPartitions, 0..=0, 0),
];

/// The advertised API of a key.
#[must_use]
pub fn api(key: ApiKey) -> Option<&'static Api> {
    APIS.iter().find(|api| api.key == key)
}
