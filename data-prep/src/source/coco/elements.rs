//! Parses single elements of an instances file (COCO's JSON of objects): an image, a category, an annotation, a
//! segmentation. `loading` reads the whole file and checks how the elements belong together.

use super::ids::TextIds;
use super::instances::{Annotation, Category, Image};
use super::json::{Cursor, Fault};
use super::shapes::{Shape, Shapes};
use crate::mask::polygon;
use crate::words::counted;

/// Where the reading functions put what does not go into the element they return.
#[derive(Default)]
pub(super) struct Aside {
    /// The segmentations.
    pub(super) shapes: Shapes,
    /// The ids of images that are strings instead of numbers.
    pub(super) ids: TextIds,
    /// Faults in optional values of the element read last; the element is kept.
    pub(super) faults: Vec<Fault>,
    /// The number of outlines that are one list of numbers instead of a list of polygons.
    pub(super) flat_outlines: usize,
}

/// Reads an element that is broken and returns the whole numbers at its keys `wanted`, `None` for a key without
/// one. They tell which image and category the broken element belongs to.
pub(super) fn ids_of<const N: usize>(
    cursor: &mut Cursor,
    wanted: [&str; N],
) -> Result<[Option<i64>; N], Fault> {
    let mut ids = [None; N];
    if cursor.peek() != Some(b'{') {
        return cursor.skip().map(|()| ids);
    }
    cursor.object(|cursor, key| {
        if let Some(at) = wanted.iter().position(|wanted| *wanted == key)
            && let Ok(found) = cursor.attempt(Cursor::integer)?
        {
            ids[at] = Some(found);
            return Ok(());
        }
        cursor.skip()
    })?;
    Ok(ids)
}

/// Reads an element of `images`.
pub(super) fn image(cursor: &mut Cursor, aside: &mut Aside) -> Result<Image, Fault> {
    let Aside { ids, faults, .. } = aside;
    let (mut id, mut file_name, mut width, mut height) = (None, None, None, None);
    cursor.object(|cursor, key| match key {
        "id" => once(&mut id, ids.read(cursor)?),
        "file_name" => once(&mut file_name, cursor.string()?.into()),
        "width" => once(&mut width, optional(cursor, key, faults, side)?),
        "height" => once(&mut height, optional(cursor, key, faults, side)?),
        _ => cursor.skip(),
    })?;
    // `None` for: no such key; null or a wrong value; a size that tools write where they do not know it.
    let side = |side: Option<Option<Option<u32>>>| side.flatten().flatten();
    Ok(Image {
        id: present(id, "id", "a whole number")?,
        file_name: present(file_name, "file_name", "a string")?,
        size: side(width).zip(side(height)),
    })
}

/// Reads an element of `categories`.
pub(super) fn category(cursor: &mut Cursor) -> Result<Category, Fault> {
    let (mut id, mut name, mut supercategory) = (None, None, None);
    cursor.object(|cursor, key| match key {
        "id" => once(&mut id, cursor.integer()?),
        "name" => once(&mut name, cursor.string()?.into()),
        "supercategory" if cursor.peek() == Some(b'"') => {
            supercategory = Some(cursor.string()?.into());
            Ok(())
        }
        _ => cursor.skip(),
    })?;
    Ok(Category {
        id: present(id, "id", "a whole number")?,
        name: present(name, "name", "a string")?,
        supercategory,
    })
}

/// Reads element number `index` of `annotations`. Its segmentation goes into the shapes of `aside`. Without a
/// segmentation it needs a box.
pub(super) fn annotation(
    cursor: &mut Cursor,
    index: u32,
    aside: &mut Aside,
) -> Result<Annotation, Fault> {
    let (mut id, mut image_id, mut category_id, mut bbox) = (None, None, None, None);
    let (mut area, mut is_crowd, mut shape) = (None, None, None);
    cursor.object(|cursor, key| match key {
        "id" => once(&mut id, cursor.integer()?),
        "image_id" => once(&mut image_id, aside.ids.read(cursor)?),
        "category_id" => once(&mut category_id, cursor.integer()?),
        "bbox" => once(&mut bbox, bounding_box(cursor)?),
        "area" => once(
            &mut area,
            optional(cursor, key, &mut aside.faults, area_of)?,
        ),
        "iscrowd" => once(
            &mut is_crowd,
            optional(cursor, key, &mut aside.faults, flag)?,
        ),
        "segmentation" => once(&mut shape, segmentation(aside, cursor)?),
        _ => cursor.skip(),
    })?;
    let shape = shape.unwrap_or(Shape::None);
    let bbox = bbox.flatten();
    if bbox.is_none() && shape == Shape::None {
        present(bbox, "bbox", "[x, y, width, height]")?;
    }
    Ok(Annotation {
        id: present(id, "id", "a whole number")?,
        image_id: present(image_id, "image_id", "a whole number")?,
        category_id: present(category_id, "category_id", "a whole number")?,
        bbox,
        area: area.flatten(),
        is_crowd: is_crowd.flatten().unwrap_or_default(),
        index,
        shape,
    })
}

/// Reads the optional value at `key`: `None` where it is null, and also where it is wrong, in which case its fault
/// goes to `faults`.
fn optional<T>(
    cursor: &mut Cursor,
    key: &str,
    faults: &mut Vec<Fault>,
    read: impl FnOnce(&mut Cursor) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    if cursor.null()? {
        return Ok(None);
    }
    match cursor.attempt(read)? {
        Ok(value) => Ok(Some(value)),
        Err(fault) => {
            faults.push(fault.within(key));
            cursor.skip()?;
            Ok(None)
        }
    }
}

/// Reads `segmentation`: a list of polygons, or run lengths (RLE) with their size. Faults go to the faults of
/// `aside`; the correct ones of several polygons are kept.
fn segmentation(aside: &mut Aside, cursor: &mut Cursor) -> Result<Shape, Fault> {
    if cursor.null()? {
        return Ok(Shape::None);
    }
    let before = aside.shapes.lengths();
    let read = cursor.attempt(|cursor| match cursor.peek() {
        Some(b'[') => polygons(aside, cursor),
        Some(b'{') => runs(&mut aside.shapes, cursor),
        _ => Err(cursor.unexpected("polygons or run lengths")),
    })?;
    read.or_else(|fault| {
        aside.shapes.truncate(before);
        aside.faults.push(fault.within("segmentation"));
        cursor.skip().map(|()| Shape::None)
    })
}

/// Reads a list of polygons, each a list x, y, x, y, … in pixels, or a single polygon without the list around it.
fn polygons(aside: &mut Aside, cursor: &mut Cursor) -> Result<Shape, Fault> {
    let first = aside.shapes.polygon_ends.len();
    let start = aside.shapes.coordinates.len();
    let mut is_flat = false;
    cursor.array(|cursor, index| {
        // Some tools write a single polygon without the list around it.
        is_flat |= index == 0 && matches!(cursor.peek(), Some(b'-' | b'0'..=b'9' | b'"'));
        match is_flat {
            true => aside.shapes.coordinates.push(cursor.number()?),
            false => polygon(aside, cursor, index)?,
        }
        Ok(())
    })?;
    if is_flat {
        end_polygon(&mut aside.shapes, start)?;
        aside.flat_outlines += 1;
    }
    Ok(match aside.shapes.polygon_ends.len() - first {
        // Tools without shapes write an empty list.
        0 => Shape::None,
        count => Shape::Polygons {
            first,
            count: count as u32,
        },
    })
}

/// Reads polygon number `index` of an annotation. A wrong one is left out; its fault goes to `aside`.
fn polygon(aside: &mut Aside, cursor: &mut Cursor, index: usize) -> Result<(), Fault> {
    let shapes = &mut aside.shapes;
    let start = shapes.coordinates.len();
    let read = cursor.attempt(|cursor| {
        cursor.array(|cursor, _| {
            shapes.coordinates.push(cursor.number()?);
            Ok(())
        })?;
        end_polygon(shapes, start)
    })?;
    if let Err(fault) = read {
        aside.shapes.coordinates.truncate(start);
        let fault = fault.within(&format!("[{index}]"));
        aside.faults.push(fault.within("segmentation"));
        cursor.skip()?;
    }
    Ok(())
}

/// Ends the polygon whose coordinates begin at `start`.
///
/// # Errors
/// When they are no polygon: too few points, an odd number of coordinates, or too large ones.
fn end_polygon(shapes: &mut Shapes, start: usize) -> Result<(), Fault> {
    polygon::check(&shapes.coordinates[start..])
        .map_err(|malformed| Fault::value(malformed.found, malformed.expected))?;
    shapes.polygon_ends.push(shapes.coordinates.len());
    Ok(())
}

/// Reads run lengths: `counts`, a list (uncompressed) or a string (COCO's compressed form), and `size`, height and
/// width in pixels.
fn runs(shapes: &mut Shapes, cursor: &mut Cursor) -> Result<Shape, Fault> {
    let (first_count, first_byte) = (shapes.counts.len(), shapes.text.len());
    let mut size = None;
    let mut is_text = None;
    cursor.object(|cursor, key| match key {
        "size" => {
            let mut sides = Vec::new();
            cursor.array(|cursor, _| {
                sides.push(unsigned(cursor)?);
                Ok(())
            })?;
            once(&mut size, sides)
        }
        "counts" if cursor.peek() == Some(b'"') => {
            shapes.text.extend_from_slice(cursor.string()?.as_bytes());
            once(&mut is_text, true)
        }
        "counts" => {
            cursor.array(|cursor, _| {
                shapes.counts.push(unsigned(cursor)?);
                Ok(())
            })?;
            once(&mut is_text, false)
        }
        _ => cursor.skip(),
    })?;
    let size = size.unwrap_or_default();
    let &[height, width] = size.as_slice() else {
        return Err(
            Fault::value(counted(size.len(), "number", "numbers"), "height and width")
                .within("size"),
        );
    };
    match is_text {
        None => Err(Fault::value("nothing", "run lengths").within("counts")),
        Some(true) => Ok(Shape::Text {
            first: first_byte,
            count: (shapes.text.len() - first_byte) as u32,
            height,
            width,
        }),
        Some(false) => Ok(Shape::Counts {
            first: first_count,
            count: (shapes.counts.len() - first_count) as u32,
            height,
            width,
        }),
    }
}

/// Stores a key's value in `slot`. A key that is there twice is refused, because Python takes its last
/// value and other programs the first.
pub(super) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Fault> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::value("the key a second time", "each key once")),
    }
}

fn present<T>(value: Option<T>, field: &str, expected: &str) -> Result<T, Fault> {
    value.ok_or_else(|| Fault::value("nothing", expected).within(field))
}

/// Reads `bbox`, four numbers; `None` where it is null or empty. A width or height of 0 is accepted, a
/// negative one refused.
fn bounding_box(cursor: &mut Cursor) -> Result<Option<[f64; 4]>, Fault> {
    if cursor.null()? {
        return Ok(None);
    }
    let mut bbox = [0.0; 4];
    let mut given = 0;
    cursor.array(|cursor, index| {
        let value = cursor.number()?;
        if index >= 2 && value < 0.0 {
            return Err(Fault::value(value.to_string(), "a width or height from 0"));
        }
        if let Some(slot) = bbox.get_mut(index) {
            *slot = value;
        }
        given = index + 1;
        Ok(())
    })?;
    match given {
        0 => return Ok(None),
        4 => {}
        _ => {
            return Err(Fault::value(
                counted(given, "number", "numbers"),
                "[x, y, width, height]",
            ));
        }
    }
    let [x, y, width, height] = bbox;
    if !(x + width).is_finite() || !(y + height).is_finite() {
        return Err(Fault::value(
            format!("{bbox:?}"),
            "corners within the range of doubles",
        ));
    }
    Ok(Some(bbox))
}

fn unsigned(cursor: &mut Cursor) -> Result<u32, Fault> {
    let value = cursor.integer()?;
    u32::try_from(value)
        .map_err(|_| Fault::value(value.to_string(), "a whole number from 0 to 4294967295"))
}

/// Reads a width or height in pixels; `None` for 0 and below, which tools write where they do not know it.
fn side(cursor: &mut Cursor) -> Result<Option<u32>, Fault> {
    let value = cursor.integer()?;
    if value <= 0 {
        return Ok(None);
    }
    let side = u32::try_from(value);
    side.map(Some)
        .map_err(|_| Fault::value(value.to_string(), "at most 4294967295 pixels"))
}

/// Reads `area`, in source pixels.
fn area_of(cursor: &mut Cursor) -> Result<f64, Fault> {
    let value = cursor.number()?;
    match value < 0.0 {
        true => Err(Fault::value(value.to_string(), "an area from 0")),
        false => Ok(value),
    }
}

/// Reads `iscrowd`. COCO writes 0 and 1, some tools false and true.
fn flag(cursor: &mut Cursor) -> Result<bool, Fault> {
    if let Some(value) = cursor.boolean()? {
        return Ok(value);
    }
    match cursor.integer()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Fault::value(other.to_string(), "0 or 1")),
    }
}
