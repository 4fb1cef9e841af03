/// A hash to draw from: the same words always give the same numbers, in any order of asking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(u64);

impl Key {
    pub(super) const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// The key of something that a number tells apart: a device, a report, an hour.
    pub(super) const fn with(self, word: u64) -> Self {
        Self(mix(self.0 ^ mix(word)))
    }

    /// As [`Key::with`], for numbers of things before an epoch.
    pub(super) const fn with_signed(self, word: i64) -> Self {
        self.with(word.cast_unsigned())
    }

    /// The key of a named property, so that two properties of one thing are independent.
    pub(super) fn named(self, name: &str) -> Self {
        let fnv_1a = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.with(name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv_1a))
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    /// In 0 ≤ x < 1.
    pub(super) fn unit(self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// In −1 ≤ x < 1.
    pub(super) fn signed(self) -> f64 {
        self.unit().mul_add(2.0, -1.0)
    }

    /// In 0 ≤ x < `count`; `count` is at least 1.
    pub(super) const fn below(self, count: u64) -> u64 {
        self.0 % count
    }

    pub(super) const fn one_in(self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// The text of a version 4 UUID.
    pub(super) fn uuid(self) -> String {
        let (high, low) = (self.with(1).0, self.with(2).0);
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }
}

/// The finaliser of SplitMix64: every bit of the input moves half the bits of the output.
const fn mix(word: u64) -> u64 {
    let z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The nearest whole number; beyond the type's range, the nearest it has.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates, and NaN becomes 0"
)]
pub(super) fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// The nearest value of 0…65535.
pub(super) fn whole_u16(value: f64) -> u16 {
    u16::try_from(whole(value).max(0)).unwrap_or(u16::MAX)
}

/// The nearest value of 0…4294967295.
pub(super) fn whole_u32(value: f64) -> u32 {
    u32::try_from(whole(value).max(0)).unwrap_or(u32::MAX)
}

/// The nearest value of 0…255.
pub(super) fn whole_u8(value: f64) -> u8 {
    u8::try_from(whole(value).max(0)).unwrap_or(u8::MAX)
}

/// The nearest value of −128…127.
pub(super) fn whole_i8(value: f64) -> i8 {
    whole(value).clamp(i8::MIN.into(), i8::MAX.into()).try_into().unwrap_or(0)
}

/// The nearest value of −32768…32767.
pub(super) fn whole_i16(value: f64) -> i16 {
    whole(value).clamp(i16::MIN.into(), i16::MAX.into()).try_into().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_independent_of_the_order_of_asking() {
        let key = Key::new(1);
        let first = key.named("a").bits();
        assert_ne!(first, key.named("b").bits());
        assert_eq!(first, key.named("a").bits());
        assert_eq!(key.with(7).uuid(), key.with(7).uuid());
    }

    #[test]
    fn draws_fill_their_interval() {
        let draws: Vec<f64> = (0..10_000).map(|n| Key::new(3).with(n).unit()).collect();
        let mean = draws.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "mean {mean}");
        assert!(draws.iter().all(|x| (0.0..1.0).contains(x)));
    }

    #[test]
    fn a_uuid_has_the_form_of_version_4() {
        let uuid = Key::new(5).uuid();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }

    #[test]
    fn rounding_stays_within_the_type() {
        assert_eq!(whole_u16(-3.0), 0);
        assert_eq!(whole_u16(1e9), u16::MAX);
        assert_eq!(whole_i16(-193.4), -193);
        assert_eq!(whole_i8(f64::NAN), 0);
    }
}
