//! Randomness for ids: the core draws none.

use std::io;

/// 16 random bytes for an id, or why the system has none to give.
pub(crate) fn random_bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
