//! What a site says of its counter: `[site.direction]` and `[site.lot]`.

use chrono::NaiveTime;
use toml::de::DeValue;

use crate::document::{FromToml, Section};
use crate::model::{Direction, Lot, SiteKind};

/// When fewest cars stand anywhere.
const RESET_AT: NaiveTime = match NaiveTime::from_hms_opt(4, 0, 0) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

/// Reads which direction leads in. A car park has to say so, a visitor counter may.
pub fn read_direction(site: &Section<'_>, kind: Option<SiteKind>) -> Option<Direction> {
    let inwards: Option<Option<Direction>> = site.table("direction", |section| {
        let inwards = section.required("in");
        let is_of_people = matches!(inwards, Some(Direction::A | Direction::B));
        if kind == Some(SiteKind::ParkingLot) && is_of_people {
            section.refuse("in", "ltr or rtl, the directions in which vehicles are counted");
        }
        inwards
    });
    match kind {
        Some(SiteKind::ParkingLot) if inwards.is_none() => {
            site.refuse("direction", "a table [site.direction] for a car park");
        }
        Some(SiteKind::ParkingLot | SiteKind::VisitorCounter) | None => {}
        Some(_) if inwards.is_some() => {
            site.refuse("direction", "no direction but for a visitor counter or a car park");
        }
        Some(_) => {}
    }
    inwards.flatten()
}

/// Reads what a car park has room for, which it has to say.
pub fn read_lot(site: &Section<'_>, kind: Option<SiteKind>) -> Option<Lot> {
    let lot: Option<Option<Lot>> = site.table("lot", |section| {
        let capacity: Option<u32> = section.required("capacity");
        let offset: u32 = section.or("offset", 0);
        let reset_at: NaiveTime = section.or("reset_at", RESET_AT);
        let capacity = capacity?;
        if capacity == 0 {
            section.refuse("capacity", "room for at least 1 car");
        }
        if offset > capacity {
            section.refuse("offset", "no more cars than capacity");
        }
        Some(Lot { capacity, offset, reset_at })
    });
    match kind {
        Some(SiteKind::ParkingLot) if lot.is_none() => {
            site.refuse("lot", "a table [site.lot] for a car park");
        }
        Some(SiteKind::ParkingLot) | None => {}
        Some(_) if lot.is_some() => site.refuse("lot", "no lot but for a car park"),
        Some(_) => {}
    }
    lot.flatten()
}

impl FromToml for Direction {
    fn wanted() -> String {
        format!("one of {}", Self::ALL.map(Self::name).join(", "))
    }

    fn names() -> Vec<&'static str> {
        Self::ALL.map(Self::name).into()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        Self::from_name(value.as_str()?)
    }
}
