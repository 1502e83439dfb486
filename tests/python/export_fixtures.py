"""Writes the small files in trainer/tests/fixtures/exported, which trainer/tests/exported reads: three networks
that are read, and what is refused.

    python export_fixtures.py      (with PyTorch 2.11)
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).resolve().parents[2] / "trainer/tests/fixtures/exported"
BATCH = torch.export.Dim("batch", min=1, max=1024)


class Convolutions(nn.Module):
    """In-place operators, a residual connection, a module called twice, tied weights, an unused buffer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.tied = nn.Conv2d(4, 4, 3, padding=1)
        self.tied.weight = self.conv.weight
        self.act = nn.Hardtanh(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 5)
        self.register_buffer("unused", torch.arange(3))

    def forward(self, x):
        x = self.stem(x)
        y = self.act(self.conv(x))
        y += x
        # Overwrites a part, which the whole and an earlier view of it see.
        left = y[:, :, :, :2]
        y[:, 1].mul_(2)
        x = self.act(self.tied(y)) + left.mean(dim=(2, 3), keepdim=True)
        x = self.pool(x)
        return self.head(self.drop(torch.flatten(x.mean((2, 3)), 1)))


class Attention(nn.Module):
    def __init__(self, width, masked):
        super().__init__()
        self.masked = masked
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(9, 2))
        rows, columns = torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")
        places = torch.stack([rows, columns]).flatten(1)
        apart = (places[:, :, None] - places[:, None, :]).permute(1, 2, 0) + 1
        self.register_buffer("index", apart[..., 0] * 3 + apart[..., 1])

    def forward(self, x):
        n, tokens, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, tokens, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
        if not self.masked:
            x = functional.scaled_dot_product_attention(q, k, v)
            return self.proj(x.transpose(1, 2).reshape(n, tokens, width))
        # A mask as Swin's: made of zeros, overwritten in parts.
        mask = x.new_zeros((tokens, tokens))
        for start in (0, 1):
            mask[start:, :1] = start + 1
        bias = self.bias[self.index.view(-1)].view(4, 4, 2).permute(2, 0, 1).contiguous()
        bias = functional.pad(bias, (1, 0, 1, 0)) + mask.masked_fill(mask == 0, -1.0)
        x = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias[None])
        return self.proj(x.transpose(1, 2).reshape(n, tokens, width))


class Tokens(nn.Module):
    """Patches as tokens behind a class token, with an integer buffer and a mask."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.ones(1, 1, 8))
        self.register_buffer("places", torch.linspace(0, 1, 5 * 8).view(1, 5, 8), persistent=False)
        self.blocks = nn.ModuleList(Attention(8, masked=block == 1) for block in range(4))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        for block in self.blocks:
            x = x + block(x)
        return {"logits": self.head(self.norm(x)[:, 0])}


class Padded(nn.Module):
    """A convolution with its padding as a module, and an activation that others call, too."""

    def __init__(self, act, stride):
        super().__init__()
        self.pad = nn.ReflectionPad2d(1)
        self.conv = nn.Conv2d(4, 4, 3, stride)
        self.act = act

    def forward(self, x):
        return self.act(self.conv(self.pad(x)))


class Blocks(nn.Module):
    """Blocks that pad, that pool and undo it, and that share one activation."""

    def __init__(self):
        super().__init__()
        self.act = nn.Sequential(nn.ReLU())
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.pooled = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(4, 4, 1), nn.Upsample(scale_factor=4))
        self.layer1 = Padded(self.act, 1)
        self.layer2 = nn.Sequential(Padded(self.act, 2), Padded(self.act, 1))
        self.layer3 = nn.Sequential(Padded(self.act, 2), Padded(self.act, 1))
        self.last = nn.Conv2d(4, 6, 1)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = self.layer1(self.pooled(self.act(self.stem(x))))
        x = self.act(self.last(self.layer3(self.layer2(x))))
        return self.head(x.mean((2, 3)))


class Small(nn.Module):
    """A linear layer around a function of the images and the layer."""

    def __init__(self, function):
        super().__init__()
        self.layer = nn.Linear(12, 2)
        self.function = function

    def forward(self, *images):
        return self.function(self.layer, *images)


def flat(layer, x):
    return layer(x.flatten(1))


def overwritten(layer, x):
    wide = torch.zeros(1, 3, 2, 2) + x
    one = wide.as_strided((wide.shape[0], 3, 2, 2), (12, 4, 2, 1))
    one.add_(1)
    return layer(wide.flatten(1))


def save(name, module, *images, dynamic=True):
    shapes = tuple({0: BATCH} for _ in images) if dynamic is True else dynamic or None
    if isinstance(module, Small):
        shapes = (shapes,) if shapes else None
    program = torch.export.export(module.eval(), images, dynamic_shapes=shapes)
    for node in program.graph.nodes:
        for key in ("stack_trace", "torch_fn"):
            node.meta.pop(key, None)
    torch.export.save(program, FOLDER / f"{name}.pt2")
    return program


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    images = torch.zeros(2, 3, 2, 2)
    program = save("convolutions", Convolutions(), torch.zeros(2, 3, 8, 8))
    torch.export.save(program.run_decompositions(), FOLDER / "convolutions.core.pt2")
    save("tokens", Tokens(), torch.zeros(2, 3, 8, 8))
    save("blocks", Blocks(), torch.zeros(2, 3, 16, 16))

    save("fixed_batch", Small(flat), images, dynamic=False)
    save("any_size", Small(lambda layer, x: layer(functional.adaptive_avg_pool2d(x, 2).flatten(1))), images,
         dynamic=({0: BATCH, 2: torch.export.Dim("height", min=2, max=64)},))
    save("two_inputs", Small(lambda layer, x, y: flat(layer, x + y)), images, images)
    save("two_outputs", Small(lambda layer, x: (flat(layer, x), x)), images)
    save("output_of_images", Small(lambda layer, x: x + layer.bias.sum()), images)
    save("float64", Small(flat).double(), images.double())
    save("no_images", Small(lambda layer, x: layer(x)), torch.zeros(2, 12))
    save("random", Small(lambda layer, x: flat(layer, x + torch.rand_like(x))), images)
    save("complex", Small(lambda layer, x: flat(layer, torch.fft.fft2(x).real)), images)
    save("overwritten", Small(overwritten), images)
    up_or_down = (lambda y: y + 1, lambda y: y - 1)
    save("branches", Small(lambda layer, x: torch.cond(x.sum() > 0, *up_or_down, (flat(layer, x),))), images)

    model = Small(flat)
    torch.jit.trace(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), images).save(FOLDER / "torchscript.pt")
    torch.save(model.state_dict(), FOLDER / "weights.pth")
    torch.save(model.state_dict(), FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
