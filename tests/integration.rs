//! The service as a whole, against real brokers, over real sockets and as a process: one test
//! binary, so that it is linked once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test it helps"
)]

mod alerts;
mod bench;
mod broker;
mod catalogue;
mod city;
mod cli;
mod config;
mod durability;
mod envelopes;
mod faults;
mod ingest;
mod keeping;
mod notify;
mod sink;
mod support;
mod tidy;
