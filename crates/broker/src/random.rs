//! Random ids from the operating system.

/// 16 random bytes.
///
/// # Panics
/// If the operating system has no randomness to give, which no supported system reports after its boot.
pub(crate) fn bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
