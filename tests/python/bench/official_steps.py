"""The official code's training steps and explanations, timed on random images.

    official_steps.py CHECKOUT --backbone resnet50|xdnn_resnet50|bcos_resnet50 [--batch N] [--size PIXELS]
        [--threads N] [--device cpu|cuda] [--precision tf32|f32]

Answers each line of stdin (plain, guided@LAYER, explain@LAYER, LAYER being input or final) with one
line of JSON, as trainer's example step_speed does. Networks, attributions and losses are imported
from the checkout; what surrounds them follows its train.py.
"""

import argparse
import contextlib
import json
import os
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("checkout")
parser.add_argument("--backbone", required=True)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--threads", type=int)
parser.add_argument("--device", default="cpu")
# Of CUDA's products: torch's own default is tf32 in convolutions, f32 in matrix products.
parser.add_argument("--precision", default="tf32", choices=["tf32", "f32"])
args = parser.parse_args()
sys.path.insert(0, args.checkout)
os.chdir(args.checkout)  # where its B-cos package looks for itself

import torch
import torchvision

import attribution_methods
import fixup_resnet
import hubconf
import losses
import model_activators
from bcos.modules.bcosconv2d import BcosConv2d

N_CLASSES = 20
FINAL = {"resnet50": 7, "xdnn_resnet50": 6, "bcos_resnet50": 6}
IS_BCOS = args.backbone == "bcos_resnet50"

if args.threads:
    torch.set_num_threads(args.threads)
torch.backends.cudnn.allow_tf32 = args.precision == "tf32"
torch.manual_seed(0)
if IS_BCOS:
    with contextlib.redirect_stdout(sys.stderr):
        model = hubconf.resnet50(pretrained=False)
    model[0].fc = BcosConv2d(in_channels=model[0].fc.in_channels, out_channels=N_CLASSES)
else:
    make = {"resnet50": torchvision.models.resnet50, "xdnn_resnet50": fixup_resnet.xfixup_resnet50}
    model = make[args.backbone]()
    model.fc = torch.nn.Linear(model.fc.in_features, N_CLASSES)

device = torch.device(args.device)
model.to(device)
images = torch.rand(args.batch, 3, args.size, args.size)
images = torch.cat([images, 1 - images], 1) if IS_BCOS else (images - 0.45) / 0.22
images = images.to(device)
targets = torch.zeros(args.batch, N_CLASSES, device=device)
classes = (torch.arange(args.batch) % N_CLASSES).to(device)
# One and a half classes an image, as in VOC.
labels = [[classes[i]] * (2 if i < args.batch // 2 else 1) for i in range(args.batch)]
boxes = [[args.size // 4, args.size // 4, args.size * 3 // 4, args.size * 3 // 4]]

optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
class_loss = torch.nn.BCEWithLogitsLoss()
localization_loss = losses.get_localization_loss("Energy")


def parts(layer, batch_mode):
    """The network with its features, and what explains it."""
    index = None if layer == "input" else FINAL[args.backbone]
    activator = model_activators.ResNetModelActivator(model, index, IS_BCOS)
    loss = localization_loss
    attributor = attribution_methods.get_attributor(
        model, "BCos" if IS_BCOS else "IxG", loss.only_positive, loss.binarize,
        index is not None, (args.size, args.size), batch_mode=batch_mode)
    return activator, attributor


def train(layer, is_guided):
    model.train()
    activator, attributor = parts(layer, batch_mode=True)
    optimizer.zero_grad()
    logits, features = activator(images.clone().requires_grad_())
    loss = class_loss(logits, targets)
    if is_guided:
        maps = attributor(features, logits, classes=classes).squeeze(1)
        loss = loss + 1e-3 * sum(localization_loss(a, boxes) for a in maps)
    loss.backward()
    optimizer.step()


def explain(layer):
    model.eval()
    activator, attributor = parts(layer, batch_mode=False)
    logits, features = activator(images.clone().requires_grad_())
    for image, chosen in enumerate(labels):
        for label in chosen:
            attributor(features, logits, label, image).detach()


def peak_mib():
    """Of this process so far; None where the system does not tell it in Linux' way."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024


for line in sys.stdin:
    what, _, layer = line.strip().partition("@")
    start = time.perf_counter()
    if what == "explain":
        explain(layer)
    elif what:
        train(layer or "input", what == "guided")
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / args.batch
    print(json.dumps({"seconds_per_image": seconds, "peak_mib": peak_mib()}), flush=True)
