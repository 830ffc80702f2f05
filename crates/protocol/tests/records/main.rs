//! Records through all their shapes: produce line, batch, fetch reply, record line, and back.

mod fetch;
mod owned;
mod produce;
mod tail;
