//! Which form of a resource a client wants (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// The first of `offered` with the highest weight in `Accept`, none if nothing fits. Without the
/// header everything fits.
pub fn choose<'o>(headers: &HeaderMap, offered: &[&'o str]) -> Option<&'o str> {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<MediaRange<'_>> =
        lines.flat_map(|line| line.split(',')).filter_map(MediaRange::read).collect();
    if !headers.contains_key(header::ACCEPT) {
        return offered.first().copied();
    }
    let mut best = None;
    for &media in offered {
        let weight = weight(&ranges, media);
        if weight > best.map_or(0, |(_, best)| best) {
            best = Some((media, weight));
        }
    }
    best.map(|(media, _)| media)
}

/// Whether `Accept-Language` puts English before Swedish. Who asks for neither gets Swedish.
pub fn prefers_english(headers: &HeaderMap) -> bool {
    let lines =
        headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|line| line.to_str().ok());
    let mut weights = [0, 0];
    for range in lines.flat_map(|line| line.split(',')) {
        let (tag, parameter) = range.split_once(';').unwrap_or((range, ""));
        let weight = match parameter.trim().split_once('=') {
            Some((_, value)) => thousandths(value.trim()).unwrap_or(0),
            None => 1000,
        };
        let primary = tag.trim().split('-').next().unwrap_or_default();
        let [swedish, english] = &mut weights;
        if primary.eq_ignore_ascii_case("en") {
            *english = weight.max(*english);
        } else if primary.eq_ignore_ascii_case("sv") {
            *swedish = weight.max(*swedish);
        }
    }
    let [swedish, english] = weights;
    english > swedish
}

struct MediaRange<'a> {
    main: &'a str,
    sub: &'a str,
    /// Thousandths.
    weight: u16,
}

impl<'a> MediaRange<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';');
        let (main, sub) = parts.next()?.trim().split_once('/')?;
        let weight = parts
            .filter_map(|parameter| parameter.trim().split_once('='))
            .find(|(name, _)| name.eq_ignore_ascii_case("q"))
            .map_or(Some(1000), |(_, value)| thousandths(value))?;
        Some(Self { main, sub, weight })
    }

    /// How closely the range names `media`: 0 is not at all.
    fn precision(&self, media: &str) -> u8 {
        let media = media.split(';').next().unwrap_or(media);
        let (main, sub) = media.split_once('/').unwrap_or((media, ""));
        if self.main.eq_ignore_ascii_case(main) {
            if self.sub.eq_ignore_ascii_case(sub) { 3 } else { 2 * u8::from(self.sub == "*") }
        } else {
            u8::from(self.main == "*" && self.sub == "*")
        }
    }
}

/// The most precise range decides, so that `text/csv;q=0` can exclude what `*/*` includes.
fn weight(ranges: &[MediaRange<'_>], media: &str) -> u16 {
    let fitting = ranges.iter().map(|range| (range.precision(media), range.weight));
    fitting.filter(|(precision, _)| *precision > 0).max().map_or(0, |(_, weight)| weight)
}

/// `0.85` as 850; at most three decimals, at most 1.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u16 = match whole {
        "0" => 0,
        "1" => 1000,
        _ => return None,
    };
    let digits = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    let fraction: u16 = digits.then(|| format!("{fraction:0<3}").parse().ok())??;
    Some(whole + fraction).filter(|weight| *weight <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_media_range_decides() {
        let offered = ["application/json", "application/geo+json", "text/csv; charset=utf-8"];
        let cases = [
            (None, Some("application/json")),
            (Some("*/*"), Some("application/json")),
            (Some("text/csv"), Some("text/csv; charset=utf-8")),
            (Some("TEXT/CSV"), Some("text/csv; charset=utf-8")),
            (Some("text/*"), Some("text/csv; charset=utf-8")),
            (Some("application/geo+json, application/json;q=0.9"), Some("application/geo+json")),
            (Some("application/json;q=0.5, text/csv;q=0.8"), Some("text/csv; charset=utf-8")),
            (Some("application/json;q=0, */*"), Some("application/geo+json")),
            (
                Some("application/json; charset=utf-8; q=0.2, text/csv;q=0.1"),
                Some("application/json"),
            ),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Some("application/json")),
            (Some("text/html"), None),
            (Some("*/*;q=0"), None),
            (Some("application/json;q=2"), None),
            (Some("nonsense"), None),
        ];
        for (accept, chosen) in cases {
            let mut headers = HeaderMap::new();
            headers.extend(accept.map(|accept| (header::ACCEPT, accept.parse().unwrap())));
            assert_eq!(choose(&headers, &offered), chosen, "{accept:?}");
        }
    }

    #[test]
    fn swedish_comes_first_unless_english_is_wanted_more() {
        let cases = [
            (None, false),
            (Some("sv-SE,sv;q=0.9,en;q=0.8"), false),
            (Some("en-GB,en;q=0.9,sv;q=0.8"), true),
            (Some("de,en;q=0.7,sv;q=0.3"), true),
            (Some("fi,de;q=0.5"), false),
            (Some("en;q=0.5, sv;q=0.5"), false),
            (Some("en;q=x"), false),
        ];
        for (languages, english) in cases {
            let mut headers = HeaderMap::new();
            headers.extend(languages.map(|text| (header::ACCEPT_LANGUAGE, text.parse().unwrap())));
            assert_eq!(prefers_english(&headers), english, "{languages:?}");
        }
    }
}
