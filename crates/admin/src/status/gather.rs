//! Asking every member of the cluster at the same time, and waiting for none of them for long.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use yak_client::{Address, Admin, ClientConfig, ClientError, Connection};
use yak_model::BrokerId;
use yak_model::api::{ReplicaStatus, StatusReply, ZookeeperReport};
use yak_protocol::Status;

use super::overview::{Answers, registered};
use crate::zookeeper;

/// How long one of them may take, so that one that hangs does not hold up the screen.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a broker says of a zookeeper that runs in its own process.
const EMBEDDED: &str = "embedded";

/// Asks any broker first, who names the others and the zookeeper, and then all of these.
pub(super) async fn gather(admin: &Admin) -> Result<Answers, ClientError> {
    let first = admin.status().await?;
    let config = admin.cluster().config();
    let config = &ClientConfig { connect_timeout: PATIENCE.min(config.connect_timeout), ..config.clone() };
    let known = |asked: &BTreeMap<BrokerId, _>, broker: &ReplicaStatus| {
        broker.broker.broker_id == first.broker_id || asked.contains_key(&broker.broker.broker_id)
    };
    let mut others = BTreeMap::new();
    let named: Vec<_> = first.brokers.iter().filter(|broker| !known(&others, broker)).cloned().collect();
    let (answered, zookeeper) =
        tokio::join!(ask_brokers(&named, config), ask_zookeeper(&first.zookeeper.address, config),);
    others.extend(answered);
    // A broker that is cut off from the zookeeper does not know of the newest ones.
    if let Some(Ok(report)) = &zookeeper {
        let all = report.brokers.iter().map(registered);
        let more: Vec<_> = all.filter(|broker| !known(&others, broker)).collect();
        others.extend(ask_brokers(&more, config).await);
    }
    Ok(Answers { first, others, zookeeper })
}

async fn ask_brokers(
    brokers: &[ReplicaStatus],
    config: &ClientConfig,
) -> BTreeMap<BrokerId, Result<StatusReply, String>> {
    let mut asking = JoinSet::new();
    for ReplicaStatus { broker, .. } in brokers {
        let (id, address) = (broker.broker_id, Address::new(broker.host.clone(), broker.port));
        let config = config.clone();
        asking.spawn(async move { (id, ask_broker(id, &address, &config).await) });
    }
    asking.join_all().await.into_iter().collect()
}

async fn ask_broker(id: BrokerId, address: &Address, config: &ClientConfig) -> Result<StatusReply, String> {
    let asked = async {
        let mut connection = Connection::open(address, config).await?;
        Ok::<_, ClientError>(connection.call(&Status, PATIENCE).await??)
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(reply)) if reply.broker_id == id => Ok(reply),
        Ok(Ok(reply)) => Err(format!("broker {} answers at {address}", reply.broker_id)),
        Ok(Err(error)) => Err(why(&error)),
        Err(_elapsed) => Err(silence(address)),
    }
}

/// The first of the zookeeper's addresses that answers. `None` if it is embedded.
async fn ask_zookeeper(addresses: &str, config: &ClientConfig) -> Option<Result<ZookeeperReport, String>> {
    if addresses == EMBEDDED {
        return None;
    }
    let mut failure = "its address is not known".to_owned();
    for address in addresses.split(',') {
        let address: Address = match address.parse() {
            Ok(address) => address,
            Err(error) => {
                failure = format!("{error}");
                continue;
            }
        };
        failure = match tokio::time::timeout(PATIENCE, zookeeper::ask(&address, config)).await {
            Ok(Ok(report)) => return Some(Ok(report)),
            Ok(Err(error)) => why(&error),
            Err(_elapsed) => silence(&address),
        };
    }
    Some(Err(failure))
}

/// The reason alone, with the address but without what it is the address of.
fn why(error: &ClientError) -> String {
    match error {
        ClientError::Connection { address, why } => format!("{why} ({address})"),
        ClientError::NoAnswer { address, .. } => silence(address),
        other => other.to_string(),
    }
}

fn silence(address: &Address) -> String {
    format!("nothing within {} ms ({address})", PATIENCE.as_millis())
}
