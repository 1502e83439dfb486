"""Reads a run's event files with TensorBoard and compares them with its epochs.parquet: each epoch's numbers
once, and its pictures.

    python read_events.py RUN
"""

import struct
import sys
from pathlib import Path

import numpy
import pyarrow.parquet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# From a tag to the column of epochs.parquet.
COLUMNS = {
    "train/loss": "loss",
    "train/loss_class": "loss_class",
    "train/loss_localization": "loss_localization",
    "train/learning_rate": "learning_rate",
    "train/images_per_second": "images_per_second",
    "val/f1": "val_f1",
    "val/map": "val_map",
    "val/epg": "val_epg",
    "val/iou": "val_iou",
}


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: found {found}, expected {expected}")


def main():
    run = Path(sys.argv[1])
    epochs = pyarrow.parquet.read_table(run / "epochs.parquet").to_pydict()
    toml = (run / "run.toml").read_text()
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"images": 0, "scalars": 0})
    events.Reload()
    tags = events.Tags()
    expected = set(COLUMNS)
    if "[guidance]" not in toml:
        expected.remove("train/loss_localization")
    same("scalars", set(tags["scalars"]), expected)
    for tag in tags["scalars"]:
        found = events.Scalars(tag)
        same(f"{tag}: steps", [event.step for event in found], epochs["epoch"])
        values = numpy.float32(epochs[COLUMNS[tag]]).tolist()
        same(f"{tag}: values", [event.value for event in found], values)
    for tag in tags["images"]:
        same(f"{tag}: group", tag.split("/")[0], "maps")
        found = events.Images(tag)
        same(f"{tag}: steps", [event.step for event in found], epochs["epoch"])
        for image in found:
            same(f"{tag}: signature", image.encoded_image_string[:8], b"\x89PNG\r\n\x1a\n")
            size = struct.unpack(">II", image.encoded_image_string[16:24])
            same(f"{tag}: size", (image.width, image.height), size)
    same("texts", tags["tensors"], ["configuration"])
    for event in events.Tensors("configuration"):
        (text,) = event.tensor_proto.string_val
        same("configuration", toml in text.decode(), True)
    print(f"{len(epochs['epoch'])} epochs, {len(tags['images'])} images")


main()
