"""Checks training against PyTorch: check_training.py PROGRAM, or check_training.py --record FOLDER. docs/training.md says how and why.

PROGRAM is `shatterscope`: it is run for ten steps of each network and optimiser below, and what it records is held against PyTorch in
binary64 and binary32. Exit code 1 on a difference.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, cross_entropy, linear, max_pool2d, pad, prelu, relu

U = 2.0**-24  # the greatest relative error of one rounded operation

DENSE = "--net dense --depth 5 --width 32"
CRELU = "--net dense --depth 30 --width 16 --activation crelu --init looks-linear"
CONVNET = "--net convnet --depth 6 --width 8"
NORMED = "--net convnet --depth 14 --width 8 --batch-norm"
CASES = {
    "dense, sgd": f"{DENSE} --rate 0.1",
    "dense, sgd, L2": f"{DENSE} --rate 0.1 --decay 0.01",
    "dense, sgd, decoupled": f"{DENSE} --rate 0.1 --decay 0.01 --decoupled",
    "dense, sgd, clipped by norm": f"{DENSE} --rate 0.1 --clip-norm 0.5",
    "dense, sgd, clipped by value": f"{DENSE} --rate 0.1 --clip-value 0.01",
    "dense, momentum": f"{DENSE} --optimiser momentum",
    "dense, momentum, L2, clipped both ways": f"{DENSE} --optimiser momentum --decay 0.01 --clip-norm 0.5 --clip-value 0.05",
    "dense, nesterov": f"{DENSE} --optimiser nesterov",
    "dense, nesterov, decoupled": f"{DENSE} --optimiser nesterov --decay 0.01 --decoupled",
    "dense, adam": f"{DENSE} --optimiser adam --rate 0.001",
    "dense, adam, L2": f"{DENSE} --optimiser adam --rate 0.001 --decay 0.01",
    "dense, adam, decoupled": f"{DENSE} --optimiser adam --rate 0.001 --decay 0.01 --decoupled",
    "dense, adam, clipped by norm": f"{DENSE} --optimiser adam --rate 0.001 --clip-norm 0.5",
    "dense, prelu, skips, norms": f"{DENSE} --activation prelu --slope 0.25 --skips highway --batch-norm",
    "crelu looks-linear, sgd": f"{CRELU} --rate 0.01",
    "crelu looks-linear, adam": f"{CRELU} --optimiser adam --rate 0.0003",
    "convnet, momentum": f"{CONVNET} --optimiser momentum --rate 0.01",
    "convnet, crelu looks-linear, nesterov": f"{CONVNET} --activation crelu --init looks-linear --optimiser nesterov --rate 0.01",
    "convnet, prelu from 1, adam": f"{CONVNET} --activation prelu --init orthogonal --optimiser adam --rate 0.001",
    "convnet, prelu, nesterov, L2": f"{CONVNET} --activation prelu --slope 0.25 --optimiser nesterov --decay 0.01 --rate 0.01",
    "convnet, norms, adam": f"{NORMED} --optimiser adam --rate 0.001",
    "convnet, norms, skips, nesterov": f"{NORMED} --skips resnet --optimiser nesterov --rate 0.01",
    "convnet, norms, highway, moved, adam": f"{NORMED} --skips highway --shift 1 --flip --optimiser adam --rate 0.001",
    "lenet, sgd": "--net lenet --width 8 --rate 0.05",
    "lenet, adam, decoupled": "--net lenet --width 8 --optimiser adam --rate 0.001 --decay 0.01 --decoupled",
}


def single(x):
    """The binary32 number that the program had: JSON shortens it."""
    return float(np.float32(x))


class Record:
    """What `train --record` wrote."""

    def __init__(self, folder):
        self.folder = Path(folder)
        with safe_open(self.folder / "start.safetensors", "pt") as file:
            self.document = json.loads(file.metadata()["spec"])
            self.start = {name: file.get_tensor(name) for name in file.keys()}
        self.spec, self.layers, self.first = (self.document[key] for key in ("spec", "layers", "step"))
        if any(layer["kind"] == "dropout" for layer in self.layers):
            raise SystemExit("what dropout leaves out is not in the record: train without it")
        self.parameters = [
            f"{i}.{name}"
            for i, layer in enumerate(self.layers)
            for name in ("weight", "bias")
            if f"{i}.{name}" in self.start
        ]
        count = 0
        while (self.folder / f"step-{self.first + count + 1}.safetensors").exists():
            count += 1
        self.steps = [self.read(self.first + i + 1) for i in range(count)]

    def read(self, step):
        with safe_open(self.folder / f"step-{step}.safetensors", "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}

    def longest_chain(self):
        """Terms of the longest sum that the program makes one after the other."""
        examples = len(self.steps[0]["labels"])
        terms = [examples]
        for layer in self.layers:
            if layer["kind"] == "dense":
                terms.append(layer["inputs"])
            if layer["kind"] in ("conv", "batch-norm", "prelu"):
                terms.append(examples * math.prod(layer["input"][1:]))
        return max(terms)

    def depth(self):
        """Layers with parameters."""
        return sum(f"{i}.weight" in self.start for i in range(len(self.layers)))


def forward(layers, tensors, x):
    """The network on a batch [n, c, h, w]; running statistics in `tensors` move."""
    kept = None
    for i, layer in enumerate(layers):
        weight, bias = tensors.get(f"{i}.weight"), tensors.get(f"{i}.bias")
        match layer["kind"]:
            case "dense":
                x = linear(x.flatten(1), weight, bias)[:, :, None, None]
            case "conv":
                x = conv2d(x, weight, bias, layer["stride"], layer["padding"])
            case "relu":
                x = relu(x)
            case "prelu":
                x = prelu(x, weight)
            case "crelu":
                x = torch.stack([relu(x), relu(-x)], 2).flatten(1, 2)
            case "batch-norm":
                running = tensors[f"{i}.running_mean"], tensors[f"{i}.running_var"]
                x = batch_norm(x, *running, weight, bias, True, single(layer["momentum"]), single(layer["eps"]))
            case "average-pool":
                x = avg_pool2d(x, layer["window"], layer["stride"])
            case "max-pool":
                x = max_pool2d(x, layer["window"], layer["stride"], layer["padding"])
            case "fork":
                kept = x
            case "join":
                stride = layer["stride"]
                short = kept[:, :, ::stride, ::stride]
                short = pad(short, (0, 0, 0, 0, 0, layer["channels"] - short.shape[1]))
                x, kept = single(layer["a"]) * short + single(layer["b"]) * x, None
            case kind:
                raise SystemExit(f"layer {i}: {kind} is not known")
    return x.flatten(1)


class Learner:
    """The network and its optimiser in PyTorch, in one precision."""

    def __init__(self, record, tensors, dtype):
        self.record, self.dtype = record, dtype
        self.tensors = {name: tensor.to(dtype).clone() for name, tensor in tensors.items()}
        self.parameters = [self.tensors[name].requires_grad_() for name in record.parameters]
        spec = record.spec
        self.decay = single(spec["decay"])
        self.aside = self.decay if spec["decoupled"] and spec["optimiser"] != "adam" else 0.0
        within = 0.0 if self.aside else self.decay
        if spec["optimiser"] == "adam":
            betas = tuple(map(single, spec["betas"]))
            kind = torch.optim.AdamW if spec["decoupled"] else torch.optim.Adam
            self.optimiser = kind(self.parameters, betas=betas, eps=single(spec["eps"]), weight_decay=within)
        else:
            mu = 0.0 if spec["optimiser"] == "sgd" else single(spec["momentum"])
            nesterov = spec["optimiser"] == "nesterov"
            self.optimiser = torch.optim.SGD(self.parameters, momentum=mu, nesterov=nesterov, weight_decay=within)

    def take_state(self, tensors, steps):
        """The optimiser as the program had it after so many steps."""
        for name, parameter in zip(self.record.parameters, self.parameters):
            if f"velocity.{name}" in tensors and steps > 0:
                self.optimiser.state[parameter]["momentum_buffer"] = tensors[f"velocity.{name}"].to(self.dtype).clone()
            if f"mean.{name}" in tensors:
                self.optimiser.state[parameter].update(
                    step=torch.tensor(float(steps)),
                    exp_avg=tensors[f"mean.{name}"].to(self.dtype).clone(),
                    exp_avg_sq=tensors[f"square.{name}"].to(self.dtype).clone(),
                )

    def gradient(self, step):
        """Of the mean loss, which it returns; in `.grad` of each parameter."""
        self.optimiser.zero_grad()
        outputs = forward(self.record.layers, self.tensors, step["inputs"].to(self.dtype))
        loss = cross_entropy(outputs, step["labels"].long())
        loss.backward()
        return loss.item()

    def take_gradient(self, step):
        for name, parameter in zip(self.record.parameters, self.parameters):
            parameter.grad = step[f"gradient.{name}"].to(self.dtype).clone()

    @torch.no_grad()
    def update(self, step):
        """By the gradients that stand in `.grad`."""
        spec, rate = self.record.spec, step["rate"].item()
        if spec["clip-value"] > 0:
            torch.nn.utils.clip_grad_value_(self.parameters, single(spec["clip-value"]))
        if spec["clip-norm"] > 0:
            # Not clip_grad_norm_, which adds 1e-6 to the norm.
            norm = torch.nn.utils.get_total_norm([parameter.grad for parameter in self.parameters])
            if norm > single(spec["clip-norm"]):
                for parameter in self.parameters:
                    parameter.grad *= single(spec["clip-norm"]) / norm
        for parameter in self.parameters:
            parameter -= rate * self.aside * parameter
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()


def apart(names, ours, theirs):
    """The greatest difference of a layer by its norm, over layers. A bias before a batch norm has a gradient of zero, and nothing but
    roundings to compare: so its weights are looked at with it."""
    sums = {}
    for name, x, y in zip(names, ours, theirs):
        x, y = x.detach().double(), y.detach().double()
        sums[name.split(".")[0]] = sums.get(name.split(".")[0], 0) + torch.stack([(x - y).square().sum(), y.square().sum()])
    squares = torch.stack(list(sums.values()))
    return (squares[:, 0] / squares[:, 1].clamp_min(1e-60)).sqrt().max().item()


class Checks:
    """What was compared, by the greatest share of its tolerance."""

    def __init__(self):
        self.found = {}

    def add(self, what, difference, tolerance):
        share = difference / tolerance if not math.isnan(difference) else math.inf
        if what not in self.found or share > self.found[what][2]:
            self.found[what] = (difference, tolerance, share)

    def passed(self):
        return all(share <= 1 for _, _, share in self.found.values())


def check(record):
    checks = Checks()
    before = record.start
    free = {dtype: Learner(record, record.start, dtype) for dtype in (torch.float64, torch.float32)}
    # Sums of n terms one after the other, signs at random: sqrt(n) roundings, through each layer and back.
    rounding = 8 * U * math.sqrt(record.longest_chain()) * record.depth()
    statistics = [name for name in record.start if ".running_" in name]
    spec = record.spec
    for i, step in enumerate(record.steps):
        # The gradient of each step at the program's own parameters.
        found = {}
        for dtype in (torch.float64, torch.float32):
            learner = Learner(record, before, dtype)
            loss = learner.gradient(step)
            found[dtype] = [parameter.grad for parameter in learner.parameters], loss, learner
        exact, loss, learner = found[torch.float64]
        ours = [step[f"gradient.{name}"] for name in record.parameters]
        theirs = apart(record.parameters, found[torch.float32][0], exact)
        checks.add("gradient", apart(record.parameters, ours, exact), rounding + 4 * theirs)
        checks.add("PyTorch's f32", theirs, math.inf)
        checks.add("loss", abs(step["loss"].item() - loss) / loss, rounding)
        if statistics:
            moved = [step[name] for name in statistics], [learner.tensors[name] for name in statistics]
            checks.add("statistics", apart(statistics, *moved), rounding)
        # The optimiser alone, element by element: from the program's own gradient and state.
        learner = Learner(record, before, torch.float64)
        learner.take_state(before, record.first + i)
        learner.take_gradient(step)
        learner.update(step)
        # A few roundings of the weight and of what is taken from it; of a clipped gradient also those of its norm.
        of_update = 16 * U + (0 if spec["clip-norm"] == 0 else U * math.sqrt(sum(p.numel() for p in learner.parameters)))
        if spec["optimiser"] == "adam":
            # 1 - beta^t of a power that is rounded to binary32.
            of_update += sum(U / (1 - single(beta)) for beta in spec["betas"])
        for name, parameter in zip(record.parameters, learner.parameters):
            old, new = before[name].double(), parameter.detach()
            taken = (new - old).abs()
            if spec["optimiser"] != "adam":
                # What is taken may be less than what it was added up from.
                rate, decay, velocity = step["rate"].item(), learner.decay, before.get(f"velocity.{name}", torch.zeros(()))
                gradient = parameter.grad.abs()
                taken = torch.maximum(taken, rate * (gradient + decay * old.abs() + velocity.double().abs()))
            tolerance = 4 * U * old.abs() + of_update * taken + 1e-30
            checks.add("step", ((step[name].double() - new).abs() / tolerance).max().item(), 1)
        # PyTorch on its own, from the start.
        for learner in free.values():
            learner.gradient(step)
            learner.update(step)
        before = step
    # What has been walked since the start is the measure: most of the weights is still what was drawn.
    way = lambda tensors: [tensors[name].detach().double() - record.start[name].double() for name in record.parameters]
    exact = way(free[torch.float64].tensors)
    theirs = apart(record.parameters, way(free[torch.float32].tensors), exact)
    # Steps of Adam are of one size, however small and uncertain the gradient: PyTorch's own deviation is the measure there.
    checks.add("all steps", apart(record.parameters, way(before), exact), len(record.steps) * rounding + 4 * theirs)
    checks.add("PyTorch's f32, all steps", theirs, math.inf)
    return checks


COLUMNS = {
    "gradient": "gradient",
    "PyTorch's f32": "PyTorch's",
    "loss": "loss",
    "step": "step, of tol.",
    "statistics": "statistics",
    "all steps": "all steps",
    "PyTorch's f32, all steps": "PyTorch's",
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", nargs="?", help="the program shatterscope")
    arguments.add_argument("--record", help="check this folder alone")
    asked = arguments.parse_args()
    if (asked.program is None) == (asked.record is None):
        arguments.error("give a program, or a record")
    torch.use_deterministic_algorithms(True)
    print(f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}\n")
    print(f"| {'what':40} | " + " | ".join(f"{title:>13}" for title in COLUMNS.values()) + " | |")
    print("|---|" + "---:|" * len(COLUMNS) + "---|")
    good = True

    def show(name, folder):
        nonlocal good
        record = Record(folder)
        if not record.steps:
            raise SystemExit(f"{folder}: no steps")
        checks = check(record)
        cells = [f"{checks.found[what][0]:.1e}" if what in checks.found else "" for what in COLUMNS]
        wrong = [f"{what} above {tolerance:.1e}" for what, (_, tolerance, share) in checks.found.items() if share > 1]
        print(f"| {name:40} | " + " | ".join(f"{cell:>13}" for cell in cells) + f" | {', '.join(wrong) or 'good'} |", flush=True)
        good &= checks.passed()

    if asked.record:
        show(Path(asked.record).name, asked.record)
    for name, options in CASES.items() if asked.program else ():
        with tempfile.TemporaryDirectory() as folder:
            line = [asked.program, "train", "--quiet", "--steps", "10", "--record", folder, "--batch", "64", *options.split()]
            done = subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                raise SystemExit(f"{name}: {done.stderr}")
            show(name, folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
