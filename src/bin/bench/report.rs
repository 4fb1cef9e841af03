//! The result: a table for people, JSON for programs, and how it stands against what we aim at.

use anyhow::Result;
use serde::Serialize;

use crate::Options;
use crate::drain::{Cost, Parked};
use crate::flat::Flat;
use crate::latency::Latency;
use crate::profiles::Model;
use crate::stages::Stages;
use crate::watch::Watched;

#[derive(Serialize)]
pub struct Report {
    pub version: &'static str,
    pub uplinks: u64,
    pub devices: u32,
    pub rounds: u32,
    pub parked: Option<Parked>,
    pub listener: Option<Cost>,
    pub http: Option<Cost>,
    pub stages: Option<Stages>,
    pub watched: Vec<Watched>,
    pub latency: Vec<Latency>,
    pub flat: Option<Flat>,
    pub profiles: Vec<Model>,
}

#[derive(Serialize)]
struct Aim {
    what: &'static str,
    measured: f64,
    aim: f64,
    reached: bool,
}

impl Report {
    pub fn new(options: &Options) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            uplinks: options.uplinks,
            devices: options.devices,
            rounds: options.rounds,
            parked: None,
            listener: None,
            http: None,
            stages: None,
            watched: Vec::new(),
            latency: Vec::new(),
            flat: None,
            profiles: Vec::new(),
        }
    }

    pub fn print(&self, json: bool) -> Result<()> {
        if json {
            #[derive(Serialize)]
            struct Whole<'r> {
                #[serde(flatten)]
                report: &'r Report,
                aims: Vec<Aim>,
            }
            let whole = Whole { report: self, aims: self.aims() };
            println!("{}", serde_json::to_string_pretty(&whole)?);
            return Ok(());
        }
        println!(
            "{} uplinks of {} devices, least of {} rounds",
            self.uplinks, self.devices, self.rounds
        );
        self.print_costs();
        self.print_stages();
        self.print_watched();
        self.print_latency();
        if let Some(flat) = &self.flat {
            print_flat(flat);
        }
        self.print_profiles();
        println!("\n{:<44}{:>12}{:>12}", "aim", "measured", "at most");
        for Aim { what, measured, aim, reached } in self.aims() {
            let missed = if reached { "" } else { "  missed" };
            println!("{what:<44}{measured:>12.2}{aim:>12.2}{missed}");
        }
        Ok(())
    }

    fn print_costs(&self) {
        let floor = self.parked.map(|parked| parked.floor_us);
        println!(
            "\n{:<34}{:>10}{:>12}{:>8}{:>12}",
            "CPU an uplink, all included", "µs", "pipeline µs", "ratio", "peak MiB"
        );
        if let Some(floor) = floor {
            println!("{:<34}{floor:>10.1}{:>12}{:>8.2}", "floor: acknowledge only", "", 1.0);
        }
        let ways = [
            ("parked with a broker", self.parked.map(|parked| parked.service)),
            ("embedded listener", self.listener),
            ("HTTP, 100 a request", self.http),
        ];
        for (way, cost) in ways {
            let Some(Cost { uplink_us, pipeline_us, peak_mib }) = cost else { continue };
            let ratio = floor.map_or_else(String::new, |floor| format!("{:.2}", uplink_us / floor));
            println!("{way:<34}{uplink_us:>10.1}{pipeline_us:>12.1}{ratio:>8}{peak_mib:>12.1}");
        }
        if let Some(parked) = self.parked {
            println!("{:<34}{:>10.0} ms", "a start, not in the above", parked.start_ms);
            println!("{:<34}{:>10.0} bytes an uplink", "disk", parked.disk_bytes_an_uplink);
            println!("{:<34}{:>10}", "sent again by the broker", parked.repeated);
        }
    }

    fn print_stages(&self) {
        let Some(stages) = &self.stages else { return };
        println!("\n{:<34}{:>10}{:>8}", "pipeline and store by themselves", "µs", "%");
        for (part, us) in &stages.parts_us {
            println!("{part:<34}{us:>10.2}{:>8.0}", 100.0 * us / stages.whole_us);
        }
        println!("{:<34}{:>10.2}", "whole", stages.whole_us);
    }

    fn print_watched(&self) {
        if self.watched.is_empty() {
            return;
        }
        println!("\n{:<34}{:>10}{:>8}", "pipeline and store by alert rules", "µs", "ratio");
        for Watched { rules, uplink_us, ratio } in &self.watched {
            println!("{rules:<34}{uplink_us:>10.2}{ratio:>8.2}");
        }
    }

    fn print_profiles(&self) {
        if self.profiles.is_empty() {
            return;
        }
        println!("\n{:<34}{:>10}{:>8}{:>12}", "longest example of a model", "µs", "ratio", "bytes");
        for Model { profile, payload_bytes, uplink_us, ratio } in &self.profiles {
            println!("{profile:<34}{uplink_us:>10.1}{ratio:>8.1}{payload_bytes:>12}");
        }
    }

    fn print_latency(&self) {
        if self.latency.is_empty() {
            return;
        }
        println!(
            "\n{:<34}{:>8}{:>8}{:>8}{:>10}{:>14}",
            "publish to visible, ms", "p50", "p99", "most", "CPU µs", "written KiB"
        );
        for Latency { way, rate, p50_ms, p99_ms, max_ms, uplink_us, written_kib } in &self.latency {
            let way = format!("{way}, {rate} a second");
            println!(
                "{way:<34}{p50_ms:>8.1}{p99_ms:>8.1}{max_ms:>8.1}{uplink_us:>10.0}{written_kib:>14.1}"
            );
        }
    }

    fn aims(&self) -> Vec<Aim> {
        let mut aims = Vec::new();
        let mut aim = |what, measured: Option<f64>, aim: f64| {
            if let Some(measured) = measured {
                aims.push(Aim { what, measured, aim, reached: measured <= aim });
            }
        };
        let latency = |value: fn(&Latency) -> f64| self.latency.iter().map(value).reduce(f64::max);
        let flat = self.flat.as_ref();
        let fleets = |value: fn(&crate::flat::OfFleet) -> f64| {
            flat.and_then(|flat| flat.fleets.iter().map(value).reduce(f64::max))
        };
        aim("CPU an uplink, all included, µs", self.parked.map(|p| p.service.uplink_us), 25.0);
        aim("resident, MiB", self.parked.map(|p| p.service.peak_mib), 30.0);
        aim("latency p50, ms", latency(|latency| latency.p50_ms), 10.0);
        aim("latency p99, ms", latency(|latency| latency.p99_ms), 50.0);
        aim("growth with the fleet, in turn", fleets(|fleet| fleet.in_turn_ratio), 1.15);
        aim("growth with the fleet, any order", fleets(|fleet| fleet.any_order_ratio), 1.15);
        aim("growth with the history", flat.map(|flat| flat.history.ratio), 1.15);
        aim("a month of one series, ms", flat.map(|flat| flat.month.median_ms), 5.0);
        aims
    }
}

fn print_flat(flat: &Flat) {
    println!(
        "\n{:<34}{:>10}{:>8}{:>12}{:>8}",
        "pipeline and store by fleet", "in turn µs", "ratio", "any order", "ratio"
    );
    for fleet in &flat.fleets {
        println!(
            "{:<34}{:>10.2}{:>8.2}{:>12.2}{:>8.2}",
            format!("{} devices", fleet.devices),
            fleet.in_turn_us,
            fleet.in_turn_ratio,
            fleet.any_order_us,
            fleet.any_order_ratio
        );
    }
    let history = &flat.history;
    println!("\n{:<34}{:>10}{:>8}", "pipeline and store by history", "µs", "ratio");
    println!("{:<34}{:>10.2}{:>8.2}", "none", history.empty_us, 1.0);
    println!(
        "{:<34}{:>10.2}{:>8.2}",
        format!("{} observations", history.observations),
        history.full_us,
        history.ratio
    );
    println!(
        "{:<34}{:>10.1} GiB, {} devices, filled in {:.0} s",
        "its store", history.gib, history.devices, history.prefill_seconds
    );
    let month = &flat.month;
    println!(
        "\n{:<34}{:>10.2} ms, at most {:.2} ms; by hour {:.2} ms",
        format!("a month of a series ({})", month.observations),
        month.median_ms,
        month.most_ms,
        month.hourly_ms
    );
}
