"""The official preprocessing of VOC, one process, as its scripts do it.

    preprocess_voc.py FOLDER OUT [SIZE]

FOLDER holds Annotations, ImageSets and JPEGImages: a VOCdevkit's VOC2007, or own data in this layout, whose
classes are then those of its annotations. For each split: parse every image's XML, open and resize the image with Pillow, turn it into float32
channels x height x width from 0 to 1, stack the split into one array, save it. The steps of
torchvision's VOCDetection, Resize and ToTensor are written out in Pillow and numpy, which do the work
in torchvision as well: the reference then needs no PyTorch, and no time to load it.
Prints counts and seconds as JSON; `seconds` is without starting Python, `saving` its part in writing.
"""

import json
import pickle
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy
from PIL import Image

CLASSES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
).split()


def to_tensor(image):
    """torchvision's ToTensor: copied, channels first, contiguous, divided by 255."""
    pixels = numpy.array(image, copy=True)
    return numpy.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(numpy.float32) / 255


def classes_of(root):
    """All names in the annotations, sorted."""
    names = set()
    for path in (root / "Annotations").glob("*.xml"):
        things = ElementTree.parse(path).getroot().iter("object")
        names.update(thing.findtext("name") for thing in things)
    return sorted(names)


def boxes_on_grid(annotation, size, classes):
    """Class and box of each object, scaled to the grid and truncated."""
    width = int(annotation.findtext("size/width"))
    height = int(annotation.findtext("size/height"))
    boxes = []
    for thing in annotation.iter("object"):
        corners = []
        for name, length in (("xmin", width), ("ymin", height), ("xmax", width), ("ymax", height)):
            value = float(thing.findtext(f"bndbox/{name}")) * size / length
            corners.append(int(min(max(value, 0), size - 1)))
        boxes.append([classes.index(thing.findtext("name")), *corners])
    return boxes


def main():
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    size = int(sys.argv[3]) if len(sys.argv) > 3 else 224
    start, saving, n_images = time.perf_counter(), 0.0, 0
    classes = CLASSES if root.name == "VOC2007" else classes_of(root)
    for split in ("train", "val", "test"):
        image_ids = (root / "ImageSets" / "Main" / f"{split}.txt").read_text().split()
        images, labels, boxes = [], numpy.zeros((len(image_ids), len(classes)), numpy.float32), []
        for row, image_id in enumerate(image_ids):
            annotation = ElementTree.parse(root / "Annotations" / f"{image_id}.xml").getroot()
            image = Image.open(root / "JPEGImages" / f"{image_id}.jpg").convert("RGB")
            image = image.resize((size, size), Image.Resampling.BILINEAR)
            images.append(to_tensor(image))
            boxes.append(boxes_on_grid(annotation, size, classes))
            for class_id, *_ in boxes[-1]:
                labels[row, class_id] = 1
        images = numpy.stack(images)
        begun = time.perf_counter()
        numpy.save(out / f"{split}_images.npy", images)
        numpy.save(out / f"{split}_labels.npy", labels)
        (out / f"{split}_boxes.pkl").write_bytes(pickle.dumps(boxes))
        saving += time.perf_counter() - begun
        n_images += len(image_ids)
    seconds = time.perf_counter() - start
    print(json.dumps({"images": n_images, "seconds": seconds, "saving": saving}))


main()
