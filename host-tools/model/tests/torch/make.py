"""Networks of PyTorch as both of its exporters write them, and their results in binary64.

    pip install torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2
    python make.py           writes NAME.onnx, NAME-dynamo.onnx and NAME.npz beside this file
    python make.py --check   computes all of them again and compares them with the files; other versions may write other files

NAME.npz has, of a few examples, `input`, `cotangent` (exact, binary32), `output` and `input_gradient` (binary64), and `gradient`, which is the gradient of
sum(cotangent * output) with respect to every parameter, in the order of the parameters' numbers. The exporter that uses TorchDynamo folds batch norms into
convolutions: `folded` has a row (elements, parameters before) for each such convolution, `folded_value` and `folded_gradient` its weights, then its biases. Parameter number k is made from k alone, `value(k)`, so
that a reader finds the number of each element of a file, wherever an exporter has put it. `tensors` has a row (elements, scale, shift) for each tensor.

Of each network of SEQUENTIAL there are the state dict, NAME.safetensors, and NAME.npz with `input` and `output` (binary64): weights for lists of layers.
"""
import argparse
import json
import math
import pathlib
import struct
import sys
import tempfile
import warnings

import numpy as np
import onnx
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).parent
EXAMPLES = 4
# Numbers of the inputs and of the cotangents.
INPUTS, COTANGENTS = 1 << 22, 1 << 23


def uniform(first, count):
    """Odd multiples of 2^-25 between -1/2 and 1/2, each at most once among the numbers below 2^24."""
    m = np.arange(first, first + count, dtype=np.uint64)
    for factor, shift in [(0x9E3779B1, 12), (0x85EBCA6B, 11), (0xC2B2AE35, 12)]:
        m = m * np.uint64(factor) & np.uint64(0xFFFFFF)
        m = m ^ m >> np.uint64(shift)
    return ((2 * m.astype(np.int64) + 1 - (1 << 24)) / 2.0**25).astype(np.float32)


def value(first, count, scale, shift):
    """The parameters with the numbers from `first` on. The scale is a power of two: only the sum rounds."""
    return np.float32(shift) + np.float32(scale) * uniform(first, count)


class Residual(nn.Module):
    def __init__(self, channels, wider, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, wider, 3, stride, 1, bias=False), nn.BatchNorm2d(wider), nn.ReLU(),
            nn.Conv2d(wider, wider, 3, 1, 1, bias=False), nn.BatchNorm2d(wider),
        )
        same = stride == 1 and channels == wider
        self.skip = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(channels, wider, 1, stride, bias=False), nn.BatchNorm2d(wider))

    def forward(self, x):
        return torch.relu(self.body(x) + self.skip(x))


def resnet():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        Residual(6, 6, 1), Residual(6, 8, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        def twice(a, b):
            return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.GroupNorm(2, b), nn.SiLU(), nn.Conv2d(b, b, 3, padding=1), nn.LeakyReLU(0.1))
        self.first, self.low, self.last = twice(2, 4), twice(4, 8), twice(12, 4)
        self.down, self.up, self.head = nn.MaxPool2d(2), nn.Upsample(scale_factor=2), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        a = self.first(x)
        b = self.up(self.low(self.down(a)))
        return self.head(self.last(torch.cat([b, a], 1)))


class Transposed(nn.Module):
    """A U-Net that upsamples by transposed convolutions: with overlap, with groups and dilation, and with output padding."""
    def __init__(self):
        super().__init__()
        self.first, self.low, self.lowest = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, 2, 1)
        self.middle = nn.ConvTranspose2d(6, 6, 3, 2, 1, output_padding=(0, 1), groups=2, dilation=(1, 2))
        self.high, self.head = nn.ConvTranspose2d(12, 4, 2, 2), nn.Conv2d(8, 2, 1)
        self.smooth, self.steep = nn.Softplus(), nn.Softplus(beta=4.0)

    def forward(self, x):
        a = self.smooth(self.first(x))
        b = self.steep(self.low(a))
        c = self.middle(torch.relu(self.lowest(b)))[..., :5]
        return self.head(torch.cat([self.high(torch.cat([c, b], 1)), a], 1))


class MobileNet(nn.Module):
    """A block of version 2, then one of version 3 with squeeze and excitation."""
    def __init__(self):
        super().__init__()
        self.two = nn.Sequential(
            nn.Conv2d(4, 12, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU6(),
            nn.Conv2d(12, 12, 3, 1, 1, groups=12, bias=False), nn.BatchNorm2d(12), nn.ReLU6(),
            nn.Conv2d(12, 4, 1, bias=False), nn.BatchNorm2d(4),
        )
        self.wide = nn.Sequential(
            nn.Conv2d(4, 10, 1, bias=False), nn.BatchNorm2d(10), nn.Hardswish(),
            nn.Conv2d(10, 10, 5, 2, 2, groups=10, bias=False), nn.BatchNorm2d(10),
        )
        self.excite = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(10, 4, 1), nn.ReLU(), nn.Conv2d(4, 10, 1), nn.Hardsigmoid())
        self.narrow = nn.Sequential(nn.Hardswish(), nn.Conv2d(10, 6, 1, bias=False), nn.BatchNorm2d(6))

    def forward(self, x):
        x = x + self.two(x)
        x = self.wide(x)
        return self.narrow(x * self.excite(x))


class Causal(nn.Module):
    """Attention of one head to what came before."""
    def __init__(self):
        super().__init__()
        self.of = nn.Linear(6, 24)

    def forward(self, x):
        q, k, v = (t.unsqueeze(1) for t in self.of(x).chunk(3, -1))
        return nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).squeeze(1)


class Ring(nn.Module):
    """An image whose first and last columns are neighbours."""
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(2, 4, 3, padding=(1, 0)), nn.Conv2d(4, 3, (1, 3)), nn.Linear(3, 2)

    def forward(self, x):
        def around(x):
            return torch.cat([x[..., -1:], x, x[..., :1]], -1)
        x = torch.tanh(self.first(around(x)))
        return self.last(self.second(around(x)).amax(-1).transpose(1, 2))


def mlp():
    return nn.Sequential(
        nn.Linear(12, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 24), nn.LayerNorm(24), nn.GELU(), nn.Linear(24, 5), nn.LogSoftmax(-1))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.of, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = self.of(x).chunk(3, -1)
        q, k, v = (t.reshape(n, length, self.heads, width // self.heads).transpose(1, 2) for t in (q, k, v))
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(n, length, width))


class Block(nn.Module):
    """Norms before attention and feed-forward network."""
    def __init__(self, width, heads):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention = Attention(width, heads)
        self.feed = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))

    def forward(self, x):
        x = x + self.attention(self.norms[0](x))
        return x + self.feed(self.norms[1](x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.blocks = nn.Linear(5, 64), nn.Sequential(Block(64, 4), Block(64, 4))
        self.position = nn.Parameter(torch.zeros(1, 7, 64))
        self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 3)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.embed(x) + self.position)).mean(1))


def encoder():
    """The layers that come with PyTorch: norms after each sum."""
    layer = nn.TransformerEncoderLayer(64, 4, 48, dropout=0.0, activation="gelu", batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


# The network, the dimensions of an example, and the range of its elements. The block's is so wide that ReLU6 reaches both of its ends.
NETWORKS = {
    "resnet": (resnet, (3, 12, 12), 4),
    "unet": (UNet, (2, 8, 8), 4),
    "transposed": (Transposed, (2, 10, 10), 4),
    "mobilenet": (MobileNet, (4, 8, 8), 16),
    "ring": (Ring, (2, 4, 6), 4),
    "mlp": (mlp, (12,), 4),
    "causal": (Causal, (5, 6), 4),
    "transformer": (Transformer, (7, 5), 4),
    "encoder": (encoder, (5, 64), 4),
}


def sequence():
    return nn.Sequential(
        nn.Linear(6, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 8), nn.PReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7, 3))


def images():
    """Without pools: the shapes allow one choice of padding and strides alone."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.PReLU(4), nn.Flatten(),
        nn.Linear(4 * 6 * 5, 3))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, stride=(2, 1), padding=(0, 1), dilation=(1, 2)), nn.ReLU(),
        nn.AvgPool2d(3, 2, 1), nn.Flatten(), nn.Linear(6 * 2 * 3, 12), nn.LayerNorm(12), nn.GELU(), nn.Linear(12, 5), nn.LogSoftmax(-1))


# State dicts, which have no graph.
SEQUENTIAL = {"sequence": (sequence, (6,), 4), "images": (images, (2, 6, 5), 4), "lenet": (lenet, (1, 16, 16), 4)}


def fill(model):
    """Sets every parameter and statistic; returns (elements, scale, shift) of each parameter."""
    rows, first = [], 0
    def of(module, name, tensor):
        if isinstance(module, (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)) and name in ("weight", "running_var"):
            return 1.0, 1.0
        if tensor.dim() == 1 or name == "position":
            return 0.5, 0.0
        return 2.0 ** round(math.log2(4.0 / math.sqrt(tensor[0].numel()))), 0.0
    with torch.no_grad():
        for named in (nn.Module.named_parameters, nn.Module.named_buffers):
            for module in model.modules():
                for name, tensor in named(module, recurse=False):
                    if not tensor.is_floating_point():
                        continue
                    scale, shift = of(module, name, tensor)
                    tensor.copy_(torch.from_numpy(value(first, tensor.numel(), scale, shift)).reshape(tensor.shape))
                    if named is nn.Module.named_parameters:
                        rows.append((tensor.numel(), scale, shift))
                    first += tensor.numel()
    return rows


def parameters(model):
    return [p for module in model.modules() for _, p in module.named_parameters(recurse=False)]


def folded(model):
    """Convolutions that a batch norm after them has become a part of: their weights, then biases, and the gradients of both."""
    rows, values, gradients = [], [], []
    for module in model.modules():
        inside = list(module.children()) if isinstance(module, nn.Sequential) else []
        for conv, norm in zip(inside, inside[1:]):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                scale = norm.weight / (norm.running_var + norm.eps).sqrt()
                spread = scale[:, None, None, None]
                weights, channels = conv.weight.numel(), norm.bias.numel()
                rows.append((weights + channels, weights + 2 * channels))
                values += [conv.weight * spread, norm.bias - norm.running_mean * scale]
                gradients += [conv.weight.grad / spread, norm.bias.grad]
    flat = lambda all: np.concatenate([np.zeros(0)] + [t.detach().numpy().ravel() for t in all])
    return dict(folded=np.array(rows, np.float64), folded_value=flat(values), folded_gradient=flat(gradients))


def results(name, model, rows, shape, range):
    x = uniform(INPUTS, EXAMPLES * math.prod(shape)).reshape(EXAMPLES, *shape) * np.float32(range)
    exact = model.double()
    input = torch.from_numpy(x).double().requires_grad_()
    output = exact(input)
    cotangent = uniform(COTANGENTS, output.numel()).reshape(output.shape) * np.float32(2)
    (torch.from_numpy(cotangent).double() * output).sum().backward()
    gradient = np.concatenate([p.grad.numpy().ravel() for p in parameters(exact)])
    all = np.concatenate([value(int(first), *row) for first, row in zip(np.cumsum([0] + [r[0] for r in rows]), rows)])
    assert len(np.unique(all)) == len(all) == len(gradient), name
    # A file stays below 300 kB: the rounding is far below the bound that is tested.
    gradient = gradient.astype(np.float32) if len(gradient) > 20000 else gradient
    return dict(tensors=np.array(rows, np.float64), input=x, cotangent=cotangent, output=output.detach().numpy(),
                input_gradient=input.grad.numpy(), gradient=gradient, **folded(exact))


def stripped(model):
    """Without the paths of the machine that made it, and without versions."""
    model.producer_version = ""
    model.doc_string = ""
    del model.metadata_props[:]
    graph = model.graph
    for part in [graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, *model.functions]:
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    del graph.value_info[:]
    return model.SerializeToString(deterministic=True)


def exported(model, shape, dynamo):
    x = torch.zeros(2, *shape)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        path = pathlib.Path(folder) / "model.onnx"
        warnings.simplefilter("ignore")
        if dynamo:
            batch = torch.export.Dim("batch", min=1, max=64)
            torch.onnx.export(model, (x,), str(path), dynamo=True, verbose=False, external_data=False, input_names=["x"],
                              output_names=["y"], dynamic_shapes=({0: batch},))
        else:
            torch.onnx.export(model, (x,), str(path), dynamo=False, input_names=["x"], output_names=["y"],
                              dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}}, opset_version=17,
                              # Otherwise batch norms would be folded here, too.
                              training=torch.onnx.TrainingMode.PRESERVE)
        return stripped(onnx.load(path))


def state_dict(model):
    """A .safetensors file: the length of a JSON header, the header, the tensors."""
    header, data = {}, b""
    for name, tensor in model.state_dict().items():
        bytes = tensor.numpy().tobytes()
        kind = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
        header[name] = dict(dtype=kind, shape=list(tensor.shape), data_offsets=[len(data), len(data) + len(bytes)])
        data += bytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def sequential(name):
    """The state dict of a network, and its inputs and outputs."""
    make, shape, range = SEQUENTIAL[name]
    model = make().eval()
    fill(model)
    file = state_dict(model)
    x = uniform(INPUTS, EXAMPLES * math.prod(shape)).reshape(EXAMPLES, *shape) * np.float32(range)
    with torch.no_grad():
        output = model.double()(torch.from_numpy(x).double())
    return file, dict(input=x, output=output.numpy())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    parser.add_argument("names", nargs="*", default=[*NETWORKS, *SEQUENTIAL])
    arguments = parser.parse_args()
    torch.backends.mha.set_fastpath_enabled(False)
    different = []
    for name in arguments.names:
        if name in SEQUENTIAL:
            file, found = sequential(name)
            files = {f"{name}.safetensors": file}
        else:
            make, shape, range = NETWORKS[name]
            model = make().eval()
            rows = fill(model)
            files = {f"{name}{end}.onnx": exported(model, shape, end != "") for end in ("", "-dynamo")}
        for file, bytes in files.items():
            if not arguments.check:
                (FOLDER / file).write_bytes(bytes)
                print(file, len(bytes), "bytes")
            elif (FOLDER / file).read_bytes() != bytes:
                different.append(file)
        if name not in SEQUENTIAL:
            found = results(name, model, rows, shape, range)
        path = FOLDER / f"{name}.npz"
        if not arguments.check:
            np.savez_compressed(path, **found)
            print(path.name, path.stat().st_size, "bytes")
            continue
        committed = np.load(path)
        for array, own in found.items():
            # Sums of f64 have another order in other versions.
            near = 1e-6 if own.dtype == np.float32 else 1e-11
            if not np.allclose(own, committed[array], rtol=near, atol=near * np.abs(own).max(initial=0)):
                different.append(f"{path.name} {array}")
    for what in different:
        print("differs:", what, file=sys.stderr)
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
