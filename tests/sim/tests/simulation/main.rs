//! The simulation: seeds, races by hand, and the ways in which two logs may part.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its denominators"
)]

mod divergence;
mod groups;
mod many;
mod scripts;
mod seeds;
