//! Maps MS COCO's category ids, from 1 to 90 with gaps, to ids of its 80 object classes from 0 (docs/SPEC.md C.2).

/// The ids from 0 to 90 that are no object class: 0, and the ten categories that MS COCO never annotated.
pub const DROPPED: [i64; 11] = [0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

/// Class names as `categories` spells them; the index is the class id.
#[rustfmt::skip]
pub const NAMES: [&str; 80] = [
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
];

/// The class id of a category: its id less the number of dropped ids below it. `None` where COCO has
/// no such category.
pub fn class_id(category_id: i64) -> Option<i32> {
    if !(0..=90).contains(&category_id) || DROPPED.contains(&category_id) {
        return None;
    }
    let below = DROPPED.iter().filter(|&&id| id < category_id).count();
    Some(category_id as i32 - below as i32)
}
