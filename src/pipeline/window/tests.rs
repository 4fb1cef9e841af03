mod order;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::catalog::Catalog;
use crate::model::{
    Deployment, DevEui, Device, Direction, Format, Lot, Message, ProfileId, Site, SiteKind, Source,
};
use crate::pipeline::PipelineLimits;
use crate::registry::Registry;
use crate::store::{Fleet, Store, StoreConfig};
use crate::telemetry::Metrics;

const GOOD: Quality = Quality::Good;
const SKEWED: Quality = Quality::Uncertain(Reason::ClockSkew);
const BAD: Quality = Quality::Bad(Reason::OutOfRange);

const SITES: [(&str, SiteKind); 6] = [
    ("va-01", SiteKind::LeakPoint),
    ("entre", SiteKind::VisitorCounter),
    ("parkering", SiteKind::ParkingLot),
    ("snostation", SiteKind::SnowStation),
    ("korg", SiteKind::LitterBin),
    ("badplats", SiteKind::BathingPlace),
];

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn site(id: &str, kind: SiteKind) -> Site {
    let is_lot = kind == SiteKind::ParkingLot;
    let lot = Lot { capacity: 40, offset: 5, reset_at: "04:00:00".parse().unwrap() };
    Site {
        direction: Some(if is_lot { Direction::Rtl } else { Direction::A }),
        lot: is_lot.then_some(lot),
        ..Site::new(id.into(), kind, id)
    }
}

/// A meter that stands at va-01 from one of the times on and until the next.
fn fleet(arrivals: &[&str]) -> Fleet {
    let numbered = || (1..).map(DevEui).zip(arrivals);
    Fleet {
        sites: SITES.map(|(id, kind)| site(id, kind)).into(),
        devices: numbered()
            .map(|(dev_eui, _)| Device {
                dev_eui,
                profile: ProfileId::from("axioma/qalcosonic-w1"),
                name: None,
                variables: BTreeMap::new(),
            })
            .collect(),
        deployments: numbered()
            .map(|(dev_eui, from)| Deployment {
                dev_eui,
                site: "va-01".into(),
                from: at(from),
                until: None,
                installations: Vec::new(),
            })
            .collect(),
    }
}

struct Bench {
    store: Store,
    pipeline: Pipeline,
    _dir: TempDir,
}

/// What is kept: time, value and quality.
type Row = (DateTime<Utc>, f64, Quality);

fn catalog() -> Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    let decoders = || Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders");
    Arc::clone(CATALOG.get_or_init(|| Arc::new(Catalog::load(&[decoders()], &Default::default()))))
}

impl Bench {
    fn new(fleet: Fleet) -> Self {
        Self::limited(fleet, WindowLimit::default())
    }

    fn limited(fleet: Fleet, window: WindowLimit) -> Self {
        let dir = TempDir::new().unwrap();
        let mut store = Store::open(&StoreConfig::in_dir(dir.path())).unwrap();
        let registry = Arc::new(Registry::new(fleet));
        let metrics = Arc::new(Metrics::default());
        let limits = PipelineLimits { window, ..PipelineLimits::default() };
        let pipeline = Pipeline::new(registry, catalog(), limits, metrics);
        let message = Message {
            source: Arc::new(Source { name: "test".to_owned(), format: Format::Auto }),
            topic: "stad".to_owned(),
            body: Bytes::from_static(b"{}"),
            arrived_at: at("2026-03-01T00:00:00Z"),
        };
        let noted: Result<_, StoreError> =
            store.writer.batch(|batch| pipeline.set_aside(batch, &message, "stands for an uplink"));
        noted.unwrap();
        Self { store, pipeline, _dir: dir }
    }

    /// Stores observations one by one, as if each were an uplink's.
    fn take(&mut self, observations: &[Observation], occasion: Occasion) -> usize {
        self.take_frames(observations.chunks(1), occasion)
    }

    /// Stores the observations of each frame at once; returns how many were derived anew.
    fn take_frames<'o>(
        &mut self,
        frames: impl IntoIterator<Item = &'o [Observation]>,
        occasion: Occasion,
    ) -> usize {
        let (pipeline, writer, now) =
            (&self.pipeline, &mut self.store.writer, at("2026-05-01T00:00:00Z"));
        let done: Result<usize, StoreError> = writer.batch(|batch| {
            let mut changed = 0;
            for frame in frames {
                let mut touched = Touched::default();
                for observation in frame {
                    let Observation { site, quantity, time, .. } = observation;
                    pipeline.settle(batch, UplinkId(1), observation, now, &mut touched)?;
                    if occasion == Occasion::Redecoding {
                        touched.note(site, quantity, *time);
                    }
                }
                changed += pipeline.derive_windows(batch, UplinkId(1), &mut touched, occasion)?;
            }
            Ok(changed)
        });
        done.unwrap()
    }

    /// What is kept of a quantity and has not been withdrawn.
    fn rows(&mut self, site: &str, quantity: &str) -> Vec<Row> {
        let range = Range { from: at("2026-03-01T00:00:00Z"), until: at("2026-05-01T00:00:00Z") };
        let kept: Result<_, StoreError> = self.store.writer.batch(|batch| {
            batch.some_observations(&site.into(), &quantity.into(), range, End::Oldest, 100_000)
        });
        let kept = kept.unwrap().into_iter().filter(|one| one.quality != WITHDRAWN);
        kept.map(|one| (one.time, one.value, one.quality)).collect()
    }

    fn values(&mut self, site: &str, quantity: &str) -> Vec<f64> {
        self.rows(site, quantity).into_iter().map(|(_, value, _)| value).collect()
    }

    fn all(&mut self) -> Vec<(&'static str, &'static str, Vec<Row>)> {
        let mut all = Vec::new();
        for (site, _) in SITES {
            for quantity in WINDOW_QUANTITIES {
                all.push((site, quantity, self.rows(site, quantity)));
            }
        }
        all
    }
}

fn observation(site: &str, quantity: &str, time: DateTime<Utc>, value: f64) -> Observation {
    Observation { site: site.into(), quantity: quantity.into(), time, value, quality: GOOD }
}

/// The index of a meter after each hour, which each pass so many litres; the first one is at `from`.
fn indices(from: &str, litres: &[u32]) -> Vec<Observation> {
    let (mut time, mut index) = (at(from), 10_000);
    let mut all = vec![observation("va-01", "water_volume", time, f64::from(index) / 1000.0)];
    for passed in litres {
        time += TimeDelta::hours(1);
        index += passed;
        all.push(observation("va-01", "water_volume", time, f64::from(index) / 1000.0));
    }
    all
}

/// L/h of m³/s.
fn litres(flows: &[f64]) -> Vec<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a few hundred litres")]
    flows.iter().map(|flow| (flow * 3.6e6).round() as i64).collect()
}

#[test]
fn nothing_is_said_of_more_readings_than_are_read() {
    let mut bench = Bench::limited(fleet(&[]), WindowLimit(4));
    let depth = |minutes| {
        let time = at("2026-03-10T12:00:00Z") + TimeDelta::minutes(minutes);
        observation("snostation", "snow_depth", time, 0.4)
    };
    let medians = |bench: &mut Bench| -> Vec<i64> {
        let rows = bench.rows("snostation", "snow_depth_median");
        rows.iter().map(|(time, ..)| (*time - depth(0).time).num_minutes()).collect()
    };
    bench.take(&[0, 10, 20, 30, 100, 110, 120].map(depth), Occasion::Change);
    assert_eq!(medians(&mut bench), [20, 30, 120]);
    assert_eq!(bench.pipeline.metrics.windows_crowded.get(), 0);
    // Late ones, of which the last five of an hour are too many.
    bench.take(&[depth(25)], Occasion::Change);
    assert_eq!(medians(&mut bench), [20, 25, 120]);
    assert!(bench.pipeline.metrics.windows_crowded.get() > 0);
    bench.take_frames([&[105, 115, 130, 140].map(depth)[..]], Occasion::Change);
    assert_eq!(medians(&mut bench), [20, 25, 110, 115]);
}

#[test]
fn a_missing_hour_has_no_flow_and_is_no_pause() {
    let mut bench = Bench::new(fleet(&["2026-03-01T00:00:00Z"]));
    let mut day = indices("2026-03-10T00:00:00Z", &[30; 30]);
    day.remove(12);
    bench.take(&day, Occasion::Change);
    assert_eq!(litres(&bench.values("va-01", "water_flow_hourly")), [30; 28]);
    let flags = bench.rows("va-01", "continuous_flow");
    let first = at("2026-03-10T22:00:00Z");
    assert_eq!(flags.first(), Some(&(first, 1.0, GOOD)), "the twentieth hour that is known");
    assert!(flags.iter().all(|(_, flag, _)| *flag == 1.0));

    // The index that was missing comes late, and is known to be uncertain.
    let late = indices("2026-03-10T00:00:00Z", &[30; 30]).remove(12);
    bench.take(&[Observation { quality: SKEWED, ..late }], Occasion::Change);
    assert_eq!(litres(&bench.values("va-01", "water_flow_hourly")), [30; 30]);
    let flags = bench.rows("va-01", "continuous_flow");
    assert_eq!(flags.first(), Some(&(at("2026-03-10T20:00:00Z"), 1.0, SKEWED)));
}

#[test]
fn a_meter_that_reports_at_odd_minutes_has_hours_of_its_own() {
    let mut bench = Bench::new(fleet(&["2026-03-01T00:00:00Z"]));
    // 40 minutes past, sometimes a few more or less, and once half an hour late.
    let wobble = |one: Observation, number: usize| {
        let minutes = [40, 43, 38, 41][number % 4] + if number == 7 { 12 } else { 0 };
        Observation { time: one.time + TimeDelta::minutes(minutes), ..one }
    };
    let hours: Vec<u32> = (0..30).map(|hour| if hour == 28 { 0 } else { 60 }).collect();
    let readings: Vec<Observation> = indices("2026-03-10T00:00:00Z", &hours)
        .into_iter()
        .enumerate()
        .map(|(number, one)| wobble(one, number))
        .collect();
    bench.take(&readings, Occasion::Change);
    let flows = bench.rows("va-01", "water_flow_hourly");
    assert_eq!(flows.len(), 30);
    // 60 L in 47 to 75 minutes.
    assert!(
        litres(&bench.values("va-01", "water_flow_hourly"))
            .iter()
            .enumerate()
            .all(|(hour, flow)| if hour == 28 { *flow == 0 } else { (47..=78).contains(flow) })
    );
    let flags = bench.values("va-01", "continuous_flow");
    assert_eq!(flags, [vec![1.0; 9], vec![0.0; 2]].concat(), "the 20th to 28th hour, then a pause");
    let nights = bench.rows("va-01", "water_flow_night_min");
    let night = at("2026-03-10T03:41:00Z");
    assert_eq!(
        nights.first().map(|row| row.0),
        Some(night),
        "04:41 in Sweden, the last of the night"
    );

    // In whatever order.
    let mut backwards = Bench::new(fleet(&["2026-03-01T00:00:00Z"]));
    let mut late = readings.clone();
    late.reverse();
    backwards.take(&late, Occasion::Change);
    for quantity in ["water_flow_hourly", "continuous_flow", "water_flow_night_min"] {
        assert_eq!(backwards.rows("va-01", quantity), bench.rows("va-01", quantity), "{quantity}");
    }
}

#[test]
fn what_no_longer_follows_is_withdrawn() {
    let mut bench = Bench::new(fleet(&["2026-03-01T00:00:00Z"]));
    let day = indices("2026-03-10T00:00:00Z", &[30; 30]);
    bench.take(&day, Occasion::Change);
    assert_eq!(bench.rows("va-01", "water_flow_hourly").len(), 30);
    assert_eq!(litres(&bench.values("va-01", "water_flow_night_min")), [30, 30]);
    let withdrawn = Observation { quality: WITHDRAWN, ..day[3].clone() };
    bench.take(&[withdrawn], Occasion::Change);
    assert_eq!(bench.rows("va-01", "water_flow_hourly").len(), 28);
    let nights = bench.rows("va-01", "water_flow_night_min");
    assert_eq!(nights.len(), 1, "the hours to 04:00 and 05:00 of the first night are not known");

    // The site turns out to be no leak point.
    let mut other = fleet(&["2026-03-01T00:00:00Z"]);
    other.sites[0].kind = SiteKind::SoilBed;
    bench.pipeline.registry = Arc::new(Registry::new(other));
    bench.take(&day, Occasion::Redecoding);
    for quantity in ["water_flow_hourly", "water_flow_night_min", "continuous_flow"] {
        assert_eq!(bench.rows("va-01", quantity), [], "{quantity}");
    }
}

#[test]
fn the_index_of_a_swapped_meter_is_no_flow() {
    let mut bench = Bench::new(fleet(&["2026-03-01T00:00:00Z", "2026-03-10T03:20:00Z"]));
    let mut day = indices("2026-03-10T00:00:00Z", &[30; 6]);
    for index in &mut day[4..] {
        index.value += 400.0;
    }
    bench.take(&day, Occasion::Change);
    let times: Vec<_> = bench.rows("va-01", "water_flow_hourly").iter().map(|row| row.0).collect();
    let hours = [1, 2, 3, 5, 6].map(|hour| at("2026-03-10T00:00:00Z") + TimeDelta::hours(hour));
    assert_eq!(times, hours);
}

#[test]
fn a_direction_makes_people_come_and_go() {
    let mut bench = Bench::new(fleet(&[]));
    let time = |minutes| at("2026-03-10T12:00:00Z") + TimeDelta::minutes(minutes);
    // IMBUILDINGS' published frames: totals alone, then totals and counts.
    let both = |minutes, a: [f64; 2], b: [f64; 2]| {
        [
            observation("entre", "people_total_a", time(minutes), a[0]),
            observation("entre", "people_total_b", time(minutes), b[0]),
            observation("entre", "people_count_a", time(minutes), a[1]),
            observation("entre", "people_count_b", time(minutes), b[1]),
        ]
    };
    bench.take(&both(0, [1536.0, 0.0], [1508.0, 0.0])[..2], Occasion::Change);
    bench.take(&both(15, [1539.0, 3.0], [1510.0, 2.0]), Occasion::Change);
    assert_eq!(bench.values("entre", "people_count_in"), [3.0]);
    assert_eq!(bench.values("entre", "people_count_out"), [2.0]);
    // An uplink is lost; the totals know of it.
    bench.take(&both(45, [1550.0, 4.0], [1511.0, 1.0]), Occasion::Change);
    assert_eq!(bench.values("entre", "people_count_in"), [3.0, 11.0]);
    assert_eq!(bench.values("entre", "people_count_out"), [2.0, 1.0]);
    // It was only late.
    bench.take(&both(30, [1546.0, 7.0], [1510.0, 0.0]), Occasion::Change);
    assert_eq!(bench.values("entre", "people_count_in"), [3.0, 7.0, 4.0]);

    let mut turned = fleet(&[]);
    turned.sites[1].direction = Some(Direction::B);
    bench.pipeline.registry = Arc::new(Registry::new(turned));
    bench.take(&both(45, [1550.0, 4.0], [1511.0, 1.0]), Occasion::Redecoding);
    assert_eq!(bench.values("entre", "people_count_out").last(), Some(&4.0));
}

#[test]
fn a_car_park_is_set_right_at_night() {
    let mut bench = Bench::new(fleet(&[]));
    let count = |time: &str, came, left| {
        [
            observation("parkering", "vehicle_count_rtl", at(time), came),
            observation("parkering", "vehicle_count_ltr", at(time), left),
        ]
    };
    for (time, came, left) in [
        ("2026-03-10T07:00:00Z", 12.0, 2.0),
        ("2026-03-10T08:00:00Z", 30.0, 1.0),
        ("2026-03-10T18:00:00Z", 0.0, 41.0),
        // At 04:00 in Sweden exactly, and after it.
        ("2026-03-11T03:00:00Z", 3.0, 0.0),
        ("2026-03-11T03:05:00Z", 4.0, 0.0),
    ] {
        bench.take(&count(time, came, left), Occasion::Change);
    }
    assert_eq!(bench.values("parkering", "occupied_spaces"), [15.0, 40.0, 3.0, 5.0, 9.0]);
}

#[test]
fn medians_stand_beside_what_they_are_of() {
    let mut bench = Bench::new(fleet(&[]));
    let time = |minutes| at("2026-03-10T12:00:00Z") + TimeDelta::minutes(minutes);
    let depths = [(0, 0.40), (20, 0.42), (40, 0.5), (60, 0.41), (80, 0.43), (300, 0.5)];
    for (minutes, depth) in depths {
        let depth = observation("snostation", "snow_depth", time(minutes), depth);
        bench.take(&[depth], Occasion::Change);
    }
    let medians = bench.rows("snostation", "snow_depth_median");
    let wanted = [(40, 0.42), (60, 0.415), (80, 0.425)];
    assert_eq!(medians, wanted.map(|(minutes, median)| (time(minutes), median, GOOD)));
    for (hours, level) in [(0, 30.0), (6, 100.0), (12, 35.0), (18, 40.0), (100, 45.0)] {
        let level = observation("korg", "fill_level", time(60 * hours), level);
        bench.take(&[level], Occasion::Change);
    }
    assert_eq!(bench.values("korg", "fill_level_median"), [35.0, 40.0]);
}

#[test]
fn a_jump_is_of_no_window_once_the_next_reading_has_refuted_it() {
    let mut bench = Bench::new(fleet(&[]));
    let time = |minutes| at("2026-03-10T12:00:00Z") + TimeDelta::minutes(minutes);
    let mut take = |minutes, depth| {
        let depth = observation("snostation", "snow_depth", time(minutes), depth);
        bench.take(&[depth], Occasion::Change);
        bench.rows("snostation", "snow_depth_median")
    };
    let jump = Quality::Uncertain(Reason::Jump);
    take(0, 0.40);
    take(10, 0.41);
    assert_eq!(take(20, 2.1), [(time(20), 0.41, jump)], "it may be one");
    assert_eq!(take(30, 0.42), [(time(30), 0.41, GOOD)], "it was none");
}

#[test]
fn every_window_quantity_is_derived_by_one_rule() {
    let rules = [Rule::Metering, Rule::People, Rule::Parking, Rule::SnowMedian, Rule::FillMedian];
    let mut derived: Vec<_> = rules.iter().flat_map(|rule| rule.outputs()).copied().collect();
    let mut known = WINDOW_QUANTITIES.to_vec();
    derived.sort_unstable();
    known.sort_unstable();
    assert_eq!(derived, known);
    let bench = Bench::new(Fleet::default());
    for name in known {
        assert!(bench.pipeline.codecs.quantity(&name.into()).is_some(), "{name}");
        assert_eq!(Rule::touched(&name.into()), None, "{name}");
    }
}
