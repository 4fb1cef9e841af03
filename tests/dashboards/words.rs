//! The words of Flux and PromQL that the boards use. A further one is looked up and added.

/// A function of Flux, and its arguments beside what comes by the pipe.
pub struct Function {
    pub name: &'static str,
    pub is_piped: bool,
    pub needs: &'static [&'static str],
    pub may: &'static [&'static str],
}

const fn piped(
    name: &'static str,
    needs: &'static [&'static str],
    may: &'static [&'static str],
) -> Function {
    Function { name, is_piped: true, needs, may }
}

const fn plain(
    name: &'static str,
    needs: &'static [&'static str],
    may: &'static [&'static str],
) -> Function {
    Function { name, is_piped: false, needs, may }
}

/// <https://docs.influxdata.com/flux/v0/stdlib/>. What a board should always say is wanted here even where
/// Flux has a default.
pub const FUNCTIONS: [Function; 32] = [
    plain("from", &["bucket"], &[]),
    piped("range", &["start"], &["stop"]),
    piped("filter", &["fn"], &[]),
    piped("pivot", &["rowKey", "columnKey", "valueColumn"], &[]),
    piped("group", &[], &["columns"]),
    piped("sort", &["columns"], &["desc"]),
    piped("limit", &["n"], &["offset"]),
    piped("keep", &["columns"], &[]),
    piped("distinct", &["column"], &[]),
    piped("first", &[], &["column"]),
    piped("last", &[], &["column"]),
    piped("count", &[], &["column"]),
    piped("sum", &[], &["column"]),
    piped("mean", &[], &["column"]),
    piped("median", &[], &["column"]),
    piped("difference", &["nonNegative", "columns"], &[]),
    piped("fill", &["column", "usePrevious"], &[]),
    piped("map", &["fn"], &[]),
    piped("reduce", &["identity", "fn"], &[]),
    piped("toFloat", &[], &[]),
    piped("aggregateWindow", &["every", "fn", "createEmpty"], &["column", "timeSrc"]),
    plain("union", &["tables"], &[]),
    plain("array.from", &["rows"], &[]),
    plain("join", &["tables", "on"], &[]),
    plain("float", &["v"], &[]),
    plain("int", &["v"], &[]),
    plain("string", &["v"], &[]),
    plain("now", &[], &[]),
    plain("date.sub", &["d", "from"], &[]),
    plain("date.truncate", &["t", "unit"], &[]),
    plain("timezone.location", &["name"], &[]),
    plain("schema.tagValues", &["bucket", "tag", "predicate", "start"], &[]),
];

/// What `aggregateWindow` takes as its `fn`.
pub const AGGREGATES: [&str; 8] = ["mean", "min", "max", "sum", "count", "first", "last", "median"];

/// Packages by the name that they have in a query.
pub const PACKAGES: [(&str, &str); 4] = [
    ("array", "array"),
    ("date", "date"),
    ("timezone", "timezone"),
    ("schema", "influxdata/influxdb/schema"),
];

/// What Grafana puts in for `v.`.
pub const VALUES: [&str; 4] = ["defaultBucket", "timeRangeStart", "timeRangeStop", "windowPeriod"];

/// <https://prometheus.io/docs/prometheus/latest/querying/functions/>, and aggregations.
pub const PROMETHEUS: [&str; 7] =
    ["abs", "sum", "min", "max", "rate", "increase", "histogram_quantile"];

/// Units by Grafana's ids. What it has none for is a text of its own after the value, `suffix:`.
pub const UNITS: [&str; 12] = [
    "none",
    "percent",
    "celsius",
    "lengthm",
    "litreh",
    "m3",
    "pressurehpa",
    "volt",
    "dBm",
    "dB",
    "s",
    "dateTimeAsIso",
];
