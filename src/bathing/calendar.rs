use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};
use chrono_tz::Europe::Stockholm;

use crate::model::Season;

/// The date in Sweden at a time.
#[must_use]
pub fn local_date(time: DateTime<Utc>) -> NaiveDate {
    time.with_timezone(&Stockholm).date_naive()
}

/// When a date begins in Sweden, where clocks never change at midnight.
#[must_use]
pub fn local_midnight(date: NaiveDate) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    midnight
        .and_local_timezone(Stockholm)
        .earliest()
        .map_or_else(|| midnight.and_utc(), |time| time.to_utc())
}

/// First and last day of the season that is on, or else of the next one.
#[must_use]
pub fn next_season(season: Season, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    season.current_or_next(today)
}

/// When [`next_season`] last gave another answer or the season last began.
#[must_use]
pub fn season_turned(season: Season, today: NaiveDate) -> Option<DateTime<Utc>> {
    if season.contains(today) {
        return next_season(season, today).map(|(first, _)| local_midnight(first));
    }
    // The same day of the year before lies in the gap before the season that is over now.
    let year_ago = today.checked_sub_months(Months::new(12))?;
    let (_, last) = next_season(season, year_ago)?;
    last.succ_opt().map(local_midnight)
}
