//! What is put together out of several answers, and how it looks.

mod overview;
mod rig;
mod screen;
