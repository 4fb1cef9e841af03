use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

/// Every metric there is. OpenMetrics adds `_total` to counters and the unit as written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    MessagesArrived,
    UplinksReceived,
    UplinkOutcomes,
    ObservationsStored,
    RetainedDropped,
    SourceConnected,
    SourceConnections,
    SourceErrors,
    SourceSessionsLost,
    SourcePauses,
    ListenerConnections,
    ListenerRefused,
    IntakeDepth,
    IntakeCapacity,
    CommitDuration,
    DecodeDuration,
    BatchSize,
    UplinkLag,
    StoreErrors,
    RollUpDuration,
    RowsDisposed,
    UplinksRedecoded,
    WindowsCrowded,
    AlertsOpened,
    AlertRules,
    SinkLag,
    SinkWaiting,
    SinkPoints,
    SinkRetries,
    SinkDeadLetters,
    SinkHeld,
    NoticesSent,
    NoticeFailures,
    NoticesGivenUp,
    NoticesWaiting,
    NoticesWaitingAge,
}

impl Name {
    pub const ALL: [Self; 36] = [
        Self::MessagesArrived,
        Self::UplinksReceived,
        Self::UplinkOutcomes,
        Self::ObservationsStored,
        Self::RetainedDropped,
        Self::SourceConnected,
        Self::SourceConnections,
        Self::SourceErrors,
        Self::SourceSessionsLost,
        Self::SourcePauses,
        Self::ListenerConnections,
        Self::ListenerRefused,
        Self::IntakeDepth,
        Self::IntakeCapacity,
        Self::CommitDuration,
        Self::DecodeDuration,
        Self::BatchSize,
        Self::UplinkLag,
        Self::StoreErrors,
        Self::RollUpDuration,
        Self::RowsDisposed,
        Self::UplinksRedecoded,
        Self::WindowsCrowded,
        Self::AlertsOpened,
        Self::AlertRules,
        Self::SinkLag,
        Self::SinkWaiting,
        Self::SinkPoints,
        Self::SinkRetries,
        Self::SinkDeadLetters,
        Self::SinkHeld,
        Self::NoticesSent,
        Self::NoticeFailures,
        Self::NoticesGivenUp,
        Self::NoticesWaiting,
        Self::NoticesWaitingAge,
    ];

    /// The name without the prefix `stadspuls_`, the unit and `_total`.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::MessagesArrived => "messages_arrived",
            Self::UplinksReceived => "uplinks_received",
            Self::UplinkOutcomes => "uplink_outcomes",
            Self::ObservationsStored => "observations_stored",
            Self::RetainedDropped => "retained_dropped",
            Self::SourceConnected => "source_connected",
            Self::SourceConnections => "source_connections",
            Self::SourceErrors => "source_errors",
            Self::SourceSessionsLost => "source_sessions_lost",
            Self::SourcePauses => "source_pauses",
            Self::ListenerConnections => "listener_connections",
            Self::ListenerRefused => "listener_refused",
            Self::IntakeDepth => "intake_depth",
            Self::IntakeCapacity => "intake_capacity",
            Self::CommitDuration => "commit_duration",
            Self::DecodeDuration => "decode_duration",
            Self::BatchSize => "batch_size",
            Self::UplinkLag => "uplink_lag",
            Self::StoreErrors => "store_errors",
            Self::RollUpDuration => "roll_up_duration",
            Self::RowsDisposed => "rows_disposed",
            Self::UplinksRedecoded => "uplinks_redecoded",
            Self::WindowsCrowded => "windows_crowded",
            Self::AlertsOpened => "alerts_opened",
            Self::AlertRules => "alert_rules",
            Self::SinkLag => "sink_lag",
            Self::SinkWaiting => "sink_waiting",
            Self::SinkPoints => "sink_points",
            Self::SinkRetries => "sink_retries",
            Self::SinkDeadLetters => "sink_dead_letters",
            Self::SinkHeld => "sink_held",
            Self::NoticesSent => "notices_sent",
            Self::NoticeFailures => "notice_failures",
            Self::NoticesGivenUp => "notices_given_up",
            Self::NoticesWaiting => "notices_waiting",
            Self::NoticesWaitingAge => "notices_waiting_age",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::MessagesArrived => "Messages handed over by a source, before the ledger",
            Self::UplinksReceived => "Ledger rows committed; equals the sum of uplink_outcomes",
            Self::UplinkOutcomes => "Ledger rows committed, by outcome",
            Self::ObservationsStored => "Observations committed, new or corrected",
            Self::RetainedDropped => {
                "Retained messages dropped, since a broker repeats them at each subscription"
            }
            Self::SourceConnected => "1 while a source is connected and subscribed",
            Self::SourceConnections => "Connections a source has made",
            Self::SourceErrors => "Failures of a source's connection, by reason",
            Self::SourceSessionsLost => {
                "Connections on which the broker had forgotten the session, so that messages may be missing"
            }
            Self::SourcePauses => "Times a source disconnected because the intake stayed full",
            Self::ListenerConnections => "Connections open to the embedded listener",
            Self::ListenerRefused => {
                "Connections and requests the embedded listener refused, by reason"
            }
            Self::IntakeDepth => "Messages waiting for the pipeline",
            Self::IntakeCapacity => {
                "Messages that may wait for the pipeline before sources stop reading"
            }
            Self::CommitDuration => "Time to commit a batch",
            Self::DecodeDuration => "Time a codec took for an uplink",
            Self::BatchSize => "Messages in a committed batch",
            Self::UplinkLag => "Age of an uplink at arrival, by the network server's clock",
            Self::StoreErrors => {
                "Failures of the store, by reason; while they last nothing is acknowledged"
            }
            Self::RollUpDuration => "Time to bring one hour's aggregates up to date",
            Self::RowsDisposed => {
                "Rows dropped by retention, by kind; of kind raw the message goes and the row stays"
            }
            Self::UplinksRedecoded => "Uplinks of the archive that were decoded again",
            Self::WindowsCrowded => {
                "Times nothing was derived where a window holds more readings than are read"
            }
            Self::AlertsOpened => "Alerts that have opened, by severity",
            Self::AlertRules => "Alert rules, by where they come from; unfit ones watch nothing",
            Self::SinkLag => "Time since a sink last had everything",
            Self::SinkWaiting => "What a sink has not been told yet, by kind",
            Self::SinkPoints => "Points that a sink has accepted",
            Self::SinkRetries => "Requests to a sink that have to be made again, by reason",
            Self::SinkDeadLetters => "What a sink has refused and nobody has dealt with",
            Self::SinkHeld => "1 while a sink is held until somebody changes something",
            Self::NoticesSent => "Notices of alerts that a channel has delivered",
            Self::NoticeFailures => "Attempts of a channel to deliver that have failed, by reason",
            Self::NoticesGivenUp => "Notices of alerts that a channel will not deliver any more",
            Self::NoticesWaiting => "Notices of alerts that a channel should have delivered by now",
            Self::NoticesWaitingAge => {
                "For how long the oldest waiting notice of a channel has been due"
            }
        }
    }

    const fn unit(self) -> Option<Unit> {
        match self {
            Self::CommitDuration
            | Self::DecodeDuration
            | Self::UplinkLag
            | Self::RollUpDuration
            | Self::SinkLag
            | Self::NoticesWaitingAge => Some(Unit::Seconds),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabel {
    pub source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    pub source: String,
    pub outcome: &'static str,
}

/// `reason` is one of a few fixed words, never a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    pub source: String,
    pub reason: &'static str,
}

/// A failure of the whole process, by one of a few fixed words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CauseLabel {
    pub reason: &'static str,
}

/// `kind` is `raw`, `observations`, `hourly` or `seen`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabel {
    pub kind: &'static str,
}

/// `severity` is `info`, `warning` or `critical`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AlertLabel {
    pub severity: &'static str,
}

/// `origin` is `file`, `staff` or `unfit`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OriginLabel {
    pub origin: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SinkLabel {
    pub sink: &'static str,
}

/// `kind` is `changes` or `uplinks`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WaitingLabel {
    pub sink: &'static str,
    pub kind: &'static str,
}

/// `reason` is one of a few fixed words, never a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RetryLabel {
    pub sink: &'static str,
    pub reason: &'static str,
}

/// A channel by its name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ChannelLabel {
    pub channel: String,
}

/// `reason` is one of a few fixed words, never a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FailureLabel {
    pub channel: String,
    pub reason: &'static str,
}

/// All metrics of the process. Passed to those who count; there is no global.
pub struct Metrics {
    registry: Registry,
    pub messages_arrived: Family<SourceLabel, Counter>,
    pub uplinks_received: Family<SourceLabel, Counter>,
    pub uplink_outcomes: Family<OutcomeLabel, Counter>,
    pub observations_stored: Counter,
    pub retained_dropped: Family<SourceLabel, Counter>,
    pub source_connected: Family<SourceLabel, Gauge>,
    pub source_connections: Family<SourceLabel, Counter>,
    pub source_errors: Family<ReasonLabel, Counter>,
    pub source_sessions_lost: Family<SourceLabel, Counter>,
    pub source_pauses: Family<SourceLabel, Counter>,
    pub listener_connections: Family<SourceLabel, Gauge>,
    pub listener_refused: Family<ReasonLabel, Counter>,
    pub intake_depth: Gauge,
    pub intake_capacity: Gauge,
    pub commit_duration: Histogram,
    pub decode_duration: Histogram,
    pub batch_size: Histogram,
    pub uplink_lag: Histogram,
    pub store_errors: Family<CauseLabel, Counter>,
    pub roll_up_duration: Histogram,
    pub rows_disposed: Family<KindLabel, Counter>,
    pub uplinks_redecoded: Counter,
    pub windows_crowded: Counter,
    pub alerts_opened: Family<AlertLabel, Counter>,
    pub alert_rules: Family<OriginLabel, Gauge>,
    pub sink_lag: Family<SinkLabel, Gauge>,
    pub sink_waiting: Family<WaitingLabel, Gauge>,
    pub sink_points: Family<SinkLabel, Counter>,
    pub sink_retries: Family<RetryLabel, Counter>,
    pub sink_dead_letters: Family<SinkLabel, Gauge>,
    pub sink_held: Family<SinkLabel, Gauge>,
    pub notices_sent: Family<ChannelLabel, Counter>,
    pub notice_failures: Family<FailureLabel, Counter>,
    pub notices_given_up: Family<ChannelLabel, Counter>,
    pub notices_waiting: Family<ChannelLabel, Gauge>,
    pub notices_waiting_age: Family<ChannelLabel, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("stadspuls");
        let seconds =
            || Histogram::new([1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0]);
        Self {
            messages_arrived: add(&mut registry, Name::MessagesArrived, Family::default()),
            uplinks_received: add(&mut registry, Name::UplinksReceived, Family::default()),
            uplink_outcomes: add(&mut registry, Name::UplinkOutcomes, Family::default()),
            observations_stored: add(&mut registry, Name::ObservationsStored, Counter::default()),
            retained_dropped: add(&mut registry, Name::RetainedDropped, Family::default()),
            source_connected: add(&mut registry, Name::SourceConnected, Family::default()),
            source_connections: add(&mut registry, Name::SourceConnections, Family::default()),
            source_errors: add(&mut registry, Name::SourceErrors, Family::default()),
            source_sessions_lost: add(&mut registry, Name::SourceSessionsLost, Family::default()),
            source_pauses: add(&mut registry, Name::SourcePauses, Family::default()),
            listener_connections: add(&mut registry, Name::ListenerConnections, Family::default()),
            listener_refused: add(&mut registry, Name::ListenerRefused, Family::default()),
            intake_depth: add(&mut registry, Name::IntakeDepth, Gauge::default()),
            intake_capacity: add(&mut registry, Name::IntakeCapacity, Gauge::default()),
            commit_duration: add(&mut registry, Name::CommitDuration, seconds()),
            decode_duration: add(&mut registry, Name::DecodeDuration, seconds()),
            batch_size: add(
                &mut registry,
                Name::BatchSize,
                Histogram::new([1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]),
            ),
            uplink_lag: add(
                &mut registry,
                Name::UplinkLag,
                Histogram::new([0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0, 86_400.0, 604_800.0]),
            ),
            store_errors: add(&mut registry, Name::StoreErrors, Family::default()),
            roll_up_duration: add(&mut registry, Name::RollUpDuration, seconds()),
            rows_disposed: add(&mut registry, Name::RowsDisposed, Family::default()),
            uplinks_redecoded: add(&mut registry, Name::UplinksRedecoded, Counter::default()),
            windows_crowded: add(&mut registry, Name::WindowsCrowded, Counter::default()),
            alerts_opened: add(&mut registry, Name::AlertsOpened, Family::default()),
            alert_rules: add(&mut registry, Name::AlertRules, Family::default()),
            sink_lag: add(&mut registry, Name::SinkLag, Family::default()),
            sink_waiting: add(&mut registry, Name::SinkWaiting, Family::default()),
            sink_points: add(&mut registry, Name::SinkPoints, Family::default()),
            sink_retries: add(&mut registry, Name::SinkRetries, Family::default()),
            sink_dead_letters: add(&mut registry, Name::SinkDeadLetters, Family::default()),
            sink_held: add(&mut registry, Name::SinkHeld, Family::default()),
            notices_sent: add(&mut registry, Name::NoticesSent, Family::default()),
            notice_failures: add(&mut registry, Name::NoticeFailures, Family::default()),
            notices_given_up: add(&mut registry, Name::NoticesGivenUp, Family::default()),
            notices_waiting: add(&mut registry, Name::NoticesWaiting, Family::default()),
            notices_waiting_age: add(&mut registry, Name::NoticesWaitingAge, Family::default()),
            registry,
        }
    }
}

impl Metrics {
    /// All metrics as OpenMetrics 1.0 text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail, and a scrape that did would show as a missing end mark.
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) | Err(std::fmt::Error) => text,
        }
    }
}

fn add<M: Metric + Clone>(registry: &mut Registry, name: Name, metric: M) -> M {
    match name.unit() {
        Some(unit) => registry.register_with_unit(name.text(), name.help(), unit, metric.clone()),
        None => registry.register(name.text(), name.help(), metric.clone()),
    }
    metric
}
