//! What is sent: every uplink follows from the seed and its number alone, so that nothing of a
//! million of them has to be kept, and the same seed sends the same ones.

use chrono::{DateTime, TimeDelta, Utc};
use clap::ValueEnum;
use stadspuls::model::Outcome;

use crate::random::Random;

/// How uplinks reach the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Way {
    /// Through a broker to which the service subscribes.
    Mosquitto,
    /// Straight to the embedded listener.
    Listener,
    /// By `POST /ingest`.
    Http,
}

impl Way {
    /// The source's name in the service's configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mosquitto => "mosquitto",
            Self::Listener => "listener",
            Self::Http => "http",
        }
    }

    const fn number(self) -> u64 {
        match self {
            Self::Mosquitto => 1,
            Self::Listener => 2,
            Self::Http => 3,
        }
    }
}

/// A queue of its own: uplinks by HTTP go one by one or many in a request, never both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    Mosquitto,
    Listener,
    HttpOne,
    HttpMany,
}

/// What is right or wrong with an uplink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Good,
    /// A water temperature that no probe can measure.
    Impossible,
    /// Without a time of the network server's.
    Untimed,
    Clock1970,
    Clock2472,
    /// One hour ahead.
    ClockAhead,
    UnknownDevice,
    /// A payload cut short by the radio.
    Short,
    /// Its codec never ends.
    Hang,
    /// Without a payload.
    Silent,
    /// A device's status instead of an uplink.
    Status,
    NotJson,
    Truncated,
    Empty,
    Oversize,
    BadBase64,
}

impl Kind {
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Good
            | Self::Impossible
            | Self::Untimed
            | Self::Clock1970
            | Self::Clock2472
            | Self::ClockAhead => Outcome::Stored,
            Self::UnknownDevice => Outcome::UnknownDevice,
            Self::Short | Self::Hang => Outcome::CodecError,
            Self::Silent => Outcome::NothingMeasured,
            Self::Status => Outcome::Event,
            Self::NotJson | Self::Truncated | Self::Empty | Self::BadBase64 => Outcome::Rejected,
            Self::Oversize => Outcome::TooLarge,
        }
    }

    /// Whether the service can tell who it is; else each copy is a row of its own.
    pub const fn is_readable(self) -> bool {
        !matches!(
            self,
            Self::NotJson | Self::Truncated | Self::Empty | Self::BadBase64 | Self::Oversize
        )
    }

    /// Whether its observations get the time of arrival, and whether that is noted as a doubt.
    pub const fn timed_by_arrival(self) -> Option<bool> {
        match self {
            Self::Untimed => Some(false),
            Self::Clock1970 | Self::Clock2472 | Self::ClockAhead => Some(true),
            _ => None,
        }
    }

    /// In thousandths of all uplinks; what is left is good.
    const SHARES: [(Self, u64); 14] = [
        (Self::Impossible, 20),
        (Self::Untimed, 20),
        (Self::Clock1970, 10),
        (Self::Clock2472, 10),
        (Self::ClockAhead, 15),
        (Self::UnknownDevice, 30),
        (Self::Short, 20),
        (Self::Silent, 15),
        (Self::Status, 20),
        (Self::NotJson, 10),
        (Self::Truncated, 15),
        (Self::Empty, 5),
        (Self::Oversize, 5),
        (Self::BadBase64, 15),
    ];

    fn draw(random: &mut Random) -> Self {
        // A codec that hangs costs the time it is given, so there are few.
        if random.between(0_u16..=1999) == 0 {
            return Self::Hang;
        }
        let mut left = random.between(0_u64..=999);
        for (kind, share) in Self::SHARES {
            if left < share {
                return kind;
            }
            left -= share;
        }
        Self::Good
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uplink {
    pub number: u32,
    /// The number of the uplink that this one repeats, or its own.
    pub original: u32,
    pub way: Way,
    pub lane: Lane,
    pub kind: Kind,
    /// Of 42 devices a way: which one.
    pub device: u64,
    /// Identified by session, counter and payload instead of an id.
    pub without_id: bool,
    pub millivolts: u16,
    pub tenths: i16,
}

/// Devices whose clock or network server is wrong.
const CLOCKLESS: u64 = 5;
/// Devices that stand at a site; each way has its own.
pub const DEPLOYED: u64 = 40;
/// Registered with a codec that never ends.
pub const HANGING: u64 = 40;
const UNKNOWN: u64 = 41;

/// How far back in the sequence an uplink is that is sent again under another number.
const COPY_DISTANCE: u32 = 40;

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub uplinks: u32,
    pub ways: Vec<Way>,
    /// What a clock shows that is an hour ahead when the run ends.
    pub ahead: DateTime<Utc>,
}

impl Plan {
    pub fn uplink(&self, number: u32) -> Uplink {
        let (mut uplink, copy_of) = self.draw(number);
        if let Some(original) = copy_of
            && let (first, None) = self.draw(original)
        {
            uplink = Uplink { number, original, ..first };
            // Each copy of what cannot be read is a message of its own.
            if uplink.kind == Kind::Empty {
                uplink.kind = Kind::NotJson;
            }
        }
        uplink
    }

    fn draw(&self, number: u32) -> (Uplink, Option<u32>) {
        let mut random = Random::new(self.seed, u64::from(number) + 1);
        let way = random.pick(&self.ways).unwrap_or(Way::Listener);
        let mut kind = Kind::draw(&mut random);
        let many = random.between(0_u8..=1) == 0;
        if way == Way::Http && kind == Kind::Status {
            kind = Kind::Good;
        }
        let lane = match way {
            Way::Mosquitto => Lane::Mosquitto,
            Way::Listener => Lane::Listener,
            Way::Http if many && kind != Kind::Empty => Lane::HttpMany,
            Way::Http => Lane::HttpOne,
        };
        let device = match kind {
            Kind::Hang => HANGING,
            Kind::UnknownDevice => UNKNOWN,
            kind if kind.timed_by_arrival().is_some() => random.between(0..=CLOCKLESS - 1),
            _ => random.between(CLOCKLESS..=DEPLOYED - 1),
        };
        let tenths = match kind {
            Kind::Impossible => -550,
            // As steady as a lake: what jumps is judged by its history.
            _ => i16::try_from(random.between(170_u16..=199)).unwrap_or(0),
        };
        let uplink = Uplink {
            number,
            original: number,
            way,
            lane,
            kind,
            device,
            without_id: way == Way::Http && kind == Kind::Good && random.between(0_u8..=2) == 0,
            millivolts: random.between(2000_u16..=15_000),
            tenths,
        };
        let distance = random.between(1..=COPY_DISTANCE);
        let is_copy = random.between(0_u8..=99) < 6;
        (uplink, number.checked_sub(distance).filter(|_| is_copy))
    }

    /// When the uplink was measured, as its envelope says; each has a time of its own.
    pub fn time(&self, uplink: &Uplink) -> Option<DateTime<Utc>> {
        let own = TimeDelta::milliseconds(i64::from(uplink.original) * 7_001);
        let year = |seconds| DateTime::from_timestamp(seconds, 0);
        let base = match uplink.kind {
            Kind::Untimed => None,
            Kind::Clock1970 => year(0),
            Kind::Clock2472 => year(15_841_440_000),
            Kind::ClockAhead => Some(self.ahead),
            _ => year(1_735_689_600),
        };
        base.map(|base| base + own)
    }
}

pub fn dev_eui(way: Way, device: u64) -> u64 {
    0x0e7a_11ff_fe00_0000 | way.number() << 16 | device
}

pub fn site(way: Way, device: u64) -> String {
    format!("{}-{device}", way.name())
}
