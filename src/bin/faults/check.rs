//! Opens the store that the service has left and holds it to the book.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, OptionalExtension, params};
use stadspuls::model::Outcome;

use crate::book::Book;
use crate::check::messages::Messages;
use crate::envelope::{envelope, number};
use crate::plan::{Kind, Uplink, site};

mod messages;

/// Bytes that the service keeps of a body over its limit.
const KEPT_OF_OVERSIZE: usize = 4096;

/// Findings of one sort that are told in full.
const TOLD: usize = 10;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// As they stand in the file.
const GOOD: i64 = 0;
const UNCERTAIN: i64 = 1;
const BAD: i64 = 2;

#[derive(Debug, Default)]
pub struct Verdict {
    /// Ledger rows by outcome.
    pub rows: BTreeMap<&'static str, u64>,
    pub lost: u64,
    pub doubled: u64,
    pub observations: u64,
    /// What is wrong, by sort: how often, and the first of them.
    pub findings: BTreeMap<&'static str, (u64, Vec<String>)>,
}

impl Verdict {
    fn find(&mut self, sort: &'static str, what: String) {
        let (count, told) = self.findings.entry(sort).or_default();
        *count += 1;
        if told.len() < TOLD {
            told.push(what);
        }
    }

    pub fn row_count(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// One ledger row, as far as it matters here.
struct Row {
    id: i64,
    outcome: i64,
    arrived_at: i64,
    body_bytes: usize,
    source: String,
}

#[derive(Clone, Copy)]
struct Latest {
    time: i64,
    value: f64,
}

struct Check<'c> {
    book: &'c Book,
    store: &'c Connection,
    verdict: Verdict,
    /// How many rows each uplink has.
    rows_of: Vec<u32>,
    /// The row of each original that is not a duplicate.
    first_of: Vec<i64>,
    /// What is timed by its arrival.
    arrivals: BTreeMap<(String, i64), (Uplink, i64)>,
    latest: BTreeMap<(String, &'static str), Latest>,
}

/// Reads the whole store.
pub fn check(file: &Path, book: &Book) -> Result<Verdict> {
    let store = Connection::open(file)?;
    let uplinks = book.plan.uplinks as usize;
    let mut check = Check {
        book,
        store: &store,
        verdict: Verdict::default(),
        rows_of: vec![0; uplinks],
        first_of: vec![0; uplinks],
        arrivals: BTreeMap::new(),
        latest: BTreeMap::new(),
    };
    let integrity: String = store.query_row("pragma integrity_check", [], |row| row.get(0))?;
    if integrity != "ok" {
        check.verdict.find("the file is damaged", integrity);
    }
    check.read_ledger()?;
    check.look_up_arrivals()?;
    check.account();
    check.count_observations()?;
    check.compare_latest()?;
    check.compare_within()?;
    Ok(check.verdict)
}

/// How many rows the ledger has.
pub fn count_rows(file: &Path) -> Result<u64> {
    let store = Connection::open(file)?;
    Ok(store.query_row("select count(*) from uplink", [], |row| row.get(0))?)
}

impl Check<'_> {
    fn read_ledger(&mut self) -> Result<()> {
        let mut messages = Messages::open(self.store)?;
        let mut statement = self.store.prepare(
            "select u.id, u.outcome, u.arrived_at, u.body_bytes, s.name,
                    u.topic_bytes, u.dictionary, u.message
             from uplink u left join source s on s.id = u.source order by u.id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (topic_bytes, dictionary): (usize, Option<i64>) = (row.get(5)?, row.get(6)?);
            let packed: Vec<u8> = row.get(7)?;
            let row = Row {
                id: row.get(0)?,
                outcome: row.get(1)?,
                arrived_at: row.get(2)?,
                body_bytes: row.get(3)?,
                source: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
            };
            let Some(outcome) = outcome_of(row.outcome) else {
                self.verdict.find("a row without an outcome", format!("row {}", row.id));
                continue;
            };
            *self.verdict.rows.entry(outcome.name()).or_default() += 1;
            let message = messages.unpack(&packed, dictionary);
            match message.and_then(|message| {
                self.read_row(&row, outcome, message.get(..topic_bytes), message.get(topic_bytes..))
            }) {
                Ok(()) => {}
                Err(error) => {
                    self.verdict
                        .find("a row that was not sent so", format!("row {}: {error:#}", row.id));
                }
            }
        }
        Ok(())
    }

    fn read_row(
        &mut self,
        row: &Row,
        outcome: Outcome,
        topic: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<()> {
        let topic = String::from_utf8(topic.context("no topic")?.to_vec())?;
        let body = body.context("no body")?;
        let number = number(&topic, body).with_context(|| format!("of topic {topic:?}"))?;
        let uplink = self.book.plan.uplink(number);
        let sent = envelope(&self.book.plan, &uplink);
        let kept = match uplink.kind {
            Kind::Oversize => sent.body.get(..KEPT_OF_OVERSIZE).unwrap_or_default(),
            _ => &sent.body,
        };
        if row.source != uplink.way.name() || topic != sent.topic || body != kept {
            bail!("uplink {number} came otherwise, from {:?} with topic {topic:?}", row.source);
        }
        if row.body_bytes != sent.body.len() {
            bail!("uplink {number} had {} bytes, noted are {}", sent.body.len(), row.body_bytes);
        }
        if let Some(rows) = self.rows_of.get_mut(number as usize) {
            *rows += 1;
        }
        if outcome == Outcome::Duplicate {
            if !uplink.kind.is_readable() {
                self.verdict.find("an unreadable duplicate", format!("uplink {number}"));
            }
            return Ok(());
        }
        self.judge_outcome(&uplink, outcome);
        if !uplink.kind.is_readable() {
            return Ok(());
        }
        let Some(first) = self.first_of.get_mut(uplink.original as usize) else { return Ok(()) };
        if *first != 0 {
            self.verdict.doubled += 1;
            let text = format!("uplink {} is row {first} and row {}", uplink.original, row.id);
            self.verdict.find("doubled", text);
            return Ok(());
        }
        *first = row.id;
        if outcome != Outcome::Stored {
            return Ok(());
        }
        match (uplink.kind.timed_by_arrival(), self.book.plan.time(&uplink)) {
            (None, Some(time)) => self.look_up(&uplink, row.id, time.timestamp_micros()),
            _ => {
                let place = (site(uplink.way, uplink.device), row.arrived_at);
                if let Some((first, _)) = self.arrivals.insert(place, (uplink, row.id)) {
                    let text = format!("uplinks {} and {}", first.number, uplink.number);
                    self.verdict.find("two of a sensor arrived in one microsecond", text);
                }
                Ok(())
            }
        }
    }

    fn judge_outcome(&mut self, uplink: &Uplink, outcome: Outcome) {
        let wanted = uplink.kind.outcome();
        if outcome != wanted {
            let (number, kind) = (uplink.number, uplink.kind);
            let text =
                format!("uplink {number} ({kind:?}) is {}, not {}", outcome.name(), wanted.name());
            self.verdict.find("another outcome", text);
        }
    }

    fn look_up_arrivals(&mut self) -> Result<()> {
        for ((_, time), (uplink, row)) in std::mem::take(&mut self.arrivals) {
            self.look_up(&uplink, row, time)?;
        }
        Ok(())
    }

    /// The two observations of a stored uplink are there, with their values and times.
    fn look_up(&mut self, uplink: &Uplink, row: i64, time: i64) -> Result<()> {
        let site = site(uplink.way, uplink.device);
        let is_doubtful = uplink.kind.timed_by_arrival() == Some(true);
        let quality = if is_doubtful { UNCERTAIN } else { GOOD };
        let water = if uplink.kind == Kind::Impossible { BAD } else { quality };
        let wanted = [
            ("water_temperature", f64::from(uplink.tenths) / 10.0, water),
            ("battery_voltage", f64::from(uplink.millivolts) / 1000.0, quality),
        ];
        for (quantity, value, quality) in wanted {
            let found = self
                .store
                .prepare_cached(
                    "select o.value, o.quality, o.uplink from observation o
                     join series s on s.id = o.series
                     where o.hour = ?1 and o.time = ?2 and s.site = ?3 and s.quantity = ?4",
                )?
                .query_row(params![time.div_euclid(MICROS_PER_HOUR), time, site, quantity], |row| {
                    Ok((row.get::<_, f64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
                })
                .optional()?;
            let right = found.is_some_and(|(is, judged, from)| {
                (is - value).abs() < 1e-9 && judged == quality && from == row
            });
            if !right {
                let number = uplink.number;
                let text = format!("uplink {number}: {quantity} {value} at {time} is {found:?}");
                self.verdict.find("an observation that is not as sent", text);
            }
            self.verdict.observations += 1;
            if quality != BAD {
                let latest = self.latest.entry((site.clone(), quantity));
                let latest = latest.or_insert(Latest { time, value });
                if time >= latest.time {
                    *latest = Latest { time, value };
                }
            }
        }
        Ok(())
    }

    /// Whatever was acknowledged is in the ledger, and each identity once.
    fn account(&mut self) {
        for number in 0..self.book.plan.uplinks {
            let uplink = self.book.plan.uplink(number);
            let rows = self.rows_of.get(number as usize).copied().unwrap_or(0);
            let first = self.first_of.get(uplink.original as usize).copied().unwrap_or(0);
            let kept = self.book.is_kept(number);
            if kept && rows == 0 {
                self.verdict.lost += 1;
                self.verdict.find("lost", format!("uplink {number}: {uplink:?}"));
            } else if kept && uplink.kind.is_readable() && first == 0 {
                self.verdict.lost += 1;
                let text = format!("uplink {number} has duplicates of nothing: {uplink:?}");
                self.verdict.find("lost", text);
            }
        }
    }

    fn count_observations(&mut self) -> Result<()> {
        let there: u64 =
            self.store.query_row("select count(*) from observation", [], |row| row.get(0))?;
        let wanted = self.verdict.observations;
        if there != wanted {
            let text = format!("{there} are there, {wanted} were sent");
            self.verdict.find("observations of nothing", text);
        }
        Ok(())
    }

    fn compare_latest(&mut self) -> Result<()> {
        let mut statement = self.store.prepare(
            "select s.site, s.quantity, l.time, l.value from latest l join series s on s.id = l.series",
        )?;
        let mut rows = statement.query([])?;
        let mut wanted = std::mem::take(&mut self.latest);
        while let Some(row) = rows.next()? {
            let (site, quantity): (String, String) = (row.get(0)?, row.get(1)?);
            let (time, value): (i64, f64) = (row.get(2)?, row.get(3)?);
            let quantity = match quantity.as_str() {
                "water_temperature" => "water_temperature",
                "battery_voltage" => "battery_voltage",
                other => bail!("nobody sent {other}"),
            };
            let latest = wanted.remove(&(site.clone(), quantity));
            let right = latest
                .is_some_and(|latest| latest.time == time && (latest.value - value).abs() < 1e-9);
            if !right {
                self.verdict
                    .find("a latest value that is not", format!("{site} {quantity} at {time}"));
            }
        }
        for (series, latest) in wanted {
            let text = format!("{series:?} has none, {} at {} is", latest.value, latest.time);
            self.verdict.find("a latest value that is not", text);
        }
        Ok(())
    }

    /// What the store holds besides: it has to agree with itself.
    fn compare_within(&mut self) -> Result<()> {
        const QUESTIONS: [(&str, &str); 5] = [
            (
                "an observation without its uplink",
                "select count(*) from observation o left join uplink u on u.id = o.uplink
                 where u.id is null or u.outcome <> 0",
            ),
            (
                "an observation that followers are not told of",
                // The list begins with the newest ones; what came after its first is in it.
                "with first (uplink) as (
                     select o.uplink from change c join observation o
                     on o.hour = c.time / 3600000000 and o.series = c.series and o.time = c.time
                     order by c.seq limit 1)
                 select count(*) from
                 (select series, time from observation where uplink > (select uplink from first)
                  except select series, time from change)",
            ),
            (
                "an hour's aggregate that is wrong",
                "select count(*) from (
                     select series, hour, count(*) n, min(value) low, max(value) high
                     from observation where quality <> 2 group by series, hour) o
                 left join hourly h on h.day = o.hour / 24 and h.series = o.series and h.hour = o.hour
                 where o.hour not in (select hour from stale_hour)
                     and (h.count is not o.n or h.min is not o.low or h.max is not o.high)",
            ),
            (
                "a row that its outcome does not lead to",
                "select abs((select count(*) from uplink where outcome <> 0)
                     - (select count(*) from uplink_of_outcome o join uplink u
                        on u.id = o.uplink and u.outcome = o.outcome))",
            ),
            (
                "a device whose uplinks are miscounted",
                "select count(*) from device_state d left join
                 (select device, count(*) as rows from uplink
                  where kind is null and outcome <> 1 group by device) u
                 on u.device = d.device where d.uplinks <> coalesce(u.rows, 0)",
            ),
        ];
        for (sort, question) in QUESTIONS {
            let count: u64 = self.store.query_row(question, [], |row| row.get(0))?;
            if count > 0 {
                self.verdict.find(sort, format!("{count} of them"));
            }
        }
        Ok(())
    }
}

/// The numbers stand in the file and never change meaning, so they are written out again here.
fn outcome_of(code: i64) -> Option<Outcome> {
    const NAMES: [&str; 13] = [
        "stored",
        "duplicate",
        "unknown_device",
        "not_deployed",
        "unknown_profile",
        "codec_error",
        "nothing_measured",
        "encrypted",
        "event",
        "ignored",
        "rejected",
        "too_large",
        "simulated",
    ];
    Outcome::from_name(NAMES.get(usize::try_from(code).ok()?)?)
}
