//! The JSON of the public API, field by field. Its document is `openapi.json`.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;

use super::baths::Bath;
use super::paths;
use super::snapshot::Judged;
use crate::bathing::{Reading, Shown, Spread, local_date, next_season};
use crate::model::{Position, Season};

/// The unit of all temperatures, UCUM for °C.
pub const CELSIUS: &str = "Cel";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListJson {
    pub updated_at: String,
    pub license: &'static str,
    pub attribution: AttributionJson,
    pub sites: Vec<SiteJson>,
    #[serde(rename = "_links")]
    pub links: ListLinks,
}

#[derive(Clone, Serialize)]
pub struct AttributionJson {
    pub sv: String,
    pub en: String,
}

#[derive(Serialize)]
pub struct Link {
    pub href: String,
}

impl Link {
    pub fn to(href: impl Into<String>) -> Self {
        Self { href: href.into() }
    }
}

#[derive(Serialize)]
pub struct ListLinks {
    #[serde(rename = "self")]
    itself: Link,
    describedby: Link,
    geojson: Link,
    csv: Link,
}

impl Default for ListLinks {
    fn default() -> Self {
        Self {
            itself: Link::to(paths::LIST),
            describedby: Link::to(paths::OPENAPI),
            geojson: Link::to(paths::GEOJSON),
            csv: Link::to(paths::CSV),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteJson {
    id: String,
    bathing_water_id: Option<String>,
    wikidata_id: Option<String>,
    name: String,
    lake: Option<String>,
    eu_bath: Option<bool>,
    position: PointJson,
    status: &'static str,
    observation: Option<ObservationJson>,
    #[serde(rename = "change24h")]
    change_24h: Option<f64>,
    #[serde(rename = "last24h")]
    last_24h: Option<SpreadJson>,
    advisory: Unknown,
    advisory_checked_at: Unknown,
    latest_sample: Unknown,
    classification: Unknown,
    seasons: SeasonsJson,
    #[serde(rename = "_links")]
    links: SiteLinks,
}

/// What only the Swedish Agency for Marine and Water Management knows: null.
type Unknown = Option<()>;

#[derive(Serialize)]
pub struct PointJson {
    r#type: &'static str,
    coordinates: [f64; 2],
}

impl From<Position> for PointJson {
    fn from(position: Position) -> Self {
        let [longitude, latitude] = [position.longitude_deg, position.latitude_deg].map(metre);
        Self { r#type: "Point", coordinates: [longitude, latitude] }
    }
}

impl PointJson {
    /// Longitude and latitude.
    pub fn coordinates(&self) -> [f64; 2] {
        self.coordinates
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObservationJson {
    temperature: f64,
    unit: &'static str,
    observed_at: String,
    valid_until: String,
    depth_meters: Option<f64>,
    method: &'static str,
    quality: &'static str,
}

#[derive(Serialize)]
struct SpreadJson {
    min: f64,
    max: f64,
    mean: f64,
}

impl From<Spread> for SpreadJson {
    fn from(spread: Spread) -> Self {
        Self { min: tenth(spread.min), max: tenth(spread.max), mean: tenth(spread.mean) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SeasonsJson {
    measurement_starts_on: Option<NaiveDate>,
    measurement_ends_on: Option<NaiveDate>,
    bathing_starts_on: Option<NaiveDate>,
    bathing_ends_on: Option<NaiveDate>,
}

#[derive(Serialize)]
struct SiteLinks {
    #[serde(rename = "self")]
    itself: Link,
    history: Link,
}

impl SiteJson {
    pub fn of(judged: &Judged, now: DateTime<Utc>) -> Self {
        let bath = &judged.bath;
        let bathing = &bath.bathing;
        let shown = judged.assessment.state.shown();
        Self {
            id: bath.id().to_owned(),
            bathing_water_id: bathing.bathing_water_id.clone(),
            wikidata_id: bathing.wikidata_id.clone(),
            name: bath.name.clone(),
            lake: bathing.lake.clone(),
            eu_bath: bathing.eu_bath,
            position: bath.position.into(),
            status: judged.assessment.state.name(),
            observation: shown.map(|shown| ObservationJson::of(bath, shown)),
            change_24h: shown.and_then(|shown| shown.change_24h).map(tenth),
            last_24h: shown.map(|shown| shown.last_24h.into()),
            advisory: None,
            advisory_checked_at: None,
            latest_sample: None,
            classification: None,
            seasons: SeasonsJson::of(bath, now),
            links: SiteLinks {
                itself: Link::to(paths::site(bath.id())),
                history: Link::to(paths::history(bath.id())),
            },
        }
    }
}

impl ObservationJson {
    fn of(bath: &Bath, shown: &Shown) -> Self {
        Self {
            temperature: tenth(shown.latest.celsius),
            unit: CELSIUS,
            observed_at: instant(shown.latest.time),
            valid_until: instant(shown.valid_until),
            depth_meters: bath.bathing.depth_m,
            method: "sensor",
            quality: quality(&shown.latest),
        }
    }
}

impl SeasonsJson {
    fn of(bath: &Bath, now: DateTime<Utc>) -> Self {
        let dates = |season: Option<Season>| next_season(season?, local_date(now));
        let measurement = dates(bath.bathing.measurement_season);
        let bathing = dates(bath.bathing.bathing_season);
        Self {
            measurement_starts_on: measurement.map(|(first, _)| first),
            measurement_ends_on: measurement.map(|(_, last)| last),
            bathing_starts_on: bathing.map(|(first, _)| first),
            bathing_ends_on: bathing.map(|(_, last)| last),
        }
    }
}

pub fn quality(reading: &Reading) -> &'static str {
    if reading.uncertain { "uncertain" } else { "good" }
}

/// UTC to the second, RFC 3339.
pub fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// One decimal, which is what a sensor in a lake is good for; never −0.
pub fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

/// Five decimals of a degree are a metre.
fn metre(degrees: f64) -> f64 {
    (degrees * 1e5).round() / 1e5 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_have_one_decimal_and_no_negative_zero() {
        let cases =
            [(19.44, "19.4"), (19.45, "19.5"), (-0.04, "0.0"), (19.0, "19.0"), (-0.5, "-0.5")];
        for (value, text) in cases {
            assert_eq!(serde_json::to_string(&tenth(value)).unwrap(), text);
        }
    }
}
