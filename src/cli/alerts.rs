mod rules;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Stockholm;
use clap::{Args, Subcommand, ValueEnum};

use super::print_faults;
use crate::clock;
use crate::config::Config;
use crate::document::Faults;
use crate::model::{AlertState, RuleId, Subject};
use crate::store::{Alert, AlertFilter, AlertId, Silence, Store, StoreError, Writer};

/// Shows alerts, takes them on and silences them, beside the running service; tries their channels.
#[derive(Args)]
pub struct Alerts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Alerts that are open or acknowledged, the newest first.
    List(List),
    /// Takes on an open alert: whoever has not been told of it yet will not be.
    Ack(Ack),
    /// Has nobody told of some alerts for a while. They open and are listed all the same.
    Silence(SilenceFor),
    /// The silences that hold or are to come.
    Silences(Of),
    /// Ends a silence before its time.
    Unsilence(Unsilence),
    Rules(rules::List),
    Test(test::Test),
}

#[derive(Args)]
struct Of {
    /// The configuration file; its store is meant.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Args)]
struct List {
    #[command(flatten)]
    of: Of,
    /// Only alerts in this state.
    #[arg(long)]
    state: Option<State>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Print JSON for a program.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Ack {
    #[command(flatten)]
    of: Of,
    /// The number of the alert, as `list` prints it.
    id: i64,
    /// Who takes it on.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What is to be known of it.
    #[arg(long)]
    note: Option<String>,
}

#[derive(Args)]
struct SilenceFor {
    #[command(flatten)]
    of: Of,
    /// For how long, such as 2h or 3d.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    time: Duration,
    /// Only alerts of this rule.
    #[arg(long)]
    rule: Option<String>,
    /// Only alerts about this, as `list` prints it, such as site:savean.
    #[arg(long)]
    subject: Option<String>,
    /// Who decides that.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why they are silenced, for whoever wonders.
    #[arg(long)]
    why: String,
}

#[derive(Args)]
struct Unsilence {
    #[command(flatten)]
    of: Of,
    /// The number of the silence, as `silences` prints it.
    id: i64,
    /// Who ends it.
    #[arg(long, value_name = "NAME")]
    by: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    Pending,
    Open,
    Acknowledged,
    Resolved,
}

impl From<State> for AlertState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Open => Self::Open,
            State::Acknowledged => Self::Acknowledged,
            State::Resolved => Self::Resolved,
        }
    }
}

impl Alerts {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List(list) => list.run(),
            Command::Ack(ack) => ack.run(),
            Command::Silence(silence) => silence.run(),
            Command::Silences(of) => of.run(),
            Command::Unsilence(unsilence) => unsilence.run(),
            Command::Rules(list) => list.run(),
            Command::Test(test) => test.run(),
        }
    }
}

impl Of {
    /// The store beside the service; none where the configuration has faults, which have then been printed.
    fn open(&self) -> anyhow::Result<Option<Writer>> {
        let faults = Faults::default();
        let config = Config::load(&self.config, &faults);
        if faults.is_empty() {
            return Ok(Some(Store::beside(&config.store)?));
        }
        print_faults(&faults.into_vec());
        Ok(None)
    }

    fn run(&self) -> anyhow::Result<ExitCode> {
        let Some(mut writer) = self.open()? else { return Ok(ExitCode::FAILURE) };
        let now = clock::now();
        let silences: Result<Vec<_>, StoreError> = writer.batch(|batch| batch.silences(now));
        let silences = silences?;
        for (id, silence) in &silences {
            let rule = silence.rule.as_ref().map_or("all rules".to_owned(), ToString::to_string);
            let about = silence.subject.as_ref().map_or("anything".to_owned(), ToString::to_string);
            let (from, until) = (local(silence.from), local(silence.until));
            let Silence { who, why, .. } = silence;
            println!("{id}  {rule} about {about}  {from} to {until}  {who}: {why}");
        }
        if silences.is_empty() {
            println!("nothing is silenced");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Some(mut writer) = self.of.open()? else { return Ok(ExitCode::FAILURE) };
        let state = self.state.map(AlertState::from);
        let filter = AlertFilter { state, from: None, limit: self.limit };
        let alerts: Result<Vec<Alert>, StoreError> = writer.batch(|batch| batch.alerts(&filter));
        let alerts = alerts?;
        if self.json {
            let all: Vec<_> = alerts.iter().map(json).collect();
            println!("{}", serde_json::to_string_pretty(&serde_json::json!({ "alerts": all }))?);
            return Ok(ExitCode::SUCCESS);
        }
        for alert in &alerts {
            println!("{}", line(alert));
        }
        if alerts.is_empty() {
            println!("no alerts");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Ack {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Some(mut writer) = self.of.open()? else { return Ok(ExitCode::FAILURE) };
        let (id, now) = (AlertId(self.id), clock::now());
        let acknowledged: Result<_, StoreError> = writer.batch(|batch| {
            let note = self.note.as_deref();
            Ok((batch.acknowledge(id, &self.by, note, now)?, batch.alert(id)?))
        });
        match acknowledged? {
            (Some(alert), _) => println!("{}", line(&alert)),
            (None, Some(alert)) => {
                bail!("alert {} is {} and not open", self.id, alert.state.name())
            }
            (None, None) => bail!("there is no alert {}", self.id),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl SilenceFor {
    fn run(self) -> anyhow::Result<ExitCode> {
        let subject = match self.subject.as_deref().map(|text| (text, Subject::from_text(text))) {
            Some((text, None)) => bail!("{text} is not what an alert is about: see `alerts list`"),
            Some((_, subject)) => subject,
            None => None,
        };
        let Some(mut writer) = self.of.open()? else { return Ok(ExitCode::FAILURE) };
        let now = clock::now();
        let Some(until) =
            TimeDelta::from_std(self.time).ok().and_then(|time| now.checked_add_signed(time))
        else {
            bail!("that is longer than anybody will live");
        };
        let silence = Silence {
            rule: self.rule.as_deref().map(RuleId::from),
            subject,
            from: now,
            until,
            who: self.by,
            why: self.why,
        };
        let id: Result<i64, StoreError> = writer.batch(|batch| batch.silence(&silence));
        println!("silence {} until {}", id?, local(until));
        Ok(ExitCode::SUCCESS)
    }
}

impl Unsilence {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Some(mut writer) = self.of.open()? else { return Ok(ExitCode::FAILURE) };
        let now = clock::now();
        let ended: Result<bool, StoreError> =
            writer.batch(|batch| batch.end_silence(self.id, &self.by, now));
        if !ended? {
            bail!("there is no silence {} that holds or is to come", self.id);
        }
        println!("silence {} has ended", self.id);
        Ok(ExitCode::SUCCESS)
    }
}

/// Number, severity, state, since when, which rule, and what it says.
fn line(alert: &Alert) -> String {
    let at = local(alert.opened_at.unwrap_or(alert.since));
    let by = alert.acknowledged_by.as_ref().map(|who| format!(" by {who}")).unwrap_or_default();
    format!(
        "{:>5}  {:8}  {}{by}  {at}  {} {}  {}",
        alert.id.0,
        alert.severity.name(),
        alert.state.name(),
        alert.rule,
        alert.subject,
        alert.wording.sv
    )
}

fn json(alert: &Alert) -> serde_json::Value {
    serde_json::json!({
        "id": alert.id.0,
        "rule": alert.rule.to_string(),
        "subject": alert.subject.to_string(),
        "severity": alert.severity.name(),
        "state": alert.state.name(),
        "since": alert.since,
        "opened_at": alert.opened_at,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "resolved_at": alert.resolved_at,
        "value": alert.evidence.value,
        "sv": alert.wording.sv,
        "en": alert.wording.en,
    })
}

fn local(time: DateTime<Utc>) -> String {
    time.with_timezone(&Stockholm).format("%Y-%m-%d %H:%M").to_string()
}
