//! Logs, and every metric by name.

mod logs;
mod metrics;

pub use logs::start_logs;
pub use metrics::{Metrics, Name, OutcomeLabel, ReasonLabel, SourceLabel};
