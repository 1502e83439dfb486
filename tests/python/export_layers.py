"""Exports classifiers with random weights, whose layers trainer/tests/exported_layers.rs knows.

    python export_layers.py OUT NAME…

For each NAME (`torchvision.resnet18`, `timm.mobilevit_xxs`, `core torchvision.resnet18`, …) OUT gets NAME.pt2.
What `core` stands before is exported with PyTorch's core operators only (`run_decompositions`).
"""

import sys

import torch

# The images' height and width where they are not 64 × 64, and arguments of the builder.
SIZES = {
    "torchvision.swin_t": (224, 224),
    "efficientnet_lite_pytorch.efficientnet-lite0": (128, 128),
    "timm.convnextv2_atto": (64, 96),
}
ARGUMENTS = {
    "torchvision.googlenet": {"aux_logits": False, "init_weights": False},
    "timm.deit_tiny_patch16_224": {"img_size": 64},
}


def build(name):
    package, name_there = name.split(".", 1)
    arguments = ARGUMENTS.get(name, {})
    if package == "efficientnet_lite_pytorch":
        from efficientnet_lite_pytorch import EfficientNet

        return EfficientNet.from_name(name_there)
    if package == "timm":
        import timm

        return timm.create_model(name_there, pretrained=False, **arguments)
    import torchvision

    if name_there == "vit":
        # As vit_b_16, with a quarter of its width.
        return torchvision.models.VisionTransformer(64, 16, 12, 3, 192, 768)
    return torchvision.models.get_model(name_there, weights=None, **arguments)


def main():
    out, names = sys.argv[1], sys.argv[2:]
    batch = torch.export.Dim("batch", min=1, max=1024)
    for name in names:
        network = name.removeprefix("core ")
        images = torch.zeros(2, 3, *SIZES.get(network, (64, 64)))
        program = torch.export.export(build(network).eval(), (images,), dynamic_shapes=({0: batch},))
        if network != name:
            program = program.run_decompositions()
        torch.export.save(program, f"{out}/{name}.pt2")


main()
