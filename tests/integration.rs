//! The service as a whole, against a real broker and over real sockets: one test binary, so that
//! it is linked once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test it helps"
)]

mod broker;
mod durability;
mod envelopes;
mod ingest;
mod support;
