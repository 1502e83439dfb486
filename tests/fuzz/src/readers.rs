//! A function for each reader of files: it gives the reader arbitrary bytes and asserts that the reader returns
//! either a consistent result or an error of one line. The fuzzing programs call these functions, and so does the
//! test in `trainer/tests/fuzz_corpus`, which reads the inputs kept in `tests/fuzz/corpus` again.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use data_prep::decode;
use data_prep::geometry::Grid;
use data_prep::rle::{CompressedRle, Rle};
use data_prep::source::coco;
use data_prep::source::voc;
use evaluator::maps::{MapReader, Source};
use tempfile::NamedTempFile;

use crate::archive;
use crate::network::graph::layers::find::Layers;
use crate::network::graph::layers::head;
use crate::network::graph::program::Graph;
use crate::weights::checkpoint_file;
use crate::weights::exported::lower::lower;
use crate::weights::exported::read::read;

/// A grid that masks are brought to; its sides differ, so that swapped axes would show.
const GRID: Grid = Grid {
    height: 7,
    width: 5,
};

/// Reads a VOC annotation; objects must have a class and an ordered box.
pub fn voc(bytes: &[u8]) {
    match voc::read_annotation(Path::new("f"), bytes.to_vec()) {
        Err(error) => is_one_line(&error),
        Ok(annotation) => {
            for object in annotation.objects {
                let [xmin, ymin, xmax, ymax] = object.bbox;
                assert!(xmin <= xmax && ymin <= ymax, "{object:?}");
                assert!(!object.class.is_empty(), "{object:?}");
            }
            for problem in annotation.problems.iter().chain(&annotation.remarks) {
                is_one_line(problem);
            }
        }
    }
}

/// Reads COCO's instances JSON and makes a mask from every segmentation.
pub fn instances(bytes: &[u8]) {
    let file = written(bytes);
    let instances = match coco::load_instances(file.path()) {
        Err(error) => return is_one_line(&error),
        Ok(instances) => instances,
    };
    for problem in instances.problems() {
        is_one_line(&problem.problem);
    }
    for remark in instances.remarks() {
        is_one_line(remark);
    }
    for (index, image) in instances.images().iter().enumerate() {
        for annotation in instances.annotations_of(index) {
            match instances.segmentation(annotation, image) {
                Err(problem) => is_one_line(&problem),
                Ok(None) => {}
                Ok(Some(rle)) => {
                    if let Some(size) = image.size {
                        assert_eq!((rle.width, rle.height), size);
                    }
                    is_consistent(&rle);
                }
            }
        }
    }
}

/// Reads COCO's compressed run lengths. The first two bytes are the image's height, the next two its width, both
/// little-endian.
pub fn rle(bytes: &[u8]) {
    let Some((&[a, b, c, d], text)) = bytes.split_first_chunk() else {
        return;
    };
    let (height, width) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    match Rle::from_compressed(height.into(), width.into(), text) {
        Err(error) => is_one_line(&error),
        Ok(rle) => is_consistent(&rle),
    }
}

/// Decodes a JPEG or PNG image, to three bytes a pixel.
pub fn image(bytes: &[u8]) {
    match decode::decode(bytes) {
        Err(error) => is_one_line(&error),
        Ok(image) => assert_eq!(image.data.len(), image.width * image.height * 3),
    }
}

/// Reads a weight file; each tensor must have as many bytes as its shape and type say.
pub fn checkpoint(bytes: &[u8]) {
    match checkpoint_file::parse(Path::new("f"), bytes, None) {
        Err(error) => is_one_line(&error),
        Ok(tensors) => {
            for tensor in tensors {
                let n: usize = tensor.shape.iter().product();
                assert_eq!(
                    tensor.data.len(),
                    n * tensor.dtype.size(),
                    "{}",
                    tensor.name
                );
            }
        }
    }
}

/// Reads a network that PyTorch exported: a zip archive, which begins with `PK`. In archives a checksum would find
/// almost every change, so other bytes are tried as well. If three of them are 0, the first three split them into the
/// parts of an archive, which is made here: its program, the lists of its weights and of its constants, and the
/// weights' bytes. All other bytes are read as the JSON of a graph, as our weight files keep it.
pub fn exported(bytes: &[u8]) {
    let parts: Vec<&[u8]> = bytes.splitn(4, |&byte| byte == 0).collect();
    let made = match parts[..] {
        _ if bytes.starts_with(b"PK") => None,
        [program, weights, constants, storage] => Some(archive::stored([
            ("f/archive_format", &b"pt2"[..]),
            ("f/archive_version", b"0"),
            ("f/byteorder", b"little"),
            ("f/models/model.json", program),
            ("f/data/weights/model_weights_config.json", weights),
            ("f/data/constants/model_constants_config.json", constants),
            ("f/data/weights/weight_0", storage),
            ("f/data/constants/tensor_0", storage),
        ])),
        _ => {
            let text = String::from_utf8_lossy(bytes);
            return match Graph::from_json(&text) {
                Err(error) => is_one_line(&error),
                Ok(graph) => has_layers(&graph),
            };
        }
    };
    let exported = match read(made.as_deref().unwrap_or(bytes)) {
        Err(error) => return is_one_line(&error),
        Ok(exported) => exported,
    };
    for (name, view) in &exported.tensors {
        let n_bytes = view.n_elements() * view.dtype.n_bytes();
        assert_eq!(view.contiguous().len(), n_bytes, "{name}");
    }
    match lower(&exported.graph) {
        Err(error) => is_one_line(&error),
        Ok(graph) => has_layers(&graph),
    }
}

/// Asserts that a graph is the same after it is written and read again, that each candidate for a layer to explain at
/// is found by its name, and that there are at most four default layers (mid1 to final), in the order of the network.
fn has_layers(graph: &Graph) {
    let json = graph.to_json();
    let again = Graph::from_json(&json).expect("a graph that was checked before");
    assert_eq!(again.to_json(), json);
    let layers = Layers::of(graph);
    for layer in &layers.candidates {
        let found = layers.find(&layer.module).expect("it has this name");
        assert_eq!(found.module, layer.module);
    }
    let defaults = layers.defaults(|layer| layer.reaches_logits);
    assert!(defaults.len() <= 4);
    assert!(
        defaults
            .windows(2)
            .all(|pair| pair[0].1.value < pair[1].1.value)
    );
    if let Err(error) = layers.find("no such module") {
        is_one_line(&error);
    }
    match head::head(graph) {
        Err(error) => is_one_line(&error),
        Ok(head) => assert!(head.n_classes > 0),
    }
}

/// Reads a file of attribution maps; each map must have finite values and as many as its sides say.
pub fn maps(bytes: &[u8]) {
    let file = written(bytes);
    let mut reader = match MapReader::open(&Source::File(file.path().to_owned())) {
        Err(error) => return is_one_line(&error),
        Ok(reader) => reader,
    };
    loop {
        match reader.next_rows() {
            Err(error) => return is_one_line(&error),
            Ok(rows) if rows.is_empty() => return,
            Ok(rows) => {
                for row in rows {
                    assert_eq!(row.map.len(), row.height * row.width);
                    assert!(row.map.iter().all(|value| value.is_finite()));
                }
            }
        }
    }
}

/// Writes a temporary file, for readers that take a path.
fn written(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes)
        .expect("the temporary folder has room");
    file
}

/// Asserts that a mask is no larger than its image, is the same after conversion to every other form and back, and can
/// be brought to a grid. The bitmap is made only for masks of fewer than 65,536 pixels, to save time.
fn is_consistent(rle: &Rle) {
    let pixels = u64::from(rle.height) * u64::from(rle.width);
    assert!(rle.area() <= pixels);
    let compressed = CompressedRle::from(rle);
    assert_eq!(compressed.decompressed().as_ref(), Ok(rle));
    assert_eq!(rle.to_mask(GRID).cells().len(), GRID.cells());
    assert_eq!(rle.bounding_box().is_none(), rle.area() == 0);
    if pixels < 1 << 16 {
        let bitmap = rle.to_bitmap();
        let again = Rle::from_bitmap(rle.height, rle.width, &bitmap).expect("a bitmap of its size");
        assert_eq!(again.to_bitmap(), bitmap);
        assert_eq!(again.area(), rle.area());
    }
}

/// Asserts that a message is one line, apart from hints, without control characters and shorter than 64 KiB.
fn is_one_line(error: &dyn Display) {
    let text = error.to_string();
    let lines = text.replace("\nhint: ", " ");
    assert!(!lines.chars().any(char::is_control), "{text:?}");
    assert!(text.len() < 1 << 16, "a message of {} bytes", text.len());
}
