use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::PublicState;
use super::baths::Bath;
use crate::api::error::Problem;
use crate::bathing::{
    Assessment, State, assess, lapses_at, local_date, local_midnight, look_back, season_turned,
};
use crate::store::Range;

/// Readings of one place that are looked at for its present state: one each ten seconds.
const READINGS_MAX: usize = 20_000;

/// How long a cache may keep what it has before it asks again.
const MAX_AGE: Duration = Duration::from_secs(60);

/// A bathing place and what may be said of its water.
pub struct Judged {
    pub bath: Arc<Bath>,
    pub assessment: Assessment,
    /// When what is said of the place last changed.
    pub changed_at: DateTime<Utc>,
}

/// What is said of one or all places at one time.
pub struct Snapshot {
    pub now: DateTime<Utc>,
    pub places: Vec<Judged>,
}

impl Snapshot {
    /// The newest change of what is said; without places there is none.
    pub fn updated_at(&self) -> Option<DateTime<Utc>> {
        self.places.iter().map(|judged| judged.changed_at).max()
    }

    /// Fresh for [`MAX_AGE`], and never longer than the first of the places will be.
    pub fn cache_control(&self) -> String {
        let until = self.places.iter().filter_map(|judged| judged.assessment.changes_at).min();
        cache_control(until.map(|until| until - self.now))
    }
}

/// `Cache-Control` of what stays as it is for `remains`; none is for ever.
pub fn cache_control(remains: Option<TimeDelta>) -> String {
    let remains = remains.map_or(MAX_AGE, |remains| remains.to_std().unwrap_or_default());
    let seconds = remains.min(MAX_AGE).as_secs();
    format!("public, max-age={seconds}, stale-while-revalidate=300, stale-if-error=86400")
}

impl PublicState {
    /// Judges every place.
    pub async fn judge_all(&self) -> Result<Snapshot, Problem> {
        let now = (self.now)();
        let mut places = Vec::new();
        for bath in self.baths.on(local_date(now)) {
            places.push(self.judge(bath, now).await?);
        }
        Ok(Snapshot { now, places })
    }

    /// Judges one place.
    pub async fn judge_one(&self, id: &str) -> Result<Snapshot, Problem> {
        let now = (self.now)();
        let bath = self.baths.find(id, local_date(now)).ok_or(Problem::NotFound)?;
        Ok(Snapshot { now, places: vec![self.judge(bath, now).await?] })
    }

    async fn judge(&self, bath: &Arc<Bath>, now: DateTime<Utc>) -> Result<Judged, Problem> {
        let range =
            Range { from: now - look_back(&bath.bathing), until: now + TimeDelta::microseconds(1) };
        let readings = self.water.temperatures(bath, range, READINGS_MAX).await?;
        let assessment = assess(&bath.bathing, &readings, now);
        let today = local_date(now);
        let mut changes = vec![assessment.changed_at, Some(local_midnight(bath.published_on()))];
        let seasons = [bath.bathing.measurement_season, bath.bathing.bathing_season];
        changes.extend(seasons.map(|season| season_turned(season?, today)));
        if assessment.state == State::NoData && readings.is_empty() {
            // The readings have left the view, and with them the time at which they lapsed.
            let last = self.water.last_measured_at(bath).await?.filter(|last| *last <= now);
            changes.push(last.map(|last| lapses_at(&bath.bathing, last).min(now)));
        }
        let changed_at = changes.into_iter().flatten().max().unwrap_or(now);
        Ok(Judged { bath: Arc::clone(bath), assessment, changed_at })
    }
}
