//! What a reply means for its batch.

use std::time::Duration;

use yak_model::ErrorCode;
use yak_model::api::{ProduceReply, Rejection, Reply};

use super::super::Acknowledged;

/// What a reply means for its batch.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Written as asked.
    Acknowledged(Acknowledged),
    /// Send it again, after a pause of at least so long.
    Retry(Rejection, Duration),
    /// The broker lacks what came before it, or has forgotten this producer.
    OutOfSequence(Rejection),
    /// It is refused for good.
    Failed(Rejection),
}

/// Reads the verdict out of a reply.
pub(super) fn judge(
    result: Result<Reply<ProduceReply>, Rejection>,
    partition: yak_model::PartitionIndex,
    is_idempotent: bool,
) -> Verdict {
    let rejection = match result {
        Err(rejection) => rejection,
        Ok(reply) => match reply.body.partitions.into_iter().next() {
            Some(Ok(produced)) => {
                return Verdict::Acknowledged(Acknowledged {
                    partition,
                    base_offset: Some(produced.base_offset),
                    log_append_time: produced.log_append_time,
                    acked_by: produced.acked_by,
                    durable: produced.durable,
                });
            }
            Some(Err(refused)) => refused.rejection,
            None => Rejection::new(ErrorCode::UnknownServerError, "the reply names no partition"),
        },
    };
    match rejection.code {
        // Written so long ago that the broker no longer knows where.
        ErrorCode::DuplicateSequenceNumber => Verdict::Acknowledged(Acknowledged::unanswered(partition)),
        ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId if is_idempotent => {
            Verdict::OutOfSequence(rejection)
        }
        code if code.is_retriable() => {
            let pause = Duration::from_millis(rejection.retry_after_ms.unwrap_or(0).into());
            Verdict::Retry(rejection, pause)
        }
        _ => Verdict::Failed(rejection),
    }
}

/// Whether a broker that answers so may have appended the batch all the same.
pub(super) const fn is_perhaps_written(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::RequestTimedOut
            | ErrorCode::NotEnoughReplicasAfterAppend
            | ErrorCode::KafkaStorageError
            | ErrorCode::NetworkException
            | ErrorCode::UnknownServerError
    )
}

/// Whether such an answer means that what we know of leaders is out of date.
pub(super) const fn is_about_leaders(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::KafkaStorageError
    )
}

#[cfg(test)]
mod tests {
    use yak_model::PartitionIndex;

    use super::*;

    fn verdict(code: ErrorCode, is_idempotent: bool) -> Verdict {
        let rejection = Rejection::new(code, "because").retry_after(70);
        judge(Err(rejection), PartitionIndex::new(0), is_idempotent)
    }

    #[test]
    fn every_code_has_its_consequence() {
        for code in ErrorCode::ALL.iter().copied() {
            match verdict(code, true) {
                Verdict::Acknowledged(what) => {
                    assert_eq!((code, what.base_offset), (ErrorCode::DuplicateSequenceNumber, None));
                }
                Verdict::OutOfSequence(_) => {
                    let known = [ErrorCode::OutOfOrderSequenceNumber, ErrorCode::UnknownProducerId];
                    assert!(known.contains(&code), "{code}");
                    assert!(
                        matches!(verdict(code, false), Verdict::Failed(_)),
                        "without sequences it is final"
                    );
                }
                Verdict::Retry(_, pause) => {
                    assert!(code.is_retriable());
                    assert_eq!(pause, Duration::from_millis(70));
                }
                Verdict::Failed(_) => assert!(!code.is_retriable()),
            }
        }
    }

    #[test]
    fn what_may_have_been_written_is_never_called_failed() {
        for code in [
            ErrorCode::NotEnoughReplicasAfterAppend,
            ErrorCode::RequestTimedOut,
            ErrorCode::KafkaStorageError,
            ErrorCode::UnknownServerError,
        ] {
            assert!(is_perhaps_written(code), "{code}");
        }
        for code in [ErrorCode::NotEnoughReplicas, ErrorCode::NotLeaderOrFollower, ErrorCode::MessageTooLarge]
        {
            assert!(!is_perhaps_written(code), "{code}");
        }
    }
}
