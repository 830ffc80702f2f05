//! The repository tests itself: layers, files, dependencies, configuration, error codes, scripts, README,
//! and that every requirement's test exists and ran.

mod clients;
mod config;
mod dependencies;
mod error_codes;
mod files;
mod layers;
mod mutants;
mod readme;
mod requirements;
mod scripts;
