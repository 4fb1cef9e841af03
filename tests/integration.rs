//! What is held from outside, in one binary, so that it is linked once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test says what is wrong by ending the test"
)]

mod catalogue;
mod cli;
mod config;
mod keeping;
mod tidy;
