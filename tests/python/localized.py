"""MaxBoxAcc, MaxBoxAccV2 and PxAP of random maps by wsolevaluation's formulas, computed with OpenCV and numpy.

    python localized.py write DATA MAPS      an Arrow stream of a map for each pair of the test images
    python localized.py check DATA MAPS OUT  the folder that evaluator score wrote
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow
import pyarrow.ipc
import pyarrow.parquet


def rows(path):
    return pyarrow.parquet.read_table(path).to_pylist()


def shape(data):
    metadata = pyarrow.ipc.open_file(str(data / "pixels.arrow")).schema.metadata
    return int(metadata[b"height"]), int(metadata[b"width"])


def drawn(random, kind, height, width):
    """A map of one of several kinds: noise, smooth, few values, flat, without negative values, enlarged."""
    noise = random.standard_normal((height, width)).astype("<f4")
    match kind % 7:
        case 0:
            return noise
        case 1:
            return cv2.GaussianBlur(noise, (0, 0), 5)
        case 2:
            return random.integers(0, 4, (height, width)).astype("<f4")
        case 3:
            return np.full((height, width), 0.3, "<f4")
        case 4:
            return np.maximum(cv2.GaussianBlur(noise, (0, 0), 2), 0)
        case 5:
            return cv2.resize(noise[:7, :7], (width, height))
        case _:
            return (noise > 1).astype("<f4")


def write(data, path):
    height, width = shape(data)
    random = np.random.default_rng(0)
    images = {row["image_id"] for row in rows(data / "images.parquet") if row["split"] == "test"}
    pairs = [(row["image_id"], row["class_id"]) for row in rows(data / "labels.parquet") if row["image_id"] in images]
    maps = [drawn(random, kind, height, width) for kind in range(len(pairs))]
    table = pyarrow.table({
        "image_id": [image_id for image_id, _ in pairs],
        "class_id": pyarrow.array([class_id for _, class_id in pairs], pyarrow.int32()),
        "height": pyarrow.array([height] * len(pairs), pyarrow.int32()),
        "width": pyarrow.array([width] * len(pairs), pyarrow.int32()),
        "map": pyarrow.array([map.tobytes() for map in maps], pyarrow.binary()),
    })
    with pyarrow.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


def scaled(values):
    values = values.astype(float) - values.min()
    return values / values.max() if values.max() else values


def boxes_above(image, level, several):
    height, width = image.shape
    _, above = cv2.threshold(image, level, 255, cv2.THRESH_BINARY)
    contours = cv2.findContours(above, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if not contours:
        return [(0, 0, 0, 0)]
    if not several:
        contours = [max(contours, key=cv2.contourArea)]
    rectangles = [cv2.boundingRect(contour) for contour in contours]
    return [(x, y, min(x + w, width - 1), min(y + h, height - 1)) for x, y, w, h in rectangles]


def iou(a, b):
    def area(x1, y1, x2, y2):
        return max(0, x2 - x1 + 1) * max(0, y2 - y1 + 1)

    both = area(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return both / (area(*a) + area(*b) - both)


def best_ious(values, boxes, several):
    """The greatest IoU of a box with an annotated one at each of the 255 levels that the thousand thresholds have."""
    image = (scaled(values) * 255).astype(np.uint8)
    levels = sorted({int(threshold * 255) for threshold in np.arange(0, 1, 0.001)})
    return [max(iou(a, b) for a in boxes_above(image, level, several) for b in boxes) for level in levels]


def histograms(values, cells):
    edges = np.append(np.arange(0, 1, 0.001), [1.0, 2.0, 3.0])
    return [np.histogram(scaled(values)[part], bins=edges)[0].astype(float) for part in (cells, ~cells)]


def average_precision(inside, outside):
    tp, fp = inside[::-1].cumsum(), outside[::-1].cumsum()
    with np.errstate(invalid="ignore"):
        precision, recall = tp / (tp + fp), tp / tp[-1]
    return (precision[1:] * np.diff(recall))[(tp + fp)[1:] != 0].sum()


def check(data, path, folder):
    height, width = shape(data)
    images = {row["image_id"]: row for row in rows(data / "images.parquet")}
    objects = rows(data / "masks.parquet")
    single, several, of_pixels = [], [], []
    for row in pyarrow.ipc.open_stream(str(path)).read_all().to_pylist():
        values = np.frombuffer(row["map"], "<f4").reshape(height, width)
        image = images[row["image_id"]]
        boxes, cells = [], np.zeros((height, width), bool)
        for shown in objects:
            if (shown["image_id"], shown["class_id"]) == (row["image_id"], row["class_id"]):
                x1, x2 = (int(min(max(shown[x] * width / image["width"], 0), width - 1)) for x in ("xmin", "xmax"))
                y1, y2 = (int(min(max(shown[y] * height / image["height"], 0), height - 1)) for y in ("ymin", "ymax"))
                boxes.append((x1, y1, x2, y2))
                cells[y1:y2, x1:x2] = True
        single.append(best_ious(values, boxes, False))
        several.append(best_ious(values, boxes, True))
        of_pixels.append(histograms(values, cells))
    expected = {
        "max_box_acc": (np.array(single) >= 0.5).mean(axis=0).max(),
        "max_box_acc_v2": np.mean([(np.array(several) >= least).mean(axis=0).max() for least in (0.3, 0.5, 0.7)]),
        "px_ap": average_precision(*np.sum(of_pixels, axis=0)),
    }
    found = {
        row["metric"]: row["value"]
        for row in rows(folder / "metrics.parquet")
        if row["group_id"] is row["class_id"] is row["size_low"] is None
    }
    for name, value in expected.items():
        if not 0 < value < 1 or abs(found[name] - value) > 1e-12:
            sys.exit(f"{name}: found {found[name]}, expected {value}")
    print(len(single), expected)


{"write": write, "check": check}[sys.argv[1]](*map(Path, sys.argv[2:]))
