//! Randomness for ids: the core draws none.

use std::io;

/// 16 random bytes from the system, for a cluster, topic, directory or incarnation id.
///
/// # Errors
///
/// The system has none to give.
pub fn random_bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
