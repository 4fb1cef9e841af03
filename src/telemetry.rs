//! Logs, health, and every metric by name.

mod health;
mod logs;
mod metrics;

pub use health::Health;
pub use logs::start_logs;
pub use metrics::{
    AlertLabel, CauseLabel, ChannelLabel, FailureLabel, KindLabel, Metrics, Name, OriginLabel,
    OutcomeLabel, ReasonLabel, RetryLabel, SinkLabel, SourceLabel, WaitingLabel,
};
