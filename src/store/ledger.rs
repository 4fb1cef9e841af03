use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use super::codes::{self, hour_of, micros};
use super::write::Batch;
use super::{StoreError, StoredMessage};
use crate::model::{DevEui, Message, Outcome, ProfileId};

/// The number of a ledger row, in order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UplinkId(pub i64);

impl fmt::Display for UplinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What the ledger is told of a message, or of one part of it.
#[derive(Clone, Debug)]
pub struct LedgerEntry<'a> {
    pub message: &'a Message,
    /// From 0, where one message holds several uplinks.
    pub part: u16,
    /// Bytes of the body as received, which may be more than `message` still holds.
    pub body_bytes: usize,
    pub server_time: Option<DateTime<Utc>>,
    pub dev_eui: Option<DevEui>,
    /// None for an uplink, else the event's name.
    pub kind: Option<String>,
    pub f_port: Option<u8>,
    pub f_cnt: Option<u32>,
    pub outcome: Outcome,
    /// Why, in words for staff; None where the outcome says it all.
    pub reason: Option<String>,
    /// The profile and the hash of its content that decoded it.
    pub profile: Option<(ProfileId, String)>,
    /// The first and the last time of its observations, none where all are of the time of the frame.
    pub observed: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Batch<'_> {
    /// Writes one row into the ledger.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn record(&mut self, entry: &LedgerEntry<'_>) -> Result<UplinkId, StoreError> {
        let message = entry.message;
        let source = self.source_id(message)?;
        let device = entry.dev_eui.map(|dev_eui| self.heard_id(dev_eui)).transpose()?;
        let profile = entry
            .profile
            .as_ref()
            .map(|(profile, hash)| self.profile_id(profile, hash))
            .transpose()?;
        let mut bytes = Vec::with_capacity(message.topic.len() + message.body.len());
        bytes.extend_from_slice(message.topic.as_bytes());
        bytes.extend_from_slice(&message.body);
        let packed = self
            .caches
            .packer
            .pack(&message.source.name, &bytes)
            .map_err(|error| StoreError::Unpack { uplink: 0, error })?;
        let arrived_at = micros(message.arrived_at);
        self.statements.execute(
                "insert into uplink (source, part, arrived_at, server_time, device, kind, f_port, f_cnt,
                     outcome, reason, profile_version, topic_bytes, body_bytes, dictionary, message,
                     first_hour, last_hour)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            params![
                source,
                entry.part,
                arrived_at,
                entry.server_time.map(micros),
                device,
                entry.kind,
                entry.f_port,
                entry.f_cnt,
                codes::outcome(entry.outcome),
                entry.reason,
                profile,
                message.topic.len(),
                entry.body_bytes,
                packed.dictionary,
                packed.bytes,
                entry.observed.map(|(first, _)| hour_of(micros(first))),
                entry.observed.map(|(_, last)| hour_of(micros(last))),
            ],
        )?;
        let uplink = self.connection.last_insert_rowid();
        self.message_hours.insert(hour_of(arrived_at));
        if let Some(device) = device {
            self.statements.execute(
                "insert into uplink_of_device (hour, device, uplink) values (?1, ?2, ?3)",
                params![hour_of(arrived_at), device, uplink],
            )?;
        }
        let outcome = codes::outcome(entry.outcome);
        if outcome != codes::STORED {
            self.statements.execute(
                "insert into uplink_of_outcome (hour, outcome, uplink) values (?1, ?2, ?3)",
                params![hour_of(arrived_at), outcome, uplink],
            )?;
        }
        Ok(UplinkId(uplink))
    }

    /// The messages that may be the same as one with this hash, in the hour of `time`, which is
    /// the network server's where there is one. The caller compares.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn seen(&self, time: DateTime<Utc>, hash: u64) -> Result<Vec<UplinkId>, StoreError> {
        let identity = params![hour_of(micros(time)), hash.cast_signed()];
        self.statements.with("select uplink from seen where hour = ?1 and hash = ?2", |statement| {
            statement.query_map(identity, |row| row.get(0).map(UplinkId))?.collect()
        })
    }

    /// Remembers that `uplink` has this identity.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn mark_seen(
        &self,
        time: DateTime<Utc>,
        hash: u64,
        uplink: UplinkId,
    ) -> Result<(), StoreError> {
        self.statements.execute(
            "insert or ignore into seen (hour, hash, uplink) values (?1, ?2, ?3)",
            params![hour_of(micros(time)), hash.cast_signed(), uplink.0],
        )?;
        Ok(())
    }

    /// A message of the ledger as it was received, also one of this very batch; none where there
    /// is no such row or its message has been disposed of.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn message(&self, uplink: UplinkId) -> Result<Option<StoredMessage>, StoreError> {
        super::read::message(self.connection, uplink)
    }

    fn source_id(&mut self, message: &Message) -> Result<i64, StoreError> {
        let source = &message.source;
        if let Some((_, id)) = self.caches.sources.iter().find(|(known, _)| known == source) {
            return Ok(*id);
        }
        let names = params![source.name, source.format.name()];
        self.connection
            .execute("insert or ignore into source (name, format) values (?1, ?2)", names)?;
        let id = self.connection.query_row(
            "select id from source where name = ?1 and format = ?2",
            names,
            |row| row.get(0),
        )?;
        self.caches.sources.push((Arc::clone(source), id));
        Ok(id)
    }

    pub(super) fn heard_id(&mut self, dev_eui: DevEui) -> Result<i64, StoreError> {
        if let Some(&id) = self.caches.heard.get(&dev_eui) {
            return Ok(id);
        }
        let number = dev_eui.0.cast_signed();
        let known: Option<i64> = self
            .connection
            .prepare_cached("select id from heard where dev_eui = ?1")?
            .query_row([number], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                self.connection.execute("insert into heard (dev_eui) values (?1)", [number])?;
                self.connection.last_insert_rowid()
            }
        };
        self.caches.heard.insert(dev_eui, id);
        Ok(id)
    }

    pub(super) fn profile_id(
        &mut self,
        profile: &ProfileId,
        hash: &str,
    ) -> Result<i64, StoreError> {
        if let Some((known, id)) = self.caches.profiles.get(profile)
            && known == hash
        {
            return Ok(*id);
        }
        let names = params![profile.0, hash];
        self.connection.execute(
            "insert or ignore into profile_version (profile, hash) values (?1, ?2)",
            names,
        )?;
        let id = self.connection.query_row(
            "select id from profile_version where profile = ?1 and hash = ?2",
            names,
            |row| row.get(0),
        )?;
        self.caches.profiles.insert(profile.clone(), (hash.to_owned(), id));
        Ok(id)
    }
}
