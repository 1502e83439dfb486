//! Parses the elements of an instances file: an image, a category, an annotation or a segmentation.
//! `loading` checks which elements there are and how they belong together.

use super::instances::{Annotation, Category, Image};
use super::json::{Cursor, Fault};
use super::shapes::{Shape, Shapes};
use crate::mask::polygon;

/// Reads any element and returns the whole number at its key `wanted`; `None` where it has none. Tells
/// which image a broken element belongs to.
pub(super) fn id_of(cursor: &mut Cursor, wanted: &str) -> Result<Option<i64>, Fault> {
    let mut id = None;
    if cursor.peek() != Some(b'{') {
        return cursor.skip().map(|()| id);
    }
    cursor.object(|cursor, key| {
        if key == wanted
            && let Ok(found) = cursor.attempt(Cursor::integer)?
        {
            id = Some(found);
            return Ok(());
        }
        cursor.skip()
    })?;
    Ok(id)
}

/// Reads an element of `images`.
pub(super) fn image(cursor: &mut Cursor) -> Result<Image, Fault> {
    let (mut id, mut file_name, mut width, mut height) = (None, None, None, None);
    cursor.object(|cursor, key| match key {
        "id" => once(&mut id, cursor.integer()?),
        "file_name" => once(&mut file_name, cursor.string()?.into()),
        "width" => once(&mut width, side(cursor)?),
        "height" => once(&mut height, side(cursor)?),
        _ => cursor.skip(),
    })?;
    Ok(Image {
        id: present(id, "id", "a whole number")?,
        file_name: present(file_name, "file_name", "a string")?,
        width: present(width, "width", "a whole number")?,
        height: present(height, "height", "a whole number")?,
    })
}

/// Reads an element of `categories`.
pub(super) fn category(cursor: &mut Cursor) -> Result<Category, Fault> {
    let (mut id, mut name) = (None, None);
    cursor.object(|cursor, key| match key {
        "id" => once(&mut id, cursor.integer()?),
        "name" => once(&mut name, cursor.string()?.into()),
        _ => cursor.skip(),
    })?;
    Ok(Category {
        id: present(id, "id", "a whole number")?,
        name: present(name, "name", "a string")?,
    })
}

/// Reads an element of `annotations`, its segmentation into `shapes`.
pub(super) fn annotation(
    cursor: &mut Cursor,
    index: u32,
    shapes: &mut Shapes,
) -> Result<Annotation, Fault> {
    let (mut id, mut image_id, mut category_id, mut bbox) = (None, None, None, None);
    let (mut area, mut is_crowd, mut shape) = (None, None, None);
    cursor.object(|cursor, key| match key {
        "id" => once(&mut id, cursor.integer()?),
        "image_id" => once(&mut image_id, cursor.integer()?),
        "category_id" => once(&mut category_id, cursor.integer()?),
        "bbox" => once(&mut bbox, bounding_box(cursor)?),
        "area" if cursor.null()? => once(&mut area, None),
        "area" => once(&mut area, Some(cursor.number()?)),
        "iscrowd" => once(&mut is_crowd, flag(cursor)?),
        "segmentation" => once(&mut shape, segmentation(shapes, cursor)?),
        _ => cursor.skip(),
    })?;
    Ok(Annotation {
        id: present(id, "id", "a whole number")?,
        image_id: present(image_id, "image_id", "a whole number")?,
        category_id: present(category_id, "category_id", "a whole number")?,
        bbox: present(bbox, "bbox", "[x, y, width, height]")?,
        area: area.flatten(),
        is_crowd: is_crowd.unwrap_or_default(),
        index,
        shape: shape.unwrap_or(Shape::None),
    })
}

/// Reads `segmentation`: a list of polygons, or run lengths with their size.
fn segmentation(shapes: &mut Shapes, cursor: &mut Cursor) -> Result<Shape, Fault> {
    if cursor.null()? {
        return Ok(Shape::None);
    }
    match cursor.peek() {
        Some(b'[') => polygons(shapes, cursor),
        Some(b'{') => runs(shapes, cursor),
        _ => Err(cursor.unexpected("polygons or run lengths")),
    }
}

fn polygons(shapes: &mut Shapes, cursor: &mut Cursor) -> Result<Shape, Fault> {
    let first = shapes.polygon_ends.len();
    cursor.array(|cursor, _| {
        let start = shapes.coordinates.len();
        cursor.array(|cursor, _| {
            shapes.coordinates.push(cursor.number()?);
            Ok(())
        })?;
        polygon::check(&shapes.coordinates[start..])
            .map_err(|malformed| Fault::value(malformed.found, malformed.expected))?;
        shapes.polygon_ends.push(shapes.coordinates.len());
        Ok(())
    })?;
    Ok(match shapes.polygon_ends.len() - first {
        // Tools without shapes write an empty list.
        0 => Shape::None,
        count => Shape::Polygons {
            first,
            count: count as u32,
        },
    })
}

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
            Fault::value(format!("{} numbers", size.len()), "height and width").within("size"),
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

/// Reads `bbox`, four numbers. A width or height of 0 is accepted, a negative one refused.
fn bounding_box(cursor: &mut Cursor) -> Result<[f64; 4], Fault> {
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
    if given != 4 {
        return Err(Fault::value(
            format!("{given} numbers"),
            "[x, y, width, height]",
        ));
    }
    let [x, y, width, height] = bbox;
    if !(x + width).is_finite() || !(y + height).is_finite() {
        return Err(Fault::value(
            format!("{bbox:?}"),
            "corners within the range of doubles",
        ));
    }
    Ok(bbox)
}

fn unsigned(cursor: &mut Cursor) -> Result<u32, Fault> {
    let value = cursor.integer()?;
    u32::try_from(value)
        .map_err(|_| Fault::value(value.to_string(), "a whole number from 0 to 4294967295"))
}

fn side(cursor: &mut Cursor) -> Result<u32, Fault> {
    match unsigned(cursor)? {
        0 => Err(Fault::value("0", "at least one pixel")),
        value => Ok(value),
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
