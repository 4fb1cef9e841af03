use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::fleet::{Fleet, Publication};

/// The fleet's messages one by one: first those of the past, then each when its time has come.
pub(super) struct Feed<'a> {
    fleet: &'a Fleet,
    period: Box<dyn Iterator<Item = Publication> + Send + 'a>,
    /// Up to where periods have been opened, exclusive.
    until: DateTime<Utc>,
    live: bool,
    back_filling: bool,
}

impl<'a> Feed<'a> {
    pub(super) fn new(
        fleet: &'a Fleet,
        now: DateTime<Utc>,
        backfill: Duration,
        live: bool,
    ) -> Self {
        let from = start_of(now, backfill);
        let period = Box::new(fleet.uplinks(from, now));
        Self { fleet, period, until: now, live, back_filling: true }
    }

    /// The next message that is due at `now`; none when all that are due have been given.
    pub(super) fn next(&mut self, now: DateTime<Utc>) -> Option<Publication> {
        let next = self.period.next();
        if next.is_some() {
            return next;
        }
        self.back_filling = false;
        if !self.live || now <= self.until {
            return None;
        }
        self.period = Box::new(self.fleet.uplinks(self.until, now));
        self.until = now;
        self.period.next()
    }

    /// Whether messages of the past are still to come.
    pub(super) const fn is_back_filling(&self) -> bool {
        self.back_filling
    }

    /// Whether nothing will ever come again.
    pub(super) const fn is_over(&self) -> bool {
        !self.live && !self.back_filling
    }
}

/// The start of a back-fill; a time before all calendars is as good as the first.
pub(super) fn start_of(now: DateTime<Utc>, backfill: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(backfill)
        .ok()
        .and_then(|length| now.checked_sub_signed(length))
        .unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_comes_first_and_the_present_when_it_is_due() {
        let now: DateTime<Utc> = "2026-11-23T10:00:00Z".parse().unwrap();
        let fleet = Fleet::demo(now);
        let hour = TimeDelta::hours(1);
        let mut feed = Feed::new(&fleet, now, Duration::from_secs(3600), true);

        let past: Vec<_> = std::iter::from_fn(|| feed.next(now)).collect();
        assert_eq!(past, fleet.uplinks(now - hour, now).collect::<Vec<_>>());
        assert!(!feed.is_back_filling() && !feed.is_over());

        let later = now + hour;
        let present: Vec<_> = std::iter::from_fn(|| feed.next(later)).collect();
        assert_eq!(present, fleet.uplinks(now, later).collect::<Vec<_>>());
    }

    #[test]
    fn a_feed_of_the_past_alone_ends() {
        let now: DateTime<Utc> = "2026-11-23T10:00:00Z".parse().unwrap();
        let fleet = Fleet::demo(now);
        let mut feed = Feed::new(&fleet, now, Duration::from_secs(600), false);
        while feed.next(now).is_some() {
            assert!(!feed.is_over());
        }
        assert!(feed.is_over());
        assert_eq!(feed.next(now + TimeDelta::days(1)), None);
    }
}
