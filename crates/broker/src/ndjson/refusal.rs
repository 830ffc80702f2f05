//! What a peer is told before its connection is closed.

use yak_model::ErrorCode;
use yak_model::api::Rejection;
use yak_net::{Refusal, Speaks};

use crate::config::ConnectionSettings;

/// The words for each reason.
pub(crate) fn rejection(why: Refusal, settings: &ConnectionSettings) -> Rejection {
    let (code, message) = match why {
        Refusal::RequestTooLong => (
            ErrorCode::MessageTooLarge,
            format!(
                "a request line has at most {} bytes here (socket.request.max.bytes); closing, because where the \
                 next line begins is not known",
                settings.max_request_bytes
            ),
        ),
        Refusal::OverBudget => (
            ErrorCode::ThrottlingQuotaExceeded,
            format!(
                "unfinished requests of all connections hold more than {} bytes (queued.max.request.bytes); closing",
                settings.max_queued_bytes
            ),
        ),
        Refusal::RequestDeadline => {
            (ErrorCode::RequestTimedOut, "a line was begun but not ended in time; closing".to_owned())
        }
        Refusal::RequestWhileStreaming => (
            ErrorCode::InvalidRequest,
            "this connection has become a stream; open another one for requests; closing".to_owned(),
        ),
        Refusal::Speaks(other) => (ErrorCode::InvalidRequest, not_our_language(other)),
    };
    Rejection::new(code, message)
}

fn not_our_language(speaks: Speaks) -> String {
    let name = match speaks {
        Speaks::Http => "HTTP",
        Speaks::Tls => "TLS",
        Speaks::Kafka | Speaks::Lines => "this",
    };
    format!(
        "this port speaks newline-delimited JSON and Kafka's protocol, not {name}: send one JSON object a line; closing"
    )
}
