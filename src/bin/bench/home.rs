//! The folder of a run, and the real service in it.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use stadspuls::clock;
use tokio::time::sleep;

use crate::Options;
use crate::address::Addressbook;
use crate::load::{PROFILE, dev_eui, site};
use crate::send::TOKEN;
use crate::service::Service;
use crate::usage;

const READY_MAX: Duration = Duration::from_secs(60);

/// How long nothing may be committed before the run is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);

const TICK: Duration = Duration::from_millis(50);

pub struct Home {
    pub dir: PathBuf,
    program: PathBuf,
}

/// How uplinks reach the service.
#[derive(Clone, Copy)]
pub enum Way {
    Broker(SocketAddr),
    Listener,
    Http,
}

/// The service in a folder of its own.
pub struct Running {
    pub service: Service,
    pub listener: SocketAddr,
    pub store: PathBuf,
}

impl Home {
    pub fn make(options: &Options) -> Result<Self> {
        let dir = options.dir.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("stadspuls-bench-{}", std::process::id()))
        });
        fs::create_dir_all(&dir)?;
        let dir = dir.canonicalize()?;
        let program = options.program.clone().map_or_else(std::env::current_exe, Ok)?;
        Ok(Self { dir, program })
    }

    pub fn leave(&self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.dir)?)
    }

    /// An empty folder.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.dir.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Prepares the service, without starting it.
    pub fn service(&self, name: &str, way: Way, devices: u32) -> Result<Running> {
        let dir = self.folder(name)?;
        let mut free = Addressbook::new();
        let (http, listener) = (free.free()?, free.free()?);
        let mut config = format!("[api]\nbind = \"{http}\"\n[fleet]\ndir = \"fleet\"\n");
        match way {
            Way::Broker(broker) => write!(
                config,
                "[source.bench]\nbroker = \"mqtt://{broker}\"\nclient_id = \"stadspuls\"\n\
                 filters = [\"{}\"]\nformat = \"chirpstack-v4-json\"\n",
                crate::floor::FILTER
            )?,
            Way::Listener => write!(
                config,
                "[listener.bench]\nbind = \"{listener}\"\nformat = \"chirpstack-v4-json\"\n"
            )?,
            Way::Http => write!(
                config,
                "[ingest.http]\nformat = \"chirpstack-v4-json\"\ntoken = {{ file = \"token\" }}\n"
            )?,
        }
        fs::write(dir.join("stadspuls.toml"), config)?;
        fs::write(dir.join("token"), TOKEN)?;
        write_fleet(&dir.join("fleet"), devices)?;
        let service = Service::new(
            self.program.clone(),
            dir.join("stadspuls.toml"),
            dir.join("stadspuls.log"),
            http,
        );
        Ok(Running { service, listener, store: dir.join("data/stadspuls.sqlite") })
    }
}

fn write_fleet(dir: &Path, devices: u32) -> Result<()> {
    fs::create_dir_all(dir)?;
    let (mut sites, mut registered, mut deployments) =
        (String::new(), String::new(), String::new());
    for device in 0..devices {
        let (eui, site) = (dev_eui(device), site(device));
        writeln!(
            sites,
            "[[site]]\nid = \"{site}\"\nkind = \"gauging_station\"\nname = \"{site}\""
        )?;
        writeln!(registered, "[[device]]\ndev_eui = \"{eui:016x}\"\nprofile = \"{PROFILE}\"")?;
        writeln!(
            deployments,
            "[[deployment]]\ndev_eui = \"{eui:016x}\"\nsite = \"{site}\"\nfrom = 1970-01-01T00:00:00Z"
        )?;
    }
    fs::write(dir.join("sites.toml"), sites)?;
    fs::write(dir.join("devices.toml"), registered)?;
    Ok(fs::write(dir.join("deployments.toml"), deployments)?)
}

impl Running {
    pub async fn start(&self) -> Result<()> {
        self.service.start().await?;
        self.service
            .ready(READY_MAX)
            .await
            .with_context(|| format!("see {}", self.service.log.display()))
    }

    pub async fn stop(&self) -> Result<()> {
        self.service.stop().await?;
        let notes = self.service.notes();
        ensure!(notes.crashes.is_empty() && notes.refusals == 0, "{:?}", notes.crashes);
        Ok(())
    }

    async fn id(&self) -> Result<u32> {
        let running = self.service.running.lock().await;
        Ok(running.as_ref().context("the service does not run")?.id())
    }

    /// What the service has used since it was started.
    pub async fn used(&self) -> Result<Duration> {
        usage::of_process(self.id().await?)
    }

    /// What its pipeline's thread has used of that.
    pub async fn used_by_pipeline(&self) -> Result<Duration> {
        let id = self.id().await?;
        // The service answers a little before it has that thread.
        for _ in 0..20 {
            if let Some(used) = usage::of_pipeline(id)? {
                return Ok(used);
            }
            sleep(TICK).await;
        }
        bail!("the service has no thread called pipeline")
    }

    /// Bytes that it has given to the disk since it was started.
    pub async fn written(&self) -> Result<u64> {
        usage::written(self.id().await?)
    }

    /// The most memory it has had in any of its lives.
    pub async fn peak_kib(&self) -> u64 {
        if let Some(child) = self.service.running.lock().await.as_ref() {
            self.service.measure(child);
        }
        self.service.notes().rss_peak_kib
    }

    /// Waits until so many uplinks are stored and everything that follows from them is written.
    pub async fn settle(&self, uplinks: u64) -> Result<()> {
        let store = watch(&self.store)?;
        let current = clock::now().timestamp() / 3600;
        let (mut last, mut moved_at) = (0, Instant::now());
        loop {
            let stored = count(&store, "select coalesce(max(id), 0) from uplink")?;
            let stale = format!("select count(*) from stale_hour where hour < {current}");
            let again = repeated(&store)?;
            if stored.saturating_sub(again) >= uplinks && count(&store, &stale)? == 0 {
                break;
            }
            if stored != last {
                (last, moved_at) = (stored, Instant::now());
            }
            if moved_at.elapsed() > SILENCE_MAX {
                bail!("{stored} of {uplinks} uplinks are stored, and no more come");
            }
            sleep(TICK).await;
        }
        // The last acknowledgements go out after the commit.
        sleep(TICK * 4).await;
        let odd = count(&store, "select count(*) from uplink_of_outcome where outcome <> 1")?;
        ensure!(odd == 0, "{odd} uplinks were not stored for what they are");
        Ok(())
    }

    /// Uplinks that came more than once.
    pub fn repeated(&self) -> Result<u64> {
        repeated(&watch(&self.store)?)
    }

    /// Bytes of the store on disk, while nobody has it open.
    pub fn bytes(&self) -> Result<u64> {
        Ok(fs::metadata(&self.store)?.len())
    }
}

fn count(store: &Connection, sql: &str) -> Result<u64> {
    Ok(store.query_row(sql, [], |row| row.get(0))?)
}

fn repeated(store: &Connection) -> Result<u64> {
    count(store, "select count(*) from uplink_of_outcome where outcome = 1")
}

/// Looks into a store from outside, which costs the service nothing.
pub fn watch(store: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(store, flags)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}
