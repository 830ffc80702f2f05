//! Kafka's errors as data: number, name, whether to retry, and what it means.

use std::fmt;

/// Whether the same request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It may: metadata is stale, a leader is being elected, something is busy.
    Yes,
    /// It will not, whatever the caller waits for.
    No,
}

macro_rules! error_codes {
    ($($number:literal $variant:ident $name:literal $retry:ident $meaning:literal;)*) => {
        /// An error with Kafka's number and name
        /// (<https://kafka.apache.org/protocol#protocol_error_codes>).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant = $number,)*
        }

        impl ErrorCode {
            /// Every code, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Kafka's number.
            #[must_use]
            pub const fn number(self) -> i16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// Kafka's name, as it stands on the NDJSON wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, as a sentence fragment.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub const fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)* }
            }
        }
    };
}

error_codes! {
    -1 UnknownServerError "UNKNOWN_SERVER_ERROR" No "the server failed in a way it did not expect";
    1 OffsetOutOfRange "OFFSET_OUT_OF_RANGE" No "the offset is not within the partition's log";
    2 CorruptMessage "CORRUPT_MESSAGE" Yes "a batch failed its checksum, size or framing";
    3 UnknownTopicOrPartition "UNKNOWN_TOPIC_OR_PARTITION" Yes "this server does not know the topic or partition";
    5 LeaderNotAvailable "LEADER_NOT_AVAILABLE" Yes "the partition has no leader at the moment";
    6 NotLeaderOrFollower "NOT_LEADER_OR_FOLLOWER" Yes "this broker does not lead the partition";
    7 RequestTimedOut "REQUEST_TIMED_OUT" Yes "the request was not finished in time";
    9 ReplicaNotAvailable "REPLICA_NOT_AVAILABLE" Yes "the replica is not available";
    10 MessageTooLarge "MESSAGE_TOO_LARGE" No "larger than the server accepts";
    12 OffsetMetadataTooLarge "OFFSET_METADATA_TOO_LARGE" No "the text of a commit is longer than allowed";
    13 NetworkException "NETWORK_EXCEPTION" Yes "the connection ended before the reply came";
    14 CoordinatorLoadInProgress "COORDINATOR_LOAD_IN_PROGRESS" Yes "the group coordinator is reading what is known of its groups";
    15 CoordinatorNotAvailable "COORDINATOR_NOT_AVAILABLE" Yes "the group coordinator is not available";
    16 NotCoordinator "NOT_COORDINATOR" Yes "this broker does not coordinate the group";
    17 InvalidTopicException "INVALID_TOPIC_EXCEPTION" No "the topic's name is invalid, or the topic is internal";
    18 RecordListTooLarge "RECORD_LIST_TOO_LARGE" No "the batch is larger than a segment";
    19 NotEnoughReplicas "NOT_ENOUGH_REPLICAS" Yes "fewer in-sync replicas than min.insync.replicas";
    20 NotEnoughReplicasAfterAppend "NOT_ENOUGH_REPLICAS_AFTER_APPEND" Yes "written, but to fewer in-sync replicas than required";
    21 InvalidRequiredAcks "INVALID_REQUIRED_ACKS" No "acks must be 0, 1 or all";
    22 IllegalGeneration "ILLEGAL_GENERATION" No "the member speaks of another generation of the group";
    23 InconsistentGroupProtocol "INCONSISTENT_GROUP_PROTOCOL" No "the group has members of another kind";
    24 InvalidGroupId "INVALID_GROUP_ID" No "the group's id is not one";
    25 UnknownMemberId "UNKNOWN_MEMBER_ID" No "the group has no such member";
    26 InvalidSessionTimeout "INVALID_SESSION_TIMEOUT" No "the session timeout is not within what the coordinator allows";
    27 RebalanceInProgress "REBALANCE_IN_PROGRESS" No "the group is rebalancing: join again";
    28 InvalidCommitOffsetSize "INVALID_COMMIT_OFFSET_SIZE" No "what is committed at once is too large";
    29 TopicAuthorizationFailed "TOPIC_AUTHORIZATION_FAILED" No "not authorized for the topic";
    31 ClusterAuthorizationFailed "CLUSTER_AUTHORIZATION_FAILED" No "not authorized for the cluster";
    32 InvalidTimestamp "INVALID_TIMESTAMP" No "a record's timestamp is out of the accepted range";
    35 UnsupportedVersion "UNSUPPORTED_VERSION" No "the protocol version is not supported";
    36 TopicAlreadyExists "TOPIC_ALREADY_EXISTS" No "a topic of that name exists";
    37 InvalidPartitions "INVALID_PARTITIONS" No "the number of partitions is invalid";
    38 InvalidReplicationFactor "INVALID_REPLICATION_FACTOR" No "the replication factor is below 1 or above the number of live brokers";
    39 InvalidReplicaAssignment "INVALID_REPLICA_ASSIGNMENT" No "the replica assignment is invalid";
    40 InvalidConfig "INVALID_CONFIG" No "a configuration key or value is invalid";
    41 NotController "NOT_CONTROLLER" Yes "this is not the controller";
    42 InvalidRequest "INVALID_REQUEST" No "the request is malformed or contradicts itself";
    44 PolicyViolation "POLICY_VIOLATION" No "a policy of the cluster forbids it";
    45 OutOfOrderSequenceNumber "OUT_OF_ORDER_SEQUENCE_NUMBER" No "a batch before this one is missing";
    46 DuplicateSequenceNumber "DUPLICATE_SEQUENCE_NUMBER" No "this sequence was written long ago";
    47 InvalidProducerEpoch "INVALID_PRODUCER_EPOCH" No "a newer instance of this producer exists";
    50 InvalidTxnTimeout "INVALID_TRANSACTION_TIMEOUT" No "the transaction timeout is invalid";
    53 TransactionalIdAuthorizationFailed "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" No "transactions are not allowed";
    55 OperationNotAttempted "OPERATION_NOT_ATTEMPTED" No "not attempted, because another part of the request failed";
    56 KafkaStorageError "KAFKA_STORAGE_ERROR" Yes "the disk under the partition failed or is full";
    59 UnknownProducerId "UNKNOWN_PRODUCER_ID" No "the producer's state is not known any more";
    60 ReassignmentInProgress "REASSIGNMENT_IN_PROGRESS" No "the partition is being reassigned";
    68 NonEmptyGroup "NON_EMPTY_GROUP" No "the group has members";
    69 GroupIdNotFound "GROUP_ID_NOT_FOUND" No "the group does not exist";
    70 FetchSessionIdNotFound "FETCH_SESSION_ID_NOT_FOUND" Yes "the fetch session does not exist";
    73 TopicDeletionDisabled "TOPIC_DELETION_DISABLED" No "delete.topic.enable is false";
    74 FencedLeaderEpoch "FENCED_LEADER_EPOCH" Yes "the leader epoch in the request is older than the broker's";
    75 UnknownLeaderEpoch "UNKNOWN_LEADER_EPOCH" Yes "the leader epoch in the request is newer than the broker's";
    76 UnsupportedCompressionType "UNSUPPORTED_COMPRESSION_TYPE" No "the compression is not supported";
    77 StaleBrokerEpoch "STALE_BROKER_EPOCH" No "a newer incarnation of the broker is registered";
    78 OffsetNotAvailable "OFFSET_NOT_AVAILABLE" Yes "the leader does not know its high watermark yet";
    79 MemberIdRequired "MEMBER_ID_REQUIRED" No "join again with the member id of this answer";
    80 PreferredLeaderNotAvailable "PREFERRED_LEADER_NOT_AVAILABLE" Yes "the preferred leader is not in the ISR, or not alive";
    81 GroupMaxSizeReached "GROUP_MAX_SIZE_REACHED" No "the group has as many members as are allowed";
    82 FencedInstanceId "FENCED_INSTANCE_ID" No "another member has this instance id now";
    83 EligibleLeadersNotAvailable "ELIGIBLE_LEADERS_NOT_AVAILABLE" Yes "no replica that may lead is alive";
    84 ElectionNotNeeded "ELECTION_NOT_NEEDED" Yes "the partition has the leader already";
    85 NoReassignmentInProgress "NO_REASSIGNMENT_IN_PROGRESS" No "the partition is not being reassigned";
    86 GroupSubscribedToTopic "GROUP_SUBSCRIBED_TO_TOPIC" No "members of the group are subscribed to the topic";
    87 InvalidRecord "INVALID_RECORD" No "a record of the batch is malformed";
    88 UnstableOffsetCommit "UNSTABLE_OFFSET_COMMIT" Yes "offsets of an open transaction are pending";
    89 ThrottlingQuotaExceeded "THROTTLING_QUOTA_EXCEEDED" Yes "too many requests, connections or bytes in use";
    94 InconsistentVoterSet "INCONSISTENT_VOTER_SET" No "the voters differ";
    95 InvalidUpdateVersion "INVALID_UPDATE_VERSION" No "the update is of a version that is not the current one";
    100 UnknownTopicId "UNKNOWN_TOPIC_ID" Yes "this server does not know the topic id";
    101 DuplicateBrokerRegistration "DUPLICATE_BROKER_REGISTRATION" No "a broker of this id is registered and alive";
    102 BrokerIdNotRegistered "BROKER_ID_NOT_REGISTERED" No "the broker is not registered";
    103 InconsistentTopicId "INCONSISTENT_TOPIC_ID" Yes "the topic id does not match the partition's";
    104 InconsistentClusterId "INCONSISTENT_CLUSTER_ID" No "the broker belongs to another cluster";
    107 IneligibleReplica "INELIGIBLE_REPLICA" No "the replica may not join the ISR";
    110 FencedMemberEpoch "FENCED_MEMBER_EPOCH" No "the member's epoch is not the one it was last told; it is to join again";
    111 UnreleasedInstanceId "UNRELEASED_INSTANCE_ID" No "another member has this instance id and has not left";
    112 UnsupportedAssignor "UNSUPPORTED_ASSIGNOR" No "there is no assignor of this name";
    113 StaleMemberEpoch "STALE_MEMBER_EPOCH" No "the member has another epoch now; its next heartbeat tells which";
    114 MismatchedEndpointType "MISMATCHED_ENDPOINT_TYPE" No "the request was sent to a server of another kind";
    115 UnsupportedEndpointType "UNSUPPORTED_ENDPOINT_TYPE" No "there are no servers of this kind";
    119 InvalidRegistration "INVALID_REGISTRATION" No "the controller did not accept the registration";
    128 InvalidRegularExpression "INVALID_REGULAR_EXPRESSION" No "the regular expression is not one";
}

impl ErrorCode {
    /// The code of a number, if we know it.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// The code of a name, if we know it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        self.retry() == Retry::Yes
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_come_back() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(*code));
            assert_eq!(ErrorCode::from_name(code.name()), Some(*code));
        }
        assert!(ErrorCode::ALL.is_sorted_by_key(|code| code.number()));
    }
}
