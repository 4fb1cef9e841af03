//! The words of the field as plain types: no I/O, no async, no serialisation.

mod alert;
mod counter;
mod dev_eui;
mod device;
mod event;
mod installation;
mod message;
mod observation;
mod outcome;
mod quality;
mod quantity;
mod rating;
mod site;
mod uplink;

pub use alert::{AlertState, RuleId, Severity, Standing, Subject, Wording};
pub use counter::{Direction, Lot};
pub use dev_eui::{BadDevEui, DevEui};
pub use device::{Deployment, Device, ProfileId};
pub use event::{DeviceEvent, EventDetail, battery_status};
pub use installation::{Correction, Installation};
pub use message::{Format, Message, Source};
pub use observation::{Measurement, Observation, Quality, Reason};
pub use outcome::Outcome;
pub use quality::{Jump, QualityRule};
pub use quantity::{Quantity, QuantityKind, QuantityName};
pub use rating::{Backwater, BackwaterCause, Rating, Segment};
pub use site::{Bathing, MonthDay, Position, Publication, Season, Site, SiteId, SiteKind};
pub use uplink::{Radio, Relay, Uplink};
