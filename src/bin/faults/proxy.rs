//! A TCP proxy with bad weather on order, and an ear for the service's acknowledgements.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::book::Book;
use crate::envelope::number;
use crate::mqtt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Clear,
    /// All connections are closed and none is let through.
    Cut,
    /// All connections are reset, new ones too.
    Reset,
    /// Nothing gets through; it is kept, and comes later.
    Stalled,
    /// The connections there are hear nothing any more and are not told; new ones are clear.
    HalfOpen,
    /// A few bytes at a time.
    Trickle,
}

const CHUNK_BYTES: usize = 16 * 1024;
const TRICKLE_BYTES: usize = 48;
const TRICKLE_EVERY: Duration = Duration::from_millis(5);

/// How long a dead connection is kept, unless both ends have given up.
const DEAD_MAX: Duration = Duration::from_secs(60);

pub struct Proxy {
    pub addr: SocketAddr,
    weather: watch::Sender<Weather>,
}

impl Proxy {
    /// With a book, it notes which uplinks the service acknowledges to its broker.
    pub async fn start(to: SocketAddr, book: Option<Arc<Book>>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather::Clear);
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                };
                tokio::spawn(carry(client, to, seen.clone(), book.clone()));
            }
        });
        Ok(Self { addr, weather })
    }

    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

enum End {
    Closed,
    Reset,
}

async fn carry(
    client: TcpStream,
    to: SocketAddr,
    mut weather: watch::Receiver<Weather>,
    book: Option<Arc<Book>>,
) {
    match *weather.borrow_and_update() {
        Weather::Cut => return,
        Weather::Reset => return reset(&client),
        _ => {}
    }
    let Ok(server) = TcpStream::connect(to).await else { return };
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let (mut client, mut server) = (client, server);
    let numbers = Numbers::default();
    let ear = || book.as_ref().map(|book| Ear::new(book, &numbers));
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            end = pump(from_client, to_server, weather.clone(), ear()) => end,
            end = pump(from_server, to_client, weather, ear()) => end,
        }
    };
    if matches!(end, Ok(End::Reset)) {
        reset(&client);
        reset(&server);
    }
}

/// Closing then sends a reset instead of a farewell.
fn reset(stream: &TcpStream) {
    if stream.set_zero_linger().is_err() {
        // It is closed without one then, which is bad weather too.
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
    mut ear: Option<Ear>,
) -> io::Result<End> {
    let mut chunk = vec![0; CHUNK_BYTES];
    // A connection that was made in half-open weather is not one of those that died of it.
    let mut is_new = true;
    loop {
        let now = *weather.borrow_and_update();
        let most = match now {
            Weather::Cut => return Ok(End::Closed),
            Weather::Reset => return Ok(End::Reset),
            Weather::HalfOpen if !is_new => {
                sleep(DEAD_MAX).await;
                return Ok(End::Closed);
            }
            Weather::Stalled => {
                if weather.changed().await.is_err() {
                    return Ok(End::Closed);
                }
                continue;
            }
            Weather::Trickle => TRICKLE_BYTES,
            Weather::Clear | Weather::HalfOpen => CHUNK_BYTES,
        };
        let room = chunk.get_mut(..most).unwrap_or_default();
        let read = tokio::select! {
            biased;
            changed = weather.changed() => {
                is_new = false;
                if changed.is_err() {
                    return Ok(End::Closed);
                }
                continue;
            }
            read = from.read(room) => read?,
        };
        if read == 0 {
            return Ok(End::Closed);
        }
        let bytes = chunk.get(..read).unwrap_or_default();
        if let Some(ear) = &mut ear {
            ear.hear(bytes).map_err(io::Error::other)?;
        }
        tokio::select! {
            written = to.write_all(bytes) => written?,
            // What the other side does not take must not keep bad weather away.
            () = storm(weather.clone()) => {}
        }
        if now == Weather::Trickle {
            sleep(TRICKLE_EVERY).await;
        }
    }
}

/// Returns when connections have to end.
async fn storm(mut weather: watch::Receiver<Weather>) {
    let ended = weather.wait_for(|now| matches!(now, Weather::Cut | Weather::Reset)).await.is_err();
    if ended {
        std::future::pending::<()>().await;
    }
}

type Numbers = Arc<Mutex<BTreeMap<u16, u32>>>;

/// One side of a subscriber's connection, listened in on: which uplink has which packet
/// identifier, and which of them it acknowledges.
struct Ear {
    book: Arc<Book>,
    numbers: Numbers,
    input: BytesMut,
}

impl Ear {
    fn new(book: &Arc<Book>, numbers: &Numbers) -> Self {
        Self { book: Arc::clone(book), numbers: Arc::clone(numbers), input: BytesMut::new() }
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<()> {
        self.input.extend_from_slice(bytes);
        while let Some(packet) = mqtt::take(&mut self.input)? {
            let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((topic, id)) = packet.published() {
                if let Some(number) = number(&topic, &[]) {
                    numbers.insert(id, number);
                }
            } else if packet.kind == mqtt::PUBACK {
                let (id, accepted) = packet.acknowledged()?;
                if let Some(number) = numbers.remove(&id).filter(|_| accepted) {
                    self.book.kept(number);
                }
            }
        }
        Ok(())
    }
}
