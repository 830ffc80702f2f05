//! FindCoordinator: who coordinates groups. Transactions and share groups have no coordinators yet, and each client is told
//! so in the way that it takes best: a transactional producer stops at once.

use std::sync::Arc;

use yak_kafka::messages::find_coordinator::Coordinator;
use yak_kafka::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use yak_model::ErrorCode;
use yak_model::api::{BrokerMetadata, FindCoordinator, Rejection};
use yak_model::limits::{MAX_ENTRIES_PER_REQUEST, at_most_entries};

use super::{Asked, members, rejected};
use crate::{addresses, ops};

/// From this version on a request names several keys.
const SEVERAL: i16 = 4;
/// Kafka's numbers of kinds of keys.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

pub(super) async fn find_coordinator(
    asked: Asked,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    if asked.version < SEVERAL {
        let found = find(&asked, request.key_type, request.key).await;
        let Coordinator { node_id, host, port, error_code, error_message, .. } = found;
        return FindCoordinatorResponse {
            error_code,
            error_message,
            node_id,
            host,
            port,
            ..FindCoordinatorResponse::default()
        };
    }
    let mut keys = request.coordinator_keys;
    let too_many = at_most_entries(keys.len());
    keys.truncate(MAX_ENTRIES_PER_REQUEST);
    let mut coordinators = Vec::with_capacity(keys.len());
    for key in keys {
        coordinators.push(match &too_many {
            Ok(()) => find(&asked, request.key_type, key).await,
            Err(rejection) => refused(key, rejection.clone()),
        });
    }
    FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() }
}

async fn find(asked: &Asked, key_type: i8, key: String) -> Coordinator {
    match coordinator(asked, key_type, key.clone()).await {
        Ok((node_id, host, port)) => {
            Coordinator { key, node_id, host, port: port.into(), ..Coordinator::default() }
        }
        Err(rejection) => refused(key, rejection),
    }
}

fn refused(key: String, rejection: Rejection) -> Coordinator {
    let (error_code, error_message) = rejected(rejection);
    Coordinator { key, node_id: -1, port: -1, error_code, error_message, ..Coordinator::default() }
}

async fn coordinator(asked: &Asked, key_type: i8, key: String) -> Result<(i32, String, u16), Rejection> {
    match key_type {
        GROUP => {}
        TRANSACTION => {
            let message = "transactions are not served yet";
            return Err(Rejection::new(ErrorCode::TransactionalIdAuthorizationFailed, message));
        }
        _ => {
            let message = "there are no coordinators of this kind";
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
    }
    let request = FindCoordinator { group_id: members::group(key)? };
    let found = ops::find_coordinator::find_coordinator(Arc::clone(&asked.broker), request).await?.body;
    let broker =
        BrokerMetadata { broker_id: found.broker_id, host: found.host, port: found.port, rack: None };
    let (host, port) = addresses::told(&asked.broker, asked.local, &broker);
    Ok((broker.broker_id.get(), host, port))
}
