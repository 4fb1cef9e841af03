//! A real Mosquitto in a folder of its own, whose sessions survive a restart.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::Mutex;
use tokio::time::sleep;

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Broker {
    dir: PathBuf,
    pub addr: SocketAddr,
    pub running: Mutex<Option<Child>>,
}

impl Broker {
    /// Saving a queue of a million every second would be all it does, so a broker that is not to
    /// be killed need not.
    pub async fn start(dir: &Path, addr: SocketAddr, saves: bool) -> Result<Self> {
        let (folder, every) = (dir.display(), u8::from(saves));
        // Started by root it would become a user who cannot read the folder.
        let config = format!(
            "user root\npersistence true\npersistence_location {folder}/\nautosave_interval {every}\n\
             autosave_on_changes false\nmax_queued_messages 0\nmax_inflight_messages 100\n\
             log_dest file {folder}/mosquitto.log\n\
             log_type error\nlog_type warning\nlog_type notice\nallow_anonymous true\n\
             listener {} 127.0.0.1\n",
            addr.port()
        );
        std::fs::write(dir.join("mosquitto.conf"), config)?;
        let broker = Self { dir: dir.to_owned(), addr, running: Mutex::new(None) };
        *broker.running.lock().await = Some(broker.spawn().await?);
        Ok(broker)
    }

    pub async fn spawn(&self) -> Result<Child> {
        let mut child = ["/usr/sbin/mosquitto", "mosquitto"]
            .into_iter()
            .find_map(|program| {
                Command::new(program)
                    .arg("-c")
                    .arg(self.dir.join("mosquitto.conf"))
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .ok()
            })
            .context("mosquitto is not installed: apt-get install mosquitto")?;
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(self.addr).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("mosquitto ends with {status}; see {}", self.dir.display());
            }
            if Instant::now() > until {
                bail!("mosquitto does not accept connections");
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(child)
    }

    /// Ends it for good.
    pub async fn stop(&self) -> Result<()> {
        if let Some(mut child) = self.running.lock().await.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.get_mut().take() {
            child.kill().and_then(|()| child.wait()).map_or_else(drop, drop);
        }
    }
}
