mod counter;
mod installation;
mod quality;
mod rating;
mod tag;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codes::{micros, time};
use super::write::Batch;
use super::{StoreError, Writer};
use crate::model::{
    Bathing, Deployment, DevEui, Device, MonthDay, Position, ProfileId, Publication, Season, Site,
    SiteId, SiteKind,
};

/// All sites, devices and deployments that are in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    pub sites: Vec<Site>,
    pub devices: Vec<Device>,
    pub deployments: Vec<Deployment>,
}

impl Writer {
    /// Makes `fleet` the one in force. What is no longer in it is retired and not deleted,
    /// since observations refer to it.
    ///
    /// # Errors
    ///
    /// As the store's; the fleet is then as before.
    pub fn replace_fleet(&mut self, fleet: &Fleet) -> Result<(), StoreError> {
        self.batch(|batch| {
            for table in ["site", "device", "deployment"] {
                batch.connection.execute(&format!("update {table} set retired = 1"), [])?;
            }
            for table in [
                "publication",
                "bathing_place",
                "device_variable",
                "installation",
                "correction",
                "rating",
                "rating_segment",
                "backwater",
                "direction",
                "lot",
                "site_quality",
                "site_tag",
            ] {
                batch.connection.execute(&format!("delete from {table}"), [])?;
            }
            fleet.sites.iter().try_for_each(|site| batch.put_site(site))?;
            fleet.devices.iter().try_for_each(|device| batch.put_device(device))?;
            fleet.deployments.iter().try_for_each(|deployment| batch.put_deployment(deployment))
        })
    }

    /// Writes down that a changed catalogue and fleet are in force from now on.
    ///
    /// # Errors
    ///
    /// As the store's; nothing has then happened.
    pub fn note_reload(
        &mut self,
        profiles: usize,
        fleet: &Fleet,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.batch(|batch| {
            batch.connection.execute(
                "insert into reload (at, profiles, sites, devices) values (?1, ?2, ?3, ?4)",
                params![micros(now), profiles, fleet.sites.len(), fleet.devices.len()],
            )?;
            Ok(())
        })
    }

    /// How often a changed catalogue and fleet have been taken in.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn reloads(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row("select count(*) from reload", [], |row| row.get(0))?)
    }

    /// The fleet in force.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn fleet(&self) -> Result<Fleet, StoreError> {
        Ok(Fleet {
            sites: sites(&self.connection)?,
            devices: devices(&self.connection)?,
            deployments: deployments(&self.connection)?,
        })
    }
}

impl Batch<'_> {
    fn put_site(&self, site: &Site) -> Result<(), StoreError> {
        self.connection.execute(
            "insert into site (id, kind, name, longitude_deg, latitude_deg) values (?1, ?2, ?3, ?4, ?5)
             on conflict do update set kind = excluded.kind, name = excluded.name,
                 longitude_deg = excluded.longitude_deg, latitude_deg = excluded.latitude_deg, retired = 0",
            params![
                site.id.0,
                site.kind.name(),
                site.name,
                site.position.map(|position| position.longitude_deg),
                site.position.map(|position| position.latitude_deg),
            ],
        )?;
        if let Some(publication) = &site.publication {
            self.connection.execute(
                "insert into publication (site, purpose, approved_by, approved_on) values (?1, ?2, ?3, ?4)",
                params![
                    site.id.0,
                    publication.purpose,
                    publication.approved_by,
                    publication.approved_on.to_string()
                ],
            )?;
        }
        tag::put(self.connection, site)?;
        rating::put(self.connection, site)?;
        counter::put(self.connection, site)?;
        quality::put(self.connection, site)?;
        site.bathing.as_ref().map_or(Ok(()), |bathing| self.put_bathing_place(&site.id, bathing))
    }

    fn put_bathing_place(&self, site: &SiteId, bathing: &Bathing) -> Result<(), StoreError> {
        let first = |season: Option<Season>| season.map(|season| day_text(season.from));
        let last = |season: Option<Season>| season.map(|season| day_text(season.until));
        self.connection.execute(
            "insert into bathing_place (site, bathing_water_id, wikidata_id, lake, eu_bath, depth_m,
                 measurement_from, measurement_until, bathing_from, bathing_until,
                 current_for_seconds, stale_for_seconds)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                site.0,
                bathing.bathing_water_id,
                bathing.wikidata_id,
                bathing.lake,
                bathing.eu_bath,
                bathing.depth_m,
                first(bathing.measurement_season),
                last(bathing.measurement_season),
                first(bathing.bathing_season),
                last(bathing.bathing_season),
                bathing.current_for.as_secs(),
                bathing.stale_for.as_secs(),
            ],
        )?;
        Ok(())
    }

    fn put_device(&self, device: &Device) -> Result<(), StoreError> {
        let dev_eui = device.dev_eui.0.cast_signed();
        self.connection.execute(
            "insert into device (dev_eui, profile, name) values (?1, ?2, ?3)
             on conflict do update set profile = excluded.profile, name = excluded.name, retired = 0",
            params![dev_eui, device.profile.0, device.name],
        )?;
        for (name, value) in &device.variables {
            self.connection.execute(
                "insert into device_variable (dev_eui, name, value) values (?1, ?2, ?3)",
                params![dev_eui, name, value],
            )?;
        }
        Ok(())
    }

    fn put_deployment(&self, deployment: &Deployment) -> Result<(), StoreError> {
        self.connection.execute(
            "insert into deployment (dev_eui, valid_from, valid_until, site) values (?1, ?2, ?3, ?4)
             on conflict do update set valid_until = excluded.valid_until, site = excluded.site, retired = 0",
            params![
                deployment.dev_eui.0.cast_signed(),
                micros(deployment.from),
                deployment.until.map(micros),
                deployment.site.0,
            ],
        )?;
        self.connection.execute(
            "insert or ignore into device_site (dev_eui, site) values (?1, ?2)",
            params![deployment.dev_eui.0.cast_signed(), deployment.site.0],
        )?;
        installation::put(self.connection, deployment)
    }
}

fn sites(connection: &Connection) -> Result<Vec<Site>, StoreError> {
    let mut statement = connection.prepare(
        "select id, kind, name, longitude_deg, latitude_deg from site where retired = 0 order by id",
    )?;
    let mut rows = statement.query([])?;
    let mut sites = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let kind: String = row.get(1)?;
        let longitude_deg: Option<f64> = row.get(3)?;
        let latitude_deg: Option<f64> = row.get(4)?;
        // A kind of a later version is left out rather than guessed.
        let Some(kind) = SiteKind::from_name(&kind) else { continue };
        sites.push(Site {
            kind,
            name: row.get(2)?,
            tags: tag::of(connection, &id)?,
            position: longitude_deg
                .zip(latitude_deg)
                .map(|(longitude_deg, latitude_deg)| Position { longitude_deg, latitude_deg }),
            publication: publication(connection, &id)?,
            bathing: bathing_place(connection, &id)?,
            ratings: rating::ratings(connection, &id)?,
            backwaters: rating::backwaters(connection, &id)?,
            direction: counter::direction(connection, &id)?,
            lot: counter::lot(connection, &id)?,
            quality: quality::of(connection, &id)?,
            id: SiteId::from(id.as_str()),
        });
    }
    Ok(sites)
}

fn publication(connection: &Connection, site: &str) -> Result<Option<Publication>, StoreError> {
    let found: Option<(String, String, String)> = connection
        .prepare_cached(
            "select purpose, approved_by, approved_on from publication where site = ?1",
        )?
        .query_row([site], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    // A date that cannot be read is no decision, and without a decision nothing is public.
    Ok(found.and_then(|(purpose, approved_by, approved_on)| {
        let approved_on = approved_on.parse().ok()?;
        Some(Publication { purpose, approved_by, approved_on })
    }))
}

fn bathing_place(connection: &Connection, site: &str) -> Result<Option<Bathing>, StoreError> {
    let found = connection
        .prepare_cached("select * from bathing_place where site = ?1")?
        .query_row([site], |row| {
            Ok(Bathing {
                bathing_water_id: row.get("bathing_water_id")?,
                wikidata_id: row.get("wikidata_id")?,
                lake: row.get("lake")?,
                eu_bath: row.get("eu_bath")?,
                depth_m: row.get("depth_m")?,
                measurement_season: season(row, "measurement_from", "measurement_until")?,
                bathing_season: season(row, "bathing_from", "bathing_until")?,
                current_for: Duration::from_secs(row.get("current_for_seconds")?),
                stale_for: Duration::from_secs(row.get("stale_for_seconds")?),
            })
        })
        .optional()?;
    Ok(found)
}

fn devices(connection: &Connection) -> Result<Vec<Device>, StoreError> {
    let mut statement = connection
        .prepare("select dev_eui, profile, name from device where retired = 0 order by dev_eui")?;
    let mut variables = connection
        .prepare("select name, value from device_variable where dev_eui = ?1 order by name")?;
    let mut rows = statement.query([])?;
    let mut devices = Vec::new();
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let profile: String = row.get(1)?;
        devices.push(Device {
            dev_eui: DevEui(number.cast_unsigned()),
            profile: ProfileId::from(profile.as_str()),
            name: row.get(2)?,
            variables: variables
                .query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<BTreeMap<_, _>, _>>()?,
        });
    }
    Ok(devices)
}

fn deployments(connection: &Connection) -> Result<Vec<Deployment>, StoreError> {
    let mut statement = connection.prepare(
        "select dev_eui, site, valid_from, valid_until from deployment where retired = 0
         order by dev_eui, valid_from",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Deployment {
            dev_eui: DevEui(row.get::<_, i64>(0)?.cast_unsigned()),
            site: SiteId::from(row.get::<_, String>(1)?.as_str()),
            from: time(row.get(2)?),
            until: row.get::<_, Option<i64>>(3)?.map(time),
            installations: Vec::new(),
        })
    })?;
    let mut deployments: Vec<Deployment> = rows.collect::<Result<_, _>>()?;
    for deployment in &mut deployments {
        deployment.installations = installation::of(connection, deployment)?;
    }
    Ok(deployments)
}

fn day_text(day: MonthDay) -> String {
    format!("{:02}-{:02}", day.month, day.day)
}

fn season(row: &Row<'_>, from: &str, until: &str) -> rusqlite::Result<Option<Season>> {
    let day = |column: &str| -> rusqlite::Result<Option<MonthDay>> {
        let text: Option<String> = row.get(column)?;
        Ok(text.and_then(|text| {
            let (month, day) = text.split_once('-')?;
            MonthDay::new(month.parse().ok()?, day.parse().ok()?)
        }))
    };
    Ok(day(from)?.zip(day(until)?).map(|(from, until)| Season { from, until }))
}
