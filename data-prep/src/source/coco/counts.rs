//! Counts the decisions made while a COCO JSON was read (a missing box was computed, an id was replaced, …) and
//! turns them into notes for the user, one line for each kind of decision.

use std::collections::BTreeMap;
use std::ops::AddAssign;

/// How often each decision was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Images without a usable width and height.
    pub unsized_images: usize,
    /// Images whose file was found under another name or in another folder than their `file_name` says.
    pub renamed: usize,
    /// Entries of `images` for a file that an earlier entry is for, too. Their objects were put together.
    pub merged: usize,
    /// Objects without a box. They were given the box around their outline.
    pub boxed: usize,
    /// Outlines written as one list of numbers instead of a list of polygons.
    pub flat: usize,
    /// Objects that have the id of another object on their image. They were given new ids.
    pub renumbered: usize,
    /// Images left out because the class of an object on them is not known.
    pub unknown: usize,
    /// Images read from a file with another extension than their `file_name` has: the number of them by the
    /// extension given and the one found.
    pub extensions: BTreeMap<[String; 2], usize>,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.unsized_images += other.unsized_images;
        self.renamed += other.renamed;
        self.merged += other.merged;
        self.boxed += other.boxed;
        self.flat += other.flat;
        self.renumbered += other.renumbered;
        self.unknown += other.unknown;
        for (extensions, count) in other.extensions {
            *self.extensions.entry(extensions).or_default() += count;
        }
    }
}

impl Counts {
    /// Returns a note for each count above 0.
    pub(super) fn notes(self) -> impl Iterator<Item = String> {
        let said = [
            (
                self.unsized_images,
                "images without width and height in the annotations, read with those of their files",
            ),
            (
                self.renamed,
                "images found under another name or in another folder than their file_name says",
            ),
            (
                self.merged,
                "entries of `images` for a file that is listed before, whose objects were put together",
            ),
            (
                self.boxed,
                "objects without bbox, read with the box around their outline",
            ),
            (
                self.flat,
                "outlines that are a list of numbers, not of polygons, read as one polygon each",
            ),
            (
                self.renumbered,
                "objects with the id of another object of their image, given other ids",
            ),
            (
                self.unknown,
                "images with an object whose category is not known, left out",
            ),
        ];
        let said = said.into_iter().filter(|(count, _)| *count > 0);
        let said = said.map(|(count, what)| format!("{what}: {count}"));
        let others = self.extensions.into_iter().map(|([given, found], count)| {
            format!(
                "images read from .{found}, where no file has the names in .{given} that the \
                 annotations give: {count}"
            )
        });
        said.chain(others)
    }
}
