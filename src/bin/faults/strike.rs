//! What each fault does to the service, its broker, its network and its disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::Connection;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::book::Book;
use crate::broker::Broker;
use crate::ground::Ground;
use crate::proxy::{Proxy, Weather};
use crate::schedule::{Fault, Kind, Link};
use crate::service::Service;

/// A file may grow to this while writing to the store fails.
const FILE_BYTES: u64 = 16 * 1024;

/// How long a slow store is held, and how long it is free in between.
const HELD: Duration = Duration::from_millis(250);
const FREE: Duration = Duration::from_millis(120);

/// The service and everything around it that can break.
pub struct World {
    pub book: Arc<Book>,
    pub service: Service,
    pub broker: Option<Broker>,
    pub ground: Ground,
    pub proxies: BTreeMap<Link, Proxy>,
    /// One fault at a time for the disk, the lock on the database, and each network.
    pub disk: Mutex<()>,
    pub database: Mutex<()>,
    pub networks: BTreeMap<Link, Mutex<()>>,
}

impl World {
    /// Lets a fault happen. Returns a remark for the log.
    pub async fn strike(&self, fault: Fault) -> Result<String> {
        let length = Duration::from_millis(fault.length_ms);
        match fault.kind {
            Kind::Kill => self.service.kill(length).await?,
            Kind::Terminate => self.service.restart(length).await?,
            Kind::Freeze => self.service.freeze(length).await?,
            Kind::KillBroker => {
                if let Some(broker) = &self.broker {
                    let lost = broker.kill(length, &self.book).await?;
                    return Ok(format!("{lost} acknowledged by the broker alone"));
                }
            }
            Kind::Cut => self.weather(fault, Weather::Cut).await,
            Kind::Reset => self.weather(fault, Weather::Reset).await,
            Kind::Stall => self.weather(fault, Weather::Stalled).await,
            Kind::HalfOpen => self.weather(fault, Weather::HalfOpen).await,
            Kind::Trickle => self.weather(fault, Weather::Trickle).await,
            Kind::SlowStore => self.hold_database(length, HELD).await?,
            Kind::Locked => self.hold_database(length, length).await?,
            Kind::FullDisk if self.ground.own_disk => {
                let _one = self.disk.lock().await;
                self.ground.fill()?;
                sleep(length).await;
                self.ground.make_room();
            }
            Kind::FullDisk | Kind::WriteError => {
                let _one = self.disk.lock().await;
                self.service.limit_files(Some(FILE_BYTES)).await?;
                sleep(length).await;
                self.service.limit_files(None).await?;
            }
        }
        Ok(String::new())
    }

    async fn weather(&self, fault: Fault, weather: Weather) {
        let Some((proxy, one)) = self.proxies.get(&fault.link).zip(self.networks.get(&fault.link))
        else {
            return;
        };
        let _one = one.lock().await;
        proxy.set(weather);
        sleep(Duration::from_millis(fault.length_ms)).await;
        proxy.set(Weather::Clear);
    }

    /// Holds the database's write lock from outside: once for as long as it takes, or again and
    /// again, which is what a slow disk looks like from within.
    async fn hold_database(&self, length: Duration, held: Duration) -> Result<()> {
        let _one = self.database.lock().await;
        let file = self.ground.store_file();
        let holding = tokio::task::spawn_blocking(move || -> rusqlite::Result<()> {
            let connection = Connection::open(file)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            let until = Instant::now() + length;
            while Instant::now() < until {
                connection.execute_batch("begin exclusive")?;
                std::thread::sleep(held.min(until.saturating_duration_since(Instant::now())));
                connection.execute_batch("rollback")?;
                std::thread::sleep(FREE);
            }
            Ok(())
        });
        Ok(holding.await??)
    }

    /// Takes away whatever a fault may have left.
    pub async fn heal(&self) {
        for proxy in self.proxies.values() {
            proxy.set(Weather::Clear);
        }
        self.ground.make_room();
        if let Err(error) = self.service.limit_files(None).await {
            // One that does not run has no limits when it is started.
            eprintln!("faults: {error:#}");
        }
    }
}
