//! Says where the gallery, the page of all test images, lies beside the report.

/// The folder of the gallery in the report's.
pub const FOLDER: &str = "gallery";

/// The page's path beside the report.
pub const PAGE: &str = "gallery/index.html";
