//! Every message, both directions: what one side writes, the other reads as the same.

mod generate;
mod groups;
mod replies;
mod requests;
