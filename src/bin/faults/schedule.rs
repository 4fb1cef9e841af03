//! Which fault happens when: all of it follows from the seed.

use std::fmt;

use crate::plan::Way;
use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Kill,
    Terminate,
    Freeze,
    KillBroker,
    Cut,
    Reset,
    Stall,
    HalfOpen,
    Trickle,
    SlowStore,
    FullDisk,
    WriteError,
    Locked,
}

impl Kind {
    pub const ALL: [Self; 13] = [
        Self::Kill,
        Self::Terminate,
        Self::Freeze,
        Self::KillBroker,
        Self::Cut,
        Self::Reset,
        Self::Stall,
        Self::HalfOpen,
        Self::Trickle,
        Self::SlowStore,
        Self::FullDisk,
        Self::WriteError,
        Self::Locked,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9",
            Self::Terminate => "SIGTERM",
            Self::Freeze => "SIGSTOP, SIGCONT",
            Self::KillBroker => "kill -9 of Mosquitto",
            Self::Cut => "network cut",
            Self::Reset => "connections reset",
            Self::Stall => "network stalled",
            Self::HalfOpen => "connections half open",
            Self::Trickle => "network trickles",
            Self::SlowStore => "slow store",
            Self::FullDisk => "full disk",
            Self::WriteError => "write errors",
            Self::Locked => "database locked",
        }
    }

    /// Shortest and longest, in milliseconds.
    fn length(self, random: &mut Random) -> u64 {
        let range = match self {
            Self::Kill | Self::Terminate => 0..=2_500,
            Self::Freeze => 300..=6_000,
            Self::KillBroker => 200..=3_000,
            Self::Cut => 300..=5_000,
            Self::Reset => 50..=1_000,
            // Longer than half the keep-alive of the service's own connection.
            Self::Stall => 1_000..=9_000,
            Self::HalfOpen => 200..=500,
            Self::Trickle => 1_000..=5_000,
            Self::SlowStore | Self::WriteError => 1_000..=6_000,
            // Longer and shorter than the service waits for a lock.
            Self::FullDisk | Self::Locked => 1_000..=8_000,
        };
        random.between(range)
    }
}

/// Which connections bad weather is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// From the service to its broker.
    Source,
    /// From the publishers to the broker, to the listener, or to the API.
    Senders(Way),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at_ms: u64,
    pub kind: Kind,
    pub link: Link,
    pub length_ms: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, length) = (self.at_ms as f64 / 1000.0, self.length_ms as f64 / 1000.0);
        write!(f, "at {at:.1} s for {length:.1} s: {}", self.kind.name())?;
        let is_weather = matches!(
            self.kind,
            Kind::Cut | Kind::Reset | Kind::Stall | Kind::HalfOpen | Kind::Trickle
        );
        match self.link {
            Link::Source if is_weather => f.write_str(", between Mosquitto and the service"),
            Link::Senders(way) if is_weather => {
                write!(f, ", between senders and {}", way.name())
            }
            Link::Source | Link::Senders(_) => Ok(()),
        }
    }
}

/// Faults come in bursts of up to four that overlap. Each kind comes once before any comes twice.
/// Without a length given, a burst takes some six seconds.
pub fn schedule(seed: u64, faults: usize, ways: &[Way], length_ms: Option<u64>) -> Vec<Fault> {
    let mut random = Random::new(seed, u64::MAX);
    let mut links: Vec<Link> = ways.iter().copied().map(Link::Senders).collect();
    if ways.contains(&Way::Mosquitto) {
        links.push(Link::Source);
    }
    let has_broker = ways.contains(&Way::Mosquitto);
    let mut deck = Vec::new();
    let mut schedule = Vec::new();
    let (mut at_ms, mut left) = (1_000, 0);
    while schedule.len() < faults {
        if deck.is_empty() {
            deck = Kind::ALL.into_iter().filter(|k| has_broker || *k != Kind::KillBroker).collect();
            random.shuffle(&mut deck);
        }
        let Some(kind) = deck.pop() else { break };
        if left == 0 {
            at_ms += random.between(2_000_u64..=5_000);
            left = random.between(1_u8..=4);
        } else {
            at_ms += random.between(50_u64..=1_200);
        }
        left -= 1;
        let link = random.pick(&links).unwrap_or(Link::Source);
        schedule.push(Fault { at_ms, kind, link, length_ms: kind.length(&mut random) });
    }
    if let Some(length_ms) = length_ms {
        for fault in &mut schedule {
            fault.at_ms = fault.at_ms * length_ms / at_ms.max(1);
        }
    }
    schedule
}
