//! What is said of a group, and how it looks.

mod explain;
mod rig;
mod show;
