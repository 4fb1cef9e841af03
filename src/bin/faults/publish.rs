use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::envelope::envelope;
use crate::mqtt::{self, Version};
use crate::plan::Lane;

/// Publishes on their way at the same time.
const WINDOW: usize = 100;

/// Bytes that may wait for the socket.
const OUTGOING_MAX: usize = 256 * 1024;

const KEEP_ALIVE: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(3);

/// A connection on which nothing has been heard for so long is dead.
const SILENCE_MAX: Duration = Duration::from_secs(9);

const CONNECT_MAX: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(150);

/// How often to look for something to send.
const TICK: Duration = Duration::from_millis(20);

/// A client that publishes at QoS 1 and repeats on its next connection what was not acknowledged.
pub struct Publisher {
    pub lane: Lane,
    pub version: Version,
    pub client_id: String,
    pub to: SocketAddr,
    pub book: Arc<Book>,
}

impl Publisher {
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let mut flight = Flight::default();
            let ended = stop.run_until_cancelled(self.session(&mut flight)).await;
            // Why a connection ends is the proxy's business; what it leaves open is ours.
            drop(ended);
            self.book.give_back(flight.on_their_way.into_values());
            sleep(PAUSE).await;
        }
    }

    async fn session(&self, flight: &mut Flight) -> Result<()> {
        let generation = self.book.generation();
        let mut stream = timeout(CONNECT_MAX, TcpStream::connect(self.to)).await??;
        stream.set_nodelay(true)?;
        let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
        let seconds = u16::try_from(KEEP_ALIVE.as_secs())?;
        mqtt::connect(&mut output, self.version, &self.client_id, seconds);
        stream.write_all_buf(&mut output).await?;
        let first = timeout(CONNECT_MAX, async {
            loop {
                if let Some(packet) = mqtt::take(&mut input)? {
                    return anyhow::Ok(packet);
                }
                if stream.read_buf(&mut input).await? == 0 {
                    bail!("closed before it was accepted");
                }
            }
        });
        first.await??.check_accepted()?;
        let (mut reader, mut writer) = stream.split();
        let (mut heard_at, mut pinged_at) = (Instant::now(), Instant::now());
        loop {
            if flight.on_their_way.len() < WINDOW && output.len() < OUTGOING_MAX {
                self.fill(flight, &mut output)?;
            }
            tokio::select! {
                read = reader.read_buf(&mut input) => {
                    if read? == 0 {
                        bail!("closed");
                    }
                    heard_at = Instant::now();
                }
                written = writer.write_buf(&mut output), if !output.is_empty() => {
                    written?;
                }
                () = sleep(TICK) => {}
            }
            while let Some(packet) = mqtt::take(&mut input)? {
                self.hear(&packet, flight, generation)?;
            }
            if heard_at.elapsed() > SILENCE_MAX {
                bail!("nothing was heard");
            }
            if pinged_at.elapsed() > PING_EVERY {
                mqtt::ping(&mut output);
                pinged_at = Instant::now();
            }
        }
    }

    fn fill(&self, flight: &mut Flight, output: &mut BytesMut) -> Result<()> {
        for number in self.book.take(self.lane, WINDOW - flight.on_their_way.len()) {
            let id = flight.next_id();
            flight.on_their_way.insert(id, number);
            let uplink = self.book.plan.uplink(number);
            let envelope = envelope(&self.book.plan, &uplink);
            self.book.sending(number);
            mqtt::publish(output, self.version, id, &envelope.topic, &envelope.body);
        }
        Ok(())
    }

    fn hear(&self, packet: &mqtt::Packet, flight: &mut Flight, generation: u32) -> Result<()> {
        match packet.kind {
            mqtt::PUBACK => {
                let (id, accepted) = packet.acknowledged()?;
                let number = flight.on_their_way.remove(&id).context("acknowledged unasked")?;
                match self.lane {
                    _ if !accepted => self.book.give_back([number]),
                    Lane::Mosquitto => self.book.told_by_broker(number, generation),
                    _ => self.book.told(number),
                }
            }
            mqtt::DISCONNECT => bail!("told to go"),
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
struct Flight {
    on_their_way: BTreeMap<u16, u32>,
    last_id: u16,
}

impl Flight {
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.on_their_way.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}
