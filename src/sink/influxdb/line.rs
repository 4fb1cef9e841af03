//! Line protocol, as <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/> has it.

/// Writes points, a line each.
#[derive(Debug, Default)]
pub struct Line {
    text: String,
    has_fields: bool,
}

impl Line {
    #[must_use]
    pub fn of(measurement: &str) -> Self {
        let mut line = Self::default();
        line.escape(measurement, &[',', ' ']);
        line
    }

    /// A tag without a value is none: the protocol has no empty ones.
    #[must_use]
    pub fn tag(mut self, key: &str, value: Option<&str>) -> Self {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.text.push(',');
            self.escape(key, &[',', '=', ' ']);
            self.text.push('=');
            self.escape(value, &[',', '=', ' ']);
            // A backslash at the end would escape what follows.
            if value.ends_with('\\') {
                self.text.push('_');
            }
        }
        self
    }

    /// All fields are floats: a server takes a field for what it was first, and refuses it as anything else.
    /// A value that is not finite cannot be written and is left out.
    #[must_use]
    pub fn field(mut self, key: &str, value: Option<f64>) -> Self {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.text.push(if self.has_fields { ',' } else { ' ' });
            self.escape(key, &[',', '=', ' ']);
            self.text.push('=');
            self.text.push_str(&value.to_string());
            self.has_fields = true;
        }
        self
    }

    /// The line, if a field has been written.
    #[must_use]
    pub fn if_any(self) -> Option<Self> {
        self.has_fields.then_some(self)
    }

    /// The whole line with its time in microseconds; none where no field has been written.
    #[must_use]
    pub fn at(mut self, micros: i64) -> Option<String> {
        self.text.push(' ');
        self.text.push_str(&micros.to_string());
        self.text.push('\n');
        self.has_fields.then_some(self.text)
    }

    fn escape(&mut self, text: &str, special: &[char]) {
        for letter in text.chars() {
            match letter {
                // A line break would begin another point.
                letter if letter.is_control() => self.text.push('_'),
                letter => {
                    if special.contains(&letter) {
                        self.text.push('\\');
                    }
                    self.text.push(letter);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_as_the_protocol_has_it() {
        let line = Line::of("water_temperature")
            .tag("site", Some("playa-mjorn"))
            .tag("none", None)
            .tag("empty", Some(""))
            .field("value", Some(18.25))
            .field("missing", None)
            .field("quality", Some(0.0));
        let want = "water_temperature,site=playa-mjorn value=18.25,quality=0 1700000000000001\n";
        assert_eq!(line.at(1_700_000_000_000_001).as_deref(), Some(want));
    }

    #[test]
    fn nothing_in_a_name_can_end_it() {
        let line =
            Line::of("a b,c").tag("k=1", Some("x y,z=1\nq,w=1 v=2 3\\")).field("f", Some(-1e-7));
        let want = "a\\ b\\,c,k\\=1=x\\ y\\,z\\=1_q\\,w\\=1\\ v\\=2\\ 3\\_ f=-0.0000001 5\n";
        assert_eq!(line.at(5).as_deref(), Some(want));
    }

    #[test]
    fn what_is_no_number_is_no_field() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Line::of("m").field("value", Some(value)).at(0), None);
        }
    }
}
