//! A fleet of invented sensors with genuine payload bytes, in the envelopes of a ChirpStack v4
//! network server, for demonstrations and for load on a broker.
//!
//! Everything the fleet says is a pure function of the seed, the sensor and the time: the same
//! period yields the same messages, byte for byte, so a fleet that is started again continues
//! its counters and a receiver recognises what it already has.
//!
//! # Invented weather
//!
//! The baths always have a week of July (lakes 17–22 °C, air 11–27 °C) and the snow stations
//! always a week of February, whatever the date: a demonstration in November has to show
//! something. The names, ids and positions of the eight official bathing places are real; every
//! measured value, every other position, all meters, bays, gateways and device ids are not.
//!
//! # Faults on purpose
//!
//! | what | where (site, or device) |
//! |---|---|
//! | silent since two days before the start | gauging station `anten-utlopp` |
//! | leak: flow in every hour, status bit | `va-07` |
//! | probe lies on the jetty and follows the air | `gerdsken-kabelbadet` |
//! | probe disconnected now and then, −200.0 °C | `sandbadet` |
//! | payload cut short now and then | `angabobadet` |
//! | the same message twice | every sensor, rarely |
//! | lost on the air, a gap in the counter | every sensor but the parking bays, rarely |
//! | battery nearly empty | gauging station `mellbyan` |
//! | heard, but not registered | device `0e7a11fffe0d0f01` |

mod broker;
mod envelope;
mod feed;
mod fleet;
mod key;
mod meter;
mod parking;
mod payload;
mod publish;
mod radio;
mod roster;
mod sensor;
mod weather;

#[cfg(test)]
mod config_tests;

pub use broker::Broker;
pub use fleet::{Fleet, Publication};
pub use publish::{Options, SimulateError, Summary, publish};
pub use sensor::Sensor;
