//! What happens to the service and its broker while they run: watched over, killed, frozen, held
//! short of disk.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::broker::Broker;
use crate::command::run;
use crate::service::{POLL, Service};

/// How long a service manager waits before it starts a program again that has failed.
const RESTART_PAUSE: Duration = Duration::from_millis(300);

impl Service {
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
}

impl Broker {
    /// Ends it as a power cut would, and starts it again after a while. Returns how many uplinks
    /// it had acknowledged and not handed over, all of which are repeated.
    pub async fn kill(&self, down: Duration, book: &Book) -> Result<usize> {
        let mut running = self.running.lock().await;
        if let Some(mut child) = running.take() {
            child.kill()?;
            child.wait()?;
        }
        let lost = book.broker_died();
        sleep(down).await;
        *running = Some(self.spawn().await?);
        Ok(lost)
    }
}
