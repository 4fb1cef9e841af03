//! What somebody who has mistyped a name may have meant.

/// Names that are offered at most.
const OFFERED_MAX: usize = 6;

/// What is shorter than this is part of too much.
const PART_BYTES_MIN: usize = 4;

/// As many slips as leaving out part of a name counts for.
const AS_PART: usize = 2;

/// What is wanted, with the known names that are nearest to the one that was written.
#[must_use]
pub fn or_near<'n>(
    wanted: &str,
    written: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> String {
    match near(written, known).as_slice() {
        [] => wanted.to_owned(),
        [one] => format!("{wanted}; did you mean {one}?"),
        [first @ .., last] => format!("{wanted}; did you mean {} or {last}?", first.join(", ")),
    }
}

/// Whether two names differ only in what is written in many ways.
#[must_use]
pub fn is_alike(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// The known names that differ from the one that was written by a slip or two, or hold it, as `elsys/elt-2` holds
/// `elt-2`: the nearest first.
fn near<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let written = folded(written);
    let length = written.chars().count();
    // Of a short name not much is left after two slips.
    let slips_max = (length / 3).clamp(1, 3);
    let is_part = |part: &str, whole: &str| part.len() >= PART_BYTES_MIN && whole.contains(part);
    let far = |name: &'n str| {
        let folded = folded(name);
        let slips = strsim::osa_distance(&written, &folded);
        let holds = is_part(&written, &folded) || is_part(&folded, &written);
        let is_near = slips <= slips_max && slips < length;
        // The last word is what a name is of.
        let rank = (if holds { slips.min(AS_PART) } else { slips }, !folded.ends_with(&written));
        (holds || is_near).then_some((rank, slips, name))
    };
    let mut found: Vec<_> = known.into_iter().filter_map(far).collect();
    found.sort_unstable();
    found.dedup();
    let best = found.first().map_or(0, |&((far, _), ..)| far);
    found.retain(|&((far, _), ..)| far == best);
    found.into_iter().take(OFFERED_MAX).map(|(.., name)| name).collect()
}

/// A name without what is written in many ways: case, and what stands between its words.
pub(super) fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 8] = [
        "air_temperature",
        "water_temperature",
        "soil_temperature",
        "soil_temperature_0",
        "device_temperature",
        "relative_humidity",
        "leak",
        "elsys/elt-2",
    ];

    #[test]
    fn a_mistyped_name_is_met_with_the_nearest_ones() {
        let cases: [(&str, &[&str]); 12] = [
            ("air_temprature", &["air_temperature"]),
            ("Air Temperature", &["air_temperature"]),
            ("airtemperature", &["air_temperature"]),
            ("soil_temprature", &["soil_temperature"]),
            ("leek", &["leak"]),
            ("laek", &["leak"]),
            ("humidity", &["relative_humidity"]),
            (
                "temperature",
                &[
                    "air_temperature",
                    "soil_temperature",
                    "water_temperature",
                    "device_temperature",
                    "soil_temperature_0",
                ],
            ),
            ("elsys/elt2", &["elsys/elt-2"]),
            ("elt-2", &["elsys/elt-2"]),
            ("co2", &[]),
            ("", &[]),
        ];
        for (written, wanted) in cases {
            assert_eq!(near(written, KNOWN), wanted, "{written}");
        }
    }

    #[test]
    fn what_is_wanted_is_said_with_and_without_a_guess() {
        let cases = [
            ("co2", "a quantity"),
            ("leek", "a quantity; did you mean leak?"),
            (
                "temperature",
                "a quantity; did you mean air_temperature, soil_temperature, water_temperature, device_temperature or soil_temperature_0?",
            ),
        ];
        for (written, wanted) in cases {
            assert_eq!(or_near("a quantity", written, KNOWN), wanted);
        }
    }
}
