"""Makes the folders of a COCO of any size around a generated instances JSON.

    coco_layout.py INSTANCES PICTURES ROOT

PICTURES is a folder of JPEGs. One of them is scaled to each image size the JSON has, and every image
of the JSON becomes a hard link to the one of its size, so the folder takes no room. val2014 is one
image without objects: COCO's reader wants the file.
"""

import json
import os
import sys
from pathlib import Path

from PIL import Image


def main():
    instances, pictures, root = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    for folder in ("annotations", "train2014", "val2014", "pictures"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    os.link(instances, root / "annotations" / "instances_train2014.json")
    listed = json.loads(instances.read_text())

    sizes = sorted({(image["width"], image["height"]) for image in listed["images"]})
    of_size = {}
    for size, source in zip(sizes, sorted(pictures.glob("*.jpg"))):
        of_size[size] = root / "pictures" / "{}x{}.jpg".format(*size)
        picture = Image.open(source).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        picture.save(of_size[size], quality=90)
    if len(of_size) < len(sizes):
        sys.exit(f"{pictures}: found {len(of_size)} JPEGs, expected at least {len(sizes)}")
    for image in listed["images"]:
        size = (image["width"], image["height"])
        os.link(of_size[size], root / "train2014" / image["file_name"])

    last = max(listed["images"], key=lambda image: image["id"])
    test = dict(last, id=last["id"] + 1, file_name="test.jpg")
    os.link(of_size[last["width"], last["height"]], root / "val2014" / "test.jpg")
    listed = dict(listed, images=[test], annotations=[])
    (root / "annotations" / "instances_val2014.json").write_text(json.dumps(listed))


main()
