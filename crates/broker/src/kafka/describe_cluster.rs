//! DescribeCluster: the brokers and their addresses (KIP-700).

use yak_kafka::messages::describe_cluster::DescribeClusterBroker;
use yak_kafka::messages::{DescribeClusterRequest, DescribeClusterResponse};
use yak_model::api::{DescribeCluster, DescribedBroker};
use yak_model::{BrokerId, ErrorCode};

use super::authorized::CLUSTER_OPERATIONS;
use super::{Asked, rejected};
use crate::{addresses, ops};

/// The kinds of servers whose addresses are asked for (KIP-919); controllers are not the clients' business here.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(super) async fn describe_cluster(
    asked: Asked,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        let code = if request.endpoint_type == CONTROLLERS {
            ErrorCode::MismatchedEndpointType
        } else {
            ErrorCode::UnsupportedEndpointType
        };
        return DescribeClusterResponse {
            error_code: Some(code),
            error_message: Some("clients talk to brokers here".to_owned()),
            endpoint_type: request.endpoint_type,
            ..DescribeClusterResponse::default()
        };
    }
    let operation = DescribeCluster { include_fenced: request.include_fenced_brokers };
    let cluster_authorized_operations =
        if request.include_cluster_authorized_operations { CLUSTER_OPERATIONS } else { i32::MIN };
    match ops::describe_cluster::describe_cluster(&asked.broker, operation).await {
        Ok(reply) => DescribeClusterResponse {
            cluster_id: reply.body.cluster_id.to_string(),
            controller_id: reply.body.controller_id.map_or(-1, BrokerId::get),
            brokers: reply.body.brokers.into_iter().map(|one| broker(&asked, one)).collect(),
            cluster_authorized_operations,
            ..DescribeClusterResponse::default()
        },
        Err(rejection) => {
            let (error_code, error_message) = rejected(rejection);
            DescribeClusterResponse { error_code, error_message, ..DescribeClusterResponse::default() }
        }
    }
}

fn broker(asked: &Asked, described: DescribedBroker) -> DescribeClusterBroker {
    let DescribedBroker { broker, is_fenced } = described;
    let (host, port) = addresses::told(&asked.broker, asked.local, &broker);
    DescribeClusterBroker {
        broker_id: broker.broker_id.get(),
        host,
        port: port.into(),
        rack: broker.rack,
        is_fenced,
    }
}
