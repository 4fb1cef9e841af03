//! What the commands that keep the store have in common.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::stop_on_signal;
use crate::config::Config;
use crate::document::{Fault, Faults};
use crate::store::Progress;

/// Which store is meant.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Folder {
    /// The configuration file; its store is meant.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The store's folder.
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

impl Folder {
    /// The store's folder, or all faults of the configuration that should name it.
    pub fn find(&self) -> Result<PathBuf, Vec<Fault>> {
        match (&self.config, &self.store) {
            (Some(file), _) => {
                let faults = Faults::default();
                let config = Config::load(file, &faults);
                if faults.is_empty() { Ok(config.store.dir) } else { Err(faults.into_vec()) }
            }
            (None, store) => Ok(store.clone().unwrap_or_default()),
        }
    }
}

/// A progress bar on a terminal, nothing elsewhere, and the ear for Ctrl-C.
pub struct Bar {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
    /// Keeps listening for as long as the bar is there.
    _runtime: tokio::runtime::Runtime,
}

impl Bar {
    pub fn new() -> anyhow::Result<Self> {
        let runtime = super::runtime()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        runtime.block_on(async {
            let signal = stop_on_signal()?;
            tokio::spawn(async move {
                signal.cancelled().await;
                stopped.store(true, Ordering::Relaxed);
            });
            anyhow::Ok(())
        })?;
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.enable_steady_tick(Duration::from_millis(200));
        Ok(Self { bar, stop, _runtime: runtime })
    }

    /// Shows how far the work has come; breaks off when the user has asked for it.
    pub fn show(&self, progress: Progress) -> ControlFlow<()> {
        if self.bar.message() != progress.what {
            self.bar.set_message(progress.what);
            self.bar.reset();
            let template = if progress.total > 0 {
                "{msg:28} {bar:30} {percent:>3} % {eta:>4}"
            } else {
                "{msg:28} {spinner} {elapsed}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        if self.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Prints a line above the bar.
    pub fn print(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A number as people read it, with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        text.push(digit);
        if place > 0 && place % 3 == 0 {
            text.push(' ');
        }
    }
    text
}

/// `1 row`, `2 rows`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// [`counted`] for what lies in memory.
pub fn several(number: usize, one: &str, many: &str) -> String {
    counted(number as u64, one, many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
