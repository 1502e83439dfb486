"""Random maps, and how long other programs take for their metrics.

    metrics.py write DATA MAPS           an Arrow stream of a map for each pair of the test images
    metrics.py time DATA MAPS SAMPLE     seconds a map, as JSON; the slow ones over the first SAMPLE maps

Each of Quantus' metrics is called as its users call it, and then its own function alone (`evaluate_batch`). EPG and
IoU are computed map by map with torch, as the paper's official code does in its evaluation, from the file on.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.ipc
import pyarrow.parquet

SIDE = 224


def rows(path):
    return pyarrow.parquet.read_table(path).to_pylist()


def smooth(random, cells):
    """A map of `cells` × `cells` values, enlarged bilinearly."""
    values = random.standard_normal((cells, cells))
    at = np.clip((np.arange(SIDE) + 0.5) * cells / SIDE - 0.5, 0, cells - 1)
    low = np.minimum(at.astype(int), max(cells - 2, 0))
    high, weight = np.minimum(low + 1, cells - 1), at - low
    values = values[low] * (1 - weight)[:, None] + values[high] * weight[:, None]
    return values[:, low] * (1 - weight) + values[:, high] * weight


def write(data, path):
    """A third of the maps is noise, as maps at a network's input; the others are smooth, as those of deeper layers."""
    random = np.random.default_rng(0)
    images = {row["image_id"] for row in rows(data / "images.parquet") if row["split"] == "test"}
    pairs = [(row["image_id"], row["class_id"]) for row in rows(data / "labels.parquet") if row["image_id"] in images]
    schema = pyarrow.schema([
        ("image_id", pyarrow.string()), ("class_id", pyarrow.int32()), ("height", pyarrow.int32()),
        ("width", pyarrow.int32()), ("map", pyarrow.binary()),
    ])
    with pyarrow.ipc.new_stream(str(path), schema) as writer:
        for i, (image_id, class_id) in enumerate(pairs):
            values = smooth(random, (SIDE, 56, 7)[i % 3]).astype("<f4")
            columns = [[image_id], [class_id], [SIDE], [SIDE], [values.tobytes()]]
            arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, schema)]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))


def boxes_of(data):
    """The boxes of each pair in pixels of the network's input."""
    images = {row["image_id"]: row for row in rows(data / "images.parquet")}
    boxes = {}
    for row in rows(data / "masks.parquet"):
        image = images[row["image_id"]]
        x1, x2 = (int(min(max(row[x] * SIDE / image["width"], 0), SIDE - 1)) for x in ("xmin", "xmax"))
        y1, y2 = (int(min(max(row[y] * SIDE / image["height"], 0), SIDE - 1)) for y in ("ymin", "ymax"))
        boxes.setdefault((row["image_id"], row["class_id"]), []).append((x1, y1, x2, y2))
    return boxes


def read(path):
    for batch in pyarrow.ipc.open_stream(str(path)):
        for row in batch.to_pylist():
            yield (row["image_id"], row["class_id"]), np.frombuffer(row["map"], "<f4").reshape(SIDE, SIDE)


def of_torch(data, path):
    """Seconds a map for EPG and IoU, and their means."""
    import torch

    torch.set_num_threads(2)
    start, results = time.perf_counter(), []
    boxes = boxes_of(data)
    for pair, values in read(path):
        positive = torch.from_numpy(values.copy()).clamp(min=0)
        mask = torch.zeros_like(positive)
        for x1, y1, x2, y2 in boxes[pair]:
            mask[y1:y2, x1:x2] = 1
        total = positive.sum()
        epg = (positive * mask).sum() / total if total >= 1e-7 else torch.tensor(0.0)
        scaled = (positive - positive.min()) / (positive.max() - positive.min())
        above, inside = scaled > 0.5, mask > 0
        iou = (above & inside).sum() / (above | inside).sum()
        results.append((epg.item(), iou.item()))
    seconds = (time.perf_counter() - start) / len(results)
    return len(results), seconds, np.mean(results, axis=0).tolist()


def of_packages(data, path, sample):
    """Seconds a map of all of Quantus' metrics, of their own functions alone, and of scikit-learn's two."""
    import quantus
    from sklearn.metrics import average_precision_score, roc_auc_score

    warnings.simplefilter("ignore")
    quiet = {"disable_warnings": True}
    metrics = [
        quantus.PointingGame(**quiet), quantus.RelevanceMassAccuracy(**quiet),
        quantus.RelevanceMassAccuracy(abs=True, **quiet), quantus.RelevanceRankAccuracy(**quiet),
        quantus.TopKIntersection(**quiet), quantus.AUC(**quiet), quantus.Sparseness(**quiet), quantus.Complexity(**quiet),
    ]
    boxes, calls, functions, learned, n = boxes_of(data), 0.0, 0.0, 0.0, 0
    image = np.zeros((1, 3, SIDE, SIDE), "f4")
    for pair, values in read(path):
        mask = np.zeros((1, 1, SIDE, SIDE), bool)
        for x1, y1, x2, y2 in boxes[pair]:
            mask[..., y1:y2, x1:x2] = True
        if not mask.any():
            continue
        batch = {"x_batch": image, "y_batch": np.array([pair[1]]), "a_batch": values[None, None], "s_batch": mask}
        for metric in metrics:
            start = time.perf_counter()
            metric(model=None, **batch)
            calls += time.perf_counter() - start
            alone = {"x_batch": image, "a_batch": values[None, None].astype(float), "s_batch": mask}
            start = time.perf_counter()
            metric.evaluate_batch(**alone)
            functions += time.perf_counter() - start
        inside, flat = mask.reshape(-1), values.reshape(-1)
        start = time.perf_counter()
        average_precision_score(inside, flat)
        precision = time.perf_counter() - start
        start = time.perf_counter()
        roc_auc_score(inside, flat)
        learned += precision + time.perf_counter() - start
        # Quantus has no average precision of its own.
        calls, functions, n = calls + precision, functions + precision, n + 1
        if n == sample:
            break
    return calls / n, functions / n, learned / n


def measure(data, path, sample):
    pairs, epg_and_iou, means = of_torch(data, path)
    calls, functions, learned = of_packages(data, path, sample)
    print(json.dumps({
        "pairs": pairs, "epg_and_iou": epg_and_iou, "epg": means[0], "iou": means[1], "calls": calls,
        "functions": functions, "learned": learned,
    }))


if sys.argv[1] == "write":
    write(*map(Path, sys.argv[2:]))
else:
    measure(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
