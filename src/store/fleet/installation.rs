//! How the devices of the fleet are installed.

use rusqlite::{Connection, params};

use super::super::StoreError;
use super::super::codes::{micros, time};
use crate::model::{Correction, Deployment, Installation, QuantityName};

pub fn put(connection: &Connection, deployment: &Deployment) -> Result<(), StoreError> {
    let key = (deployment.dev_eui.0.cast_signed(), micros(deployment.from));
    for installation in &deployment.installations {
        let valid_from = micros(installation.from);
        connection.execute(
            "insert into installation (dev_eui, deployed_at, valid_from, height_m, tilt_deg,
                 ground_distance_m, empty_distance_m, full_distance_m)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                key.0,
                key.1,
                valid_from,
                installation.height_m,
                installation.tilt_deg,
                installation.ground_distance_m,
                installation.empty_distance_m,
                installation.full_distance_m,
            ],
        )?;
        for Correction { quantity, gain, offset } in &installation.corrections {
            connection.execute(
                "insert into correction (dev_eui, deployed_at, valid_from, quantity, gain, offset)
                 values (?1, ?2, ?3, ?4, ?5, ?6)",
                params![key.0, key.1, valid_from, quantity.0, gain, offset],
            )?;
        }
    }
    Ok(())
}

/// All installations of a deployment, in order of time.
pub fn of(
    connection: &Connection,
    deployment: &Deployment,
) -> Result<Vec<Installation>, StoreError> {
    let key = (deployment.dev_eui.0.cast_signed(), micros(deployment.from));
    let mut statement = connection.prepare_cached(
        "select valid_from, height_m, tilt_deg, ground_distance_m, empty_distance_m, full_distance_m
         from installation where dev_eui = ?1 and deployed_at = ?2 order by valid_from",
    )?;
    let rows = statement.query_map(params![key.0, key.1], |row| {
        Ok(Installation {
            from: time(row.get(0)?),
            height_m: row.get(1)?,
            tilt_deg: row.get(2)?,
            ground_distance_m: row.get(3)?,
            empty_distance_m: row.get(4)?,
            full_distance_m: row.get(5)?,
            corrections: Vec::new(),
        })
    })?;
    let mut installations: Vec<Installation> = rows.collect::<Result<_, _>>()?;
    for installation in &mut installations {
        installation.corrections = corrections(connection, key, micros(installation.from))?;
    }
    Ok(installations)
}

fn corrections(
    connection: &Connection,
    key: (i64, i64),
    valid_from: i64,
) -> Result<Vec<Correction>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select quantity, gain, offset from correction
         where dev_eui = ?1 and deployed_at = ?2 and valid_from = ?3 order by quantity",
    )?;
    let rows = statement.query_map(params![key.0, key.1, valid_from], |row| {
        Ok(Correction {
            quantity: QuantityName::from(row.get::<_, String>(0)?.as_str()),
            gain: row.get(1)?,
            offset: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
