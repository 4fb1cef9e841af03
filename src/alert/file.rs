//! Reads the operator's `alerts.toml`: `[[rule]]` and `[builtin.<name>]`.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use chrono::{NaiveTime, TimeDelta};
use toml::de::DeValue;

use super::life::Timing;
use super::rule::{AlertRule, BuiltIn, Condition, Hours, Rules, SiteChoice, Telling};
use super::words;
use crate::catalog::Catalog;
use crate::document::{self, Faults, FromToml, Section, or_near};
use crate::model::{Quantity, QuantityName, RuleId, Severity, Site, SiteId, Wording};

const FILE: &str = "alerts.toml";

/// Later than this a reading opens no alert: by then somebody has seen it or it has passed.
const LATE_AFTER: TimeDelta = TimeDelta::hours(2);

/// What is compared with a baseline is of a night, and meters tell of it when the day has begun.
const LATE_AFTER_NIGHT: TimeDelta = TimeDelta::hours(36);

const BASELINE_DAYS: u16 = 14;
const BASELINE_DAYS_MAX: u16 = 60;

/// Longest time that a rule may wait for or look back.
const SPAN_MAX: Duration = Duration::from_secs(31 * 86_400);

const MISSED: u32 = 3;
const FAILURES: u32 = 3;
const GAPS_PERCENT: u32 = 30;
const QUIET_AFTER: Duration = Duration::from_secs(30 * 60);

/// Percent of a full battery at which it is low, and at which it is no longer.
const BATTERY_LOW: (f64, f64) = (15.0, 25.0);

/// The rules where the operator has written none.
#[must_use]
pub fn default_rules() -> Rules {
    let (built_in, rules) = read_built_in(None);
    Rules { rules, of_file: 0, built_in }
}

/// Reads `alerts.toml` of a folder; where there is none the defaults hold. What is wrong is added to
/// `faults` and left out.
#[must_use]
pub fn read_rules(folder: &Path, catalog: &Catalog, sites: &[Site], faults: &Faults) -> Rules {
    let path = folder.join(FILE);
    if !path.exists() {
        return default_rules();
    }
    let rules = document::read(&path, faults, |root| {
        let mut known = BTreeSet::new();
        let read = root.tables("rule", |section| read_rule(section, catalog, sites, &mut known));
        let mut rules: Vec<AlertRule> = read.into_iter().flatten().collect();
        let of_file = rules.len();
        let built_in = root.table("builtin", |table| read_built_in(Some(table)));
        let (built_in, batteries) = built_in.unwrap_or_else(|| read_built_in(None));
        rules.extend(batteries);
        Rules { rules, of_file, built_in }
    });
    rules.unwrap_or_else(default_rules)
}

pub(super) fn read_rule(
    section: &Section<'_>,
    catalog: &Catalog,
    sites: &[Site],
    known: &mut BTreeSet<RuleId>,
) -> Option<AlertRule> {
    let id: Option<RuleId> = section.required("id");
    if let Some(id) = &id
        && (!known.insert(id.clone()) || is_built_in(id))
    {
        section.refuse("id", "an id that no other rule has, nor one that is built in");
    }
    let name: Option<String> = section.required("quantity");
    let quantity = name.and_then(|name| {
        let quantity = catalog.quantity(&QuantityName::from(&*name));
        if quantity.is_none() {
            section.refuse("quantity", &catalog.wanted_quantity(&name));
        }
        quantity
    });
    let condition = read_condition(section);
    let is_of_nights = matches!(condition, Some(Condition::OverBaseline { .. }));
    let late_after = span(section, "late_after");
    // Every key is read before anything is missed, so that no fault makes others.
    let sites = read_choice(section, sites);
    let timing = Timing {
        lasting: span(section, "for").unwrap_or_default(),
        clear_for: span(section, "clear_for").unwrap_or_default(),
    };
    let season = section.optional("season");
    let both = condition.as_ref().zip(quantity);
    let wording = both.map(|(condition, quantity)| default_wording(condition, quantity));
    let telling = read_telling(section, Severity::Warning, wording.unwrap_or_default());
    let (condition, quantity) = (condition?, quantity?);
    refuse_out_of_range(section, quantity, &condition);
    Some(AlertRule {
        id: id?,
        quantity: quantity.name.clone(),
        condition,
        sites,
        timing,
        season,
        late_after: late_after.unwrap_or(if is_of_nights { LATE_AFTER_NIGHT } else { LATE_AFTER }),
        telling,
    })
}

/// The keys of which a rule has exactly one.
const CONDITIONS: [&str; 7] =
    ["above", "below", "rises", "falls", "is_on", "over_baseline", "stale_after"];

fn read_condition(section: &Section<'_>) -> Option<Condition> {
    let above = section.optional("above");
    let below = section.optional("below");
    let clear = section.optional::<f64>("clear");
    let change = |key| {
        section.table(key, |table| {
            let by: Option<f64> = table.required("by");
            if by.is_some_and(|by| by <= 0.0) {
                table.refuse("by", "a number above 0");
            }
            let within: Option<Duration> = table.required("within");
            if within.is_some_and(|within| within.is_zero() || within > SPAN_MAX) {
                table.refuse("within", "a duration of at most 31d");
            }
            Some((by?, within?))
        })
    };
    let (rises, falls) = (change("rises").flatten(), change("falls").flatten());
    let is_on = section.optional::<bool>("is_on");
    let baseline = section.table("over_baseline", read_baseline).flatten();
    let stale = section.optional::<Duration>("stale_after");
    if stale.is_some_and(|after| after.is_zero() || after > SPAN_MAX) {
        section.refuse("stale_after", "a duration of at most 31d");
    }
    let all = [
        above.map(|limit| Condition::Above { limit, clear: clear.unwrap_or(limit) }),
        below.map(|limit| Condition::Below { limit, clear: clear.unwrap_or(limit) }),
        rises.map(|(by, within)| Condition::Rises { by, within }),
        falls.map(|(by, within)| Condition::Falls { by, within }),
        is_on.and_then(|is_on| is_on.then_some(Condition::IsOn)),
        baseline,
        stale.map(|after| Condition::Stale { after }),
    ];
    let condition = all.into_iter().flatten().next();
    // A value that cannot be read has its own fault, and is a condition all the same.
    let given = CONDITIONS.iter().filter(|key| section.is_table(key).is_some()).count();
    if given != 1 || is_on == Some(false) {
        section.refuse(
            "id",
            "a rule with exactly one of above, below, rises, falls, is_on = true, over_baseline, stale_after",
        );
    }
    match condition {
        Some(Condition::Above { limit, clear }) if clear > limit => {
            section.refuse("clear", "at most above");
        }
        Some(Condition::Below { limit, clear }) if clear < limit => {
            section.refuse("clear", "at least below");
        }
        Some(Condition::Above { .. } | Condition::Below { .. }) => {}
        _ if clear.is_some() => section.refuse("clear", "no clear but with above or below"),
        _ => {}
    }
    condition
}

fn read_baseline(table: &Section<'_>) -> Option<Condition> {
    let factor: Option<f64> = table.required("factor");
    if factor.is_some_and(|factor| factor < 1.0) {
        table.refuse("factor", "a number of at least 1");
    }
    let days = table.or("days", BASELINE_DAYS);
    if !(5..=BASELINE_DAYS_MAX).contains(&days) {
        table.refuse("days", "a whole number from 5 to 60");
    }
    Some(Condition::OverBaseline { factor: factor?, margin: table.or("margin", 0.0), days })
}

/// A limit that no reading can ever be beyond is a slip of the pen.
fn refuse_out_of_range(section: &Section<'_>, quantity: &Quantity, condition: &Condition) {
    let wanted = format!("a limit within the range of {}", quantity.name);
    match *condition {
        Condition::Above { limit, .. } if !quantity.in_range(limit) => {
            section.refuse("above", &wanted);
        }
        Condition::Below { limit, .. } if !quantity.in_range(limit) => {
            section.refuse("below", &wanted);
        }
        _ => {}
    }
}

fn read_choice(section: &Section<'_>, sites: &[Site]) -> SiteChoice {
    let choice = SiteChoice {
        ids: section.or("sites", Vec::new()),
        kinds: section.or("kinds", Vec::new()),
        tags: section.or("tags", Vec::new()),
    };
    let is_site = |id: &SiteId| sites.iter().any(|site| site.id == *id);
    if let Some(unknown) = choice.ids.iter().find(|id| !is_site(id)) {
        let wanted = format!("ids of sites, as {unknown} is not");
        let known = sites.iter().map(|site| &*site.id.0);
        section.refuse("sites", &or_near(&wanted, &unknown.0, known));
    }
    let is_tag = |tag: &String| sites.iter().any(|site| site.tags.contains(tag));
    if !choice.tags.iter().all(is_tag) {
        section.refuse("tags", "tags that a site of sites.toml has");
    }
    choice
}

fn read_telling(section: &Section<'_>, severity: Severity, wording: Wording) -> Telling {
    let sv = read_text(section, "sv", wording.sv);
    let en = read_text(section, "en", wording.en);
    let quiet = section.table("quiet", |table| {
        let from: Option<NaiveTime> = table.required("from");
        let until: Option<NaiveTime> = table.required("until");
        if from.is_some() && from == until {
            table.refuse("until", "another time than from");
        }
        Some(Hours { from: from?, until: until? })
    });
    Telling {
        severity: section.or("severity", severity),
        wording: Wording { sv, en },
        runbook: section.optional("runbook"),
        quiet: quiet.flatten(),
    }
}

fn read_text(section: &Section<'_>, key: &str, default: String) -> String {
    let text = section.or(key, default);
    let names = words::placeholders(&text);
    if !names.is_some_and(|names| names.into_iter().all(words::is_known_placeholder)) {
        section.refuse(key, &format!("a text with no placeholders but {}", words::known()));
    }
    text
}

fn span(section: &Section<'_>, key: &str) -> Option<TimeDelta> {
    let given: Duration = section.optional(key)?;
    if given > SPAN_MAX {
        section.refuse(key, "a duration of at most 31d");
    }
    TimeDelta::from_std(given.min(SPAN_MAX)).ok()
}

fn both(sv: &str, en: &str) -> Wording {
    Wording { sv: sv.to_owned(), en: en.to_owned() }
}

fn default_wording(condition: &Condition, quantity: &Quantity) -> Wording {
    match condition {
        Condition::Above { .. } => both(
            "{site}: {quantity} är {value} {unit}, över {limit} {unit}",
            "{site}: {quantity} is {value} {unit}, above {limit} {unit}",
        ),
        Condition::Below { .. } => both(
            "{site}: {quantity} är {value} {unit}, under {limit} {unit}",
            "{site}: {quantity} is {value} {unit}, below {limit} {unit}",
        ),
        Condition::Rises { .. } => both(
            "{site}: {quantity} stiger fort, nu {value} {unit}",
            "{site}: {quantity} rises fast, now {value} {unit}",
        ),
        Condition::Falls { .. } => both(
            "{site}: {quantity} faller fort, nu {value} {unit}",
            "{site}: {quantity} falls fast, now {value} {unit}",
        ),
        Condition::IsOn => Wording {
            sv: format!("{{site}}: {}", quantity.label_sv.to_lowercase()),
            en: format!("{{site}}: {}", quantity.label_en.to_lowercase()),
        },
        Condition::OverBaseline { .. } => both(
            "{site}: {quantity} är {value} {unit}, mycket mer än vanligt",
            "{site}: {quantity} is {value} {unit}, much more than usual",
        ),
        Condition::Stale { .. } => both(
            "{site}: inget värde för {quantity} sedan {since}",
            "{site}: no value of {quantity} since {since}",
        ),
    }
}

/// The rule on how full a battery is, of the sensor's own readings or the network server's status.
pub const BATTERY_LEVEL: &str = "battery-level";
const BATTERY_LOW_ID: &str = "battery-low";

pub(super) fn is_built_in(id: &RuleId) -> bool {
    ["silent", "codec-failing", "clock-skew", "counter-gaps", "source-quiet"].contains(&&*id.0)
        || [BATTERY_LEVEL, BATTERY_LOW_ID].contains(&&*id.0)
}

/// Batteries are watched by rules like any other, which hold everywhere.
fn battery_rules(table: Option<&Section<'_>>) -> Vec<AlertRule> {
    let (low, fresh) = BATTERY_LOW;
    let read = |section: &Section<'_>| {
        let is_off = section.or("off", false);
        let limit = section.or("below", low);
        let clear = section.or("clear", fresh.max(limit));
        if clear < limit {
            section.refuse("clear", "at least below");
        }
        let telling = read_telling(
            section,
            Severity::Info,
            both(
                "{site}: batteriet är snart slut ({value} {unit})",
                "{site}: the battery is nearly empty ({value} {unit})",
            ),
        );
        (!is_off).then_some((limit, clear, telling))
    };
    let Some((limit, clear, telling)) = part(table, "battery_low", read) else {
        return Vec::new();
    };
    let rule = |id: &str, quantity: &str, condition, telling| AlertRule {
        id: RuleId::from(id),
        quantity: QuantityName::from(quantity),
        condition,
        sites: SiteChoice::default(),
        timing: Timing::default(),
        season: None,
        late_after: TimeDelta::days(2),
        telling,
    };
    let flag = Telling {
        wording: both(
            "{site}: sensorn säger att batteriet är snart slut",
            "{site}: the sensor says that its battery is nearly empty",
        ),
        ..telling.clone()
    };
    vec![
        rule(BATTERY_LEVEL, "battery_level", Condition::Below { limit, clear }, telling),
        rule(BATTERY_LOW_ID, "battery_low", Condition::IsOn, flag),
    ]
}

fn read_built_in(table: Option<&Section<'_>>) -> (BuiltIn, Vec<AlertRule>) {
    let counted = |name: &str, key: &str, default: u32, severity, wording: Wording| {
        part(table, name, |section| {
            let is_off = section.or("off", false);
            let count = section.or(key, default);
            if count == 0 || (key == "percent" && count > 100) {
                section.refuse(key, "a whole number above 0");
            }
            let telling = read_telling(section, severity, wording.clone());
            (!is_off).then_some((count.max(1), telling))
        })
    };
    let built_in = BuiltIn {
        silent: counted(
            "silent",
            "missed",
            MISSED,
            Severity::Warning,
            both(
                "{count} sensor(er) har tystnat: {list} {gateway} {source}",
                "{count} sensor(s) silent: {list} {gateway} {source}",
            ),
        ),
        codec_failing: counted(
            "codec_failing",
            "failures",
            FAILURES,
            Severity::Warning,
            both("{device}: meddelandena kan inte avkodas", "{device}: uplinks cannot be decoded"),
        ),
        clock_skew: counted(
            "clock_skew",
            "failures",
            FAILURES,
            Severity::Info,
            both("{device}: klockan går fel", "{device}: its clock is wrong"),
        ),
        counter_gaps: counted(
            "counter_gaps",
            "percent",
            GAPS_PERCENT,
            Severity::Info,
            both(
                "{device}: {value} % av meddelandena når inte fram",
                "{device}: {value} % of its uplinks never arrive",
            ),
        ),
        source_quiet: part(table, "source_quiet", |section| {
            let is_off = section.or("off", false);
            let after = section.or("after", QUIET_AFTER);
            if after.is_zero() || after > SPAN_MAX {
                section.refuse("after", "a duration of at most 31d");
            }
            let wording = both(
                "Inget har kommit från nätservern {source} sedan {since}",
                "Nothing has come from the network server {source} since {since}",
            );
            let telling = read_telling(section, Severity::Critical, wording);
            (!is_off).then_some((after, telling))
        }),
    };
    (built_in, battery_rules(table))
}

/// Reads `[builtin.<name>]`, as if it stood there empty where it does not.
fn part<T>(
    table: Option<&Section<'_>>,
    name: &str,
    read: impl Fn(&Section<'_>) -> Option<T>,
) -> Option<T> {
    let given = table.and_then(|table| table.table(name, &read));
    let empty = || document::parse(Path::new(FILE), "", &Faults::default(), &read).flatten();
    given.unwrap_or_else(empty)
}

impl FromToml for RuleId {
    fn wanted() -> String {
        "an id of lower-case letters, digits and single hyphens".to_owned()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().filter(|text| SiteId::is_valid(text)).map(Self::from)
    }
}

impl FromToml for Severity {
    fn wanted() -> String {
        format!("one of {}", Self::ALL.map(Self::name).join(", "))
    }

    fn names() -> Vec<&'static str> {
        Self::ALL.map(Self::name).into()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        Self::from_name(value.as_str()?)
    }
}
