"""Makes the folders of a COCO of any size around generated instances JSONs.

    coco_layout.py TRAIN PICTURES ROOT [VAL]

PICTURES is a folder of JPEGs. One of them is scaled to each image size the JSONs have, and every image
of the JSONs becomes a hard link to the one of its size, so the folder takes no room. Without VAL,
val2014 is one image without objects: COCO's reader wants the file.
"""

import json
import os
import sys
from pathlib import Path

from PIL import Image


def main():
    train, pictures, root = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    for folder in ("annotations", "train2014", "val2014", "pictures"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    os.link(train, root / "annotations" / "instances_train2014.json")
    listed = {"train2014": json.loads(train.read_text())}
    if len(sys.argv) > 4:
        val = Path(sys.argv[4])
        os.link(val, root / "annotations" / "instances_val2014.json")
        listed["val2014"] = json.loads(val.read_text())
    else:
        last = max(listed["train2014"]["images"], key=lambda image: image["id"])
        only = dict(last, id=last["id"] + 1, file_name="test.jpg")
        listed["val2014"] = dict(listed["train2014"], images=[only], annotations=[])
        (root / "annotations" / "instances_val2014.json").write_text(json.dumps(listed["val2014"]))

    images = [(folder, image) for folder, file in listed.items() for image in file["images"]]
    sizes = sorted({(image["width"], image["height"]) for _, image in images})
    of_size = {}
    for size, source in zip(sizes, sorted(pictures.glob("*.jpg"))):
        of_size[size] = root / "pictures" / "{}x{}.jpg".format(*size)
        picture = Image.open(source).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        picture.save(of_size[size], quality=90)
    if len(of_size) < len(sizes):
        sys.exit(f"{pictures}: found {len(of_size)} JPEGs, expected at least {len(sizes)}")
    for folder, image in images:
        os.link(of_size[image["width"], image["height"]], root / folder / image["file_name"])


main()
