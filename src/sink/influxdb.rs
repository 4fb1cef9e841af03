//! Gives every observation, and what is heard of radio and battery, to an InfluxDB 2 or another server
//! that takes its line protocol at `/api/v2/write`.
//!
//! The store is the truth and this is its copy: what is sent is read from the store at that moment, so
//! that sending it twice, late or again does no harm. The cursor moves when the server has accepted.

mod answer;
mod client;
mod config;
mod deliver;
mod follow;
mod line;
mod points;
mod state;

pub use config::{Config, Limits};
pub use follow::{Sink, Wires};
pub use points::MEASUREMENTS;

/// The sink's name in the store, the metrics and the commands.
pub const NAME: &str = "influxdb";
