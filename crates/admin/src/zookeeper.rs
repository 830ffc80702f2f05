//! Asking a zookeeper at its own port.

use yak_client::{Address, ClientConfig, ClientError, Connection};
use yak_model::BrokerId;
use yak_model::api::ZookeeperReport;
use yak_protocol::ControllerStatus;

/// What a zookeeper says of itself and of its brokers.
///
/// # Errors
/// When nobody answers there within the configuration's connect timeout and as much again, or nobody who speaks this
/// protocol; [`ClientError::Usage`] if it is a broker.
pub(crate) async fn ask(address: &Address, config: &ClientConfig) -> Result<ZookeeperReport, ClientError> {
    let mut connection = Connection::open(address, config).await?;
    let found = connection.server().broker_id;
    if found != BrokerId::NONE {
        return Err(ClientError::Usage(format!("broker {found} listens at {address}, not a zookeeper")));
    }
    Ok(connection.call(&ControllerStatus::default(), config.connect_timeout).await??)
}
