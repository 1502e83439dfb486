"""Loads an instances JSON with pycocotools and prints counts and seconds as JSON.

    load_instances.py FILE
"""

import contextlib
import json
import sys
import time

from pycocotools.coco import COCO

start = time.perf_counter()
with contextlib.redirect_stdout(sys.stderr):  # COCO prints what it is at
    coco = COCO(sys.argv[1])
seconds = time.perf_counter() - start
report = {
    "images": len(coco.imgs),
    "annotations": len(coco.anns),
    "categories": len(coco.cats),
    "seconds": seconds,
}
print(json.dumps(report))
