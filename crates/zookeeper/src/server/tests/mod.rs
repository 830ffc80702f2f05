//! The server over real sockets, its journal on a disk in memory.

mod changes;
mod hostile;
mod refusals;
mod rig;
mod sessions;
mod watch;
