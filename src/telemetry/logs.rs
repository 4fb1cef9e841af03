use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging to standard error: for people in a terminal, JSON lines otherwise.
///
/// `RUST_LOG` chooses what is logged, as `tracing_subscriber::EnvFilter` reads it; without it,
/// `default` does, for example `"info"`.
pub fn start_logs(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.with_target(false).init();
    } else {
        logs.json().flatten_event(true).init();
    }
}
