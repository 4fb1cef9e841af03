//! `stadspuls` takes in the uplinks of a city's LoRaWAN sensors, turns them into observations
//! that can be trusted, keeps them and serves them.
//!
//! The modules in the order in which an uplink meets them. Which may know which is held by
//! `tests/tidy.rs`: all know `model`, and nothing points back up to `app`.
//!
//! - [`cli`]: what can be typed, one file a command
//! - [`app`]: builds each part, starts them in flow order, stops them in reverse
//! - [`config`]: the operator's file, checked whole before anything starts
//! - [`source`]: MQTT subscriptions and the embedded MQTT listener
//! - [`intake`]: the bounded queue from all sources to the pipeline
//! - [`pipeline`]: the steps of an uplink, from message to ledger row and observations
//! - [`envelope`]: what network servers wrap around an uplink, one file a format
//! - [`codec`]: vendors' and our own payload scripts, in a sandbox
//! - [`catalog`]: quantities and device profiles, read from `decoders/`
//! - [`derive`]: quantities that follow from those that are measured
//! - [`registry`]: which device stands where and when
//! - [`store`]: the only place that knows SQL
//! - [`post`]: requests to other people's servers over HTTP
//! - [`sink`]: InfluxDB, which follows the store and may be down
//! - [`verify`]: holds the ledger against all that is derived from it
//! - [`alert`]: when somebody is to be told, and what becomes of it
//! - [`notify`]: tells people and other systems of alerts
//! - [`bathing`]: what may be said of the water at a bathing place
//! - [`api`]: public, staff, health and metrics over HTTP
//! - [`simulate`]: a fleet of invented sensors with genuine payload bytes
//! - [`city`]: a new city's folder: configuration, empty fleet, secrets
//! - [`document`]: files read so that every fault in them is named
//! - [`secret`]: passwords and tokens, kept outside the configuration
//! - [`telemetry`]: logs, and the names of all metrics
//! - [`clock`]: the time of day
//! - [`model`]: the words of the field as plain types

pub mod alert;
pub mod api;
pub mod app;
pub mod bathing;
pub mod catalog;
pub mod city;
pub mod cli;
pub mod clock;
pub mod codec;
pub mod config;
pub mod derive;
pub mod document;
pub mod envelope;
pub mod intake;
pub mod model;
pub mod notify;
pub mod pipeline;
pub mod post;
pub mod registry;
pub mod secret;
pub mod simulate;
pub mod sink;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod verify;
