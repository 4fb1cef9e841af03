//! When somebody is to be told: rules, what they find, and how alerts come and go.

mod cause;
mod condition;
mod file;
mod life;
mod rule;
mod staff;
mod words;

pub use cause::{LastHeard, causes};
pub use condition::{READINGS_MAX, Reading};
pub use file::{BATTERY_LEVEL, default_rules, read_rules};
pub use life::{Finding, Step, Timing, due, elapse, observe};
pub use rule::{
    AlertRule, BuiltIn, Condition, Hours, NOTICE_EXPIRES, Route, Rules, SiteChoice, Telling,
};
pub use staff::{Listed, Unfit, read_staff_rule};
pub use words::{Language, Words, is_known_placeholder, written};
