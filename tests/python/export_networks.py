"""Exports classifiers of torchvision and timm with random weights, and computes in float64 what PyTorch says
of them: logits, maps at layers, and the gradients of a guided loss.

    python export_networks.py OUT NAME…

For each NAME (`torchvision.resnet50`, `timm.resnet50d`, …) OUT gets NAME.pt2, and NAME.safetensors with

    input                      (2, 3, H, W)
    logits                     (2, K), in evaluation mode
    map.MODULE                 (2, h, w): Input × Gradient of the logits CLASSES at that module's output
    gradient.WEIGHT            of a guided loss at the first of these modules, in training mode
    after.WEIGHT               after STEPS steps of Adam with this loss, for the networks of TRAINED
"""

import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch.nn.attention import SDPBackend, sdpa_kernel

CLASSES = [1, 3]
STEPS, LEARNING_RATE = 10, 1e-3
TRAINED = ["torchvision.resnet18", "torchvision.mobilenet_v3_small", "timm.deit_tiny_patch16_224"]
N_CLASSES = 7
# The modules that are explained, from the first to the last; the size of the images.
NETWORKS = {
    "torchvision.resnet18": (["layer1", "layer2", "layer3", "layer4"], 64),
    "torchvision.resnet50": (["layer1", "layer2", "layer3", "layer4"], 64),
    "torchvision.resnext50_32x4d": (["layer2", "layer4"], 64),
    "torchvision.densenet121": (["features.denseblock1", "features.denseblock3", "features"], 64),
    "torchvision.mobilenet_v3_small": (["features.3", "features.12"], 64),
    "torchvision.mobilenet_v3_large": (["features.3", "features.16"], 64),
    "torchvision.efficientnet_b0": (["features.3", "features.8"], 64),
    "torchvision.convnext_tiny": (["features.1", "features.3", "features.7"], 64),
    "torchvision.swin_t": (["features.1", "features.5"], 64),
    "torchvision.vit_b_16": (["encoder.layers.encoder_layer_2", "encoder.layers.encoder_layer_10"], 224),
    "timm.resnet50d": (["layer1", "layer4"], 64),
    "timm.efficientnet_lite0": (["blocks.1", "bn2"], 64),
    "timm.vit_small_patch16_224": (["blocks.2", "blocks.10"], 224),
    "timm.deit_tiny_patch16_224": (["blocks.2", "blocks.10"], 224),
}


def build(name):
    package, name = name.split(".", 1)
    torch.manual_seed(0)
    if package == "torchvision":
        import torchvision

        return getattr(torchvision.models, name)(weights=None, num_classes=N_CLASSES)
    import timm

    return timm.create_model(name, pretrained=False, num_classes=N_CLASSES)


def settle(model):
    """Gives norms and layer scales values that matter, and turns dropout and random depth off."""
    generator = torch.Generator().manual_seed(1)
    uniform = lambda t, low, high: t.copy_(low + (high - low) * torch.rand(t.shape, generator=generator))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                uniform(module.weight, 0.5, 1.5)
                uniform(module.bias, -0.2, 0.2)
                uniform(module.running_mean, -0.2, 0.2)
                uniform(module.running_var, 0.5, 1.5)
            if "Dropout" in type(module).__name__ or "StochasticDepth" in type(module).__name__:
                module.p = 0.0
            if "DropPath" in type(module).__name__:
                module.drop_prob = 0.0
        for name, parameter in model.named_parameters():
            if "layer_scale" in name or name.endswith("gamma"):
                uniform(parameter, 0.1, 0.5)


def on_map(features, size):
    """Features as (N, C, h, w): tokens behind class tokens become a grid, channels that come last go first."""
    if features.dim() == 3:
        side = int(features.shape[1] ** 0.5)
        features = features[:, features.shape[1] - side * side :]
        return features.transpose(1, 2).unflatten(2, (side, side))
    is_last = features.shape[1] == features.shape[2] != features.shape[3]
    return features.permute(0, 3, 1, 2) if is_last else features


def explained(model, modules, images):
    """Logits, and features and gradients at the outputs of `modules`; the graph is kept."""
    kept = {}
    hooks = []
    for name in modules:
        # A clone, as the next operation may overwrite what a module returns.
        hook = lambda module, given, made, name=name: kept.setdefault(name, made.clone())
        hooks.append(model.get_submodule(name).register_forward_hook(hook))
    logits = model(images)
    for hook in hooks:
        hook.remove()
    chosen = sum(logits[row, label] for row, label in enumerate(CLASSES))
    features = [kept[name] for name in modules]
    return logits, features, torch.autograd.grad(chosen, features, create_graph=True)


def guided_loss(model, module, images, size):
    """A loss that needs second derivatives, beside one that needs the first."""
    logits, features, gradients = explained(model, [module], images)
    attribution = (on_map(features[0], size) * on_map(gradients[0], size)).sum(1)
    return attribution.square().sum() + F.softplus(logits).sum()


def reference(model, modules, size, is_trained):
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(2, 3, size, size, generator=generator, dtype=torch.float64)
    found = {"input": images}
    model.eval()
    logits, features, gradients = explained(model, modules, images.requires_grad_())
    found["logits"] = logits
    for name, feature, gradient in zip(modules, features, gradients):
        found[f"map.{name}"] = (on_map(feature, size) * on_map(gradient, size)).sum(1)
    model.train()
    loss = guided_loss(model, modules[0], images, size)
    names, parameters = zip(*model.named_parameters())
    for name, gradient in zip(names, torch.autograd.grad(loss, parameters, allow_unused=True)):
        found[f"gradient.{name}"] = torch.zeros(()) if gradient is None else gradient
    if is_trained:
        optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
        for _ in range(STEPS):
            optimizer.zero_grad()
            guided_loss(model, modules[0], images, size).backward()
            optimizer.step()
        state = model.state_dict().items()
        found |= {f"after.{name}": tensor for name, tensor in state if tensor.is_floating_point()}
    return {name: tensor.detach().contiguous() for name, tensor in found.items()}


def main():
    out, names = sys.argv[1], sys.argv[2:]
    hardsigmoid = F.hardsigmoid
    for name in names:
        F.hardsigmoid = hardsigmoid
        modules, size = NETWORKS[name]
        model = build(name)
        settle(model)
        model.eval()
        batch = torch.export.Dim("batch", min=1, max=1024)
        images = torch.zeros(2, 3, size, size)
        program = torch.export.export(model, (images,), dynamic_shapes=({0: batch},))
        torch.export.save(program, f"{out}/{name}.pt2")
        # PyTorch's own has no second derivative.
        F.hardsigmoid = lambda x, inplace=False: F.hardtanh(x + 3, 0, 6) / 6
        with sdpa_kernel(SDPBackend.MATH):
            save_file(reference(model.double(), modules, size, name in TRAINED), f"{out}/{name}.safetensors")
        print(name, flush=True)


main()
