//! Random numbers that depend on nothing but a seed and a number: splitmix64, a small public-domain
//! generator.

/// A stream of random numbers.
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    /// Returns the stream of `seed` and `number`, that of a bootstrap replicate or a permutation. Both are mixed,
    /// so that neighbouring numbers have unrelated streams.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        Self(splitmix64(splitmix64(seed).wrapping_add(number)))
    }

    /// Returns the next random number.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }
}

/// What splitmix64 adds to its state at each step: 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Returns what one step of splitmix64 from `state` gives.
pub(crate) fn splitmix64(state: u64) -> u64 {
    mix(state.wrapping_add(GOLDEN))
}

/// Scrambles the bits of a state; shifts and factors are splitmix64's.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
