//! The addresses that clients are told: one rule for every answer that has any.
//!
//! A broker's `advertised.listeners` wins. Where it is unset, a client is told of the broker it talks to, and of brokers of
//! the same machine, the host by which it came, with their port: whoever came by one of a machine's addresses can come by
//! it again. Of brokers elsewhere it is told the address they are registered with, which is also what brokers tell and use
//! among themselves.
//!
//! - *Of the same machine* is a broker registered with the very host that this one is registered with, neither of them
//!   advertised. They are taken to listen alike: one that listens on a single address beside one that listens on all of
//!   them needs `advertised.listeners`.
//! - *The host by which it came* is the address of ours at this end of its connection. A client of this machine that came by
//!   loopback is told loopback; an IPv4 client of a socket for both families, an IPv4 address. A link-local IPv6 address
//!   means nothing without the interface at the client's end: it is not told.
//! - What operations answer holds registered addresses. They are replaced when the answer goes out, and what goes out to a
//!   client must be [`Addressed`]: an operation whose answer is not does not compile.
//!
//! Behind a port mapping none of these can be right, and `advertised.listeners` is needed.

mod answers;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub(crate) use answers::Addressed;
use yak_core::image::Image;
use yak_model::BrokerId;
use yak_model::api::BrokerMetadata;

use crate::broker::Broker;

/// Host and port of a broker, for a client that came to `local`.
pub(crate) fn told(broker: &Broker, local: SocketAddr, of: &BrokerMetadata) -> (String, u16) {
    let known = address(&broker.image(), broker.id(), local.ip(), of.broker_id);
    known.unwrap_or_else(|| (of.host.clone(), of.port))
}

/// Where a client that came to `local` of broker `me` finds broker `of`, if that is registered.
fn address(image: &Image, me: BrokerId, local: IpAddr, of: BrokerId) -> Option<(String, u16)> {
    let registered = |id| image.broker(id).map(|known| &known.registration);
    let (mine, theirs) = (registered(me)?, registered(of)?);
    let is_here = !mine.advertised && !theirs.advertised && mine.host == theirs.host;
    let host = if is_here { by_itself(local) } else { None };
    Some((host.unwrap_or_else(|| theirs.host.clone()), theirs.port))
}

/// An address as a host that others can connect to.
fn by_itself(local: IpAddr) -> Option<String> {
    let local = local.to_canonical();
    let needs_interface = matches!(local, IpAddr::V6(address) if address.is_unicast_link_local());
    (!needs_interface && !local.is_unspecified()).then(|| local.to_string())
}

/// Who asks over a connection, and the address of ours that it came to.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    broker: Arc<Broker>,
    /// `None` for another broker.
    local: Option<SocketAddr>,
}

impl Caller {
    /// A client.
    pub(crate) const fn new(broker: Arc<Broker>, local: SocketAddr) -> Self {
        Self { broker, local: Some(local) }
    }

    /// It has shown that it is a broker of the cluster, and is told registered addresses from here on.
    pub(crate) const fn is_a_broker(&mut self) {
        self.local = None;
    }

    /// Replaces the registered addresses in an answer by those that this caller is told.
    pub(crate) fn tell(&self, answer: &mut impl Addressed) {
        let Some(local) = self.local else { return };
        answer.each_address(&mut |of, host, port| {
            if let Some(told) = address(&self.broker.image(), self.broker.id(), local.ip(), of) {
                (*host, *port) = told;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use yak_model::metadata::{BrokerRegistration, MetadataRecord};
    use yak_model::{BrokerEpoch, IncarnationId};

    use super::*;

    /// Host, and whether it is advertised, of brokers 1, 2, ..., whose ports are 9001, 9002, ...
    fn image(brokers: &[(&str, bool)]) -> Image {
        let mut image = Image::default();
        for (id, (host, advertised)) in (1..).zip(brokers) {
            let registration = BrokerRegistration {
                broker_id: BrokerId::new(id),
                broker_epoch: BrokerEpoch::new(i64::from(id)),
                incarnation_id: IncarnationId::from_random([1; 16]),
                directory_ids: Vec::new(),
                host: (*host).to_owned(),
                port: 9_000 + u16::try_from(id).expect("few"),
                advertised: *advertised,
                rack: None,
            };
            image.apply(&MetadataRecord::BrokerRegistered(registration)).expect("a new broker");
        }
        image
    }

    /// What broker 1 tells of `of`.
    fn by_first(image: &Image, local: &str, of: i32) -> String {
        let local = local.parse().expect("an address");
        let (host, port) = address(image, BrokerId::new(1), local, BrokerId::new(of)).expect("registered");
        format!("{host} {port}")
    }

    #[test]
    fn the_host_by_which_one_came_for_brokers_of_this_machine() {
        let image = image(&[("10.0.0.1", false), ("10.0.0.1", false), ("10.0.0.2", false)]);
        for local in ["127.0.0.1", "10.0.0.1", "192.168.7.1", "2001:db8::1"] {
            assert_eq!(by_first(&image, local, 1), format!("{local} 9001"));
            assert_eq!(by_first(&image, local, 2), format!("{local} 9002"), "the port is its own");
            assert_eq!(by_first(&image, local, 3), "10.0.0.2 9003", "another machine");
        }
        assert_eq!(by_first(&image, "::ffff:10.0.0.1", 1), "10.0.0.1 9001");
    }

    #[test]
    fn what_is_advertised_is_told_to_everybody() {
        let image = image(&[("b.example", true), ("b.example", false), ("b.example", true)]);
        for local in ["127.0.0.1", "10.0.0.1"] {
            assert_eq!(by_first(&image, local, 1), "b.example 9001");
            assert_eq!(by_first(&image, local, 2), "b.example 9002", "a name may stand for several machines");
            assert_eq!(by_first(&image, local, 3), "b.example 9003");
        }
        let image = self::image(&[("10.0.0.1", false), ("10.0.0.1", true)]);
        assert_eq!(by_first(&image, "127.0.0.1", 1), "127.0.0.1 9001");
        assert_eq!(by_first(&image, "127.0.0.1", 2), "10.0.0.1 9002");
    }

    #[test]
    fn an_address_that_is_of_no_use_by_itself_is_not_told() {
        let image = image(&[("10.0.0.1", false)]);
        for local in ["fe80::1", "0.0.0.0", "::"] {
            assert_eq!(by_first(&image, local, 1), "10.0.0.1 9001");
        }
        let unknown = address(&image, BrokerId::new(1), Ipv4Addr::LOCALHOST.into(), BrokerId::new(2));
        assert_eq!(unknown, None);
    }
}
