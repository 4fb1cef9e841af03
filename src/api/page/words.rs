//! The page's sentences, numbers and dates in two languages.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use chrono_tz::Europe::Stockholm;

use super::row::same_day;

pub struct Words {
    pub lang: &'static str,
    pub other_lang: &'static str,
    pub other_name: &'static str,
    pub title: &'static str,
    pub lead: &'static str,
    pub no_value: &'static str,
    pub no_places: &'static str,
    pub unchanged: &'static str,
    pub how_title: &'static str,
    pub how: [&'static str; 3],
    pub quality: &'static str,
    pub agency: &'static str,
    pub source: &'static str,
    pub licence: &'static str,
    pub data: &'static str,
    months: [&'static str; 12],
    weekdays: [&'static str; 7],
}

pub const SWEDISH: Words = Words {
    lang: "sv",
    other_lang: "en",
    other_name: "In English",
    title: "Badtemperaturer",
    lead: "Så varmt är vattnet vid våra badplatser, mätt av sensorer i sjöarna.",
    no_value: "Ingen aktuell mätning",
    no_places: "Här finns inga badplatser ännu.",
    unchanged: "oförändrad sedan i går",
    how_title: "Så mäter vi",
    how: [
        "Vid varje badplats hänger en sensor i vattnet. Under säsongen sänder den temperaturen med radio, dag och natt.",
        "Varje värde visas med tiden då det mättes. Ett äldre värde visas med sin ålder, och ett som är för gammalt visas inte alls. Det gör inte heller värden som inte kan komma från vattnet, till exempel när en sensor har hamnat på land.",
        "Mätningen gäller en plats och ett djup. En bit ut, eller en meter ner, kan det vara kallare.",
    ],
    quality: "Temperaturen säger inget om vattnets kvalitet. Om prover och avrådan från bad berättar",
    agency: "Havs- och vattenmyndigheten",
    source: "Källa",
    licence: "Fritt att använda:",
    data: "Öppna data",
    months: [
        "januari",
        "februari",
        "mars",
        "april",
        "maj",
        "juni",
        "juli",
        "augusti",
        "september",
        "oktober",
        "november",
        "december",
    ],
    weekdays: ["måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag"],
};

pub const ENGLISH: Words = Words {
    lang: "en",
    other_lang: "sv",
    other_name: "På svenska",
    title: "Bathing temperatures",
    lead: "How warm the water is at our bathing places, measured by sensors in the lakes.",
    no_value: "No current measurement",
    no_places: "There are no bathing places here yet.",
    unchanged: "unchanged since yesterday",
    how_title: "How we measure",
    how: [
        "At each bathing place a sensor hangs in the water. In season it sends the temperature by radio, day and night.",
        "Each value is shown with the time at which it was measured. An older value is shown with its age, and one that is too old is not shown at all. Nor are values that cannot be the water’s, for example when a sensor has ended up ashore.",
        "A measurement holds for one place and one depth. A little further out, or a metre down, it may be colder.",
    ],
    quality: "The temperature says nothing about the quality of the water. For samples and advice against bathing, see the",
    agency: "Swedish Agency for Marine and Water Management",
    source: "Source",
    licence: "Free to use:",
    data: "Open data",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
};

impl Words {
    fn swedish(&self) -> bool {
        self.lang == "sv"
    }

    /// One decimal, with the language's decimal mark and a true minus sign.
    pub fn number(&self, value: f64) -> String {
        let text = format!("{value:.1}").replace('-', "−");
        if self.swedish() { text.replace('.', ",") } else { text }
    }

    /// What a screen reader says in place of "°C".
    pub fn spoken(&self, number: &str) -> String {
        let number = number.replace('−', "minus ");
        if self.swedish() {
            format!("{number} grader")
        } else {
            format!("{number} degrees Celsius")
        }
    }

    pub fn depth(&self, depth_m: f64) -> String {
        let depth =
            if depth_m.fract() == 0.0 { format!("{depth_m}") } else { self.number(depth_m) };
        if self.swedish() {
            format!("på {depth}\u{a0}m djup")
        } else {
            format!("at {depth}\u{a0}m depth")
        }
    }

    pub fn rising(&self, change: f64) -> String {
        let change = self.number(change);
        if self.swedish() {
            format!("stiger, {change}° på ett dygn")
        } else {
            format!("rising, {change}° in a day")
        }
    }

    pub fn falling(&self, change: f64) -> String {
        let change = self.number(change);
        if self.swedish() {
            format!("faller, {change}° på ett dygn")
        } else {
            format!("falling, {change}° in a day")
        }
    }

    /// The lowest and highest of the day behind the value.
    pub fn range(&self, min: f64, max: f64) -> String {
        let (min, max) = (self.number(min), self.number(max));
        if self.swedish() {
            format!("{min}–{max}° under dygnet")
        } else {
            format!("{min}–{max}° in 24 h")
        }
    }

    pub fn measured_at(&self, time: DateTime<Utc>, now: DateTime<Utc>) -> String {
        let clock = self.clock(time);
        let day =
            (!same_day(time, now)).then(|| self.day(time.with_timezone(&Stockholm).date_naive()));
        match (self.swedish(), day) {
            (true, None) => format!("uppmätt kl.\u{a0}{clock}"),
            (true, Some(day)) => format!("uppmätt {day} kl.\u{a0}{clock}"),
            (false, None) => format!("measured at {clock}"),
            (false, Some(day)) => format!("measured {day} at {clock}"),
        }
    }

    pub fn measured_ago(&self, time: DateTime<Utc>, now: DateTime<Utc>) -> String {
        let minutes = (now - time).num_minutes();
        let (hours, clock) = (minutes / 60, self.clock(time));
        let age = match (self.swedish(), hours) {
            (_, 0) => format!("{minutes}\u{a0}min"),
            (true, _) => format!("{hours}\u{a0}tim"),
            (false, 1) => "1\u{a0}hour".to_owned(),
            (false, _) => format!("{hours}\u{a0}hours"),
        };
        if self.swedish() {
            format!("Uppmätt för {age} sedan, kl.\u{a0}{clock}")
        } else {
            format!("Measured {age} ago, at {clock}")
        }
    }

    /// When measuring begins again.
    pub fn starts(&self, first: NaiveDate) -> String {
        let (month, year) = (self.month(first), first.year());
        if self.swedish() {
            format!("Mätningen startar i {month} {year}")
        } else {
            format!("Measuring starts in {month} {year}")
        }
    }

    pub fn long_date(&self, date: NaiveDate) -> String {
        let weekday = usize::try_from(date.weekday().num_days_from_monday()).ok();
        let weekday = weekday.and_then(|day| self.weekdays.get(day)).copied().unwrap_or_default();
        format!("{weekday} {} {}", self.day(date), date.year())
    }

    fn day(&self, date: NaiveDate) -> String {
        format!("{}\u{a0}{}", date.day(), self.month(date))
    }

    fn month(&self, date: NaiveDate) -> &'static str {
        let index = usize::try_from(date.month0()).ok();
        index.and_then(|month| self.months.get(month)).copied().unwrap_or_default()
    }

    fn clock(&self, time: DateTime<Utc>) -> String {
        let local = time.with_timezone(&Stockholm);
        let mark = if self.swedish() { '.' } else { ':' };
        format!("{:02}{mark}{:02}", local.hour(), local.minute())
    }
}
