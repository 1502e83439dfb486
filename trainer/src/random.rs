//! Draws random numbers as a pure function of (seed, purpose, epoch, image id): there is no generator with a
//! state. The order of images, the class drawn for an image, crops and the annotated subset are therefore
//! the same on every machine, with every number of workers and after every restart.

/// Returns the 64-bit FNV-1a hash of `bytes` (with its published offset and prime), which turns names into
/// numbers.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Mixes the bits of `z` so that every bit of the result depends on all of them (splitmix64's finaliser).
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns 64 random bits for one purpose, epoch and image; what does not change from epoch to epoch is drawn
/// with epoch 0. The bits may be used as the stream of [`unit`] and [`normal`]. 0x9e37… is splitmix64's
/// increment, 2^64 divided by the golden ratio.
pub fn draw(seed: u64, purpose: &str, epoch: u64, image_id: &str) -> u64 {
    let key = mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ fnv1a(purpose.as_bytes());
    mix(
        mix(key.wrapping_add(epoch.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            ^ fnv1a(image_id.as_bytes()),
    )
}

/// Returns number `i` of a stream of numbers uniform in [0, 1): the top 53 bits, as many as an f64 holds, of
/// splitmix64's output number `i` from the state `name_hash`. That may be any 64 bits, those of [`draw`] or a
/// name's [`fnv1a`] hash. The Python scripts that made the tests' expected values draw weights in the same way.
pub fn unit(name_hash: u64, i: u64) -> f64 {
    let z = name_hash.wrapping_add((i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (mix(z) >> 11) as f64 / (1u64 << 53) as f64
}

/// Returns number `i` of a stream of standard normal numbers, by Box–Muller from the uniform numbers 2i and
/// 2i + 1 of the same stream.
pub fn normal(stream: u64, i: u64) -> f64 {
    let radius = (-2.0 * (1.0 - unit(stream, 2 * i)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(stream, 2 * i + 1)).cos()
}

/// Returns `items` (indices of images) in a random order that depends only on (seed, purpose, epoch) and the ids
/// that `image_id` gives for them: each item gets a random number by its id, and they are sorted by these.
pub fn shuffled<'a>(
    items: &[usize],
    image_id: impl Fn(usize) -> &'a str,
    seed: u64,
    purpose: &str,
    epoch: u64,
) -> Vec<usize> {
    let mut keyed: Vec<(u64, &str, usize)> = items
        .iter()
        .map(|&item| {
            (
                draw(seed, purpose, epoch, image_id(item)),
                image_id(item),
                item,
            )
        })
        .collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, _, item)| item).collect()
}
