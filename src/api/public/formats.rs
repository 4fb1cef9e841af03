//! The list for maps and spreadsheets: the same content, one flat row a place.

use serde::Serialize;

use super::paths;
use super::shape::{CELSIUS, ListJson, PointJson, instant, quality, tenth};
use super::snapshot::{Judged, Snapshot};

pub const GEO_JSON: &str = "application/geo+json";
pub const CSV: &str = "text/csv; charset=utf-8; header=present";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureCollection<'l> {
    r#type: &'static str,
    updated_at: &'l str,
    license: &'l str,
    features: Vec<Feature>,
}

#[derive(Serialize)]
struct Feature {
    r#type: &'static str,
    id: String,
    geometry: PointJson,
    properties: Row,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    name: String,
    lake: Option<String>,
    bathing_water_id: Option<String>,
    status: &'static str,
    temperature: Option<f64>,
    unit: &'static str,
    observed_at: Option<String>,
    valid_until: Option<String>,
    quality: Option<&'static str>,
    #[serde(rename = "change24h")]
    change_24h: Option<f64>,
    #[serde(rename = "min24h")]
    min_24h: Option<f64>,
    #[serde(rename = "max24h")]
    max_24h: Option<f64>,
    #[serde(rename = "mean24h")]
    mean_24h: Option<f64>,
    href: String,
}

impl Row {
    fn of(judged: &Judged) -> Self {
        let bath = &judged.bath;
        let shown = judged.assessment.state.shown();
        let spread = shown.map(|shown| shown.last_24h);
        Self {
            id: bath.id().to_owned(),
            name: bath.name.clone(),
            lake: bath.bathing.lake.clone(),
            bathing_water_id: bath.bathing.bathing_water_id.clone(),
            status: judged.assessment.state.name(),
            temperature: shown.map(|shown| tenth(shown.latest.celsius)),
            unit: CELSIUS,
            observed_at: shown.map(|shown| instant(shown.latest.time)),
            valid_until: shown.map(|shown| instant(shown.valid_until)),
            quality: shown.map(|shown| quality(&shown.latest)),
            change_24h: shown.and_then(|shown| shown.change_24h).map(tenth),
            min_24h: spread.map(|spread| tenth(spread.min)),
            max_24h: spread.map(|spread| tenth(spread.max)),
            mean_24h: spread.map(|spread| tenth(spread.mean)),
            href: paths::site(bath.id()),
        }
    }
}

pub fn geojson<'l>(list: &'l ListJson, snapshot: &Snapshot) -> FeatureCollection<'l> {
    let feature = |judged: &Judged| Feature {
        r#type: "Feature",
        id: judged.bath.id().to_owned(),
        geometry: judged.bath.position.into(),
        properties: Row::of(judged),
    };
    FeatureCollection {
        r#type: "FeatureCollection",
        updated_at: &list.updated_at,
        license: list.license,
        features: snapshot.places.iter().map(feature).collect(),
    }
}

const HEADER: &str = "id,name,lake,bathingWaterId,longitude,latitude,status,temperature,unit,\
    observedAt,validUntil,quality,change24h,min24h,max24h,mean24h";

/// RFC 4180: commas, CRLF, a header row; an empty field is a null.
pub fn csv(snapshot: &Snapshot) -> Vec<u8> {
    let mut text = format!("{HEADER}\r\n");
    for judged in &snapshot.places {
        let row = Row::of(judged);
        let point = PointJson::from(judged.bath.position);
        let [longitude, latitude] = point.coordinates();
        let number = |value: Option<f64>| value.map(|value| format!("{value:.1}"));
        let fields = [
            Some(row.id),
            Some(row.name),
            row.lake,
            row.bathing_water_id,
            Some(longitude.to_string()),
            Some(latitude.to_string()),
            Some(row.status.to_owned()),
            number(row.temperature),
            Some(row.unit.to_owned()),
            row.observed_at,
            row.valid_until,
            row.quality.map(str::to_owned),
            number(row.change_24h),
            number(row.min_24h),
            number(row.max_24h),
            number(row.mean_24h),
        ];
        let fields = fields.map(|field| quoted(field.as_deref().unwrap_or_default()));
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_only_where_they_must_be() {
        let cases = [
            ("Playa Mjörn", "Playa Mjörn"),
            ("Gerdsken, Kabelbadet", "\"Gerdsken, Kabelbadet\""),
            ("\"Tarzan\"", "\"\"\"Tarzan\"\"\""),
        ];
        for (field, written) in cases {
            assert_eq!(quoted(field), written);
        }
    }
}
