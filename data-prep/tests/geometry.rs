//! Checks boxes and masks on the grid (the network's input, in pixels) against docs/SPEC.md A.5, by cases
//! worked out by hand, among them those of docs/SPEC.md J.3 and J.5.
#![allow(clippy::unwrap_used, missing_docs)]

use data_prep::geometry::{Grid, GridBox, Mask, View, box_to_grid};

const GRID: Grid = Grid::square(224);

fn grid_box([x1, y1, x2, y2]: [i32; 4]) -> GridBox {
    GridBox { x1, y1, x2, y2 }
}

#[test]
fn boxes_are_scaled_truncated_and_clamped() {
    // A box in an image's pixels, the image's width and height, and the box on the grid.
    let cases = [
        // The whole image: the last row and column stay outside.
        ([0.0, 0.0, 500.0, 375.0], (500, 375), [0, 0, 223, 223]),
        // 100 · 224 / 500 = 44.8, 50 · 224 / 375 = 29.87, 300 · 224 / 500 = 134.4, 374 · … = 223.4
        ([100.0, 50.0, 300.0, 374.0], (500, 375), [44, 29, 134, 223]),
        // Beyond the image on all sides: clamped.
        ([-1.0, -30.0, 900.0, 900.0], (500, 375), [0, 0, 223, 223]),
        // Both edges in column 4: an empty mask.
        ([10.1, 10.0, 10.9, 200.0], (500, 375), [4, 5, 4, 119]),
        // An image smaller than the grid; its aspect is not kept.
        ([1.5, 1.0, 3.0, 2.0], (4, 8), [84, 28, 168, 56]),
    ];
    for (bbox, (width, height), expected) in cases {
        assert_eq!(
            box_to_grid(bbox, width, height, GRID),
            grid_box(expected),
            "{bbox:?}"
        );
    }
}

#[test]
fn dilation_moves_each_side_by_a_part_of_the_size() {
    // A box, the part of its size, and the dilated box.
    let cases = [
        ([100, 100, 120, 140], 0.5, [90, 80, 130, 160]),
        ([0, 0, 223, 223], 0.5, [0, 0, 223, 223]),
        ([100, 100, 120, 140], 0.0, [100, 100, 120, 140]),
        // int(0.1 · 19) = 1, int(0.25 · 39) = 9
        ([100, 100, 119, 139], 0.1, [99, 97, 120, 142]),
        ([100, 100, 119, 139], 0.25, [96, 91, 123, 148]),
        ([1, 215, 11, 223], 0.5, [0, 211, 16, 223]),
        ([7, 7, 7, 20], 0.5, [7, 1, 7, 26]),
    ];
    for (before, fraction, after) in cases {
        let dilated = grid_box(before).dilated(fraction, GRID);
        assert_eq!(dilated, grid_box(after), "{before:?} by {fraction}");
    }
}

#[test]
fn right_and_bottom_edges_are_outside() {
    let mask = Mask::from_boxes(
        &[grid_box([2, 3, 5, 4])],
        Grid {
            height: 6,
            width: 7,
        },
    );
    assert_eq!(mask.area(), 3);
    assert!(mask.get(3, 2) && mask.get(3, 4) && !mask.get(3, 5) && !mask.get(4, 2));
    assert_eq!(
        mask.cells().iter().position(|&inside| inside),
        Some(3 * 7 + 2)
    );

    // docs/SPEC.md J.3: a full-image box has 223² of 224² cells.
    let full = box_to_grid([0.0, 0.0, 640.0, 480.0], 640, 480, GRID);
    let mask = Mask::from_boxes(&[full], GRID);
    let share = mask.area() as f64 / GRID.cells() as f64;
    assert!((share - 0.99109).abs() < 5e-6, "{share}");
    assert_eq!(mask.inverted().area(), GRID.cells() - mask.area());
}

#[test]
fn a_mask_is_the_union_of_its_boxes() {
    let grid = Grid::square(10);
    let overlapping = [
        grid_box([0, 0, 4, 4]),
        grid_box([2, 2, 6, 6]),
        grid_box([8, 8, 8, 9]),
    ];
    assert_eq!(Mask::from_boxes(&overlapping, grid).area(), 16 + 16 - 4);
    assert_eq!(Mask::from_boxes(&[], grid), Mask::empty(grid));
    // Reversed edges cover nothing, parts outside are cut off.
    let odd = [grid_box([5, 5, 3, 9]), grid_box([-3, 8, 2, 30])];
    assert_eq!(Mask::from_boxes(&odd, grid).area(), 2 * 2);
}

/// A box on an 8 × 8 grid, seen through crops that are resized to the grid, and through flips.
#[test]
fn a_box_goes_through_a_crop_and_a_flip() {
    let grid = Grid::square(8);
    let mask = Mask::from_boxes(&[grid_box([1, 2, 3, 5])], grid);
    let view = |x, y, width, height, is_flipped| View {
        x,
        y,
        width,
        height,
        is_flipped,
    };
    let cases = [
        (view(0, 0, 8, 8, false), [1, 2, 3, 5]),
        (view(0, 0, 8, 8, true), [5, 2, 7, 5]),
        (view(0, 0, 4, 8, false), [2, 2, 6, 5]),
        (view(1, 0, 4, 8, true), [4, 2, 8, 5]),
        (view(2, 3, 2, 2, false), [0, 0, 4, 8]),
        // 3 columns become 8: the box's edge after column 1 of the part is at 2.67 cells, so at 3.
        (view(2, 0, 3, 8, false), [0, 2, 3, 5]),
        (view(5, 5, 3, 3, true), [0, 0, 0, 0]),
    ];
    for (view, expected) in cases {
        let expected = Mask::from_boxes(&[grid_box(expected)], grid);
        assert_eq!(mask.seen(view), expected, "{view:?}");
        // Inverting before the view gives the same as inverting after it.
        assert_eq!(mask.inverted().seen(view), expected.inverted(), "{view:?}");
    }
}
