//! How far the class's logit drops (docs/SPEC.md L) where a region is taken from the image: the object (its boxes, or
//! its segmentation), all the rest, or as many cells elsewhere. These do not depend on the map. They tell whether the
//! network needs what guidance makes its maps show.

use data_prep::geometry::Mask;

use crate::faithfulness::measure::{Answer, Measure, Taken};
use crate::faithfulness::pair::Pair;
use crate::random;

pub(super) const BOX: Measure = Measure {
    name: "drop_box",
    title: "Logit drop, boxes removed",
    images: |pair| removed(object(&pair.mask)?),
    value: drop,
};

pub(super) const REST: Measure = Measure {
    name: "drop_rest",
    title: "Logit drop, all but the boxes removed",
    images: |pair| removed(rest(&pair.mask)?),
    value: drop,
};

pub(super) const ELSEWHERE: Measure = Measure {
    name: "drop_elsewhere",
    title: "Logit drop, as much elsewhere removed",
    images: |pair| removed(elsewhere(&pair.mask, pair.stream)?),
    value: drop,
};

pub(super) const SEGMENTATION: Measure = Measure {
    name: "drop_segmentation",
    title: "Logit drop, segmentation removed",
    images: |pair| removed(object(pair.segmentation.as_ref()?)?),
    value: drop,
};

pub(super) const SEGMENTATION_REST: Measure = Measure {
    name: "drop_segmentation_rest",
    title: "Logit drop, all but the segmentation removed",
    images: |pair| removed(rest(pair.segmentation.as_ref()?)?),
    value: drop,
};

pub(super) const SEGMENTATION_ELSEWHERE: Measure = Measure {
    name: "drop_segmentation_elsewhere",
    title: "Logit drop, as much as the segmentation removed elsewhere",
    images: |pair| removed(elsewhere(pair.segmentation.as_ref()?, pair.stream)?),
    value: drop,
};

/// Returns two images: the whole one, and the one without these cells.
fn removed(cells: Taken) -> Option<Vec<Taken>> {
    Some(vec![vec![false; cells.len()], cells])
}

/// Returns the logit of the whole image less that of the other.
fn drop(_: &Pair, answers: &[Answer]) -> f64 {
    f64::from(answers[0].logit) - f64::from(answers[1].logit)
}

/// Returns the object's cells; `None` where there are none.
fn object(mask: &Mask) -> Option<Taken> {
    (mask.area() > 0).then(|| mask.cells().to_vec())
}

/// Returns all other cells; `None` where there is no object, or nothing but it. The last row and column are never
/// inside a box (docs/SPEC.md A.5), so an object that has all cells but these leaves nothing.
fn rest(mask: &Mask) -> Option<Taken> {
    let grid = mask.grid();
    let is_left = |y: usize, x: usize| !mask.get(y, x);
    let mut inner = (0..grid.height.saturating_sub(1))
        .flat_map(|y| (0..grid.width.saturating_sub(1)).map(move |x| (y, x)));
    let is_there = mask.area() > 0 && inner.any(|(y, x)| is_left(y, x));
    is_there.then(|| mask.inverted().cells().to_vec())
}

/// Returns as many cells as the object has, outside it: those nearest to one that is drawn at random from there, by
/// `stream`. `None` where there is no object, or it has more than half of the cells.
fn elsewhere(mask: &Mask, stream: u64) -> Option<Taken> {
    let (area, width) = (mask.area(), mask.grid().width);
    let mut outside: Vec<usize> = (0..mask.cells().len())
        .filter(|&cell| !mask.cells()[cell])
        .collect();
    if area == 0 || outside.len() < area {
        return None;
    }
    let drawn = (random::unit(stream, 0) * outside.len() as f64) as usize;
    let middle = outside[drawn];
    let distance = |cell: usize| {
        let apart = |a: usize, b: usize| a.abs_diff(b).pow(2);
        apart(cell / width, middle / width) + apart(cell % width, middle % width)
    };
    outside.sort_unstable_by_key(|&cell| (distance(cell), cell));
    let mut taken = vec![false; mask.cells().len()];
    for &cell in &outside[..area] {
        taken[cell] = true;
    }
    Some(taken)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use data_prep::geometry::{Grid, GridBox};

    use super::*;

    fn boxed(x1: i32, y1: i32, x2: i32, y2: i32, grid: Grid) -> Mask {
        Mask::from_boxes(&[GridBox { x1, y1, x2, y2 }], grid)
    }

    fn n(taken: &[bool]) -> usize {
        taken.iter().filter(|&&taken| taken).count()
    }

    #[test]
    fn an_object_has_a_rest_unless_it_is_the_image() {
        let grid = Grid::square(4);
        assert_eq!(n(&rest(&boxed(0, 0, 2, 2, grid)).unwrap()), 12);
        // All that a box can have, and all.
        assert_eq!(rest(&boxed(0, 0, 3, 3, grid)), None);
        assert_eq!(rest(&boxed(0, 0, 4, 4, grid)), None);
        assert_eq!(n(&rest(&boxed(0, 0, 3, 2, grid)).unwrap()), 10);
        let one = Grid::square(1);
        assert_eq!(rest(&boxed(0, 0, 1, 1, one)), None);
        assert_eq!(object(&boxed(0, 0, 1, 1, one)).unwrap(), [true]);
    }

    #[test]
    fn no_object_has_no_value() {
        let empty = Mask::empty(Grid::square(4));
        assert_eq!(object(&empty), None);
        assert_eq!(rest(&empty), None);
        assert_eq!(elsewhere(&empty, 0), None);
    }

    #[test]
    fn elsewhere_has_the_object_s_area_and_none_of_its_cells() {
        let grid = Grid {
            height: 20,
            width: 30,
        };
        for mask in [
            boxed(3, 4, 12, 9, grid),
            boxed(0, 0, 1, 1, grid),
            boxed(0, 0, 15, 20, grid), // half of the cells: all others
        ] {
            let mut places = Vec::new();
            for stream in 0..5 {
                let taken = elsewhere(&mask, stream).unwrap();
                assert_eq!(n(&taken), mask.area());
                let both = taken.iter().zip(mask.cells());
                assert!(!both.into_iter().any(|(&taken, &inside)| taken && inside));
                assert_eq!(Some(taken.clone()), elsewhere(&mask, stream));
                places.push(taken);
            }
            places.dedup();
            assert_eq!(places.len() == 1, mask.area() == 300);
        }
        assert_eq!(elsewhere(&boxed(0, 0, 16, 20, grid), 0), None);
    }

    /// Nine cells are at most a quarter of a circle, of radius 3.4, in a corner.
    #[test]
    fn elsewhere_lies_together() {
        let grid = Grid::square(9);
        let mask = boxed(0, 0, 3, 3, grid);
        for stream in 0..50 {
            let taken = elsewhere(&mask, stream).unwrap();
            let rows = |cell: &usize| cell / 9;
            let cells: Vec<usize> = (0..81).filter(|&cell| taken[cell]).collect();
            let spread =
                cells.iter().map(rows).max().unwrap() - cells.iter().map(rows).min().unwrap();
            assert!(spread <= 4, "{cells:?}");
        }
    }
}
