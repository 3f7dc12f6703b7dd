"""PyTorch in training as a worker of `cargo xtask bench --training`: training.py DATA THREADS. README.md has the lines."""

import re
import sys
from pathlib import Path

DATA, THREADS = Path(sys.argv[1]), int(sys.argv[2])
sys.path.append(str(Path(__file__).parents[2] / "docs"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn.functional import conv2d, cross_entropy  # noqa: E402

from check_training import Record, forward  # noqa: E402, the networks from their layers
from worker import say, serve  # noqa: E402

torch.set_num_threads(THREADS)
FORMATS = {"PyTorch": torch.contiguous_format, "PyTorch, channels last": torch.channels_last}


class Convolution:
    """Forward, or both gradients by the operator that autograd calls."""

    def __init__(self, name, direction, layout):
        inputs, outputs, size, self.stride = map(int, re.findall(r"\d+", name))
        load = lambda what: torch.from_numpy(np.fromfile(DATA / f"{name}-{what}.f32", dtype="<f4"))
        parameters = load("w")
        self.x = load("x").reshape(-1, inputs, size, size).contiguous(memory_format=layout)
        out = (size - 1) // self.stride + 1
        self.g = load("g").reshape(-1, outputs, out, out).contiguous(memory_format=layout)
        self.weight = parameters[:-outputs].reshape(outputs, inputs, 3, 3).contiguous(memory_format=layout)
        self.bias = parameters[-outputs:].clone()
        self.backward = direction == "backward"

    @torch.inference_mode()
    def __call__(self):
        if not self.backward:
            return conv2d(self.x, self.weight, self.bias, self.stride, 1)
        return torch.ops.aten.convolution_backward(
            self.g, self.x, self.weight, list(self.bias.shape), [self.stride] * 2, [1, 1], [1, 1], False, [0, 0], 1, [True] * 3
        )

    def result(self):
        out = self()
        return np.concatenate([x.numpy().ravel() for x in (out if self.backward else (out,))])


class Step:
    """Autograd through the network of a record, and Adam."""

    def __init__(self, name, layout, fused):
        self.record, self.layout, self.fused = Record(DATA / name), layout, fused
        self.x, self.labels = self.record.steps[0]["inputs"], self.record.steps[0]["labels"].long()
        self.x = self.x.contiguous(memory_format=layout)
        self.rate = self.record.steps[0]["rate"].item()
        self.begin()

    def begin(self):
        moved = lambda x: x.contiguous(memory_format=self.layout) if x.dim() == 4 else x
        self.tensors = {name: moved(tensor.clone()) for name, tensor in self.record.start.items()}
        self.parameters = [self.tensors[name].requires_grad_() for name in self.record.parameters]
        self.optimiser = torch.optim.Adam(self.parameters, lr=self.rate, fused=self.fused)

    def __call__(self):
        self.optimiser.zero_grad()
        cross_entropy(forward(self.record.layers, self.tensors, self.x), self.labels).backward()
        self.optimiser.step()

    def result(self):
        self.begin()
        self()
        return np.concatenate([parameter.detach().contiguous().numpy().ravel() for parameter in self.parameters])


def contestants():
    for weights in sorted(DATA.glob("conv-*-w.f32")):
        name = weights.name.removesuffix("-w.f32")
        for direction in ("forward", "backward"):
            for title, layout in FORMATS.items():
                yield f"{name}-{direction}-{THREADS}", title, Convolution(name, direction, layout)
    for start in sorted(DATA.glob("*/start.safetensors")):
        name = start.parent.name
        for title, layout in FORMATS.items():
            if layout != torch.contiguous_format and not name.startswith("conv"):
                continue
            for adam, fused in (("", None), (", fused Adam", True)):
                yield f"{name}-{THREADS}", title + adam, Step(name, layout, fused)


say("version", "PyTorch", torch.__version__)
say("version", "PyTorch's processor", torch.backends.cpu.get_cpu_capability())
say("version", "oneDNN in PyTorch", "yes" if torch.backends.mkldnn.is_available() else "no")
serve(contestants())
