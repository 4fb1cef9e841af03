//! Alert rules: those of the operator's file, those that are built in, and those that staff set up here.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::alerts::{named, read};
use super::{StaffState, answer, instant};
use crate::alert::{Listed, Rules, Unfit, read_staff_rule};
use crate::api::error::Problem;
use crate::api::query::{Name, Params};
use crate::document::Fault;
use crate::model::RuleId;
use crate::store::{Batch, RuleChange, StaffRule, StoreError};

/// Rules that staff may set up. Each is held against every reading of its quantity.
const RULES_MAX: usize = 500;

/// Longest rule, in bytes of JSON.
const RULE_BYTES_MAX: usize = 16 * 1024;

const CONFLICT: &str =
    "A rule of alerts.toml has this id, or it is built in: change the file, or choose another id.";

#[derive(Serialize)]
struct RulesJson {
    rules: Vec<RuleJson>,
}

#[derive(Serialize)]
struct RuleJson {
    id: String,
    /// `file`, `built_in` or `staff`.
    origin: &'static str,
    /// Whether it watches.
    in_force: bool,
    /// With the keys of `alerts.toml`, ready to be changed and sent back.
    rule: Value,
    /// Why it does not watch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ErrorJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<ChangeJson>,
}

/// Who has made a rule of the staff what it is.
#[derive(Serialize)]
struct ChangeJson {
    revision: i64,
    at: String,
    who: String,
    why: String,
}

#[derive(Serialize)]
struct ErrorJson {
    key: String,
    value: String,
    wanted: String,
}

#[derive(Serialize)]
struct RuleDetailJson {
    #[serde(flatten)]
    rule: RuleJson,
    /// All that it has been, the oldest first.
    history: Vec<PastJson>,
}

#[derive(Serialize)]
struct PastJson {
    #[serde(flatten)]
    change: ChangeJson,
    /// None where it was withdrawn.
    rule: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRule {
    rule: Map<String, Value>,
    who: String,
    why: String,
}

impl From<Fault> for ErrorJson {
    fn from(fault: Fault) -> Self {
        Self { key: fault.key, value: fault.value, wanted: fault.wanted }
    }
}

impl From<&StaffRule> for ChangeJson {
    fn from(StaffRule { revision, change }: &StaffRule) -> Self {
        let (who, why) = (change.who.clone(), change.why.clone());
        Self { revision: *revision, at: instant(change.at), who, why }
    }
}

/// `GET /api/v1/staff/alert-rules`: all rules and whether they watch
pub async fn list_rules(
    State(staff): State<StaffState>,
    params: Params,
) -> Result<Response, Problem> {
    params.none()?;
    let set_up = staff.reader.staff_rules().await?;
    let unfit = unfit(&staff, &set_up);
    let mut rules: Vec<RuleJson> = given(&staff.rules);
    rules.extend(set_up.iter().map(|rule| of_staff(rule, &unfit)));
    answer(&RulesJson { rules })
}

/// `GET /api/v1/staff/alert-rules/{id}`: a rule, with all that it has been
pub async fn find_rule(
    State(staff): State<StaffState>,
    Name(id): Name,
    params: Params,
) -> Result<Response, Problem> {
    params.none()?;
    let past = staff.reader.rule_history(RuleId::from(&*id)).await?;
    let unfit = unfit(&staff, past.last());
    // A rule that has been withdrawn is still to be seen with what it was.
    let of_staff = past.last().map(|rule| of_staff(rule, &unfit));
    let rule = given(&staff.rules).into_iter().find(|rule| rule.id == id).or(of_staff);
    let history = past.iter().map(|rule| PastJson { change: rule.into(), rule: body(rule) });
    answer(&RuleDetailJson { rule: rule.ok_or(Problem::NotFound)?, history: history.collect() })
}

/// `PUT /api/v1/staff/alert-rules/{id}` with `{"rule", "who", "why"}`: sets a rule up or changes it
pub async fn put_rule(
    State(staff): State<StaffState>,
    Name(id): Name,
    params: Params,
    body: Bytes,
) -> Result<Response, Problem> {
    params.none()?;
    if body.len() > RULE_BYTES_MAX {
        return Err(Problem::TooLarge("A rule has at most 16 KiB."));
    }
    let wanted = "{\"rule\": {the keys of a [[rule]]}, \"who\": text, \"why\": text}";
    let NewRule { mut rule, who, why } = read(&body, wanted)?;
    if rule.get("id").is_some_and(|given| *given != json!(id)) {
        return Err(Problem::BadBody("rule.id must be the id of the address, or absent.".into()));
    }
    rule.insert("id".to_owned(), json!(id));
    let body = Value::Object(rule).to_string();
    read_staff_rule(&body, &staff.catalog, staff.registry.sites()).map_err(Problem::Unfit)?;
    let id = RuleId::from(&*id);
    if staff.rules.has(&id) {
        return Err(Problem::Conflict(CONFLICT));
    }
    let change = change(id, Some(body), (staff.now)(), &who, &why)?;
    let written = change.clone();
    let revision = staff.writes.ask(move |batch| add(batch, &written)).await?;
    let too_many = Problem::Conflict("There are as many rules of the staff as there may be.");
    answer(&of_staff(&StaffRule { revision: revision.ok_or(too_many)?, change }, &[]))
}

/// `DELETE /api/v1/staff/alert-rules/{id}?who&why`: withdraws a rule; what stands by it is resolved
pub async fn withdraw_rule(
    State(staff): State<StaffState>,
    Name(id): Name,
    params: Params,
) -> Result<Response, Problem> {
    let query = params.only(&["who", "why"])?;
    let (who, why) = (query.text("who")?, query.text("why")?);
    let id = RuleId::from(&*id);
    let mut past = staff.reader.rule_history(id.clone()).await?;
    match past.pop() {
        Some(rule) if rule.holding().is_some() => {}
        _ if staff.rules.has(&id) => return Err(Problem::Conflict(CONFLICT)),
        _ => return Err(Problem::NotFound),
    }
    let change = change(id, None, (staff.now)(), who, why)?;
    let written = change.clone();
    let revision = staff.writes.ask(move |batch| batch.write_rule(&written)).await?;
    answer(&of_staff(&StaffRule { revision, change }, &[]))
}

fn change(
    id: RuleId,
    body: Option<String>,
    at: DateTime<Utc>,
    who: &str,
    why: &str,
) -> Result<RuleChange, Problem> {
    let (who, why) = (named(who, "who")?, named(why, "why")?);
    Ok(RuleChange { id, body, at, who, why })
}

/// None where there are too many.
fn add(batch: &mut Batch<'_>, change: &RuleChange) -> Result<Option<i64>, StoreError> {
    let is_other = |known: &&StaffRule| known.change.id != change.id;
    if batch.staff_rules()?.iter().filter(is_other).count() >= RULES_MAX {
        return Ok(None);
    }
    batch.write_rule(change).map(Some)
}

/// The rules of the staff that do not watch, and why.
fn unfit<'r>(staff: &StaffState, rules: impl IntoIterator<Item = &'r StaffRule>) -> Vec<Unfit> {
    let holding = rules.into_iter().filter_map(StaffRule::holding);
    staff.rules.with(holding, &staff.catalog, staff.registry.sites()).1
}

fn of_staff(rule: &StaffRule, unfit: &[Unfit]) -> RuleJson {
    let unfit = unfit.iter().find(|unfit| unfit.id == rule.change.id);
    RuleJson {
        id: rule.change.id.to_string(),
        origin: "staff",
        in_force: unfit.is_none() && rule.holding().is_some(),
        rule: body(rule).unwrap_or_default(),
        errors: unfit.into_iter().flat_map(|one| one.faults.clone()).map(Into::into).collect(),
        changed: Some(rule.into()),
    }
}

fn body(rule: &StaffRule) -> Option<Value> {
    serde_json::from_str(rule.holding()?.1).ok()
}

/// The rules of the operator's file, and what is built in.
fn given(rules: &Rules) -> Vec<RuleJson> {
    let watching = |Listed { id, origin, rule }: Listed| RuleJson {
        id,
        origin,
        in_force: true,
        rule,
        errors: Vec::new(),
        changed: None,
    };
    rules.listed().into_iter().map(watching).collect()
}
