//! Reads one annotation file in PASCAL VOC's XML, as VOC itself and other tools write it: LabelImg, Roboflow, CVAT,
//! LabelMe (polygons of `pt`) and roLabelImg (rotated boxes, `robndbox`).
//!
//! A fault in one object leaves out only that object. Classes are kept as names here, because the list of classes may
//! come from all annotations together (`classes`).

use std::path::Path;

use roxmltree::{Document, Node};

use super::shape;
use super::text::decode;
use crate::error::Problem;
use crate::words;

/// The field by which [`is_foreign`] recognises the problem that an XML file is not VOC's annotation.
const ROOT: &str = "root element";

/// The content of an annotation file.
#[derive(Debug, Default)]
pub struct Annotation {
    /// The name of the image file (`filename`); `None` where the annotation has none.
    pub file_name: Option<String>,
    /// Width and height in pixels; `None` where the annotation does not say them.
    pub size: Option<(u32, u32)>,
    /// The boxes, in the order of the file.
    pub objects: Vec<Object>,
    /// The classes of objects without a usable box. They still count as labels of the image.
    pub without_box: Vec<String>,
    /// The number of elements `object`, usable or not.
    pub elements: usize,
    /// The number of objects that the user of LabelMe deleted; the file keeps them with a mark. They are not read.
    pub deleted: usize,
    /// How many numbers have a comma in the place of the decimal point.
    pub commas: usize,
    /// Faults because of which something was left out: an object, a flag, or the image's name or size.
    pub problems: Vec<Problem>,
    /// Faults because of which at most an outline was left out.
    pub remarks: Vec<Problem>,
}

/// One box of an annotation.
#[derive(Debug, PartialEq)]
pub struct Object {
    /// The number of its element `object`, from 1. If an element has several boxes, the second and further ones are
    /// numbered on after the last element.
    pub number: usize,
    /// The class, as written.
    pub class: String,
    /// xmin, ymin, xmax, ymax in pixels.
    pub bbox: [f64; 4],
    /// VOC's flag `difficult`.
    pub is_difficult: bool,
    /// The outlines, each x, y, x, y, … in pixels.
    pub polygons: Vec<Vec<f64>>,
}

/// Reads one annotation. `path` is only named in errors. A document type declaration is refused, because it could
/// define entities that expand without bound.
///
/// # Errors
/// When the file is not XML, or is XML of another kind. All other faults are listed in the annotation.
pub fn read_annotation(path: &Path, bytes: Vec<u8>) -> Result<Annotation, Problem> {
    let text = decode(path, bytes)?;
    let document = Document::parse(&text)
        .map_err(|error| Problem::new(path, "XML", error.to_string(), "well-formed XML"))?;
    let root = document.root_element();
    if root.tag_name().name() != "annotation" {
        let found = format!("<{}>", root.tag_name().name());
        return Err(Problem::new(path, ROOT, found, "<annotation>"));
    }
    let mut reader = Reader {
        path,
        found: Annotation::default(),
    };
    reader.read(root);
    Ok(reader.found)
}

/// Whether the problem that [`read_annotation`] returned is that the file is XML of another kind.
pub(super) fn is_foreign(problem: &Problem) -> bool {
    problem.field == ROOT
}

/// Reads one XML file; every problem names it.
struct Reader<'a> {
    path: &'a Path,
    found: Annotation,
}

/// An element with its path in the document, such as `object[1]/bndbox`, for messages. Objects count from 1, as in
/// XPath.
#[derive(Clone, Copy)]
struct Place<'a, 'n, 'i> {
    node: Node<'n, 'i>,
    field: &'a str,
}

impl Place<'_, '_, '_> {
    /// Returns the path of a child.
    fn of(&self, name: &str) -> String {
        match self.field {
            "" => name.to_owned(),
            field => format!("{field}/{name}"),
        }
    }
}

impl Reader<'_> {
    fn read(&mut self, root: Node) {
        let place = Place {
            node: root,
            field: "",
        };
        match self.optional_text(place, "filename") {
            Ok(name) => self.found.file_name = name,
            Err(problem) => self.found.problems.push(problem),
        }
        match self.size(place) {
            Ok(size) => self.found.size = size,
            Err(problem) => self.found.problems.push(problem),
        }
        let objects: Vec<Node> = children(root, "object").collect();
        self.found.elements = objects.len();
        // Most elements have one box. Spare capacity would be held for all images of the data set at once.
        self.found.objects.reserve_exact(objects.len());
        for (number, node) in (1..).zip(objects) {
            let field = format!("object[{number}]");
            let place = Place {
                node,
                field: &field,
            };
            match self.optional_text(place, "deleted") {
                Ok(Some(flag)) if flag == "1" => self.found.deleted += 1,
                _ => self.object(number, place),
            }
        }
        // Boxes after the first of an element get numbers of their own.
        let mut last = self.found.elements;
        let mut before = 0;
        for object in &mut self.found.objects {
            if object.number == before {
                last += 1;
                object.number = last;
            } else {
                before = object.number;
            }
        }
    }

    /// Returns width and height in pixels; `None` where they are missing or 0, which tools write that do not open the
    /// image.
    fn size(&self, root: Place) -> Result<Option<(u32, u32)>, Problem> {
        let Some(node) = self.at_most_one(root, "size")? else {
            return Ok(None);
        };
        let place = Place {
            node,
            field: "size",
        };
        self.at_most_one(place, "depth")?; // not used; two of them would mean a broken file
        let width = self.pixels(place, "width")?;
        let height = self.pixels(place, "height")?;
        Ok(width.zip(height))
    }

    /// Reads a width or height in pixels, written as a whole number; `None` where it is missing or not above 0.
    fn pixels(&self, size: Place, name: &str) -> Result<Option<u32>, Problem> {
        let Some(found) = self.optional_text(size, name)? else {
            return Ok(None);
        };
        let pixels = found.parse().ok().filter(|pixels: &f64| {
            pixels.is_finite() && pixels.fract() == 0.0 && *pixels < f64::from(u32::MAX)
        });
        match pixels {
            Some(pixels) => Ok((pixels > 0.0).then_some(pixels as u32)),
            None => Err(self.problem(size.of(name), found, "a positive number of pixels")),
        }
    }

    /// Reads an element `object`: a box for each of its elements `bndbox`; without any, the box around its rotated box
    /// or its polygons. VOC's elements `part` inside it (a head, a hand) are not read.
    fn object(&mut self, number: usize, place: Place) {
        let class = match self.text(place, "name") {
            Ok(class) if class.is_empty() => {
                let problem = self.problem(place.of("name"), "nothing", "a class");
                return self.found.problems.push(problem);
            }
            Ok(class) => class,
            Err(problem) => return self.found.problems.push(problem),
        };
        let is_difficult = self.is_difficult(place);
        let outline = self.polygons(place);
        let boxes: Vec<Node> = children(place.node, "bndbox").collect();
        let (boxes, polygons) = match (boxes.len(), outline) {
            (0, Ok(polygons)) => (vec![self.box_around(place, &polygons)], polygons),
            (0, Err(problem)) => (vec![Err(problem)], Vec::new()),
            (count, outline) => (
                self.boxes(place, boxes),
                self.of_one_box(place, outline, count),
            ),
        };
        for bbox in boxes {
            match bbox {
                Ok(bbox) => self.found.objects.push(Object {
                    number,
                    class: class.clone(),
                    bbox,
                    is_difficult,
                    polygons: polygons.clone(),
                }),
                Err(problem) => {
                    self.found.problems.push(problem);
                    self.found.without_box.push(class.clone());
                }
            }
        }
    }

    /// Reads the elements `bndbox` of an object, each to its box or its problem.
    fn boxes(&mut self, place: Place, nodes: Vec<Node>) -> Vec<Result<[f64; 4], Problem>> {
        let count = nodes.len();
        let numbered = (1..).zip(nodes);
        let read = numbered.map(|(index, node)| match count {
            1 => self.corners(node, &place.of("bndbox")),
            _ => self.corners(node, &place.of(&format!("bndbox[{index}]"))),
        });
        read.collect()
    }

    /// Returns the polygons of an object that has `count` boxes. If they are broken, or if there are several boxes that
    /// they could belong to, adds a remark and returns none.
    fn of_one_box(
        &mut self,
        place: Place,
        outline: Result<Vec<Vec<f64>>, Problem>,
        count: usize,
    ) -> Vec<Vec<f64>> {
        let remark = match outline {
            Ok(polygons) if count == 1 || polygons.is_empty() => return polygons,
            Ok(_) => {
                let found = format!("an outline and {count} boxes");
                self.problem(place.of("polygon"), found, "one box")
            }
            Err(problem) => problem,
        };
        self.found.remarks.push(remark);
        Vec::new()
    }

    /// Reads VOC's flag `difficult`. LabelImg's `Unspecified` means no. A flag that cannot be read is a problem and
    /// counts as no.
    fn is_difficult(&mut self, place: Place) -> bool {
        let problem = match self.optional_text(place, "difficult") {
            Ok(flag) => match flag.unwrap_or_default().to_lowercase().as_str() {
                "" | "0" | "false" | "unspecified" => return false,
                "1" | "true" => return true,
                other => self.problem(place.of("difficult"), other, "0 or 1"),
            },
            Err(problem) => problem,
        };
        self.found.problems.push(problem);
        false
    }

    /// Reads xmin, ymin, xmax, ymax of an element `bndbox`. Corners beyond the image are kept as they are; masks are
    /// cut at its edge later.
    fn corners(&mut self, node: Node, field: &str) -> Result<[f64; 4], Problem> {
        let place = Place { node, field };
        let mut bbox = [0.0; 4];
        for (value, name) in bbox.iter_mut().zip(["xmin", "ymin", "xmax", "ymax"]) {
            *value = self.number(place, name)?;
        }
        let [xmin, ymin, xmax, ymax] = bbox;
        let found = format!("xmin {xmin}, ymin {ymin}, xmax {xmax}, ymax {ymax}");
        if xmax < xmin || ymax < ymin {
            return Err(self.problem(field, found, "xmin <= xmax and ymin <= ymax"));
        }
        if xmax < 0.0 || ymax < 0.0 {
            return Err(self.problem(field, found, "a box that reaches into the image"));
        }
        if xmin < 0.0 || ymin < 0.0 {
            let expected = "corners from 0 (the part inside the image is used)";
            self.found
                .remarks
                .push(self.problem(field, found, expected));
        }
        Ok(bbox)
    }

    /// Returns the box of an object without `bndbox`: the one around its rotated box, else around its polygons.
    fn box_around(&mut self, place: Place, polygons: &[Vec<f64>]) -> Result<[f64; 4], Problem> {
        if let Some(node) = self.at_most_one(place, "robndbox")? {
            let field = place.of("robndbox");
            let place = Place {
                node,
                field: &field,
            };
            let mut values = [0.0; 5];
            for (value, name) in values.iter_mut().zip(["cx", "cy", "w", "h", "angle"]) {
                *value = self.number(place, name)?;
            }
            return Ok(shape::around_turned(values));
        }
        let missing = || self.problem(place.of("bndbox"), "no such element", "<bndbox>");
        shape::around(polygons).ok_or_else(missing)
    }

    /// Returns the outlines of an object, one for each element `polygon`, each as x, y, x, y, … in pixels.
    fn polygons(&mut self, place: Place) -> Result<Vec<Vec<f64>>, Problem> {
        let polygons = children(place.node, "polygon").map(|node| {
            let field = place.of("polygon");
            let place = Place {
                node,
                field: &field,
            };
            self.polygon(place)
        });
        polygons.collect()
    }

    /// Reads the points of an outline, written as `pt` or `point` with `x` and `y` (LabelMe), or as `x1`,
    /// `y1`, `x2`, … in any order (Roboflow).
    fn polygon(&mut self, place: Place) -> Result<Vec<f64>, Problem> {
        let mut points = Vec::new();
        let nodes = place.node.children();
        for node in nodes.filter(|node| matches!(node.tag_name().name(), "pt" | "point")) {
            let field = place.of(node.tag_name().name());
            let place = Place {
                node,
                field: &field,
            };
            points.push(self.number(place, "x")?);
            points.push(self.number(place, "y")?);
        }
        let is_numbered = |number: usize| {
            let name = format!("x{number}");
            children(place.node, &name).next().is_some()
        };
        for number in (1..).take_while(|number| is_numbered(*number)) {
            points.push(self.number(place, &format!("x{number}"))?);
            points.push(self.number(place, &format!("y{number}"))?);
        }
        match points.len() {
            0..6 => {
                let found = words::counted(points.len() / 2, "point", "points");
                Err(self.problem(place.field, found, "at least 3 points"))
            }
            _ => Ok(points),
        }
    }

    /// Reads a number; it may have a comma in the place of the decimal point.
    fn number(&mut self, parent: Place, name: &str) -> Result<f64, Problem> {
        let found = self.text(parent, name)?;
        let mut number = found.parse::<f64>();
        if number.is_err() && found.matches(',').count() == 1 {
            number = found.replace(',', ".").parse();
            self.found.commas += usize::from(number.is_ok());
        }
        number
            .ok()
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.problem(parent.of(name), found, "a number"))
    }

    /// Returns the child `name`; `None` where there is none. Two of them are a problem, because it is unclear which one
    /// is meant.
    fn at_most_one<'n, 'i>(
        &self,
        parent: Place<'_, 'n, 'i>,
        name: &str,
    ) -> Result<Option<Node<'n, 'i>>, Problem> {
        let mut found = children(parent.node, name);
        let first = found.next();
        match found.count() {
            0 => Ok(first),
            more => {
                let found = format!("{} elements <{name}>", more + 1);
                Err(self.problem(parent.of(name), found, "one"))
            }
        }
    }

    /// Returns the text of the child `name`, which must occur once.
    fn text(&self, parent: Place, name: &str) -> Result<String, Problem> {
        let missing = || self.problem(parent.of(name), "no such element", format!("<{name}>"));
        let element = self.at_most_one(parent, name)?.ok_or_else(missing)?;
        self.text_of(element, parent.of(name))
    }

    /// Returns the text of the child `name`; `None` where there is no such child, or no text in it.
    fn optional_text(&self, parent: Place, name: &str) -> Result<Option<String>, Problem> {
        let Some(element) = self.at_most_one(parent, name)? else {
            return Ok(None);
        };
        let text = self.text_of(element, parent.of(name))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Returns an element's text. It may contain comments, but no elements.
    fn text_of(&self, element: Node, field: String) -> Result<String, Problem> {
        let mut text = String::new();
        for child in element.children() {
            if child.is_element() {
                let found = format!("<{}> in it", child.tag_name().name());
                return Err(self.problem(field, found, "text"));
            }
            if child.is_text() {
                text += child.text().unwrap_or_default();
            }
        }
        Ok(text.trim().to_owned())
    }

    /// Returns a problem with this file.
    fn problem(
        &self,
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Problem {
        Problem::new(self.path, field, found, expected)
    }
}

fn children<'n, 'i>(parent: Node<'n, 'i>, name: &str) -> impl Iterator<Item = Node<'n, 'i>> {
    parent
        .children()
        .filter(move |child| child.has_tag_name(name))
}
