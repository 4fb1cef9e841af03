use std::time::Duration;

/// What one listener may hold and how long it waits. The most memory a listener takes is about
/// `connections` × (2 × `packet_bytes` + `read_ahead_bytes` + `reply_bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Clients connected at the same time; one more is told that the server is busy.
    pub connections: usize,
    /// Peers that have connected but are not yet accepted; further ones wait in the system's
    /// queue, so strangers cannot take the places of known clients.
    pub handshakes: usize,
    /// Bytes of one packet with its header (MQTT 5, 3.2.2.3.6). A larger one closes the
    /// connection as soon as its length is known, before any of it is kept.
    pub packet_bytes: u32,
    /// Publishes of one connection that wait for their acknowledgement (MQTT 5, 3.2.2.3.3).
    /// An MQTT 3.1.1 client cannot be told, so reading from it pauses instead. At least 1.
    pub receive_maximum: u16,
    /// Bytes of a topic; the longest of `ChirpStack` are about 110.
    pub topic_bytes: usize,
    /// Bytes of a client identifier, since sessions are remembered by it.
    pub client_id_bytes: usize,
    /// Bytes of publishes of one connection read while the intake is full. A client within its
    /// Receive Maximum still gets its PINGREQ answered then; beyond this TCP holds it back.
    pub read_ahead_bytes: usize,
    /// Bytes of replies that wait for a client to read them before reading from it pauses.
    pub reply_bytes: usize,
    /// From the TCP connection to an accepted CONNECT, the TLS handshake included.
    pub connect_timeout: Duration,
    /// How long a client may leave replies unread before its connection is closed.
    pub write_timeout: Duration,
    /// The longest keep-alive; an MQTT 5 client that asks for more, or for none, is told this
    /// one (MQTT 5, 3.2.2.3.14). Whole seconds, at most 65 535.
    pub keep_alive_max: Duration,
    /// How long commits in flight are awaited and acknowledged after a stop.
    pub stop_grace: Duration,
    /// How long a closing connection is read empty, so that the client sees why it is closed.
    pub linger: Duration,
    /// Sessions of absent clients that are remembered; the oldest is forgotten first.
    pub sessions: usize,
    /// How long the session of an absent client is remembered (MQTT 5, 3.2.2.3.2).
    pub session_expiry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            handshakes: 32,
            packet_bytes: 1024 * 1024,
            receive_maximum: 1_000,
            topic_bytes: 1_024,
            client_id_bytes: 256,
            read_ahead_bytes: 1024 * 1024,
            reply_bytes: 64 * 1024,
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            keep_alive_max: Duration::from_secs(3_600),
            stop_grace: Duration::from_secs(3),
            linger: Duration::from_secs(1),
            sessions: 4_096,
            session_expiry: Duration::from_secs(24 * 3_600),
        }
    }
}
