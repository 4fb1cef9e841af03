//! The archive as a run walks through it, and what a run makes of it.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use super::{Archived, Made, Place, RedecodeRun, Revision};
use crate::model::{DevEui, Observation, Quality, QuantityName, Reason, SiteId};
use crate::store::codes::{self, day_of_hour, hour_of, micros};
use crate::store::write::Batch;
use crate::store::{StoreError, StoredObservation, UplinkId, series};

/// Hours that are looked through for uplinks in one step where only some devices are asked for.
const HOURS_A_STEP: i64 = 2000;

impl Batch<'_> {
    /// The next uplinks of a run, at most `limit`, and the run behind them.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn next_archived(
        &self,
        run: &mut RedecodeRun,
        limit: usize,
    ) -> Result<Vec<Archived>, StoreError> {
        let mut places = Vec::new();
        match run.devices.clone() {
            None => self.next_of_all(run, limit, &mut places)?,
            Some(devices) => self.next_of(run, &devices, limit, &mut places)?,
        }
        let mut archived = Vec::with_capacity(places.len());
        for Place { uplink, .. } in places {
            archived.extend(self.archived(uplink)?);
        }
        Ok(archived)
    }

    fn next_of_all(
        &self,
        run: &mut RedecodeRun,
        limit: usize,
        places: &mut Vec<Place>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select hour, device, uplink from uplink_of_device
             where (hour, device, uplink) > (?1, ?2, ?3) and hour <= ?4
             order by hour, device, uplink limit ?5",
        )?;
        let Place { hour, device, uplink } = run.at;
        let rows = statement
            .query_map(params![hour, device, uplink, run.last_hour, limit], |row| {
                Ok(Place { hour: row.get(0)?, device: row.get(1)?, uplink: row.get(2)? })
            })?;
        for place in rows {
            places.push(place?);
        }
        run.finished = places.len() < limit;
        run.at = places.last().copied().unwrap_or(run.at);
        Ok(())
    }

    /// One seek for each hour and device, so that a few devices do not cost as much as all.
    fn next_of(
        &self,
        run: &mut RedecodeRun,
        devices: &[i64],
        limit: usize,
        places: &mut Vec<Place>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select uplink from uplink_of_device where hour = ?1 and device = ?2 and uplink > ?3
             order by uplink limit ?4",
        )?;
        let end = run.last_hour.min(run.at.hour.saturating_add(HOURS_A_STEP));
        for hour in run.at.hour..=end {
            for &device in
                devices.iter().filter(|&&device| hour > run.at.hour || device >= run.at.device)
            {
                let is_resumed = hour == run.at.hour && device == run.at.device;
                let after = if is_resumed { run.at.uplink } else { 0 };
                let left = limit - places.len();
                let rows =
                    statement.query_map(params![hour, device, after, left], |row| row.get(0))?;
                for uplink in rows {
                    places.push(Place { hour, device, uplink: uplink? });
                }
                if places.len() >= limit {
                    run.at = places.last().copied().unwrap_or(run.at);
                    return Ok(());
                }
            }
        }
        run.finished = end == run.last_hour;
        run.at = Place { hour: end + 1, device: 0, uplink: 0 };
        Ok(())
    }

    fn archived(&self, uplink: i64) -> Result<Option<Archived>, StoreError> {
        let row: Option<(i64, i64, Option<i64>, Option<i64>)> = self
            .connection
            .prepare_cached(
                "select outcome, arrived_at, first_hour, last_hour from uplink where id = ?1",
            )?
            .query_row([uplink], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        Ok(row.and_then(|(outcome, arrived_at, first, last)| {
            Some(Archived {
                id: UplinkId(uplink),
                outcome: codes::to_outcome(outcome)?,
                hours: first.zip(last),
                arrived_hour: hour_of(arrived_at),
            })
        }))
    }

    /// The observations that are kept of an uplink whose frame was sent at `frame`, without those that have
    /// been withdrawn.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn made_of(
        &self,
        uplink: &Archived,
        dev_eui: DevEui,
        frame: DateTime<Utc>,
    ) -> Result<Vec<Made>, StoreError> {
        let of_frame = hour_of(micros(frame));
        let (first, last) = uplink.hours.unwrap_or((of_frame, of_frame));
        let mut statement = self.connection.prepare_cached(
            "with recursive span (hour) as
                 (select ?2 union all select hour + 1 from span where hour < ?3)
             select o.time, o.value, o.quality, o.reason, o.uplink, s.site, s.quantity
             from device_site d cross join series s on s.site = d.site
             cross join span cross join observation o on o.hour = span.hour and o.series = s.id
             where d.dev_eui = ?1 and o.uplink = ?4",
        )?;
        let rows = statement.query_map(
            params![dev_eui.0.cast_signed(), first, last, uplink.id.0],
            |row| {
                Ok(Made {
                    observation: series::observation(row)?,
                    site: SiteId::from(row.get::<_, String>(5)?.as_str()),
                    quantity: QuantityName::from(row.get::<_, String>(6)?.as_str()),
                })
            },
        )?;
        let all: Vec<Made> = rows.collect::<Result<_, _>>()?;
        let withdrawn = Quality::Bad(Reason::Withdrawn);
        Ok(all.into_iter().filter(|made| made.observation.quality != withdrawn).collect())
    }

    /// The observation that is kept of a site, quantity and time.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn kept(
        &mut self,
        observation: &Observation,
    ) -> Result<Option<StoredObservation>, StoreError> {
        let series = self.series_id(&observation.site, &observation.quantity)?;
        let at = micros(observation.time);
        Ok(self
            .connection
            .prepare_cached(
                "select time, value, quality, reason, uplink from observation
                 where hour = ?1 and series = ?2 and time = ?3",
            )?
            .query_row(params![hour_of(at), series, at], series::observation)
            .optional()?)
    }

    /// Whether retention has dropped the observations of the day of a time: they are not made again.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn is_dropped(&self, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let day = day_of_hour(hour_of(micros(at)));
        Ok(self
            .connection
            .prepare_cached("select 1 from disposal where kind = 'observations' and day = ?1")?
            .exists([day])?)
    }

    /// Makes the ledger row of an uplink say what decoding it again has said.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn revise(&mut self, uplink: &Archived, revision: &Revision<'_>) -> Result<(), StoreError> {
        let profile =
            revision.profile.map(|(profile, hash)| self.profile_id(profile, hash)).transpose()?;
        let hours =
            revision.observed.map(|(first, last)| (hour_of(micros(first)), hour_of(micros(last))));
        let outcome = codes::outcome(revision.outcome);
        self.connection
            .prepare_cached(
                "update uplink set outcome = ?2, reason = ?3, profile_version = ?4, first_hour = ?5,
                     last_hour = ?6 where id = ?1",
            )?
            .execute(params![
                uplink.id.0,
                outcome,
                revision.reason,
                profile,
                hours.map(|(first, _)| first),
                hours.map(|(_, last)| last),
            ])?;
        let was = codes::outcome(uplink.outcome);
        if was == outcome {
            return Ok(());
        }
        let key = (uplink.arrived_hour, uplink.id.0);
        self.connection
            .prepare_cached(
                "delete from uplink_of_outcome where hour = ?1 and outcome = ?2 and uplink = ?3",
            )?
            .execute(params![key.0, was, key.1])?;
        if outcome != codes::STORED {
            self.connection
                .prepare_cached(
                    "insert or ignore into uplink_of_outcome (hour, outcome, uplink) values (?1, ?2, ?3)",
                )?
                .execute(params![key.0, outcome, key.1])?;
        }
        Ok(())
    }
}
