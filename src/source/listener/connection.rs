use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::PollSender;
use tracing::{debug, error, info, warn};

use super::Server;
use super::closing::{self, Ending};
use super::protocol::{Incoming, Protocol, Publish};
use super::receipt::{self, Receipt};
use super::refusal::Refusal;
use super::roster::Seat;
use crate::clock;
use crate::intake::{Acknowledge, Delivery};
use crate::model::Message;

/// Bytes read from a client at once.
const CHUNK_BYTES: usize = 32 * 1024;

/// Acknowledgements written in one go.
const ACKNOWLEDGEMENTS: usize = 1_024;

/// How far ahead the timer is set when nothing is due.
const IDLE: Duration = Duration::from_secs(3_600);

/// An accepted client and all that is under way between it and the pipeline.
pub(super) struct Link<S> {
    server: Arc<Server>,
    peer: SocketAddr,
    seat: Seat,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    protocol: Protocol,
    /// Received and not yet parsed.
    input: BytesMut,
    /// Parsed, and waiting for room in the intake.
    parked: VecDeque<Delivery>,
    parked_bytes: usize,
    /// Keeps this connection's place in the queue for the intake while other things happen.
    room: PollSender<Delivery>,
    arrived: Counter,
    acknowledged: mpsc::Receiver<u16>,
    acknowledge: mpsc::Sender<u16>,
    silence_max: Option<Duration>,
    heard_at: Instant,
    was_reading: bool,
    /// Since when the client has taken nothing of what is to be written.
    writing_since: Option<Instant>,
    unflushed: bool,
    stop_at: Option<Instant>,
    subscribed: bool,
}

/// What a connection woke up for.
enum Turn {
    TakenOver,
    Stop,
    Acknowledge,
    Written(io::Result<()>),
    Room(bool),
    Read(io::Result<usize>),
    Timer,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Link<S> {
    pub(super) fn new(
        server: &Arc<Server>,
        stream: S,
        peer: SocketAddr,
        seat: Seat,
        protocol: Protocol,
        input: BytesMut,
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (acknowledge, acknowledged) = mpsc::channel(receipt::CAPACITY);
        Self {
            peer,
            seat,
            reader,
            writer,
            silence_max: protocol.silence_max(),
            protocol,
            input,
            parked: VecDeque::new(),
            parked_bytes: 0,
            room: PollSender::new(server.intake.clone()),
            arrived: server.metrics.messages_arrived.get_or_create(&server.label()).clone(),
            acknowledged,
            acknowledge,
            heard_at: Instant::now(),
            was_reading: true,
            writing_since: None,
            unflushed: false,
            stop_at: None,
            subscribed: false,
            server: Arc::clone(server),
        }
    }

    pub(super) async fn run(mut self) {
        let ending = self.exchange().await;
        self.log(&ending);
        // A place kept in the queue for the intake but no longer asked after would block it.
        self.room.abort_send();
        if let Some(reason) = ending.disconnect_reason() {
            self.protocol.part(reason);
            let stream = self.reader.unsplit(self.writer);
            closing::close(stream, &mut self.protocol.outgoing, self.server.limits).await;
        } else {
            drop((self.reader, self.writer));
        }
        if matches!(ending, Ending::TakenOver | Ending::Stopped | Ending::NoPipeline) {
            return;
        }
        // What was received counts, also from a client that has gone: at QoS 0 there is no
        // second copy. The seat is kept meanwhile, so leaving and coming back cannot pile up
        // waiting messages.
        let hand_over = async {
            for delivery in self.parked {
                if self.server.intake.send(delivery).await.is_err() {
                    return;
                }
                self.arrived.inc();
            }
        };
        let grace = async {
            self.server.stop.cancelled().await;
            tokio::time::sleep(self.server.limits.stop_grace).await;
        };
        tokio::select! {
            biased;
            () = self.seat.taken_over.cancelled() => {}
            () = hand_over => {}
            () = grace => {}
        }
    }

    async fn exchange(&mut self) -> Ending {
        let mut batch = Vec::with_capacity(ACKNOWLEDGEMENTS);
        let mut timer = pin!(sleep_until(self.next_deadline()));
        loop {
            if let Err(ending) = self.take_in() {
                return ending;
            }
            if self.stop_at.is_some() && self.is_drained() {
                return Ending::Stopped;
            }
            self.note_waiting();
            let deadline = self.next_deadline();
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            let turn = self.next_turn(&mut batch, timer.as_mut()).await;
            let result = match turn {
                Turn::TakenOver => Err(Ending::TakenOver),
                Turn::Stop => {
                    self.stop_at = Some(Instant::now() + self.server.limits.stop_grace);
                    Ok(())
                }
                Turn::Acknowledge => self.acknowledge_all(&mut batch),
                Turn::Written(result) => {
                    self.writing_since = None;
                    result.map_err(Ending::Gone)
                }
                Turn::Room(open) => self.use_room(open),
                Turn::Read(result) => self.note_read(result),
                Turn::Timer => {
                    let result = self.check_deadlines();
                    timer.as_mut().reset(self.next_deadline());
                    result
                }
            };
            if let Err(ending) = result {
                return ending;
            }
        }
    }

    /// Waits for whatever comes first. No branch waits inside for another: a full intake never
    /// keeps acknowledgements from going out, nor an unread reply the commits from being heard.
    async fn next_turn(&mut self, batch: &mut Vec<u16>, timer: Pin<&mut Sleep>) -> Turn {
        let reads = self.may_take_in() && self.input.is_empty();
        let writes = self.has_output();
        if reads {
            self.input.reserve(CHUNK_BYTES);
        }
        let Self { seat, server, acknowledged, writer, protocol, unflushed, room, reader, .. } =
            self;
        tokio::select! {
            biased;
            () = seat.taken_over.cancelled() => Turn::TakenOver,
            () = server.stop.cancelled(), if self.stop_at.is_none() => Turn::Stop,
            _ = acknowledged.recv_many(batch, ACKNOWLEDGEMENTS) => Turn::Acknowledge,
            written = write_some(writer, &mut protocol.outgoing, unflushed), if writes => {
                Turn::Written(written)
            }
            reserved = poll_fn(|context| room.poll_reserve(context)), if !self.parked.is_empty() => {
                Turn::Room(reserved.is_ok())
            }
            read = reader.read_buf(&mut self.input), if reads => Turn::Read(read),
            () = timer => Turn::Timer,
        }
    }

    /// Parses what has been received, as far as there is room for it.
    fn take_in(&mut self) -> Result<(), Ending> {
        while !self.input.is_empty() && self.may_take_in() {
            match self.protocol.receive(&mut self.input).map_err(Ending::Refused)? {
                Some(Incoming::Publish(publish)) => self.deliver(publish)?,
                Some(Incoming::Subscribe) => self.note_subscription(),
                Some(Incoming::Answered) | None => {}
                Some(Incoming::Disconnect) => return Err(Ending::Left),
                Some(Incoming::Connect(_)) => return Err(Ending::Refused(Refusal::ProtocolError)),
            }
        }
        Ok(())
    }

    fn deliver(&mut self, publish: Publish) -> Result<(), Ending> {
        let receipt = publish.packet_id.map(|packet_id| -> Box<dyn Acknowledge> {
            Box::new(Receipt { packet_id, acknowledged: self.acknowledge.clone() })
        });
        let message = Message {
            source: Arc::clone(&self.server.source),
            topic: publish.topic,
            body: publish.body,
            arrived_at: clock::now(),
        };
        let delivery = Delivery { message, receipt };
        if self.parked.is_empty() {
            return self.hand_over(delivery);
        }
        self.park(delivery);
        Ok(())
    }

    fn hand_over(&mut self, delivery: Delivery) -> Result<(), Ending> {
        match self.server.intake.try_send(delivery) {
            Ok(()) => {
                self.arrived.inc();
                Ok(())
            }
            Err(TrySendError::Full(delivery)) => {
                self.park(delivery);
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(Ending::NoPipeline),
        }
    }

    fn park(&mut self, delivery: Delivery) {
        self.parked_bytes += weight(&delivery);
        self.parked.push_back(delivery);
    }

    fn use_room(&mut self, open: bool) -> Result<(), Ending> {
        let Some(delivery) = self.parked.pop_front() else { return Ok(()) };
        self.parked_bytes = self.parked_bytes.saturating_sub(weight(&delivery));
        if !open || self.room.send_item(delivery).is_err() {
            return Err(Ending::NoPipeline);
        }
        self.arrived.inc();
        Ok(())
    }

    fn acknowledge_all(&mut self, batch: &mut Vec<u16>) -> Result<(), Ending> {
        for packet_id in batch.drain(..) {
            self.protocol.acknowledge(packet_id).map_err(Ending::Refused)?;
        }
        Ok(())
    }

    fn note_read(&mut self, result: io::Result<usize>) -> Result<(), Ending> {
        match result {
            Ok(0) => Err(Ending::Gone(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {
                self.heard_at = Instant::now();
                Ok(())
            }
            Err(cause) => Err(Ending::Gone(cause)),
        }
    }

    fn may_take_in(&self) -> bool {
        self.stop_at.is_none()
            && self.parked_bytes < self.server.limits.read_ahead_bytes
            && self.protocol.outgoing.len() < self.server.limits.reply_bytes
            && !self.protocol.is_window_full()
    }

    fn has_output(&self) -> bool {
        !self.protocol.outgoing.is_empty() || self.unflushed
    }

    fn is_drained(&self) -> bool {
        self.parked.is_empty() && !self.protocol.is_committing() && !self.has_output()
    }

    /// Starts and stops the clocks of silence and of unread replies.
    fn note_waiting(&mut self) {
        let reading = self.may_take_in();
        // The time during which nothing was read is ours and not the client's silence.
        if reading && !self.was_reading {
            self.heard_at = Instant::now();
        }
        self.was_reading = reading;
        if self.has_output() && self.writing_since.is_none() {
            self.writing_since = Some(Instant::now());
        }
    }

    fn silent_at(&self) -> Option<Instant> {
        self.silence_max.filter(|_| self.was_reading).map(|silence| self.heard_at + silence)
    }

    fn stalled_at(&self) -> Option<Instant> {
        self.writing_since.map(|since| since + self.server.limits.write_timeout)
    }

    fn next_deadline(&self) -> Instant {
        let deadlines = [self.silent_at(), self.stalled_at(), self.stop_at];
        deadlines.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + IDLE)
    }

    fn check_deadlines(&self) -> Result<(), Ending> {
        let now = Instant::now();
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if passed(self.stop_at) {
            Err(Ending::Stopped)
        } else if passed(self.stalled_at()) {
            Err(Ending::Stalled)
        } else if passed(self.silent_at()) {
            Err(Ending::Silent)
        } else {
            Ok(())
        }
    }

    fn note_subscription(&mut self) {
        self.server.count_refusal(Refusal::Subscription);
        if !std::mem::replace(&mut self.subscribed, true) {
            let (source, peer) = (&self.server.source.name, self.peer);
            let client_id = &self.seat.client_id;
            info!(source, %peer, client_id, "subscription refused: {}", Refusal::Subscription);
        }
    }

    fn log(&self, ending: &Ending) {
        let (source, peer) = (&self.server.source.name, self.peer);
        let client_id = &self.seat.client_id;
        match ending {
            Ending::Refused(refusal) => {
                self.server.count_refusal(*refusal);
                warn!(source, %peer, client_id, "connection closed: {refusal}");
            }
            Ending::Silent | Ending::Stalled => {
                warn!(source, %peer, client_id, "connection closed: {ending}");
            }
            Ending::NoPipeline => error!(source, %peer, client_id, "connection closed: {ending}"),
            Ending::Gone(_) | Ending::TakenOver => {
                info!(source, %peer, client_id, "connection closed: {ending}");
            }
            Ending::Left | Ending::Stopped => {
                debug!(source, %peer, client_id, "connection closed: {ending}");
            }
        }
    }
}

fn weight(delivery: &Delivery) -> usize {
    size_of::<Delivery>() + delivery.message.topic.len() + delivery.message.body.len()
}

/// Writes as much as the client takes at once. May be dropped at any point: what is written has
/// left `outgoing`, and what is not flushed is marked.
async fn write_some<W: AsyncWrite + Unpin>(
    writer: &mut W,
    outgoing: &mut BytesMut,
    unflushed: &mut bool,
) -> io::Result<()> {
    if !outgoing.is_empty() {
        if writer.write_buf(outgoing).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        *unflushed = true;
    }
    if outgoing.is_empty() {
        writer.flush().await?;
        *unflushed = false;
    }
    Ok(())
}
