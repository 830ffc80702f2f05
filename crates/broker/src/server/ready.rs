//! What a program that starts a broker needs to know.

use serde_json::json;
use yak_cli::server::Ready;
use yak_model::BrokerId;
use yak_model::config::Endpoint;

use super::registered_address::RegisteredAddress;

/// `YAK_READY {"bootstrap":"127.0.0.1:9092","broker_id":1,"data":"data/broker-1","pid":4711}`.
pub(super) fn ready(address: RegisteredAddress, broker_id: BrokerId, data: String) -> Ready {
    let RegisteredAddress { host, port, .. } = address;
    Ready::new(json!({
        "bootstrap": Endpoint { host, port }.to_string(),
        "broker_id": broker_id.get(),
        "data": data,
    }))
}
