use std::ops::RangeInclusive;

/// `SplitMix64`: the same numbers on every machine for the same seed.
pub struct Random(u64);

impl Random {
    /// `stream` keeps apart what is drawn for different things from one seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn between<T: Copy + Into<u64> + TryFrom<u64>>(&mut self, range: RangeInclusive<T>) -> T {
        let (start, end): (u64, u64) = ((*range.start()).into(), (*range.end()).into());
        let width = end.saturating_sub(start).saturating_add(1).max(1);
        T::try_from(start + self.next() % width).unwrap_or(*range.start())
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        items.get(self.below(items.len())).copied()
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end as u64).max(1)).unwrap_or(0)
    }
}
