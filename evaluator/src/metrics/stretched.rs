//! Brings signed maps to 0..=1 by their least and greatest value, as evaluations of weakly supervised localization
//! do (Choe et al. 2020, docs/SPEC.md B). IoU scales the positive part alone, in `overlap`.

/// Returns each value of `map` as its place between the least (0) and the greatest (1). Where all values are
/// equal, all are 0.
pub(crate) fn stretched(map: &[f32]) -> impl Iterator<Item = f64> {
    // Eight running minima and maxima: with a single one, each comparison would wait for the one before.
    let (mut least, mut greatest) = ([f32::INFINITY; 8], [f32::NEG_INFINITY; 8]);
    let (chunks, rest) = map.as_chunks::<8>();
    for chunk in chunks {
        for (i, &value) in chunk.iter().enumerate() {
            least[i] = if value < least[i] { value } else { least[i] };
            greatest[i] = if value > greatest[i] {
                value
            } else {
                greatest[i]
            };
        }
    }
    let least = rest
        .iter()
        .copied()
        .chain(least)
        .fold(f32::INFINITY, f32::min);
    let greatest = rest
        .iter()
        .copied()
        .chain(greatest)
        .fold(f32::NEG_INFINITY, f32::max);
    // In f64 the difference of any two f32 is finite.
    let (least, greatest) = (f64::from(least), f64::from(greatest));
    let range = if greatest > least {
        greatest - least
    } else {
        1.0
    };
    map.iter()
        .map(move |&value| (f64::from(value) - least) / range)
}

#[cfg(test)]
mod tests {
    use super::stretched;

    #[test]
    fn the_least_is_0_and_the_greatest_1() {
        let of = |map: &[f32]| -> Vec<f64> { stretched(map).collect() };
        assert_eq!(of(&[-1.0, 0.0, 3.0]), [0.0, 0.25, 1.0]);
        let extremes = [f32::MAX, f32::MIN, 0.0];
        assert_eq!(of(&extremes), [1.0, 0.0, 0.5]);
        assert_eq!(of(&[-2.0; 3]), [0.0; 3]);
        assert_eq!(of(&[]), [0.0; 0]);
        let long: Vec<f32> = (0..11).map(|i| (i * 7 % 11) as f32).collect();
        let expected: Vec<f64> = long.iter().map(|&value| f64::from(value) / 10.0).collect();
        assert_eq!(of(&long), expected);
    }
}
