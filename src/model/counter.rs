use chrono::NaiveTime;

/// A direction as a counter names it. Which one leads in, its site says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From left to right, seen from the device.
    Ltr,
    /// From right to left, seen from the device.
    Rtl,
    A,
    B,
}

impl Direction {
    pub const ALL: [Self; 4] = [Self::Ltr, Self::Rtl, Self::A, Self::B];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
            Self::A => "a",
            Self::B => "b",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.name() == name)
    }

    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Ltr => Self::Rtl,
            Self::Rtl => Self::Ltr,
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A car park whose entrance is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Cars that it has room for.
    pub capacity: u32,
    /// Cars that stand there when the sum begins anew.
    pub offset: u32,
    /// When the sum begins anew each day, in Swedish time.
    pub reset_at: NaiveTime,
}
