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
use tokio_util::sync::CancellationToken;

use crate::ground::run;
use crate::post;

const POLL: Duration = Duration::from_millis(25);

/// How long a service manager waits before it starts a program again that has failed.
const RESTART_PAUSE: Duration = Duration::from_millis(300);

/// A stop that takes longer is a fault of its own.
const STOP_MAX: Duration = Duration::from_secs(30);

pub struct Service {
    pub program: PathBuf,
    pub config: PathBuf,
    pub log: PathBuf,
    pub http: SocketAddr,
    running: Mutex<Option<Child>>,
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

    fn note(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub async fn start(&self) -> Result<()> {
        let mut running = self.running.lock().await;
        if running.is_none() {
            *running = Some(self.spawn()?);
        }
        Ok(())
    }

    /// Watches over it until `stop`: starts it again when it ends by itself, and measures it.
    pub async fn watch(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(POLL * 4)).await.is_some() {
            let mut running = self.running.lock().await;
            let Some(child) = running.as_mut() else { continue };
            self.measure(child);
            let Ok(Some(status)) = child.try_wait() else { continue };
            *running = None;
            self.note_end(status);
            sleep(RESTART_PAUSE).await;
            match self.spawn() {
                Ok(child) => *running = Some(child),
                Err(error) => self.note(|notes| notes.crashes.push(format!("{error:#}"))),
            }
        }
    }

    fn spawn(&self) -> Result<Child> {
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

    fn note_end(&self, status: ExitStatus) {
        self.note(|notes| match status.signal() {
            Some(signal) => notes.crashes.push(format!("the service ended by signal {signal}")),
            None if status.success() => {
                notes.crashes.push("the service ended without having been told to".to_owned());
            }
            None => notes.refusals += 1,
        });
    }

    fn measure(&self, child: &Child) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let peak = status.ok().and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().split(' ').next()?.parse::<u64>().ok()
        });
        self.note(|notes| notes.rss_peak_kib = notes.rss_peak_kib.max(peak.unwrap_or(0)));
    }

    /// Ends it as a power cut would, and starts it again after a while.
    pub async fn kill(&self, down: Duration) -> Result<()> {
        let mut running = self.running.lock().await;
        if let Some(mut child) = running.take() {
            self.measure(&child);
            child.kill()?;
            child.wait()?;
        }
        sleep(down).await;
        *running = Some(self.spawn()?);
        Ok(())
    }

    /// Ends it as a service manager does, and starts it again after a while.
    pub async fn restart(&self, down: Duration) -> Result<()> {
        let mut running = self.running.lock().await;
        self.end(&mut running).await?;
        sleep(down).await;
        *running = Some(self.spawn()?);
        Ok(())
    }

    /// Ends it for good.
    pub async fn stop(&self) -> Result<()> {
        self.end(&mut *self.running.lock().await).await
    }

    async fn end(&self, running: &mut Option<Child>) -> Result<()> {
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

    /// Stops it in the middle of whatever it does and lets it go on after a while.
    pub async fn freeze(&self, time: Duration) -> Result<()> {
        let running = self.running.lock().await;
        let Some(child) = running.as_ref() else { bail!("it does not run") };
        let id = child.id().to_string();
        run("kill", &["-STOP", &id])?;
        sleep(time).await;
        run("kill", &["-CONT", &id])
    }

    /// Lets no file grow beyond this; `None` takes the limit away.
    pub async fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let running = self.running.lock().await;
        let Some(child) = running.as_ref() else { bail!("it does not run") };
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let soft = format!("--fsize={limit}:unlimited");
        run("prlimit", &["--pid", &child.id().to_string(), &soft])
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&self, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        loop {
            let answer = post::get(self.http, "/health/ready").await;
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
