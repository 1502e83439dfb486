//! Computes linear axes (a range around the data, round ticks and their labels), and draws a panel's grid
//! lines, frame and tick labels.

use crate::format::minus;

use crate::render::figure::svg::{Anchor, Face, GREY, INK, Paint, SMALL, Svg, TEXT};

/// A range of values with its ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Left or lower end.
    pub low: f64,
    /// Right or upper end.
    pub high: f64,
    /// Where ticks are.
    pub ticks: Vec<f64>,
    /// The label of each tick.
    pub labels: Vec<String>,
}

impl Axis {
    /// An axis around `values`, with a margin of 8 % of their range at each end, at least `least` long, with about
    /// `n_ticks` ticks. It ends at `bounds` (low, high) unless values lie beyond them. Non-finite values are
    /// ignored; without values it begins at 0.
    pub fn around(
        values: impl IntoIterator<Item = f64>,
        least: f64,
        bounds: (f64, f64),
        n_ticks: usize,
    ) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, least);
        }
        let margin = (0.08 * (high - low)).max((least - (high - low)) / 2.0);
        (low, high) = (
            (low - margin).max(bounds.0.min(low)),
            (high + margin).min(bounds.1.max(high)),
        );
        let step = round_step((high - low) / n_ticks as f64, &[1.0, 2.0, 2.5, 5.0]);
        // 1e-9 of a step: rounding must not lose a tick at an end.
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let decimals = (0..6)
            .find(|d| is_whole(step * 10_f64.powi(*d)))
            .unwrap_or(6);
        let ticks: Vec<f64> = (first..=last).map(|k| k as f64 * step).collect();
        let label = |tick: &f64| minus(format!("{:.*}", decimals as usize, tick + 0.0));
        let labels = ticks.iter().map(label).collect();
        Self {
            low,
            high,
            ticks,
            labels,
        }
    }

    /// An axis of names: one tick for each, at 0, 1, 2, …
    pub fn named(names: &[String]) -> Self {
        Self {
            low: -0.5,
            high: names.len() as f64 - 0.5,
            ticks: (0..names.len()).map(|index| index as f64).collect(),
            labels: names.to_vec(),
        }
    }

    /// An axis of whole numbers from `low` to `high`, with half a unit beyond each and at most about
    /// `n_ticks` ticks.
    pub fn whole(low: i32, high: i32, n_ticks: usize) -> Self {
        let (low, high) = (i64::from(low), i64::from(high));
        let least = (high - low) as f64 / n_ticks as f64;
        let step = round_step(least, &[1.0, 2.0, 5.0]).max(1.0) as i64;
        let first = low.div_euclid(step) * step;
        let ticks = (0..)
            .map(|k| first + k * step)
            .take_while(|tick| *tick <= high);
        let ticks: Vec<i64> = ticks.filter(|tick| *tick >= low).collect();
        Self {
            low: low as f64 - 0.5,
            high: high as f64 + 0.5,
            labels: ticks.iter().map(i64::to_string).collect(),
            ticks: ticks.into_iter().map(|tick| tick as f64).collect(),
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end, beyond them outside the axis.
    pub fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// The smallest number that is at least `least` and one of `factors`, or 10, times a power of ten. The
/// factors are ascending and in [1, 10).
fn round_step(least: f64, factors: &[f64]) -> f64 {
    let least = least.max(1e-9);
    let power = 10_f64.powf(least.log10().floor());
    let fits = |factor: &&f64| **factor * power >= least * (1.0 - 1e-9);
    factors.iter().find(fits).copied().unwrap_or(10.0) * power
}

/// Whether `value` is an integer, up to rounding errors.
fn is_whole(value: f64) -> bool {
    (value - value.round()).abs() < 1e-6
}

/// The rectangle of a plot in the figure, in pixels (y grows downwards), with its two axes.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
}

impl Panel {
    /// The pixel coordinates in the figure of a point of the data.
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (
            self.left + self.x.share(x) * self.width,
            self.top + (1.0 - self.y.share(y)) * self.height,
        )
    }

    /// Draws the grid lines, one at each tick. Call it before the data are drawn, which it would cover.
    pub fn draw_ground(&self, svg: &mut Svg) {
        let grid = Paint::stroke("#e3e6ea", 1.0);
        for tick in &self.x.ticks {
            let (x, _) = self.at(*tick, self.y.low);
            svg.line((x, self.top), (x, self.top + self.height), grid);
        }
        for tick in &self.y.ticks {
            let (_, y) = self.at(self.x.low, *tick);
            svg.line((self.left, y), (self.left + self.width, y), grid);
        }
    }

    /// Draws the frame, the ticks and their labels.
    pub fn draw_frame(&self, svg: &mut Svg) {
        let line = Paint::stroke("#6e7781", 1.0);
        let bottom = self.top + self.height;
        svg.rect((self.left, self.top), (self.width, self.height), line);
        for (tick, label) in self.x.ticks.iter().zip(&self.x.labels) {
            let (x, _) = self.at(*tick, self.y.low);
            svg.line((x, bottom), (x, bottom + 4.0), line);
            svg.text(
                (x, bottom + 17.0),
                Anchor::Middle,
                SMALL,
                GREY,
                Face::Regular,
                label,
            );
        }
        for (tick, label) in self.y.ticks.iter().zip(&self.y.labels) {
            let (_, y) = self.at(self.x.low, *tick);
            svg.line((self.left - 4.0, y), (self.left, y), line);
            svg.text(
                (self.left - 8.0, y + 4.0),
                Anchor::End,
                SMALL,
                GREY,
                Face::Regular,
                label,
            );
        }
    }

    /// Draws the name and unit of the horizontal axis, below its tick labels.
    pub fn name_x(&self, svg: &mut Svg, name: &str) {
        let at = (self.left + self.width / 2.0, self.top + self.height + 37.0);
        svg.text(at, Anchor::Middle, TEXT, INK, Face::Regular, name);
    }

    /// Draws the name and unit of the vertical axis, upwards, left of its tick labels. `room` is the space
    /// left of the plot, in pixels, for both.
    pub fn name_y(&self, svg: &mut Svg, name: &str, room: f64) {
        svg.upward_text(
            (self.left - room + 26.0, self.top + self.height / 2.0),
            TEXT,
            INK,
            name,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values, least length, bounds; then the expected ticks and their labels.
    type Case = (
        &'static [f64],
        f64,
        (f64, f64),
        &'static [f64],
        &'static [&'static str],
    );

    #[test]
    fn ticks_are_round_and_inside() {
        #[rustfmt::skip]
        let cases: [Case; 4] = [
            (&[61.0, 78.5], 4.0, (0.0, 100.0), &[60.0, 65.0, 70.0, 75.0], &["60", "65", "70", "75"]),
            (&[50.0], 4.0, (0.0, 100.0), &[48.0, 49.0, 50.0, 51.0, 52.0], &["48", "49", "50", "51", "52"]),
            (&[0.0, 99.9], 4.0, (0.0, 100.0), &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0], &["0", "20", "40", "60", "80", "100"]),
            (&[f64::NAN], 1.0, (0.0, 100.0), &[0.0, 0.25, 0.5, 0.75, 1.0], &["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ];
        for (values, least, bounds, ticks, labels) in cases {
            let axis = Axis::around(values.iter().copied(), least, bounds, 5);
            assert!(
                axis.ticks
                    .iter()
                    .zip(ticks)
                    .all(|(a, b)| (a - b).abs() < 1e-9),
                "{axis:?}"
            );
            assert_eq!(axis.labels, labels);
            assert!(axis.low <= axis.ticks[0] && axis.high >= axis.ticks[axis.ticks.len() - 1]);
        }
        assert_eq!(Axis::whole(1, 12, 5).ticks, [5.0, 10.0]);
        assert_eq!(Axis::whole(0, 2, 5).ticks, [0.0, 1.0, 2.0]);
        assert_eq!(Axis::whole(i32::MIN, i32::MAX, 4).ticks, [-2e9, 0.0, 2e9]);
        let named = Axis::named(&["a".to_owned(), "b".to_owned()]);
        assert!((named.share(0.0) - 0.25).abs() < 1e-12 && (named.share(1.0) - 0.75).abs() < 1e-12);
    }
}
