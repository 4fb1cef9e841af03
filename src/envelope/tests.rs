//! Every sample of every format against what it must yield, and what no bytes may do.

mod fixtures;
mod garbage;
mod readers;
mod support;
