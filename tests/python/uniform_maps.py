"""Maps that are 1 everywhere, written with pyarrow: their EPG is the mask's share of the grid, which
is computed here from the tables alone.

    python uniform_maps.py write DATA MAPS      stream*.arrow, file*.arrow or *.parquet
    python uniform_maps.py check DATA SCORES    the folder evaluator score wrote
"""

import math
import sys
from pathlib import Path

import numpy
import pandas
import pyarrow
import pyarrow.ipc
import pyarrow.parquet


def pairs(data):
    """(image row, class id) of every label of the test images."""
    images = pandas.read_parquet(data / "images.parquet")
    labels = pandas.read_parquet(data / "labels.parquet")
    return images[images.split == "test"].merge(labels, on="image_id")


def write(data, path):
    tests = pairs(data)
    # Sizes of maps differ from the grid's and from each other: every one is up-sampled.
    sizes = [(1, 1), (7, 7), (5, 9)]
    rows = [sizes[row % 3] for row in range(len(tests))]
    table = pyarrow.table({
        "image_id": pyarrow.array(tests.image_id, pyarrow.string()),
        "class_id": pyarrow.array(tests.class_id, pyarrow.int32()),
        "height": pyarrow.array([height for height, _ in rows], pyarrow.int32()),
        "width": pyarrow.array([width for _, width in rows], pyarrow.int32()),
        "map": pyarrow.array([numpy.ones(size, "<f4").tobytes() for size in rows], pyarrow.binary()),
    })
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
        return
    new = pyarrow.ipc.new_stream if path.stem == "stream" else pyarrow.ipc.new_file
    with new(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=5)


def area(image, boxes, height, width):
    """Cells of the union of an image's boxes on the grid (SPEC A.5): right and bottom excluded."""
    mask = numpy.zeros((height, width), bool)
    for box in boxes.itertuples():
        x1, x2 = (int(min(max(x * width / image.width, 0), width - 1)) for x in (box.xmin, box.xmax))
        y1, y2 = (int(min(max(y * height / image.height, 0), height - 1)) for y in (box.ymin, box.ymax))
        mask[y1:y2, x1:x2] = True
    return int(mask.sum())


def check(data, folder):
    metadata = pyarrow.ipc.open_file(str(data / "pixels.arrow")).schema.metadata
    height, width = int(metadata[b"height"]), int(metadata[b"width"])
    masks = pandas.read_parquet(data / "masks.parquet")
    scores = pandas.read_parquet(folder / "scores.parquet")
    scores = scores.pivot(index=["image_id", "class_id"], columns="metric", values="value")
    tests = pairs(data)
    if len(scores) != len(tests):
        sys.exit(f"scores: found {len(scores)} rows, expected {len(tests)}")
    shares = []
    for image in tests.itertuples():
        boxes = masks[(masks.image_id == image.image_id) & (masks.class_id == image.class_id)]
        cells = area(image, boxes, height, width)
        row = scores.loc[(image.image_id, image.class_id)]
        if row.mask_area != cells or not math.isclose(row.epg, cells / (height * width), rel_tol=1e-6):
            sys.exit(f"{image.image_id} class {image.class_id}: found area {row.mask_area}, EPG {row.epg}, "
                     f"expected {cells} and {cells / (height * width)}")
        shares.append(cells / (height * width))
    metrics = pandas.read_parquet(folder / "metrics.parquet")
    of_all = metrics[["group_id", "class_id", "size_low"]].isna().all(axis=1)
    mean = metrics[(metrics.metric == "epg") & of_all].value.item()
    if not 0 < mean < 1 or not math.isclose(mean, sum(shares) / len(shares), rel_tol=1e-6):
        sys.exit(f"mean EPG: found {mean}, expected {sum(shares) / len(shares)}")
    print(f"{len(shares)} pairs")


{"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
