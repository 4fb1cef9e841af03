//! Keeping the store: copies made and put back while it is in use, the ledger held against what is
//! derived from it, and retention that drops what a decision covers and nothing else.

mod city;
mod commands;
mod copies;
mod formats;
mod planted;
mod redecode;
mod rehearsal;
mod retention;
