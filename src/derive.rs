//! Quantities that nobody measures and that follow from those that are measured, and what those can be
//! told from that are measured wrongly.
//!
//! Plain functions: what they need is given to them, and each names the source of its formula.

pub mod discharge;
pub mod fill;
pub mod humidity;
pub mod level;
pub mod snow;
pub mod water;
