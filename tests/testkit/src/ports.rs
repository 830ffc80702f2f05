//! Ports for processes that are to be found where they were after a restart.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::TcpListener;

/// Below the ports that systems give to whoever asks for any: a connection that is made while a broker is down must not
/// be given the broker's port.
const FROM: u16 = 10_240;
const COUNT: u16 = 22_000;

/// Ports that nobody listens on. All are held until the last is chosen, so that they differ.
#[must_use]
pub fn free_ports(count: usize) -> Vec<u16> {
    let any = RandomState::new().build_hasher().finish() % u64::from(COUNT);
    let begin = u16::try_from(any).unwrap();
    let candidates = (0..COUNT).map(|at| FROM + (begin + at) % COUNT);
    let listeners = candidates.filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let listeners: Vec<_> = listeners.take(count).collect();
    assert_eq!(listeners.len(), count, "no free ports");
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}
