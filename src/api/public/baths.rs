//! All that public handlers can reach. A [`Bath`] has no room for a device, a radio or another
//! site, only this module makes one, and [`Water`] answers for a [`Bath`] only: what is not
//! published cannot be asked for.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::collate::swedish_key;
use crate::model::{Bathing, Position, QuantityName, Site, SiteId, SiteKind};
use crate::store::{Range, Reader, StoreError, StoredObservation};

/// The one quantity that is public.
const QUANTITY: &str = "water_temperature";

/// A bathing place that somebody has decided to publish.
pub struct Bath {
    id: SiteId,
    pub name: String,
    pub position: Position,
    pub bathing: Bathing,
    published_on: NaiveDate,
}

impl Bath {
    /// A bathing place is public by decision only. The contract gives every bath a position, so
    /// one without is not ready to be published.
    fn of(site: &Site) -> Option<Self> {
        if site.kind != SiteKind::BathingPlace {
            return None;
        }
        let publication = site.publication.as_ref()?;
        let bathing = site.bathing.clone()?;
        let Some(position) = site.position else {
            tracing::warn!(site = %site.id, "a bathing place without a position is not published");
            return None;
        };
        let (id, name) = (site.id.clone(), site.name.clone());
        Some(Self { id, name, position, bathing, published_on: publication.approved_on })
    }

    pub fn id(&self) -> &str {
        &self.id.0
    }

    pub fn published_on(&self) -> NaiveDate {
        self.published_on
    }
}

/// The published bathing places, in Swedish order of their names.
pub struct PublicBaths(Vec<Arc<Bath>>);

impl PublicBaths {
    pub fn of<'s>(sites: impl IntoIterator<Item = &'s Site>) -> Self {
        let mut baths: Vec<_> = sites.into_iter().filter_map(Bath::of).map(Arc::new).collect();
        baths.sort_by_cached_key(|bath| swedish_key(&bath.name));
        Self(baths)
    }

    /// Those whose day has come.
    pub fn on(&self, today: NaiveDate) -> impl Iterator<Item = &Arc<Bath>> {
        self.0.iter().filter(move |bath| bath.published_on <= today)
    }

    pub fn find(&self, id: &str, today: NaiveDate) -> Option<&Arc<Bath>> {
        self.on(today).find(|bath| bath.id() == id)
    }
}

/// Reads the temperature of the water at published places, and nothing else.
pub struct Water(Reader);

impl Water {
    pub fn new(reader: Reader) -> Self {
        Self(reader)
    }

    /// At most `limit` observations, in order of time.
    pub async fn temperatures(
        &self,
        bath: &Bath,
        range: Range,
        limit: usize,
    ) -> Result<Vec<StoredObservation>, StoreError> {
        self.0.observations(bath.id.clone(), QUANTITY.into(), range, 0, limit).await
    }

    /// When the water was last measured, however long ago.
    pub async fn last_measured_at(&self, bath: &Bath) -> Result<Option<DateTime<Utc>>, StoreError> {
        let latest = self.0.latest(bath.id.clone(), QuantityName::from(QUANTITY)).await?;
        Ok(latest.map(|latest| latest.time))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Publication;

    fn bath() -> Site {
        Site {
            position: Some(Position { longitude_deg: 12.5, latitude_deg: 57.9 }),
            publication: Some(Publication {
                purpose: "bathing".to_owned(),
                approved_by: "A. Andersson".to_owned(),
                approved_on: day("2026-05-01"),
            }),
            bathing: Some(Bathing {
                bathing_water_id: None,
                wikidata_id: None,
                lake: None,
                eu_bath: None,
                depth_m: None,
                measurement_season: None,
                bathing_season: None,
                current_for: Duration::from_secs(10_800),
                stale_for: Duration::from_secs(86_400),
            }),
            ..Site::new("playa-mjorn".into(), SiteKind::BathingPlace, "Playa Mjörn")
        }
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn only_a_published_bathing_place_is_public() {
        let cases = [
            ("as published", bath(), "2026-05-01", true),
            ("the day before", bath(), "2026-04-30", false),
            ("nobody decided", Site { publication: None, ..bath() }, "2026-07-01", false),
            ("no bath", Site { bathing: None, ..bath() }, "2026-07-01", false),
            ("nowhere", Site { position: None, ..bath() }, "2026-07-01", false),
            (
                "another kind",
                Site { kind: SiteKind::GaugingStation, ..bath() },
                "2026-07-01",
                false,
            ),
        ];
        for (case, site, today, public) in cases {
            let baths = PublicBaths::of([&site]);
            assert_eq!(baths.on(day(today)).count() == 1, public, "{case}");
            assert_eq!(baths.find("playa-mjorn", day(today)).is_some(), public, "{case}");
        }
    }
}
