//! The past is repaired: by a late registration, a correction with a date, another codec.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use chrono::{DateTime, Utc};
use stadspuls::model::{Correction, DevEui, Installation, QuantityName, SiteId};
use stadspuls::pipeline::{Pipeline, Redecoder};
use stadspuls::store::{
    Fleet, HourSpan, Range, RedecodeRun, RedecodeScope, Retention, Rule, StoreError, Tally, Writer,
};

use super::city::{City, at, catalog_and_fleet, pipeline_of, verify_with};
use crate::cli::stadspuls;
use crate::support::{Home, STRANGER, TestApp, Up, WATER, ago, eventually, publish};

const SITE: &str = "gerdsken-kabelbadet";

fn scope(devices: Option<Vec<DevEui>>) -> RedecodeScope {
    RedecodeScope { devices, span: HourSpan::ALL, cause: "a test".to_owned() }
}

fn begin(writer: &mut Writer, scope: &RedecodeScope) -> RedecodeRun {
    let begun: Result<_, StoreError> =
        writer.batch(|batch| batch.begin_redecode(scope, stadspuls::clock::now()));
    begun.unwrap().unwrap()
}

/// Takes steps of `limit` uplinks to the end.
fn decode_again(writer: &mut Writer, pipeline: &mut Pipeline, limit: usize) -> Redecoder {
    let mut redecoder = Redecoder::new(begin(writer, &scope(None)));
    while !redecoder.run.finished {
        step(writer, pipeline, &mut redecoder, limit);
    }
    redecoder
}

fn step(writer: &mut Writer, pipeline: &mut Pipeline, redecoder: &mut Redecoder, limit: usize) {
    let stepped: Result<(), StoreError> =
        writer.batch(|batch| redecoder.step(pipeline, batch, limit, stadspuls::clock::now()));
    stepped.unwrap();
}

fn values(city: &City, quantity: &str) -> Vec<(DateTime<Utc>, f64)> {
    let reader = city.store.reader.clone();
    let range = Range { from: at("2026-07-01T00:00:00Z"), until: at("2026-07-03T00:00:00Z") };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let kept = runtime
        .block_on(reader.observations(SITE.into(), quantity.into(), range, 0, 10_000))
        .unwrap();
    let good = kept.iter().filter(|one| !one.quality.is_bad());
    good.map(|one| (one.time, one.value)).collect()
}

/// A city of a day and a half.
fn city() -> City {
    City::with(at("2026-07-01T00:00:00Z"), at("2026-07-02T12:00:00Z"))
}

fn corrected(fleet: &Fleet, from: DateTime<Utc>, offset: f64) -> Fleet {
    let mut fleet = fleet.clone();
    let quantity = QuantityName::from("water_temperature");
    for deployment in fleet.deployments.iter_mut().filter(|one| *one.site.0 == *SITE) {
        deployment.installations = vec![Installation {
            corrections: vec![Correction { quantity: quantity.clone(), gain: 1.0, offset }],
            ..Installation::unknown(from)
        }];
    }
    fleet
}

#[test]
fn decoding_again_with_nothing_changed_changes_nothing() {
    let mut city = city();
    let before = city.count("select max(seq) from change");
    let City { store, pipeline, .. } = &mut city;
    let done = decode_again(&mut store.writer, pipeline, 500);
    let Tally { uplinks, same, added, changed, removed, now_failing, now_decoded, not_kept } =
        done.run.tally;
    assert!(uplinks > 1000 && same > 3000, "{:?}", done.run.tally);
    assert_eq!([added, changed, removed, now_failing, now_decoded, not_kept], [0; 6]);
    assert_eq!(city.count("select max(seq) from change"), before);
    assert_eq!(city.verify().1, Vec::<String>::new());
}

/// What its series has said of a reading is no difference: its uplink alone cannot say it.
#[test]
fn only_the_probe_on_the_jetty_is_judged_by_its_history() {
    let city = city();
    let of_history = |site: &str| {
        city.count(&format!(
            "select count(*) from observation o join series s on s.id = o.series
             where o.reason in (7, 8, 9) and s.site {site}"
        ))
    };
    // A day and a half, of which the first hours cannot tell.
    assert!(of_history("= 'gerdsken-kabelbadet'") > 100);
    assert_eq!(of_history("<> 'gerdsken-kabelbadet'"), 0);
    let (catalog, fleet) = catalog_and_fleet();
    let decode = Some(pipeline_of(fleet, catalog));
    let (report, lines) =
        verify_with(city.dir.path(), stadspuls::verify::Scope { span: HourSpan::ALL, decode });
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(report.differences.unwrap().total(), 0);
}

/// The readings by which others were judged may be gone: without them those would look good.
#[test]
fn what_was_said_by_readings_that_are_dropped_stays_said() {
    let mut city = city();
    let day = Duration::from_secs(86_400);
    let observations = Some(Rule { keep: day, decision: "KS 2026/123".to_owned() });
    let retention = Retention { observations, ..Retention::default() };
    let now = at("2026-07-03T06:00:00Z");
    while city.store.writer.dispose(&retention, now).unwrap().is_some() {}
    let of_history = "select count(*) from observation where reason in (7, 8, 9)";
    let before = city.count(of_history);
    assert!(before > 50 && city.count("select count(distinct hour) from observation") == 12);
    let City { store, pipeline, .. } = &mut city;
    let done = decode_again(&mut store.writer, pipeline, 500);
    assert_eq!((done.run.tally.added, done.run.tally.changed), (0, 0));
    assert_eq!(city.count(of_history), before);
}

#[test]
fn a_correction_holds_from_its_date_and_can_be_taken_back() {
    let mut city = city();
    let (catalog, fleet) = catalog_and_fleet();
    let noon = at("2026-07-01T12:00:00Z");
    let before = values(&city, "water_temperature");
    assert!(before.len() > 20);

    let mut better = pipeline_of(corrected(&fleet, noon, -0.5), catalog.clone());
    let late = before.iter().filter(|(time, _)| *time >= noon).count();
    let done = decode_again(&mut city.store.writer, &mut better, 333);
    assert_eq!(done.run.tally.changed, u64::try_from(late).unwrap());
    assert_eq!(done.run.tally.added + done.run.tally.removed, 0);
    assert_eq!(done.largest().len(), 10);
    assert!(done.largest().iter().all(|one| (one.was - 0.5 - one.is).abs() < 1e-9));

    let after = values(&city, "water_temperature");
    for ((time, was), (same_time, is)) in before.iter().zip(&after) {
        let offset = if *time >= noon { -0.5 } else { 0.0 };
        assert_eq!(time, same_time);
        assert!((is - (was + offset)).abs() < 1e-9, "{time}: {was}, {is}");
    }
    city.roll_up(at("2026-07-03T00:00:00Z"));
    let decode = Some(pipeline_of(corrected(&fleet, noon, -0.5), catalog.clone()));
    let (report, lines) =
        verify_with(city.dir.path(), stadspuls::verify::Scope { span: HourSpan::ALL, decode });
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(report.differences.unwrap().total(), 0);

    let mut as_before = pipeline_of(fleet, catalog);
    decode_again(&mut city.store.writer, &mut as_before, 333);
    assert_eq!(values(&city, "water_temperature"), before);
}

#[test]
fn what_is_no_longer_made_is_withdrawn_and_never_the_latest() {
    let mut city = city();
    let (catalog, fleet) = catalog_and_fleet();
    let before = values(&city, "water_temperature");
    let mut without = fleet.clone();
    without.deployments.retain(|deployment| *deployment.site.0 != *SITE);

    let mut pipeline = pipeline_of(without, catalog.clone());
    let done = decode_again(&mut city.store.writer, &mut pipeline, 400);
    let ours = city.count(&format!(
        "select count(*) from observation o join series s on s.id = o.series where s.site = '{SITE}'"
    ));
    assert_eq!(done.run.tally.removed, ours.unsigned_abs());
    assert!(done.run.tally.now_failing > 20, "{:?}", done.run.tally);
    assert_eq!(values(&city, "water_temperature"), []);
    let latest = format!(
        "select count(*) from latest l join series s on s.id = l.series where s.site = '{SITE}'"
    );
    assert_eq!(city.count(&latest), 0);
    city.roll_up(at("2026-07-03T00:00:00Z"));
    assert_eq!(city.verify().1, Vec::<String>::new());

    let mut pipeline = pipeline_of(fleet, catalog);
    let done = decode_again(&mut city.store.writer, &mut pipeline, 400);
    assert_eq!(done.run.tally.added, ours.unsigned_abs());
    assert_eq!(values(&city, "water_temperature"), before);
    assert!(city.count(&latest) > 0);
    city.roll_up(at("2026-07-03T00:00:00Z"));
    assert_eq!(city.verify().1, Vec::<String>::new());
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let mut city = city();
    let (catalog, fleet) = catalog_and_fleet();
    let from = at("2026-07-01T00:00:00Z");
    let mut pipeline = pipeline_of(corrected(&fleet, from, 1.0), catalog.clone());
    let mut redecoder = Redecoder::new(begin(&mut city.store.writer, &scope(None)));
    for _ in 0..3 {
        step(&mut city.store.writer, &mut pipeline, &mut redecoder, 100);
    }
    let so_far = redecoder.run.tally;
    assert!(so_far.uplinks > 0 && !redecoder.run.finished);

    let mut city = city.reopen();
    let taken_up = begin(&mut city.store.writer, &scope(None));
    assert_eq!(taken_up.tally, so_far);
    let whole = decode_again(&mut city.store.writer, &mut pipeline, 1000);
    assert!(whole.run.tally.uplinks > so_far.uplinks);
    assert_eq!(city.count("select count(*) from redecode"), 1);
    assert_eq!(city.count("select uplinks from redecode"), whole.run.tally.uplinks.cast_signed());

    // All of it once: decoding again finds nothing left to change.
    let again = decode_again(&mut city.store.writer, &mut pipeline, 1000);
    assert_eq!((again.run.tally.changed, again.run.tally.added), (0, 0));
    assert_eq!(again.run.tally.uplinks, whole.run.tally.uplinks);
}

#[test]
fn a_run_of_some_devices_visits_theirs_alone_whatever_its_steps() {
    let mut city = city();
    let (_, fleet) = catalog_and_fleet();
    let sites: BTreeSet<SiteId> = ["va-01", "va-07", "sno-hemsjo"].map(SiteId::from).into();
    let standing = fleet.deployments.iter().filter(|one| sites.contains(&one.site));
    let devices: Vec<DevEui> = standing.map(|deployment| deployment.dev_eui).collect();
    let numbers: Vec<String> =
        devices.iter().map(|dev_eui| dev_eui.0.cast_signed().to_string()).collect();
    let wanted = city.count(&format!(
        "select count(*) from uplink u join heard h on h.id = u.device
         where h.dev_eui in ({}) and u.kind is null and u.outcome <> 1",
        numbers.join(", ")
    ));
    assert!(devices.len() == 3 && wanted > 100, "{wanted}");
    for limit in [1, 7, 10_000] {
        let City { store, pipeline, .. } = &mut city;
        let run = begin(&mut store.writer, &scope(Some(devices.clone())));
        let mut redecoder = Redecoder::new(run);
        while !redecoder.run.finished {
            step(&mut store.writer, pipeline, &mut redecoder, limit);
        }
        assert_eq!(redecoder.run.tally.uplinks, wanted.unsigned_abs(), "{limit} a step");
    }
}

#[test]
fn a_late_registration_brings_back_what_came_before_it() {
    let home = Home::new();
    home.configure("[listener.inside]\nbind = \"127.0.0.1:0\"\n");
    let app = TestApp::start(&home);
    let ups = [3, 2, 1].map(|hour| {
        let f_cnt = u32::try_from(10 - hour).unwrap();
        Up::water(STRANGER, f_cnt, 180 + i16::try_from(hour).unwrap()).at(ago(60 * hour))
    });
    publish(app.listener("inside"), &ups.map(|up| up.message()));
    app.api.received(3);
    assert_eq!(app.api.outcomes(), ["unknown_device"; 3]);
    app.stop();

    home.add_device(STRANGER, "elsys/elt-2");
    home.add_deployment(STRANGER, "bron", "2020-01-01T00:00:00Z", None);
    let app = TestApp::start(&home);
    app.api.reaches("uplinks_redecoded_total", &[], 3.0);
    assert_eq!(app.api.values("bron", "water_temperature"), [18.3, 18.2, 18.1]);
    assert_eq!(app.latest("bron", "water_temperature"), Some(18.1));
    assert_eq!(app.api.outcomes(), ["stored"; 3]);
    let again = Up::water(STRANGER, 20, 175);
    publish(app.listener("inside"), &[again.message()]);
    app.api.received(1);
    assert_eq!(app.latest("bron", "water_temperature"), Some(17.5));
}

/// By command, while the service runs: first what would change, then the change.
#[test]
fn the_archive_is_decoded_again_by_command_beside_the_service_and_without_it() {
    let home = Home::new();
    let listener = "[listener.inside]\nbind = \"127.0.0.1:0\"\n";
    home.configure(listener);
    let app = TestApp::start(&home);
    let ups = [40, 30, 20].map(|minutes| {
        let f_cnt = u32::try_from(100 - minutes).unwrap();
        Up::water(WATER, f_cnt, 190).at(ago(minutes))
    });
    publish(app.listener("inside"), &ups.map(|up| up.message()));
    app.api.received(3);

    // A codec of their own says that the probe reads half a degree too much.
    let ours = home.path("decoders/elsys");
    fs::create_dir_all(&ours).unwrap();
    for name in ["elt-2.toml", "elsys.js", "vendor.toml"] {
        fs::copy(super::city::root("decoders/elsys").join(name), ours.join(name)).unwrap();
    }
    let profile = fs::read_to_string(ours.join("elt-2.toml")).unwrap();
    let shifted = profile.replacen(
        "quantity = \"water_temperature\"\n",
        "quantity = \"water_temperature\"\noffset = -0.5\n",
        1,
    );
    fs::write(ours.join("elt-2.toml"), shifted).unwrap();
    home.configure(&format!("{listener}[catalog]\npaths = [\"decoders\"]\n"));
    let config = home.config();
    let config = config.to_str().unwrap();

    let rehearsed =
        stadspuls(&["redecode", "--config", config, "--profile", "elsys/elt-2", "--dry-run"]);
    assert_eq!(rehearsed.code, Some(0), "{}", rehearsed.err);
    for words in ["3 uplinks decoded again", "3  observations would be changed", "19 -> 18.5"] {
        assert!(rehearsed.out.contains(words), "{words} in {}", rehearsed.out);
    }
    assert_eq!(app.api.values("badplatsen", "water_temperature"), [19.0; 3]);

    // The service has the catalogue that it was started with, so nothing changes yet.
    let asked = stadspuls(&["redecode", "--config", config, "--device", WATER]);
    assert_eq!(asked.code, Some(0), "{}", asked.err);
    assert!(asked.out.contains("3  observations are the same"), "{}", asked.out);
    app.stop();

    let done = stadspuls(&["redecode", "--config", config, "--site", "badplatsen"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("3  observations were changed"), "{}", done.out);
    let nobody = stadspuls(&["redecode", "--config", config, "--device", STRANGER]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.err.contains("nothing has been heard"), "{}", nobody.err);

    let app = TestApp::start(&home);
    eventually("the values are corrected", || {
        (app.api.values("badplatsen", "water_temperature") == [18.5; 3]).then_some(())
    });
    let verified = stadspuls(&["verify", "--config", config]);
    assert_eq!(verified.code, Some(0), "{}", verified.out);
}
