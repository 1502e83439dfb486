"""The other side of `trainer import` and `trainer export`: PyTorch, torchvision, the bcos package and
efficientnet_lite_pytorch write weight files of full-size networks, and load what the trainer wrote.

Answers questions until its input ends: a line [function, arguments…] of JSON in, a line of JSON out,
{"answer": …} or {"error": …}. The functions are those named in QUESTIONS.
"""

import argparse
import collections
import hashlib
import io
import json
import math
import os
import sys
import traceback
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["BCOS_NO_WARN"] = "1"

import bcos  # noqa: E402
import efficientnet_lite_pytorch  # noqa: E402
import numpy  # noqa: E402
import pyarrow.ipc  # noqa: E402
import pyarrow.parquet  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from bcos.models import densenet, resnet, vit  # noqa: E402
from bcos.modules import BcosConv2d, BcosLinear, norms  # noqa: E402
from bcos.modules.common import BcosSequential  # noqa: E402
from bcos.modules.logitlayer import LogitLayer  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

# The paper's, for every number of classes; the package's own default is -log(classes - 1).
LOGIT_BIAS = math.log(0.001 / 0.999)


# The networks, as their packages make them.


# Before the names of torchvision's networks that the trainer gets as exported graphs.
EXPORTED = "exported "


def build(backbone, classes):
    if backbone.startswith(EXPORTED):
        return getattr(torchvision.models, backbone.removeprefix(EXPORTED))(weights=None, num_classes=classes)
    family, _, size = backbone.rpartition("_")
    if family == "":
        return getattr(torchvision.models, size)(num_classes=classes)
    if family == "xdnn":
        # X-DNN has no package. It is torchvision's network without norms (and other names: `renamed`).
        return getattr(torchvision.models, size)(num_classes=classes, norm_layer=lambda _: torch.nn.Identity())
    if backbone == "efficientnet_lite0":
        return efficientnet_lite_pytorch.EfficientNet.from_name(
            "efficientnet-lite0", num_classes=classes
        )
    if backbone in ("bcos_simple_vit_s", "bcos_vitc_s"):
        make = vit.simple_vit_s_patch16_224 if "simple" in backbone else vit.vitc_s_patch1_14
        network = make(
            num_classes=classes, channels=6, linear_layer=BcosLinear, conv2d_layer=BcosConv2d,
            norm_layer=norms.NoBias(norms.DetachableLayerNorm),
            norm2d_layer=norms.NoBias(norms.DetachableGNLayerNorm2d), act_layer=torch.nn.Identity,
        )
        return BcosSequential(network, LogitLayer(logit_bias=LOGIT_BIAS))
    make = {"resnet18": resnet.resnet18, "resnet50": resnet.resnet50, "densenet121": densenet.densenet121}[size]
    return make(
        num_classes=classes, norm_layer=norms.NoBias(norms.BatchNormUncentered2d), conv_layer=BcosConv2d,
        logit_bias=LOGIT_BIAS,
    )


def renamed(backbone, state):
    """torchvision's names of a network without norms as X-DNN's code has them."""
    if not backbone.startswith("xdnn"):
        return state
    return {name.replace("downsample.0.", "downsample."): tensor for name, tensor in state.items()}


def own_names(backbone, state):
    """A package's names as the trainer has them, without counters."""
    is_vit = backbone in ("bcos_simple_vit_s", "bcos_vitc_s")
    return {
        name.removeprefix("0.") if is_vit else name: tensor
        for name, tensor in renamed(backbone, state).items() if not name.endswith("num_batches_tracked")
    }


def encoded(backbone, images, dtype):
    """8-bit images (N, H, W, 3) as the packages' transforms hand them to the network."""
    images = images.permute(0, 3, 1, 2).to(dtype) / 255
    if backbone.startswith("bcos"):
        return bcos.transforms.AddInverse()(images)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    if backbone == "efficientnet_lite0":
        mean, std = [127 / 255] * 3, [128 / 255] * 3
    return torchvision.transforms.functional.normalize(images, mean, std)


def network(backbone, classes):
    """With random weights, none of them 0 or 1, and the running statistics of random images."""
    torch.manual_seed(len(backbone) + classes)
    model = build(backbone, classes)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.uniform_(-0.1, 0.1) if name.endswith("bias") else parameter.uniform_(0.5, 1.5)
            elif backbone.startswith("xdnn") and "layer" in name and name.endswith(("conv3.weight", "conv2.weight")):
                parameter.mul_(0.5)  # nothing else keeps the signal's size
        for module in model.modules():
            if hasattr(module, "running_var"):
                module.momentum = 1.0
        model.train()(encoded(backbone, torch.randint(0, 256, (8, 64, 64, 3)), torch.float32))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean") and backbone.startswith("bcos"):
                buffer.uniform_(-0.1, 0.1)  # unused, but part of the file
    return model.eval()


# Files.


def named_by_hash(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(f"{path.stem}-{digest[:8]}{path.suffix}"))


def strided(state):
    """The same tensors as views: transposed, expanded, and all of one type in one storage."""
    flat = torch.cat([tensor.flatten() for tensor in state.values() if tensor.is_floating_point()])
    views, at = {}, 0
    for index, (name, tensor) in enumerate(state.items()):
        if not tensor.is_floating_point():
            views[name] = tensor
        elif tensor.dim() == 4 and index % 2:
            views[name] = tensor.to(memory_format=torch.channels_last)
            at += tensor.numel()
        else:
            views[name] = flat[at:at + tensor.numel()].view(tensor.shape)
            at += tensor.numel()
    return views


def official(state):
    """What the paper's training script saves: the weights beside metrics and arguments."""
    return {
        "model": state, "F-Score": torch.tensor(0.8), "BB-Loc": torch.tensor(0.5, dtype=torch.float64),
        "BB-IoU": 0.25, "epochs": 3, "model_backbone": "resnet50", "learning_rate": 1e-4, "layer": None,
        "args": argparse.Namespace(dataset="VOC2007", localization_loss_lambda=1e-3),
        "history": collections.defaultdict(list, loss=[0.5, numpy.float64(0.25)]),
    }


WRITTEN = {}


def write(form, backbone, classes, folder):
    """A weight file in one of the FORMS; gives its path."""
    model = network(backbone, classes)
    state = renamed(backbone, model.state_dict())
    path = Path(folder) / f"{backbone}.pth"
    expected = own_names(backbone, state)
    if form == "torchvision":
        torch.save(state, path)
        path = named_by_hash(path)
    elif form == "legacy":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif form == "x-dnn":
        path = path.with_suffix(".pth.tar")
        del state["fc.bias"]
        state = collections.OrderedDict((f"module.{name}", tensor) for name, tensor in state.items())
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        torch.save({
            "epoch": 100, "arch": "xfixup_resnet50", "state_dict": state, "best_acc1": torch.tensor(73.0),
            "optimizer": optimizer.state_dict(),
        }, path)
        expected["fc.bias"] = torch.zeros(classes)
    elif form == "official":
        torch.save(official(state), path)
    elif form == "official b-cos":
        torch.save(official({f"0.{name}": tensor for name, tensor in state.items()}), path)
    elif form == "b-cos with 0.":
        torch.save({f"0.{name}": tensor for name, tensor in state.items()}, path)
        path = named_by_hash(path)
    elif form == "data parallel":
        torch.save(torch.nn.DataParallel(model).state_dict(), path)
    elif form == "parameters":
        torch.save({**state, **dict(model.named_parameters())}, path)
    elif form == "safetensors":
        path = path.with_suffix(".safetensors")
        save_file(state, path)
    elif form == "strided":
        torch.save(strided(state), path)
    elif form in ("float16", "bfloat16", "float64"):
        dtype = getattr(torch, form)
        state = {n: t.to(dtype) if t.is_floating_point() else t for n, t in state.items()}
        expected = {name: tensor.to(dtype).float() for name, tensor in expected.items()}
        torch.save(state, path)
    else:
        raise ValueError(form)
    WRITTEN[backbone] = expected
    return str(path)


def imported(backbone, file):
    """Whether the trainer's file holds exactly the tensors written last; gives their number."""
    found, expected = load_file(file), WRITTEN[backbone]
    same("names", sorted(found), sorted(expected))
    for name, tensor in expected.items():
        same(f"type of {name}", found[name].dtype, torch.float32)
        same(f"shape of {name}", found[name].shape, tensor.shape)
        if not torch.equal(found[name], tensor.float()):
            raise AssertionError(f"{name}: found other numbers")
    return len(found)


def trained(backbone, file, classes, step):
    """Whether the trainer's file is the one written last, no weight further off than `step`, with a
    head for `classes` of its own where that had another number; gives the number of tensors."""
    found, expected = own_names(backbone, load_file(file)), WRITTEN[backbone]
    same("names", sorted(found), sorted(expected))
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape:
            same(f"shape of {name}", list(found[name].shape), [classes, *tensor.shape[1:]])
        elif "running" not in name and (found[name] - tensor).abs().max() > step:
            raise AssertionError(f"{name}: found other numbers")
    return len(found)


def own(backbone, file):
    """The network written last under its package's names, in its own number type, for `logits`."""
    prefix = "0." if backbone in ("bcos_simple_vit_s", "bcos_vitc_s") else ""
    model = build(backbone, next(reversed(WRITTEN[backbone].values())).shape[0])
    expected = {prefix + name: tensor for name, tensor in WRITTEN[backbone].items()}
    for name in renamed(backbone, model.state_dict()):
        if name.endswith("num_batches_tracked"):
            expected[name] = torch.tensor(0)
    save_file({name: tensor.contiguous() for name, tensor in expected.items()}, file)


def export(name, classes, folder):
    """Writes torchvision's network `name` as torch.export.save does, and its state dict beside it (.pth); gives
    the first file."""
    model = network(EXPORTED + name, classes)
    batch = torch.export.Dim("batch", min=1, max=1024)
    program = torch.export.export(model, (torch.zeros(2, 3, 64, 64),), dynamic_shapes=({0: batch},))
    path = Path(folder) / f"{name}.pt2"
    torch.export.save(program, path)
    torch.save(model.state_dict(), path.with_suffix(".pth"))
    return str(path)


def equal(found, expected):
    """Whether two safetensors files have the same tensors but for counters of batches; gives their number."""
    found, expected = load_file(found), load_file(expected)
    expected = {name: of for name, of in expected.items() if not name.endswith("num_batches_tracked")}
    same("names", sorted(found), sorted(expected))
    for name, tensor in expected.items():
        if found[name].dtype != tensor.dtype or not torch.equal(found[name], tensor):
            raise AssertionError(f"{name}: found other values")
    return len(found)


# Logits.


def pixels(data, split):
    """Ids of the images of a split, and their pixels (N, H, W, 3)."""
    images = pyarrow.parquet.read_table(data / "images.parquet").to_pylist()
    chosen = [image for image in images if image["split"] == split]
    reader = pyarrow.ipc.open_file(str(data / "pixels.arrow"))
    size = [int(reader.schema.metadata[key]) for key in (b"height", b"width")]
    rows = reader.read_all()["rgb"]
    arrays = [
        numpy.frombuffer(rows[image["pixel_row"]].as_py(), numpy.uint8).reshape(*size, 3) for image in chosen
    ]
    return [image["image_id"] for image in chosen], torch.from_numpy(numpy.stack(arrays))


def logits(backbone, classes, weights, data, predictions):
    """Whether the package's network, its weights loaded strictly, gives the logits of the trainer's
    table as nearly as float32 allows: no further from float64's than a few times the package's own
    float32. Gives both distances and the largest logit."""
    model = build(backbone, classes)
    state = load_file(weights)
    if backbone.startswith("xdnn"):
        state = {name.replace("downsample.", "downsample.0."): tensor for name, tensor in state.items()}
    model.load_state_dict(state, strict=True)
    model.eval()
    ids, images = pixels(Path(data), "test")
    table = pyarrow.parquet.read_table(predictions).to_pylist()
    by_pair = {(row["image_id"], row["class_id"]): row["logit"] for row in table}
    same("rows", len(table), len(ids) * classes)
    ours = torch.tensor([[by_pair[i, k] for k in range(classes)] for i in ids], dtype=torch.float64)
    with torch.no_grad():
        theirs = model(encoded(backbone, images, torch.float32)).double()
        exact = model.double()(encoded(backbone, images, torch.float64))
    error, usual = ((values - exact).abs().max().item() for values in (ours, theirs))
    largest = exact.abs().max().item()
    if not error <= 4 * usual + 1e-6 * largest:
        raise AssertionError(f"logits: found {error} from float64's, torch's float32 is {usual}, of {largest}")
    spread = (exact - exact.mean(0)).abs().max().item()
    if spread < 100 * error:
        raise AssertionError(f"logits: found a spread of {spread} over images, which {error} could hide in")
    return [error, usual, largest]


# Files that must be refused.


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch '{self.path}'",))


def broken(case, folder):
    """A file that `trainer import --backbone resnet18` must refuse, or not execute; gives its path."""
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=6)
    state = model.state_dict()
    folder = Path(folder)
    path = folder / f"{case.replace(' ', '_')}.pth"
    if case == "other depth":
        torch.save(torchvision.models.resnet50(num_classes=6).state_dict(), path)
    elif case == "other family":
        torch.save(build("bcos_resnet18", 6).state_dict(), path)
    elif case == "three faults":
        del state["layer1.0.conv1.weight"]
        state["layer9.weight"] = torch.zeros(1)
        state["layer2.0.conv1.weight"] = torch.zeros(128, 64, 1, 1)
        torch.save(state, path)
    elif case == "head of two minds":
        torch.save({**state, "fc.bias": torch.zeros(7)}, path)
    elif case == "empty head":
        torch.save({**state, "fc.weight": torch.zeros(10**12, 0)}, path)
    elif case == "long head":
        torch.save({**state, "fc.weight": torch.zeros(300_000)}, path)
    elif case == "no head":
        torch.save({name: tensor for name, tensor in state.items() if not name.startswith("fc.")}, path)
    elif case in ("cut zip", "cut legacy"):
        torch.save(state, path, _use_new_zipfile_serialization=case == "cut zip")
        path.write_bytes(path.read_bytes()[:20_000_000])
    elif case == "cut safetensors":
        path = path.with_suffix(".safetensors")
        save_file(state, path)
        path.write_bytes(path.read_bytes()[:20_000_000])
    elif case == "nothing":
        path.write_bytes(b"")
    elif case == "page":
        path.write_text("<!DOCTYPE html>\n<html><title>404</title></html>\n")
    elif case == "nested":
        torch.save({"checkpoint": {"weights": state}}, path)
    elif case == "two dicts":
        torch.save({"model": state, "state_dict": state}, path)
    elif case == "twice":
        torch.save({**state, **{f"module.{name}": tensor for name, tensor in state.items()}}, path)
    elif case == "whole model":
        torch.save(model, path)
    elif case == "torchscript":
        with torch.no_grad():
            torch.jit.trace(model.eval(), torch.zeros(1, 3, 64, 64)).save(str(path))
    elif case == "int8":
        torch.save({**state, "conv1.weight": torch.zeros(64, 3, 7, 7, dtype=torch.int8)}, path)
    elif case == "quantised":
        weight = torch.quantize_per_tensor(torch.zeros(64, 3, 7, 7), 0.1, 0, torch.qint8)
        torch.save({**state, "conv1.weight": weight}, path)
    elif case == "wrong hash":
        path = folder / "resnet18-0123abcd.pth"
        torch.save(state, path)
    elif case == "code alone":
        torch.save(Payload(folder / "EXECUTED"), path)
    elif case == "code as weight":
        torch.save({**state, "conv1.weight": Payload(folder / "EXECUTED")}, path)
    elif case == "code beside":  # not refused: the payload is passed over
        torch.save({"model": state, "extra": Payload(folder / "EXECUTED")}, path)
    else:
        raise ValueError(case)
    return str(path)


def same(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: found {found}, expected {expected}")


QUESTIONS = {f.__name__: f for f in (write, imported, trained, own, export, equal, logits, broken)}


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what packages print is no answer
    for line in io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8"):
        function, *arguments = json.loads(line)
        try:
            answer = {"answer": QUESTIONS[function](*arguments)}
        except Exception as error:
            answer = {"error": f"{error}\n{traceback.format_exc()}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
