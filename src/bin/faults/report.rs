//! The result, for people.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::book::Tally;
use crate::check::Verdict;
use crate::plan::Way;
use crate::schedule::Kind;
use crate::service::Notes;

pub struct Report {
    pub seed: u64,
    pub tallies: BTreeMap<Way, Tally>,
    pub faults: BTreeMap<Kind, u32>,
    pub notes: Notes,
    pub verdict: Verdict,
    /// What is wrong beyond the store.
    pub complaints: Vec<String>,
    pub disk: &'static str,
    pub took: Duration,
}

impl Report {
    pub fn is_good(&self) -> bool {
        self.verdict.findings.is_empty()
            && self.complaints.is_empty()
            && self.notes.crashes.is_empty()
    }

    pub fn print(&self) {
        println!(
            "\n{:<26}{:>10}{:>10}{:>14}{:>10}",
            "way", "uplinks", "sent", "acknowledged", "repeated"
        );
        for (way, tally) in &self.tallies {
            println!(
                "{:<26}{:>10}{:>10}{:>14}{:>10}",
                way.name(),
                tally.uplinks,
                tally.sent,
                tally.acknowledged,
                tally.repeated
            );
        }
        println!("\n{:<26}{:>10}", "fault", "times");
        for (kind, times) in &self.faults {
            println!("{:<26}{times:>10}", kind.name());
        }
        println!("\n{:<26}{:>10}", "ledger rows by outcome", self.verdict.row_count());
        for (outcome, rows) in &self.verdict.rows {
            println!("{outcome:<26}{rows:>10}");
        }
        println!("{:<26}{:>10}", "observations", self.verdict.observations);
        let notes = &self.notes;
        println!("\nstore on {}", self.disk);
        println!(
            "{} starts, {} refused by a store that failed; slowest stop {:.1} s; at most {} MiB resident",
            notes.starts,
            notes.refusals,
            notes.slowest_stop.as_secs_f64(),
            notes.rss_peak_kib / 1024
        );
        println!(
            "seed {}: lost {}, doubled {}, in {}",
            self.seed,
            self.verdict.lost,
            self.verdict.doubled,
            humantime::format_duration(Duration::from_secs(self.took.as_secs()))
        );
    }

    pub fn print_findings(&self) {
        for (sort, (count, told)) in &self.verdict.findings {
            eprintln!("\n{sort}: {count}");
            for one in told {
                eprintln!("    {one}");
            }
        }
        for complaint in self.complaints.iter().chain(&self.notes.crashes) {
            eprintln!("\n{complaint}");
        }
    }
}
