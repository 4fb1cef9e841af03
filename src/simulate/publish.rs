use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, PubAck, PubAckReason};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, Incoming};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::broker::Broker;
use super::feed::{Feed, start_of};
use super::fleet::Fleet;
use crate::clock;
use crate::source::tls::TlsError;

/// What to publish.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How far back to start.
    pub backfill: Duration,
    /// Go on at the sensors' own times when the past has been published.
    pub live: bool,
    /// Show a progress bar on standard error while back-filling, if that is a terminal.
    pub progress: bool,
}

/// What became of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Acknowledged by the broker, refusals included.
    pub acknowledged: u64,
    /// Acknowledged with an error: the broker did not want them, and they are not repeated.
    pub refused: u64,
    /// Sent again after a lost connection.
    pub repeated: u64,
    /// Sent, but not acknowledged when publishing was stopped.
    pub unacknowledged: u64,
}

/// Why nothing more can be published.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    #[error("cannot reach {broker}: {source}")]
    Unreachable { broker: String, source: Box<ConnectionError> },
    #[error("{broker} refuses the connection: {code:?}")]
    Refused { broker: String, code: ConnectReturnCode },
    #[error("the MQTT client does not accept messages for topic {topic:?}")]
    Client { topic: String },
}

/// Messages on their way at any time: enough to keep a broker busy that acknowledges in batches,
/// few enough to be repeated in a moment.
const IN_FLIGHT_MAX: u16 = 500;

/// Attempts to reach a broker that has never answered, before it is taken for a wrong address.
const FIRST_ATTEMPTS_MAX: u32 = 5;

const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// How often to look for live messages that are due.
const TICK: Duration = Duration::from_secs(1);

/// How long to wait for acknowledgements and for the farewell when stopping.
const FAREWELL: Duration = Duration::from_secs(2);

/// Publishes the fleet's messages at QoS 1: the past as fast as the broker acknowledges, then,
/// with [`Options::live`], each at its own time until `stop`.
///
/// A lost connection is made again, and what was not acknowledged is repeated, so a receiver
/// may see a message twice, as with any MQTT publisher.
///
/// # Errors
///
/// [`SimulateError`] if the broker cannot be reached at all, or will never let us in.
pub async fn publish(
    fleet: &Fleet,
    broker: &Broker,
    options: Options,
    stop: CancellationToken,
) -> Result<Summary, SimulateError> {
    let now = clock::now();
    let mut courier = Courier {
        feed: Feed::new(fleet, now, options.backfill, options.live),
        bar: progress_bar(fleet, now, options),
        flights: VecDeque::new(),
        summary: Summary::default(),
        connected: false,
    };
    let mut back_off = BACK_OFF_MIN;
    let mut attempts = 0;
    let mut ever_connected = false;
    loop {
        let Err(error) = courier.connection(broker, &stop).await? else {
            return Ok(courier.close());
        };
        if let ConnectionError::ConnectionRefused(code) = &error
            && !is_temporary(*code)
        {
            return Err(SimulateError::Refused { broker: broker.to_string(), code: *code });
        }
        if courier.connected {
            ever_connected = true;
            back_off = BACK_OFF_MIN;
        }
        attempts += 1;
        if !ever_connected && attempts >= FIRST_ATTEMPTS_MAX {
            let source = Box::new(error);
            return Err(SimulateError::Unreachable { broker: broker.to_string(), source });
        }
        let seconds = back_off.as_secs();
        tracing::warn!(%broker, %error, "no connection, next attempt in {seconds} s");
        tokio::select! {
            () = sleep(back_off) => {}
            () = stop.cancelled() => return Ok(courier.close()),
        }
        back_off = (back_off * 2).min(BACK_OFF_MAX);
    }
}

/// Whether another attempt may find the broker in a better mood.
fn is_temporary(code: ConnectReturnCode) -> bool {
    use ConnectReturnCode as Code;
    matches!(
        code,
        Code::ServiceUnavailable
            | Code::UnspecifiedError
            | Code::ServerUnavailable
            | Code::ServerBusy
            | Code::QuotaExceeded
            | Code::ConnectionRateExceeded
    )
}

/// A message that the broker has not acknowledged.
struct Flight {
    /// None until it is sent on this connection.
    packet_id: Option<u16>,
    topic: String,
    body: Bytes,
}

/// Carries messages from the feed to the broker, over as many connections as it takes.
struct Courier<'a> {
    feed: Feed<'a>,
    /// In the order in which they were handed to the client.
    flights: VecDeque<Flight>,
    summary: Summary,
    bar: ProgressBar,
    /// Whether the current connection, or else the last, was ever accepted.
    connected: bool,
}

impl Courier<'_> {
    /// Publishes over one connection until there is nothing more to do or the connection fails,
    /// which is the inner error.
    async fn connection(
        &mut self,
        broker: &Broker,
        stop: &CancellationToken,
    ) -> Result<Result<(), ConnectionError>, SimulateError> {
        let options = broker.options(IN_FLIGHT_MAX)?;
        // Room for all flights and the farewell, so that handing over never has to wait.
        let (client, mut event_loop) = AsyncClient::new(options, usize::from(IN_FLIGHT_MAX) + 1);
        self.connected = false;
        for flight in &mut self.flights {
            self.summary.repeated += u64::from(flight.packet_id.take().is_some());
            hand_over(&client, flight)?;
        }

        let mut deadline: Option<Instant> = None;
        loop {
            // The poll must run to its end: dropped halfway, it forgets a message it has taken.
            let poll = event_loop.poll();
            tokio::pin!(poll);
            let event = loop {
                if self.connected && deadline.is_none() {
                    self.load(&client)?;
                }
                let ended = deadline.is_some() || self.feed.is_over();
                if ended && self.flights.is_empty() {
                    break None;
                }
                tokio::select! {
                    event = &mut poll => break Some(event),
                    () = stop.cancelled(), if deadline.is_none() => {
                        if !self.connected {
                            return Ok(Ok(()));
                        }
                        deadline = Some(Instant::now() + FAREWELL);
                    }
                    () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                        break None;
                    }
                    () = sleep(TICK), if self.connected && deadline.is_none() => {}
                }
            };
            match event {
                None => break,
                Some(Ok(event)) => self.note(&event),
                Some(Err(error)) => return Ok(Err(error)),
            }
        }
        farewell(&client, &mut event_loop).await;
        Ok(Ok(()))
    }

    /// Hands messages that are due to the client, as many as may be in flight.
    fn load(&mut self, client: &AsyncClient) -> Result<(), SimulateError> {
        while self.flights.len() < usize::from(IN_FLIGHT_MAX) {
            let Some(next) = self.feed.next(clock::now()) else { break };
            let flight = Flight { packet_id: None, topic: next.topic, body: next.body.into() };
            hand_over(client, &flight)?;
            self.flights.push_back(flight);
        }
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Incoming(Incoming::ConnAck(_)) => self.connected = true,
            // The client sends in the order in which it was handed the messages.
            Event::Outgoing(Outgoing::Publish(packet_id)) => {
                let next = self.flights.iter_mut().find(|flight| flight.packet_id.is_none());
                if let Some(flight) = next {
                    flight.packet_id = Some(*packet_id);
                }
            }
            Event::Incoming(Incoming::PubAck(ack)) => self.acknowledged(ack),
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
    }

    fn acknowledged(&mut self, ack: &PubAck) {
        let place = self.flights.iter().position(|flight| flight.packet_id == Some(ack.pkid));
        let Some(flight) = place.and_then(|place| self.flights.remove(place)) else { return };
        self.summary.acknowledged += 1;
        if !matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) {
            self.summary.refused += 1;
            tracing::warn!(topic = flight.topic, reason = ?ack.reason, "the broker refuses a message");
        }
        if !self.bar.is_finished() {
            self.bar.inc(1);
            if !self.feed.is_back_filling() && self.flights.is_empty() {
                self.bar.finish_and_clear();
                tracing::info!(uplinks = self.summary.acknowledged, "the past has been published");
            }
        }
    }

    fn close(mut self) -> Summary {
        self.bar.finish_and_clear();
        self.summary.unacknowledged = self.flights.len() as u64;
        self.summary
    }
}

fn hand_over(client: &AsyncClient, flight: &Flight) -> Result<(), SimulateError> {
    let (topic, body) = (flight.topic.clone(), flight.body.clone());
    client
        .try_publish(topic, QoS::AtLeastOnce, false, body)
        .map_err(|_| SimulateError::Client { topic: flight.topic.clone() })
}

/// Tells the broker that we leave on purpose. If that fails it finds out by itself.
async fn farewell(client: &AsyncClient, event_loop: &mut EventLoop) {
    if client.try_disconnect().is_err() {
        return;
    }
    let sent = async {
        while let Ok(event) = event_loop.poll().await {
            if event == Event::Outgoing(Outgoing::Disconnect) {
                break;
            }
        }
    };
    if timeout(FAREWELL, sent).await.is_err() {
        tracing::debug!("the broker did not take our leave");
    }
}

fn progress_bar(
    fleet: &Fleet,
    now: chrono::DateTime<chrono::Utc>,
    options: Options,
) -> ProgressBar {
    let uplinks = fleet.count(start_of(now, options.backfill), now) as u64;
    if !options.progress || uplinks == 0 {
        return ProgressBar::hidden();
    }
    let period = if options.backfill == Duration::from_secs(7 * 86_400) {
        "a week".to_owned()
    } else {
        humantime::format_duration(options.backfill).to_string()
    };
    // indicatif draws on standard error, and not at all if that is no terminal.
    let bar = ProgressBar::new(uplinks);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {percent:>3} %") {
        bar.set_style(style);
    }
    bar.set_message(format!("back-filling {period}: {} uplinks", grouped(uplinks)));
    bar
}

/// Digits in groups of three, as in `31 204`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufStream};
    use tokio::net::{TcpListener, TcpStream};

    const HOUR: Duration = Duration::from_secs(3600);

    /// Reads one MQTT packet: its first byte and its body.
    async fn packet(stream: &mut BufStream<TcpStream>) -> Option<(u8, Vec<u8>)> {
        let first = stream.read_u8().await.ok()?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = stream.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        Some((first, body))
    }

    /// Serves one connection; gives the payloads it got. It goes away without a word after
    /// `patience` messages, the last of which it does not acknowledge.
    async fn serve(stream: TcpStream, patience: usize, reason: &[u8]) -> Vec<Vec<u8>> {
        let mut stream = BufStream::new(stream);
        let mut payloads = Vec::new();
        while let Some((first, body)) = packet(&mut stream).await {
            match first >> 4 {
                1 => stream.write_all(&[0x20, 3, 0, 0, 0]).await.unwrap(),
                3 => {
                    let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                    payloads.push(body[2 + topic + 3..].to_vec());
                    if payloads.len() == patience {
                        break;
                    }
                    let id = [body[2 + topic], body[3 + topic]];
                    let length = 2 + u8::try_from(reason.len()).unwrap();
                    stream.write_all(&[0x40, length, id[0], id[1]]).await.unwrap();
                    stream.write_all(reason).await.unwrap();
                }
                14 => break,
                _ => {}
            }
            stream.flush().await.unwrap();
        }
        payloads
    }

    async fn listener() -> (TcpListener, Broker) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("mqtt://{}", listener.local_addr().unwrap());
        (listener, Broker::new(url.parse().unwrap()))
    }

    const PAST_HOUR: Options = Options { backfill: HOUR, live: false, progress: false };

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(test)
    }

    #[test]
    fn everything_of_the_past_is_acknowledged() {
        run(async {
            let (listener, broker) = listener().await;
            let server = tokio::spawn(async move {
                serve(listener.accept().await.unwrap().0, usize::MAX, &[]).await
            });
            // Spawned, as the demonstration does it.
            let publisher = tokio::spawn(async move {
                let fleet = Fleet::demo(clock::now());
                publish(&fleet, &broker, PAST_HOUR, CancellationToken::new()).await
            });
            let summary = publisher.await.unwrap().unwrap();
            let payloads = server.await.unwrap();
            assert!(payloads.len() > 80, "{} messages", payloads.len());
            let acknowledged = payloads.len() as u64;
            assert_eq!(summary, Summary { acknowledged, ..Summary::default() });
        });
    }

    #[test]
    fn broker_that_goes_away_loses_nothing() {
        run(async {
            let (listener, broker) = listener().await;
            let server = tokio::spawn(async move {
                let mut payloads = serve(listener.accept().await.unwrap().0, 30, &[]).await;
                let later = serve(listener.accept().await.unwrap().0, usize::MAX, &[]).await;
                payloads.extend(later);
                payloads
            });
            let now = clock::now();
            let fleet = Fleet::demo(now);
            let summary =
                publish(&fleet, &broker, PAST_HOUR, CancellationToken::new()).await.unwrap();
            let payloads = server.await.unwrap();
            let sure = chrono::TimeDelta::minutes(59);
            for uplink in fleet.uplinks(now - sure, now) {
                assert!(payloads.contains(&uplink.body));
            }
            assert!(summary.repeated > 0 && summary.unacknowledged == 0, "{summary:?}");
        });
    }

    #[test]
    fn refusals_are_counted_and_not_repeated() {
        run(async {
            let (listener, broker) = listener().await;
            let server = tokio::spawn(async move {
                // 0x97: quota exceeded.
                serve(listener.accept().await.unwrap().0, usize::MAX, &[0x97, 0]).await
            });
            let fleet = Fleet::demo(clock::now());
            let summary =
                publish(&fleet, &broker, PAST_HOUR, CancellationToken::new()).await.unwrap();
            let refused = server.await.unwrap().len() as u64;
            let acknowledged = refused;
            assert_eq!(summary, Summary { acknowledged, refused, ..Summary::default() });
        });
    }

    #[test]
    fn live_publishing_goes_on_until_it_is_stopped() {
        run(async {
            let (listener, broker) = listener().await;
            let server = tokio::spawn(async move {
                serve(listener.accept().await.unwrap().0, usize::MAX, &[]).await
            });
            let fleet = Fleet::demo(clock::now());
            let options =
                Options { backfill: Duration::from_secs(600), live: true, progress: false };
            let stop = CancellationToken::new();
            let stopper = stop.clone();
            tokio::spawn(async move {
                sleep(Duration::from_millis(1500)).await;
                stopper.cancel();
            });
            let started = Instant::now();
            let summary = publish(&fleet, &broker, options, stop).await.unwrap();
            assert!(started.elapsed() >= Duration::from_millis(1500));
            assert_eq!(summary.acknowledged, server.await.unwrap().len() as u64);
        });
    }

    #[test]
    fn a_broker_that_does_not_know_us_ends_the_attempt() {
        run(async {
            let (listener, broker) = listener().await;
            tokio::spawn(async move {
                let mut stream = BufStream::new(listener.accept().await.unwrap().0);
                packet(&mut stream).await.unwrap();
                // 0x86: bad user name or password.
                stream.write_all(&[0x20, 3, 0, 0x86, 0]).await.unwrap();
                stream.flush().await.unwrap();
            });
            let fleet = Fleet::demo(clock::now());
            let error =
                publish(&fleet, &broker, PAST_HOUR, CancellationToken::new()).await.unwrap_err();
            let want = format!("{broker} refuses the connection: BadUserNamePassword");
            assert_eq!(error.to_string(), want);
        });
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, want) in [(7, "7"), (420, "420"), (31_204, "31\u{a0}204")] {
            assert_eq!(grouped(number), want);
        }
    }
}
