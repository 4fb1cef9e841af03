//! What every test stands on: the service in this process or as a process of its own, a real
//! broker, a publisher that knows what was acknowledged.

mod api;
mod app;
mod authority;
mod home;
mod influxdb;
mod mosquitto;
mod process;
mod publisher;
mod scripted;
mod uplinks;
mod wait;

pub use api::Api;
pub use app::{TestApp, start_error};
pub use authority::Authority;
pub use home::Home;
pub use influxdb::InfluxDb;
pub use mosquitto::{Mosquitto, free_port};
pub use process::{Process, refusal, signal, wait_for_exit};
pub use publisher::{Message, Publisher, publish};
pub use scripted::{Reply, Request, serve, serve_posts};
pub use uplinks::{ELSEWHERE, STRANGER, Up, WATER, ago, now};
pub use wait::{eventually, never_within};
