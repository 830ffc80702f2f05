//! Crash points of the log and the journal.
