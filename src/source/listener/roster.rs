use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::refusal::Refusal;

/// Who is connected, and whose session is remembered.
///
/// A session holds nothing but its name, since clients repeat what was not acknowledged. It has to
/// be remembered all the same: a client told that its session is gone throws away its
/// unacknowledged publishes (MQTT 5, 3.2.2.1.1).
pub(super) struct Roster {
    limits: Limits,
    /// Where the names of those with a session are kept, so that a restart forgets none of them.
    file: Option<PathBuf>,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    connected: BTreeMap<String, Connected>,
    absent: BTreeMap<String, Instant>,
    /// Those with a session, as the file has them.
    kept: BTreeSet<String>,
    admitted: u64,
}

struct Connected {
    number: u64,
    keeps_session: bool,
    taken_over: CancellationToken,
}

/// What a CONNECT says about its client and session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) client_id: &'a str,
    /// Clean Start (MQTT 5, 3.1.2.4) or Clean Session: an earlier session is not wanted.
    pub(super) clean: bool,
    /// The session outlives the connection.
    pub(super) keeps_session: bool,
}

/// A client's place among the connected; given up when dropped.
pub(super) struct Seat {
    roster: Arc<Roster>,
    pub(super) client_id: String,
    number: u64,
    /// Whether there was a session to go on with.
    pub(super) session_present: bool,
    /// Cancelled when the same client connects again (MQTT 5, 3.1.4).
    pub(super) taken_over: CancellationToken,
}

impl Roster {
    /// With the sessions of the run before, which are as good as new ones.
    pub(super) fn open(limits: Limits, file: Option<PathBuf>) -> Self {
        let kept = file.as_deref().map(read).unwrap_or_default();
        let now = Instant::now();
        let absent = kept.iter().map(|client_id| (client_id.clone(), now)).collect();
        let clients = Clients { absent, kept, ..Clients::default() };
        Self { limits, file, clients: Mutex::new(clients) }
    }

    /// Gives a client its seat; an older connection of the same client is told to go.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyConnections`]; the client may try again later.
    pub(super) fn admit(self: &Arc<Self>, claim: Claim<'_>) -> Result<Seat, Refusal> {
        let mut clients = self.lock();
        let older = clients.connected.remove(claim.client_id);
        if older.is_none() && clients.connected.len() >= self.limits.connections {
            return Err(Refusal::TooManyConnections);
        }
        let absent = clients.absent.remove(claim.client_id);
        let remembered = match &older {
            Some(older) => older.keeps_session,
            None => absent.is_some_and(|left| left.elapsed() < self.limits.session_expiry),
        };
        if let Some(older) = older {
            older.taken_over.cancel();
        }
        clients.admitted += 1;
        let number = clients.admitted;
        let taken_over = CancellationToken::new();
        let connected = Connected {
            number,
            keeps_session: claim.keeps_session,
            taken_over: taken_over.clone(),
        };
        clients.connected.insert(claim.client_id.to_owned(), connected);
        let is_changed = if claim.keeps_session {
            clients.kept.insert(claim.client_id.to_owned())
        } else {
            clients.kept.remove(claim.client_id)
        };
        if is_changed {
            self.keep(&clients.kept);
        }
        Ok(Seat {
            roster: Arc::clone(self),
            client_id: claim.client_id.to_owned(),
            number,
            session_present: remembered && !claim.clean,
            taken_over,
        })
    }

    fn leave(&self, client_id: &str, number: u64) {
        let mut clients = self.lock();
        if clients.connected.get(client_id).is_none_or(|client| client.number != number) {
            return;
        }
        let Some(client) = clients.connected.remove(client_id) else { return };
        if client.keeps_session {
            clients.absent.insert(client_id.to_owned(), Instant::now());
        }
        if clients.absent.len() > self.limits.sessions {
            let oldest = clients.absent.iter().min_by_key(|(_, left)| **left);
            if let Some(oldest) = oldest.map(|(client_id, _)| client_id.clone()) {
                clients.absent.remove(&oldest);
                clients.kept.remove(&oldest);
            }
        }
    }

    /// Written before the client is told that its session is kept. Network servers are few and their names
    /// stay, so this is rare.
    fn keep(&self, kept: &BTreeSet<String>) {
        let Some(file) = &self.file else { return };
        if let Err(error) = write(file, kept) {
            tracing::warn!(file = %file.display(), %error, "sessions would be forgotten by a restart");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        // No step under the lock leaves the maps half changed, so a panic elsewhere is no harm.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One name a line, in hexadecimal digits: a name may hold anything.
fn read(file: &Path) -> BTreeSet<String> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeSet::new(),
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "the sessions of the run before are not known");
            return BTreeSet::new();
        }
    };
    text.lines().filter_map(|line| String::from_utf8(hex::decode(line).ok()?).ok()).collect()
}

fn write(file: &Path, kept: &BTreeSet<String>) -> io::Result<()> {
    let text: String = kept.iter().map(|client_id| hex::encode(client_id) + "\n").collect();
    let beside = file.with_extension("new");
    let mut new = File::create(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(&beside, file)
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.roster.leave(&self.client_id, self.number);
    }
}
