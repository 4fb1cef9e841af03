use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{TimeDelta, Timelike};
use stadspuls::clock;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Options;
use crate::address::Addressbook;
use crate::book::Book;
use crate::broker::Broker;
use crate::ground::{Addresses, Ground};
use crate::mqtt::Version;
use crate::plan::{Lane, Plan, Way};
use crate::post::Sender;
use crate::proxy::Proxy;
use crate::publish::Publisher;
use crate::schedule::Link;
use crate::service::Service;
use crate::strike::World;

/// Disk that the store needs for nothing, and for each uplink with the log in front of it.
const DISK_BYTES: u64 = 160 * 1024 * 1024;
const DISK_BYTES_AN_UPLINK: u64 = 2048;

/// No run takes longer, so a clock that is an hour ahead of its end is ahead all the time.
const HOURS_MAX: i64 = 24;

const START_MAX: Duration = Duration::from_secs(20);

/// Senders that go one by one, since each waits for its answer.
const ONE_BY_ONE: usize = 6;

/// All that will send, not yet sending.
#[derive(Default)]
pub struct Senders {
    publishers: Vec<Publisher>,
    posters: Vec<Sender>,
}

impl Senders {
    /// They end when what is returned is dropped, or with `stop`.
    pub fn start(self, stop: &CancellationToken) -> JoinSet<()> {
        let mut senders = JoinSet::new();
        for publisher in self.publishers {
            senders.spawn(publisher.run(stop.clone()));
        }
        for poster in self.posters {
            senders.spawn(poster.run(stop.clone()));
        }
        senders
    }
}

/// Starts the broker, the proxies and the service, and waits until it is ready.
pub async fn prepare(options: &Options) -> Result<(World, Senders)> {
    let mut ways = options.ways.clone();
    ways.sort_unstable();
    ways.dedup();
    ensure!(!options.parked || ways == [Way::Mosquitto], "--parked goes with --ways mosquitto");
    let now = clock::now();
    let ahead = now.with_nanosecond(0).unwrap_or(now) + TimeDelta::hours(HOURS_MAX + 1);
    let plan = Plan { seed: options.seed, uplinks: options.uplinks, ways: ways.clone(), ahead };
    let book = Arc::new(Book::new(plan));

    let dir = options.dir.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("stadspuls-faults-{}", std::process::id()))
    });
    let disk = DISK_BYTES + u64::from(options.uplinks) * DISK_BYTES_AN_UPLINK;
    let ground = Ground::make(&dir, (!options.parked).then_some(disk))?;
    let mut free = Addressbook::new();
    let (http, listener) = (free.free()?, free.free()?);
    let mut proxies = BTreeMap::new();
    let mut broker = None;
    let mut source = free.free()?;
    if ways.contains(&Way::Mosquitto) {
        let started = Broker::start(&ground.dir.join("broker"), source, !options.parked).await?;
        let proxy = Proxy::start(started.addr, Some(Arc::clone(&book))).await?;
        source = proxy.addr;
        proxies.insert(Link::Source, proxy);
        broker = Some(started);
    }
    let mut senders = Senders::default();
    for &way in &ways {
        let to = match (way, &broker) {
            (Way::Mosquitto, Some(broker)) => broker.addr,
            (Way::Mosquitto | Way::Listener, _) => listener,
            (Way::Http, _) => http,
        };
        let proxy = Proxy::start(to, None).await?;
        senders.add(way, &proxy, &book);
        proxies.insert(Link::Senders(way), proxy);
    }
    ground.write_config(&ways, &Addresses { http, listener, broker: source })?;

    let program = options.program.clone().map_or_else(beside, Ok)?;
    let log = ground.dir.join("stadspuls.log");
    let service = Service::new(program, ground.config(), log, http);
    service.start().await?;
    if let Err(error) = service.ready(START_MAX).await {
        ground.leave(true)?;
        return Err(error.context(format!("see {}", ground.dir.display())));
    }
    let networks = proxies.keys().map(|link| (*link, Mutex::new(()))).collect();
    let (disk, database) = (Mutex::new(()), Mutex::new(()));
    Ok((World { book, service, broker, ground, proxies, disk, database, networks }, senders))
}

impl Senders {
    fn add(&mut self, way: Way, proxy: &Proxy, book: &Arc<Book>) {
        let to = proxy.addr;
        let sender = |lane| Sender { lane, to, book: Arc::clone(book) };
        let lane = match way {
            Way::Mosquitto => Lane::Mosquitto,
            Way::Listener => Lane::Listener,
            Way::Http => {
                self.posters.extend((0..ONE_BY_ONE).map(|_| sender(Lane::HttpOne)));
                self.posters.push(sender(Lane::HttpMany));
                return;
            }
        };
        for (version, name) in [(Version::V5, "v5"), (Version::V311, "v311")] {
            self.publishers.push(Publisher {
                lane,
                version,
                client_id: format!("faults-{name}"),
                to,
                book: Arc::clone(book),
            });
        }
    }
}

/// The service that was built with this program.
fn beside() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let program = here.parent().context("no folder of its own")?.join("stadspuls");
    ensure!(program.exists(), "{} is not there: build it too", program.display());
    Ok(program)
}
