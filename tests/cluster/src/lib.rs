//! End-to-end tests with real processes; the tests are in `tests/`.
