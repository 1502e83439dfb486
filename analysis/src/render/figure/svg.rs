//! Writes SVG: shapes and text at pixel coordinates, with numbers of at most two decimals and text escaped.
//! [`super::axis`] and [`super::grid`] draw axes and data with it.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The point of a text that its position refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// At its start.
    Start,
    /// In its middle.
    Middle,
    /// At its end.
    End,
}

/// The weight of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Normal weight.
    Regular,
    /// Bold.
    Bold,
}

/// How a shape is filled and outlined.
#[derive(Debug, Clone, Copy)]
pub struct Paint<'a> {
    /// Fill colour, or `none`.
    pub fill: &'a str,
    /// Outline colour, or `none`.
    pub stroke: &'a str,
    /// Outline width, pixels.
    pub width: f64,
    /// Opacity of both.
    pub opacity: f64,
    /// Dash pattern, empty for a solid line.
    pub dash: &'a str,
}

impl<'a> Paint<'a> {
    /// Filled, without outline.
    pub fn fill(fill: &'a str) -> Self {
        Self {
            fill,
            stroke: "none",
            width: 0.0,
            opacity: 1.0,
            dash: "",
        }
    }

    /// Outlined, not filled.
    pub fn stroke(stroke: &'a str, width: f64) -> Self {
        Self {
            fill: "none",
            stroke,
            width,
            opacity: 1.0,
            dash: "",
        }
    }

    /// With an outline.
    pub fn outlined(self, stroke: &'a str, width: f64) -> Self {
        Self {
            stroke,
            width,
            ..self
        }
    }

    /// With this opacity.
    pub fn opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    /// With a dashed outline.
    pub fn dashed(self, dash: &'a str) -> Self {
        Self { dash, ..self }
    }

    fn attributes(&self) -> String {
        let mut text = format!("fill=\"{}\"", self.fill);
        if self.stroke != "none" {
            let _ = write!(
                text,
                " stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"",
                self.stroke,
                short(self.width)
            );
        }
        if self.opacity < 1.0 {
            let _ = write!(text, " opacity=\"{}\"", short(self.opacity));
        }
        if !self.dash.is_empty() {
            let _ = write!(text, " stroke-dasharray=\"{}\"", self.dash);
        }
        text
    }
}

/// An SVG under construction; y grows downwards.
#[derive(Debug)]
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Text size of labels, pixels.
pub const TEXT: f64 = 13.0;
/// Text size of tick labels, pixels.
pub const SMALL: f64 = 11.5;
/// Text colour.
pub const INK: &str = "#1f2328";
/// Colour of secondary text.
pub const GREY: &str = "#57606a";

impl Svg {
    /// An empty white figure of this size in pixels.
    pub fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            body: String::new(),
        }
    }

    /// A rectangle.
    pub fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), paint: Paint) {
        self.line_of(format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}/>",
            short(x),
            short(y),
            short(width.max(0.0)),
            short(height.max(0.0)),
            paint.attributes()
        ));
    }

    /// A straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), paint: Paint) {
        self.line_of(format!(
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {}/>",
            short(x1),
            short(y1),
            short(x2),
            short(y2),
            paint.attributes()
        ));
    }

    /// A circle.
    pub fn circle(&mut self, (x, y): (f64, f64), radius: f64, paint: Paint) {
        self.line_of(format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {}/>",
            short(x),
            short(y),
            short(radius),
            paint.attributes()
        ));
    }

    /// A closed shape.
    pub fn polygon(&mut self, points: &[(f64, f64)], paint: Paint) {
        self.line_of(format!(
            "<polygon points=\"{}\" {}/>",
            joined(points),
            paint.attributes()
        ));
    }

    /// A line through points.
    pub fn polyline(&mut self, points: &[(f64, f64)], paint: Paint) {
        self.line_of(format!(
            "<polyline points=\"{}\" {}/>",
            joined(points),
            paint.attributes()
        ));
    }

    /// A PNG, scaled to fill a rectangle.
    pub fn image(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), png: &[u8]) {
        self.line_of(format!(
            "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" href=\"data:image/png;base64,{}\"/>",
            short(x),
            short(y),
            short(width),
            short(height),
            STANDARD.encode(png)
        ));
    }

    /// Text whose baseline passes through the point.
    pub fn text(
        &mut self,
        at: (f64, f64),
        anchor: Anchor,
        size: f64,
        colour: &str,
        face: Face,
        text: &str,
    ) {
        self.placed_text(at, "", (anchor, size, colour, face), text);
    }

    /// Text that reads upwards, centred at the point.
    pub fn upward_text(&mut self, (x, y): (f64, f64), size: f64, colour: &str, text: &str) {
        let rotation = format!(" transform=\"rotate(-90 {} {})\"", short(x), short(y));
        self.placed_text(
            (x, y),
            &rotation,
            (Anchor::Middle, size, colour, Face::Regular),
            text,
        );
    }

    fn placed_text(
        &mut self,
        (x, y): (f64, f64),
        transform: &str,
        (anchor, size, colour, face): (Anchor, f64, &str, Face),
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = match face {
            Face::Regular => "",
            Face::Bold => " font-weight=\"bold\"",
        };
        self.line_of(format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{colour}\"{anchor}{weight}{transform}>{}</text>",
            short(x), short(y), short(size), escape(text)
        ));
    }

    /// Adds an element on a line of its own.
    fn line_of(&mut self, element: String) {
        self.body.push_str(&element);
        self.body.push('\n');
    }

    /// The whole SVG document. `description` is for screen readers.
    pub fn finish(self, description: &str) -> String {
        let (width, height) = (short(self.width), short(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" \
             font-family=\"'Noto Sans', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\">\n\
             <desc>{}</desc>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            escape(description),
            self.body
        )
    }
}

/// The width of `text` in pixels at the text size `size`, estimated from its letters. Each kind of letter has a
/// typical width as a fraction of the text size. They are rather too large than too small for Noto Sans, the font of
/// the PNG, so that labels do not overlap.
pub fn text_width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | 'I' => 0.29,
            'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '·' => 0.37,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
            'A'..='Z' => 0.68,
            _ => 0.59,
        })
        .sum();
    em * size
}

/// `text` if it is at most `width` pixels wide, else cut to about that width, with an ellipsis at its end.
pub fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if text_width(&kept, size) > width - size {
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

/// The points as SVG has them in `points`.
fn joined(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{},{}", short(*x), short(*y)))
        .collect();
    points.join(" ")
}

/// The number with at most two decimals, without trailing zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// Text escaped for XML. Control characters, most of which XML forbids, become spaces.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
