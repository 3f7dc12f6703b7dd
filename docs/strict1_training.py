#!/usr/bin/env python3
"""Whole trainings by strict-1: the part of docs/strict1.py that follows section 11 of docs/numerics.md from options to digests.

    python3 docs/strict1_training.py run OPTIONS.json         the epochs of one training, as JSON
    python3 docs/strict1_training.py check [GOLDENS.json ..]  recompute every epoch; exit 1 on any difference
    python3 docs/strict1_training.py goldens [GOLDENS.json ..]  fill in the epochs (default: tests/goldens-training.json)
    python3 docs/strict1_training.py draw COUNT SEED FILE.json  so many trainings drawn at random, with their epochs
    python3 docs/strict1_training.py example [--check]        write the digest of boards/examples/convnet-by-recompute, or compare it

It trains on the first examples of the digits that are built in (host-tools/digits). Arrays are [channel][y][x][point]; a vector is an
image of one position. As in strict1.py, no float goes through sum, dot, matmul or einsum.
"""
import json
import math
import random
import sys
from pathlib import Path

import numpy as np

from strict1 import (F, HERE, ONE, ZERO, Optimiser, Rate, act_back, average_pool, average_pool_back, begin, channel_forward,
                     channel_gradient, clip_by_norm, clip_by_value, conv, conv_back, conv_grads, crelu, cross_entropy, dense,
                     dense_back, dense_grads, dropout, dropout_keeps, fnv, max_pool, max_pool_back, move, moved, places, prelu,
                     prelu_grad, record_digest, red16, relu, running, select_largest, shortcut, shortcut_back, shuffle, standard)

EXAMPLE = HERE.parent / "boards" / "examples" / "convnet-by-recompute" / "digest.txt"
GOLDENS = HERE.parent / "tests" / "goldens-training.json"
ACROSS = (slice(None), None, None, None)  # a value a channel, beside [channel][y][x][point]

# Section 11, "Options of a training".
DEFAULTS = dict(net="dense", depth=2, width=32, activation="relu", slope=1, init="he", batch_norm=False, skips="none", beta=1,
                dropout=0, seed=1, run=0, batch=32, epochs=10, optimiser="sgd", rate=0.05, momentum=0.9, betas=[0.9, 0.999],
                eps=1e-8, decay=0, decoupled=False, clip_norm=0, clip_value=0, warm_up=0, schedule="never", at=[], factor=0.1,
                patience=5, threshold=0, drops=2, freeze=[], scaling="standard", shift=0, flip=False)
DECIMALS = "slope beta dropout rate momentum eps decay clip_norm clip_value factor threshold".split()
TESTED = 256  # examples of a batch that is only evaluated


def complete(options):
    unknown = set(options) - set(DEFAULTS)
    if unknown:
        raise SystemExit(f"unknown options: {sorted(unknown)}")
    o = {**DEFAULTS, **options}
    for name in DECIMALS:
        o[name] = F(float(o[name]))
    o["betas"] = [F(float(beta)) for beta in o["betas"]]
    return o


# ---- the digits ------------------------------------------------------------------------------------------------------
def digits():
    """(pixels [8][8], label) of each of the 1,797 images; host-tools/digits/README.md has the layout."""
    packed = (HERE.parent / "host-tools" / "digits" / "digits.bin").read_bytes()
    count, record = 1797, 11
    nibbles, images = packed[count * record:], []
    for i in range(count):
        head = packed[i * record:(i + 1) * record]
        start, mask = int.from_bytes(head[1:3], "little"), int.from_bytes(head[3:], "little")
        pixels, used = [0] * 64, 0
        for at in range(64):
            if mask >> at & 1:
                byte = nibbles[start + used // 2]
                pixels[at] = (byte >> 4 if used % 2 else byte & 15) + 1
                used += 1
        images.append(([pixels[8 * y:8 * y + 8] for y in range(8)], head[0]))
    return images


class Data:
    """The first `train` images of the training part, and the first `test` of the test part."""

    classes, largest, shape = 10, 16, (1, 8, 8)

    def __init__(self, train, test, scaling):
        images = digits()
        self.train, self.test = images[:1500][:train], images[1500:][:test]
        if scaling == "unit":
            self.mean, self.inv = ZERO, F(1.0 / float(self.largest))
        else:
            self.mean, self.inv = standard([b for image, _ in self.train for row in image for b in row])

    def batch(self, examples, moves):
        """Inputs [c][y][x][point] and labels; `moves` has None for an image that stays as it is."""
        x = np.zeros(self.shape + (len(examples),), F)
        for p, ((image, _), by) in enumerate(zip(examples, moves)):
            seen = np.ones((8, 8), bool)
            if by is not None:
                seen = np.array(moved([[True] * 8 for _ in range(8)], *by), bool)
                image = moved(image, *by)
            x[0, :, :, p] = np.where(seen, (np.array(image, F) - self.mean) * self.inv, ZERO)
        return x, [label for _, label in examples]


# ---- section 11: networks by name ------------------------------------------------------------------------------------
class Net:
    """Layers as lists: name, image in, and what else the layer has."""

    def __init__(self, o, image, classes):
        self.o, self.layers, self.at = o, [], image
        getattr(self, o["net"])(o["depth"], o["width"], classes)

    def units(self):
        return self.at[0] * self.at[1] * self.at[2]

    def affine(self, outs):
        self.layers.append(["dense", list(self.at), outs, True, [1, 1, 1, 0]])
        self.at = (outs, 1, 1)

    def conv(self, channels, size, stride):
        window = [size, size, stride, size // 2]
        self.layers.append(["conv", list(self.at), channels, not self.o["batch_norm"], window])
        self.at = (channels,) + places(self.at[1:], window)

    def rectify(self):
        if self.o["batch_norm"]:
            self.layers.append(["norm", list(self.at), F(1e-5), F(0.1)])
        self.layers.append([self.o["activation"], list(self.at)] + [self.o["slope"]] * (self.o["activation"] == "prelu"))
        if self.o["activation"] == "crelu":
            self.at = (2 * self.at[0],) + self.at[1:]

    def scales(self):
        blocks = -(-(self.o["depth"] - 2) // 2) if self.o["net"] == "stack" else self.o["depth"] // 2
        if self.o["skips"] != "highway":
            return ONE, self.o["beta"]
        transform = min(2.0 / float(max(blocks, 1)), 1.0)
        return F(math.sqrt(1.0 - transform * transform)), F(transform)

    def block(self, layers):
        kept = self.at
        if self.o["skips"] != "none":
            self.layers.append(["fork", list(kept)])
        for layer in layers:
            self.rectify()
            layer()
        if self.o["skips"] != "none":
            self.layers.append(["join", list(kept), self.at[0], -(-kept[1] // self.at[1]), *self.scales()])

    def convolutions(self, left, channels, stride):
        narrow = max(channels // 4, 1)
        if self.o["skips"] == "none" or left == 1:
            convs = [(channels, 3, stride)]
        elif self.o["skips"] == "bottleneck" and left >= 3:
            convs = [(narrow, 1, 1), (narrow, 3, stride), (channels, 1, 1)]
        else:
            convs = [(channels, 3, stride), (channels, 3, 1)]
        self.block([lambda c=c: self.conv(*c) for c in convs])
        return len(convs)

    def dense(self, depth, width, classes):
        self.at = (self.units(), 1, 1)
        self.affine(width)
        left = depth - 1
        while left > 0:
            over = 1 if self.o["skips"] == "none" else min(left, 2)
            self.block([lambda: self.affine(width)] * over)
            left -= over
        self.rectify()
        self.affine(classes)

    def convnet(self, depth, width, classes):
        modules, doubled = (depth - 2) // 4, self.o["activation"] == "crelu"
        channels = [max(math.floor((width << s) / math.sqrt(2.0)) if doubled else width << s, 1) for s in range(4)]
        if doubled:
            self.rectify()
        for section, c in enumerate(channels):
            done = 0
            if section == 0:
                self.conv(c, 3, 1)
                done = 1
            while done < modules:
                done += self.convolutions(modules - done, c, 2 if done == 0 else 1)
            rate = self.o["dropout"] * F(section + 1)
            if rate > ZERO:
                self.layers.append(["dropout", list(self.at), rate])
        self.block([lambda: self.conv(channels[3], 3, 2)])
        self.rectify()
        self.affine(classes)

    def stack(self, depth, width, classes):
        self.conv(width, 3, 1)
        left = depth - 2
        while left > 0:
            left -= self.convolutions(left, width, 1)
        self.rectify()
        self.affine(classes)

    def lenet(self, _depth, width, classes):
        width = max(width, 1)
        for channels in (width, 2 * width):
            self.conv(channels, 3, 1)
            self.rectify()
            self.layers.append(["maxpool", list(self.at), [2, 2, 2, 0]])
            self.at = (self.at[0],) + places(self.at[1:], (2, 2, 2, 0))
        self.affine(8 * width)
        self.rectify()
        self.affine(classes)


def start_of(o):
    if o["init"] != "looks-linear":
        return o["init"]
    return {"crelu": "looks-linear", "relu": "pairs", "prelu": "orthogonal"}[o["activation"]]


# ---- section 11: a batch forward and backward ------------------------------------------------------------------------
class NonFinite(Exception):
    pass


def finite(where, number, *values):
    if not all(np.isfinite(v).all() for v in values):
        raise NonFinite(f"{where} {number}")


class Network:
    """Layers with their parameters and running statistics, as flat arrays in their order."""

    def __init__(self, layers, start, seed, run):
        self.layers, self.seed, self.frozen = layers, seed, set()
        self.parameters = begin(start, seed, run, layers)
        self.spans, at = [], 0
        for layer in layers:
            size = self.sizes(layer)
            self.spans.append((at, size))
            at += size[0] + size[1]
        assert at == len(self.parameters)
        self.means, self.variances = {}, {}
        for i, layer in enumerate(layers):
            if layer[0] == "norm":
                self.means[i], self.variances[i] = np.zeros(layer[1][0], F), np.ones(layer[1][0], F)

    @staticmethod
    def sizes(layer):
        name, (c, h, w) = layer[0], layer[1]
        if name == "dense":
            return c * h * w * layer[2], layer[2]
        if name == "conv":
            return layer[2] * c * layer[4][0] * layer[4][1], layer[2] if layer[3] else 0
        return {"norm": (c, c), "prelu": (c, 0)}.get(name, (0, 0))

    def freeze(self, names):
        """Marks parts (layer, 0 for the first or 1 for the second kind of its parameters)."""
        for name in names:
            layer, _, kind = name.partition(".")
            self.frozen |= {(int(layer), k) for k in {"": (0, 1), "weight": (0,), "bias": (1,)}[kind]}

    def is_frozen(self):
        """Of each parameter."""
        mask = np.zeros(len(self.parameters), bool)
        for i, (at, (first, second)) in enumerate(self.spans):
            mask[at:at + first] |= (i, 0) in self.frozen
            mask[at + first:at + first + second] |= (i, 1) in self.frozen
        return mask

    def learns(self, i):
        return any(size > 0 and (i, kind) not in self.frozen for kind, size in enumerate(self.spans[i][1]))

    def own(self, i, flat=None):
        flat = self.parameters if flat is None else flat
        at, (first, second) = self.spans[i]
        return flat[at:at + first], flat[at + first:at + first + second]

    def digest(self):
        statistics = [s for i in sorted(self.means) for s in (self.means[i], self.variances[i])]
        words = np.concatenate([self.parameters, *statistics])
        assert words.dtype == F
        return fnv(words.astype("<f4").tobytes())[1]

    def matrix(self, i):
        layer, (w, bias) = self.layers[i], self.own(i)
        if layer[0] == "dense":
            return w.reshape(layer[2], -1), bias
        w = w.reshape(layer[2], layer[1][0], *layer[4][:2])
        return w, bias if layer[3] else np.zeros(layer[2], F)

    def forward(self, x, step=None):
        """Outputs [class][point]; with a step in training, otherwise in inference. Nothing of the network changes."""
        self.kept, self.after, skip, points = {}, {}, None, x.shape[3]
        finite("forward", 1, x)
        for i, layer in enumerate(self.layers):
            name, number = layer[0], i + 1
            if name == "dense":
                w, bias = self.matrix(i)
                self.kept[i] = flat = x.reshape(-1, points)
                x = dense(w, bias, flat).reshape(-1, 1, 1, points)
            elif name == "conv":
                w, bias = self.matrix(i)
                self.kept[i] = x
                x = conv(w, bias, x, layer[4])
            elif name == "relu":
                self.kept[i] = x > ZERO
                x = relu(x)
            elif name == "crelu":
                self.kept[i] = x > ZERO
                x = crelu(x)
            elif name == "prelu":
                finite("forward", number, self.own(i)[0])
                self.kept[i] = x
                x = prelu(self.own(i)[0], x > ZERO, x)
            elif name == "norm":
                x = self.norm(i, x, step is not None)
            elif name == "maxpool":
                x, self.kept[i] = max_pool(x, layer[2])
            elif name == "averagepool":
                x = average_pool(x, layer[2])
            elif name == "dropout" and step is not None:
                keeps = dropout_keeps(self.seed, step, number, layer[2], x.reshape(-1, points).shape[0], points)
                self.kept[i] = keeps.reshape(x.shape)
                x = dropout(self.kept[i], layer[2], x)
            elif name == "fork":
                skip = x
            elif name == "join":
                _, kept, channels, stride, a, b = layer
                straight = channels == kept[0] and stride == 1
                x = (a * (skip if straight else shortcut(skip, channels, stride))) + (b * x)
            if name not in ("relu", "crelu", "maxpool", "fork"):
                finite("forward", number, x)
        return x.reshape(-1, points)

    def norm(self, i, x, training):
        _, _, eps, momentum = self.layers[i]
        gamma, beta = self.own(i)
        z = x.reshape(x.shape[0], -1, x.shape[3])
        if training:
            mean, var, inv, xhat = channel_forward(z, eps)
            finite("forward", i + 1, mean, var, inv)
            n = F(z.shape[1] * z.shape[2])
            unbiased = var * (n / (n - ONE)) if z.shape[1] * z.shape[2] > 1 else var
            self.after[i] = running(self.means[i], mean, momentum), running(self.variances[i], unbiased, momentum)
        else:
            inv = ONE / np.sqrt(self.variances[i] + eps)
            xhat = (z - self.means[i][:, None, None]) * inv[:, None, None]
        self.kept[i] = xhat, inv
        return ((xhat * gamma[:, None, None]) + beta[:, None, None]).reshape(x.shape)

    def backward(self, g, inputs=False):
        """The gradient of every parameter, from that of the outputs [class][point]; with `inputs`, that of the inputs [c][y][x][point].

        Without `inputs` it ends with the first layer that has parameters that are not frozen: that one hands nothing to its input, and a fork before it keeps
        nothing that has a gradient."""
        gradient, skip, points = np.zeros_like(self.parameters), None, g.shape[1]
        first = next(i for i in range(len(self.spans)) if self.learns(i))
        g = g.reshape(-1, 1, 1, points)
        if inputs:
            first = -1
        for i in range(len(self.layers) - 1, max(first, 0) - 1, -1):
            layer, name, number = self.layers[i], self.layers[i][0], i + 1
            own, others = self.own(i, gradient)
            alone = i == first
            if alone:
                finite("backward", number, g)
            c, h, w = layer[1]
            if name == "dense":
                matrix, flat = self.matrix(i)[0], g.reshape(-1, points)
                back = None if alone else dense_back(matrix, flat).reshape(c, h, w, points)
                if not alone:
                    finite("backward", number, back)
                grad_w, others[:] = dense_grads(np.zeros_like(matrix), np.zeros_like(others), flat, self.kept[i])
                own[:], g = grad_w.ravel(), back
            elif name == "conv":
                matrix = self.matrix(i)[0]
                back = None if alone else conv_back(matrix, g, (h, w), layer[4])
                if not alone:
                    finite("backward", number, back)
                grad_w, grad_b = conv_grads(np.zeros_like(matrix), np.zeros(layer[2], F), g, self.kept[i], layer[4])
                own[:], others[:], g = grad_w.ravel(), grad_b[:len(others)], back
            elif name == "relu":
                g = act_back(False, self.kept[i], g)
            elif name == "crelu":
                g = act_back(True, self.kept[i], g)
            elif name == "prelu":
                x, slope = self.kept[i], self.own(i)[0]
                back = None if alone else prelu(slope, x > ZERO, g)
                if not alone:
                    finite("backward", number, back)
                own[:], g = prelu_grad(np.zeros_like(own), g, x), back
            elif name == "norm":
                xhat, inv = self.kept[i]
                flat = g.reshape(xhat.shape)
                back = None if alone else channel_gradient(flat * self.own(i)[0][:, None, None], xhat, inv).reshape(g.shape)
                if not alone:
                    finite("backward", number, back)
                for p in range(points):
                    for q in range(flat.shape[1]):
                        own += flat[:, q, p] * xhat[:, q, p]
                        others += flat[:, q, p]
                g = back
            elif name == "maxpool":
                g = max_pool_back(g, self.kept[i], (h, w), layer[2])
                finite("backward", number, g)
            elif name == "averagepool":
                g = average_pool_back(g, (h, w), layer[2])
                finite("backward", number, g)
            elif name == "dropout":
                g = dropout(self.kept[i], layer[2], g)
                finite("backward", number, g)
            elif name == "join":
                _, kept, channels, stride, a, b = layer
                straight = channels == kept[0] and stride == 1
                fork = max(k for k in range(i) if self.layers[k][0] == "fork")
                skip = a * g
                if fork > first or not straight:
                    finite("backward", number, skip)
                if not straight:
                    skip = shortcut_back(skip, tuple(kept) + (points,), stride)
                g = b * g
                finite("backward", number, g)
            elif name == "fork":
                g = g + skip
                # The layer after the fork adds to what came through the join.
                finite("backward", number + 1, g)
        return g if inputs else gradient


def gradient_norm(network, gradient):
    """Binary64, for eyes alone: sixteen lanes a layer, folded as RED16, the last layer first."""
    total = 0.0
    for at, (first, second) in reversed(network.spans):
        if first == 0:
            continue
        lanes = [0.0] * 16
        for i, g in enumerate(gradient[at:at + first + second]):
            lanes[i % 16] += float(g) * float(g)
        for half in (8, 4, 2, 1):
            lanes = [lanes[k] + lanes[half + k] for k in range(half)]
        total += lanes[0]
    return math.sqrt(total)


# ---- section 11: a training ------------------------------------------------------------------------------------------
def settings(o):
    rule = {"name": o["optimiser"], "mu": o["momentum"], "beta1": o["betas"][0], "beta2": o["betas"][1], "eps": o["eps"]}
    decay = ("none", ZERO) if o["decay"] == ZERO else ("decoupled" if o["decoupled"] else "l2", o["decay"])
    decrease = {"name": o["schedule"], "epochs": o["at"], "factor": o["factor"], "patience": o["patience"],
                "threshold": o["threshold"], "drops": o["drops"]}
    return rule, decay, decrease


def losses(outputs, labels, batch):
    """(mean loss, right answers, gradient) of a batch."""
    loss, gradient = cross_entropy(outputs, labels, batch)
    mean = red16(loss) / F(len(labels))
    if not np.isfinite(mean):
        raise NonFinite("loss")
    return mean, sum(int(select_largest(outputs[:, p])[0] == j) for p, j in enumerate(labels)), gradient


def evaluate(network, data):
    total, right = 0.0, 0
    for first in range(0, len(data.test), TESTED):
        examples = data.test[first:first + TESTED]
        x, labels = data.batch(examples, [None] * len(examples))
        mean, correct, _ = losses(network.forward(x), labels, len(labels))
        total, right = total + float(mean) * float(len(labels)), right + correct
    return total / float(len(data.test)), float(right) / float(len(data.test))


def train(options, examples, tests):
    """A row an epoch; the last one says where NaN or infinity stood, if it did."""
    o = complete(options)
    data = Data(examples, tests, o["scaling"])
    network = Network(Net(o, data.shape, data.classes).layers, start_of(o), o["seed"], o["run"])
    rule, decay, decrease = settings(o)
    optimiser = Optimiser(rule, decay, len(network.parameters))
    network.freeze(o["freeze"])
    frozen = network.is_frozen()
    rate, step, rows = Rate(o["rate"], o["warm_up"], decrease), 0, []
    batches = examples // o["batch"]
    for epoch in range(o["epochs"]):
        order, used = shuffle(o["seed"], epoch, examples), rate.current()
        total, right, norms = 0.0, 0, 0.0
        try:
            for k in range(batches):
                numbers = order[k * o["batch"]:(k + 1) * o["batch"]]
                still = o["shift"] == 0 and not o["flip"]
                moves = [None if still else move(o["seed"], o["run"], epoch, i, o["shift"], o["flip"]) for i in numbers]
                x, labels = data.batch([data.train[i] for i in numbers], moves)
                mean, correct, g = losses(network.forward(x, step), labels, len(labels))
                gradient = network.backward(g)
                gradient[frozen] = ZERO
                norms = norms + gradient_norm(network, gradient)
                if o["clip_value"] > ZERO:
                    gradient = clip_by_value(gradient, o["clip_value"])
                if o["clip_norm"] > ZERO:
                    gradient = clip_by_norm(gradient, o["clip_norm"])[1]
                network.parameters = np.where(frozen, network.parameters, optimiser.step(network.parameters, gradient, used))
                for i, (means, variances) in network.after.items():
                    network.means[i], network.variances[i] = means, variances
                total, right, step = total + float(mean) * float(len(labels)), right + correct, step + 1
        except NonFinite as error:
            return rows + [f"epoch {epoch + 1}, step {step + 1}: {error}"]
        seen = float(batches) * float(o["batch"])
        try:
            test_loss, test_accuracy = evaluate(network, data)
        except NonFinite as error:
            return rows + [f"epoch {epoch + 1}, test part: {error}"]
        loss = total / seen
        rate.advance(F(loss))
        rows.append({"rate": float(used), "loss": loss, "accuracy": float(right) / seen, "gradient_norm": norms / float(batches),
                     "test_loss": test_loss, "test_accuracy": test_accuracy, "digest": network.digest()})
    return rows


def drawn(draw, name):
    """Options of a training that is worth comparing: every network, rule and schedule, few units."""
    net = draw.choice(["dense", "dense", "convnet", "stack", "lenet"])
    o = {"net": net, "activation": draw.choice(["relu", "crelu", "prelu"]), "seed": draw.getrandbits(64), "run": draw.randrange(1 << 32),
         "init": draw.choice(["he", "glorot", "orthogonal", "looks-linear"]), "batch_norm": draw.random() < 0.4}
    o["depth"] = {"dense": draw.randint(1, 6), "convnet": 4 * draw.randint(1, 2) + 2, "stack": draw.randint(2, 7), "lenet": 2}[net]
    # Mirrored pairs are of even numbers of units.
    o["width"] = 2 * draw.randint(1, {"dense": 9, "convnet": 1, "stack": 3, "lenet": 2}[net])
    if o["activation"] == "prelu":
        o["slope"] = draw.choice([1, 0.25, 0, -0.5])
    blocks = {"dense": o["depth"] > 1, "convnet": True, "stack": o["depth"] > 2, "lenet": False}[net]
    skips = ["resnet", "highway"] + ["bottleneck"] * (net in ("convnet", "stack") and o["activation"] != "crelu")
    if blocks and draw.random() < 0.6:
        o["skips"] = draw.choice(skips)
        if o["skips"] != "highway":
            o["beta"] = draw.choice([1, 0.3, 0.1])
    if net == "convnet" and draw.random() < 0.5:
        o["dropout"] = draw.choice([0.05, 0.2])
    o["optimiser"] = draw.choice(["sgd", "momentum", "nesterov", "adam"])
    o["rate"] = draw.choice([0.05, 0.01, 0.003]) * (0.1 if o["optimiser"] == "adam" else 1)
    if o["optimiser"] == "adam":
        o["betas"], o["eps"] = [draw.choice([0.9, 0.5, 0]), draw.choice([0.999, 0.9])], draw.choice([1e-8, 1e-3])
    elif o["optimiser"] != "sgd":
        o["momentum"] = draw.choice([0.9, 0.99, 0])
    if draw.random() < 0.5:
        o["decay"], o["decoupled"] = draw.choice([0.1, 1e-4]), draw.random() < 0.5
    if draw.random() < 0.4:
        o["clip_norm"] = draw.choice([0.1, 1, 1e6])
    if draw.random() < 0.4:
        o["clip_value"] = draw.choice([0.01, 1])
    o["warm_up"] = draw.choice([0, 0, 1, 3])
    o["schedule"] = draw.choice(["never", "steps", "plateau"])
    if o["schedule"] == "steps":
        o["at"] = sorted(draw.sample(range(1, 5), draw.randint(1, 3)))
    if o["schedule"] == "plateau":
        o.update(patience=draw.randint(0, 2), threshold=draw.choice([0, 0.1]), drops=draw.randint(1, 3))
    if o["schedule"] != "never":
        o["factor"] = draw.choice([0.1, 0.5, 2])
    o["scaling"] = draw.choice(["standard", "unit"])
    o["shift"], o["flip"] = draw.choice([0, 0, 1, 3]), draw.random() < 0.3
    o["batch"] = draw.choice([2, 5, 16, 17, 33])
    examples = o["batch"] * draw.randint(1, 3) + draw.randrange(o["batch"])
    o["epochs"] = draw.randint(1, 4)
    if draw.random() < 0.2:
        o["freeze"] = [draw.choice(["0", "0.weight"])]
    return {"name": name, "train": examples, "test": draw.randint(1, 40), "options": o}


def example():
    """The digest of the outputs and of the gradient of their sum with respect to the pixels: a stack with batch norm on 256 digits."""
    o, points = complete({"net": "stack", "depth": 4, "width": 16, "batch_norm": True}), 256
    data = Data(points, 0, "unit")
    network = Network(Net(o, data.shape, data.classes).layers, start_of(o), o["seed"], o["run"])
    outputs = network.forward(data.batch(data.train, [None] * points)[0], 0)
    gradient = network.backward(np.ones_like(outputs), inputs=True)
    return record_digest([outputs.T.ravel(), gradient.reshape(-1, points).T.ravel()])


def text(rows):
    def row(golden):
        head = {k: v for k, v in golden.items() if k != "epochs"}
        epochs = ",\n    ".join(json.dumps(epoch) for epoch in golden["epochs"])
        return json.dumps(head)[:-1] + ',\n   "epochs": [\n    ' + epochs + "]}"
    return "[\n  " + ",\n  ".join(row(golden) for golden in rows) + "\n]\n"


def main(arguments):
    command, paths = (arguments[0], [Path(p) for p in arguments[1:]]) if arguments else (None, [])
    if command == "run" and len(paths) == 1:
        print(json.dumps(train(json.loads(paths[0].read_text()), 1500, 297), indent=1))
        return 0
    if command == "draw" and len(paths) == 3:
        count, seed = int(arguments[1]), int(arguments[2])
        draw = random.Random(seed)
        rows = [drawn(draw, f"{i} of seed {seed}") for i in range(count)]
        for row in rows:
            row["epochs"] = train(row["options"], row["train"], row["test"])
        paths[2].write_text(text(rows))
        return 0
    if command == "example" and arguments[1:] in ([], ["--check"]):
        digest = example() + "\n"
        if paths:
            same = digest == EXAMPLE.read_text()
            print("ok" if same else f"DIFFERENT {digest.strip()}")
            return int(not same)
        EXAMPLE.write_text(digest)
        return 0
    if command not in ("check", "goldens"):
        print(__doc__, file=sys.stderr)
        return 2
    different = 0
    for path in paths or [GOLDENS]:
        rows = json.loads(path.read_text())
        for row in rows:
            found = train(row["options"], row["train"], row["test"])
            same = found == row.get("epochs")
            if command == "check":
                print(f"{'ok' if same else 'DIFFERENT'} {row['name']}", flush=True)
                different += not same
            row["epochs"] = found
        if command == "goldens":
            path.write_text(text(rows))
    return different > 0


if __name__ == "__main__":
    sys.exit(int(main(sys.argv[1:])))
