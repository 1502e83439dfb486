//! Gives random numbers that are a pure function of (seed, purpose, image id), so that an image never
//! depends on how many others are drawn, in which order or on how many threads. Each image has generators of its own.

/// A stream of random numbers (splitmix64), started from what the numbers are for.
#[derive(Clone, Debug)]
pub(crate) struct Stream(u64);

impl Stream {
    /// The stream of one `purpose` of one image. Equal arguments give equal streams.
    pub(crate) fn new(seed: u64, purpose: &str, image_id: &str) -> Self {
        let mut state = mix(seed);
        for text in [purpose, image_id] {
            // The hash FNV-1a, with its published constants; the length keeps ("ab", "c") apart from ("a", "bc").
            let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ text.len() as u64;
            for byte in text.bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            state = mix(state ^ hash);
        }
        Self(state)
    }

    /// The next 64 bits. The constant is that of splitmix64.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in [0, 1), with 24 random bits, as many as an f32 holds exactly.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in [low, high).
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..n. `n` is at least 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        // The bias of the remainder is below n / 2^64.
        (self.bits() % n as u64) as usize
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// About normal, with mean 0 and variance 1: a scaled sum of four uniform numbers, whose own variance is 4/12. It
    /// needs no function of the system's library and so is the same on every machine.
    pub(crate) fn bell(&mut self) -> f32 {
        let sum = self.unit() + self.unit() + self.unit() + self.unit();
        (sum - 2.0) * 3f32.sqrt()
    }

    /// An index drawn in proportion to `weights`.
    pub(crate) fn weighted(&mut self, weights: &[f32]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f32>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len() - 1
    }
}

/// The finaliser of splitmix64, with its published constants: every input bit affects all output bits.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
