//! The service as an operator runs it: `stadspuls run`, started again when it ends.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::command::run;
use crate::http;

pub const POLL: Duration = Duration::from_millis(25);

/// A stop that takes longer is a fault of its own.
const STOP_MAX: Duration = Duration::from_secs(30);

pub struct Service {
    pub program: PathBuf,
    pub config: PathBuf,
    pub log: PathBuf,
    pub http: SocketAddr,
    pub running: Mutex<Option<Child>>,
    notes: Arc<Lock<Notes>>,
}

/// What was seen of it over all its lives.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    pub starts: u32,
    /// Times it ended by itself with an error, which a store that fails at the start explains.
    pub refusals: u32,
    pub slowest_stop: Duration,
    pub rss_peak_kib: u64,
    /// What must never happen: crashes, panics, stops without end.
    pub crashes: Vec<String>,
}

impl Service {
    pub fn new(program: PathBuf, config: PathBuf, log: PathBuf, http: SocketAddr) -> Self {
        Self { program, config, log, http, running: Mutex::new(None), notes: Arc::default() }
    }

    pub fn notes(&self) -> Notes {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn note(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub async fn start(&self) -> Result<()> {
        let mut running = self.running.lock().await;
        if running.is_none() {
            *running = Some(self.spawn()?);
        }
        Ok(())
    }

    pub fn spawn(&self) -> Result<Child> {
        // Writing beyond a limit on file sizes is then an error and not the end.
        let mut child = Command::new("env")
            .arg("--ignore-signal=XFSZ")
            .arg(&self.program)
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the service")?;
        let lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let mut log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let notes = Arc::clone(&self.notes);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains("panicked") {
                    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
                    notes.crashes.push(line.clone());
                }
                if writeln!(log, "{line}").is_err() {
                    return;
                }
            }
        });
        self.note(|notes| notes.starts += 1);
        Ok(child)
    }

    pub fn note_end(&self, status: ExitStatus) {
        self.note(|notes| match status.signal() {
            Some(signal) => notes.crashes.push(format!("the service ended by signal {signal}")),
            None if status.success() => {
                notes.crashes.push("the service ended without having been told to".to_owned());
            }
            None => notes.refusals += 1,
        });
    }

    pub fn measure(&self, child: &Child) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let peak = status.ok().and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().split(' ').next()?.parse::<u64>().ok()
        });
        self.note(|notes| notes.rss_peak_kib = notes.rss_peak_kib.max(peak.unwrap_or(0)));
    }

    /// Ends it for good.
    pub async fn stop(&self) -> Result<()> {
        self.end(&mut *self.running.lock().await).await
    }

    pub async fn end(&self, running: &mut Option<Child>) -> Result<()> {
        let Some(mut child) = running.take() else { return Ok(()) };
        self.measure(&child);
        run("kill", &["-TERM", &child.id().to_string()])?;
        let told_at = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                self.note(|notes| notes.slowest_stop = notes.slowest_stop.max(told_at.elapsed()));
                // A signal within the first milliseconds finds nobody who listens for it.
                if !status.success() && status.signal() != Some(15) {
                    self.note_end(status);
                }
                return Ok(());
            }
            if told_at.elapsed() > STOP_MAX {
                child.kill()?;
                child.wait()?;
                let text = format!("the service had not ended {STOP_MAX:?} after SIGTERM");
                self.note(|notes| notes.crashes.push(text));
                return Ok(());
            }
            sleep(POLL).await;
        }
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&self, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        loop {
            let answer = http::get(self.http, "/health/ready").await;
            match answer {
                Ok((200, _)) => return Ok(()),
                other if Instant::now() > until => {
                    bail!("the service is not ready after {patience:?}: {other:?}")
                }
                _ => sleep(POLL).await,
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.get_mut().take() {
            child.kill().and_then(|()| child.wait()).map_or_else(drop, drop);
        }
    }
}
