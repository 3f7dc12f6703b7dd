"""NumPy or PyTorch as a worker of `cargo xtask bench --peers`: peers.py DATA numpy|torch THREADS. README.md has the lines."""

import os
import sys

DATA, LIBRARY, THREADS = sys.argv[1], sys.argv[2], int(sys.argv[3])
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(THREADS)

import numpy as np  # noqa: E402, the library counts its threads when it is loaded

from worker import say, serve  # noqa: E402

WIDTH, POINTS = 200, 256
NETWORKS = {"centred-24": (24, True), "plain-24": (24, False), "plain-50": (50, False)}


def load(name):
    return np.fromfile(f"{DATA}/{name}.f32", dtype="<f4")


def weights_of(name, depth):
    """Stem (weights, biases), hidden matrices, readout, as `ours` wrote them."""
    flat = load(name)
    stem, bias, rest = flat[:WIDTH], flat[WIDTH : 2 * WIDTH], flat[2 * WIDTH :]
    hidden = rest[: (depth - 1) * WIDTH * WIDTH].reshape(depth - 1, WIDTH, WIDTH).copy()
    readout = rest[hidden.size :]
    assert readout.shape == (WIDTH,)
    return stem, bias, hidden, readout


class NumpyGradient:
    """df/dx forward and backward by hand, every array made beforehand. A mask of floats is quicker than one of bytes, and a
    product with it quicker than a maximum; a mean is quickest as a product with ones."""

    def __init__(self, name, drawn):
        depth, self.centred = NETWORKS[name]
        self.stem, self.bias, self.hidden, self.readout = weights_of(name, depth)
        self.x = load("grid")
        self.masks = np.empty((depth, WIDTH, POINTS), np.float32)
        self.z, self.h = np.empty((2, WIDTH, POINTS), np.float32)
        self.mean = np.full(POINTS, 1 / POINTS, np.float32)
        self.random = np.random.Generator(np.random.SFC64(1)) if drawn else None

    def __call__(self):
        if self.random is not None:
            for array, scale in (
                (self.stem, 1.0),
                (self.bias, 1.0),
                (self.hidden, (2 / WIDTH) ** 0.5),
                (self.readout, (1 / WIDTH) ** 0.5),
            ):
                self.random.standard_normal(out=array, dtype=np.float32)
                if scale != 1.0:
                    array *= np.float32(scale)
        z, h = self.z, self.h
        np.multiply(self.stem[:, None], self.x, out=z)
        z += self.bias[:, None]
        for layer, mask in enumerate(self.masks):
            if layer > 0:
                np.dot(self.hidden[layer - 1], h, out=z)
            if self.centred:
                z -= z.dot(self.mean)[:, None]
            np.greater(z, 0, out=mask)
            np.multiply(z, mask, out=h)
        self.output = self.readout @ h
        g = h
        np.multiply(self.readout[:, None], self.masks[-1], out=g)
        for weight, mask in zip(self.hidden[::-1], self.masks[-2::-1]):
            np.dot(weight.T, g, out=z)
            np.multiply(z, mask, out=g)
        return self.stem @ g


def numpy_contestants():
    say("version", "NumPy", np.__version__)
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    say("version", "NumPy's BLAS", f"{blas['name']} {blas['version']}")
    w, x = load("dense-w").reshape(WIDTH, WIDTH), load("dense-x").reshape(WIDTH, POINTS)
    y = np.empty_like(x)
    if THREADS == 1:
        yield "dense", "NumPy", lambda: np.dot(w, x, out=y)
    for name in NETWORKS:
        yield f"{name}-given-{THREADS}", "NumPy", NumpyGradient(name, False)
        yield f"{name}-drawn-{THREADS}", "NumPy", NumpyGradient(name, True)


def torch_contestants():
    import torch
    from torch.nn.functional import linear, relu

    torch.set_num_threads(THREADS)
    say("version", "PyTorch", torch.__version__)
    config = torch.__config__.show().splitlines()
    say("version", "PyTorch's libraries", "; ".join(line.strip(" -") for line in config if "MKL" in line and "=" not in line))
    say("version", "PyTorch's processor", torch.backends.cpu.get_cpu_capability())

    class Gradient:
        def __init__(self, name, drawn):
            depth, self.centred = NETWORKS[name]
            self.stem, self.bias, self.hidden, self.readout = map(torch.from_numpy, weights_of(name, depth))
            self.x = torch.from_numpy(load("grid"))
            self.z, self.g = torch.empty(2, WIDTH, POINTS)
            self.kept = torch.empty(depth, WIDTH, POINTS)
            self.drawn = drawn

        def draw(self):
            if self.drawn:
                torch.randn(WIDTH, out=self.stem)
                torch.randn(WIDTH, out=self.bias)
                torch.randn(self.hidden.shape, out=self.hidden).mul_((2 / WIDTH) ** 0.5)
                torch.randn(WIDTH, out=self.readout).mul_((1 / WIDTH) ** 0.5)

    class Autograd(Gradient):
        """As a user writes it: points in rows, `linear` and `relu`, the gradient by autograd with respect to x alone."""

        def __call__(self):
            with torch.no_grad():
                self.draw()
            x = self.x.detach().requires_grad_(True)
            z = torch.addcmul(self.bias, x[:, None], self.stem)
            for layer in range(len(self.hidden) + 1):
                if layer > 0:
                    z = linear(h, self.hidden[layer - 1])
                if self.centred:
                    z = z - z.detach().mean(0)
                h = relu(z)
            return torch.autograd.grad((h @ self.readout).sum(), x)[0]

    class ByHand(Gradient):
        """Forward and backward by hand, every tensor made beforehand, in the operators that autograd itself calls."""

        @torch.inference_mode()
        def __call__(self):
            self.draw()
            torch.addcmul(self.bias[:, None], self.stem[:, None], self.x, out=self.z)
            for layer, h in enumerate(self.kept):
                if layer > 0:
                    torch.mm(self.hidden[layer - 1], self.kept[layer - 1], out=self.z)
                if self.centred:
                    self.z.sub_(self.z.mean(1, keepdim=True))
                torch.clamp_min(self.z, 0, out=h)
            self.output = self.readout @ self.kept[-1]
            behind = torch.ops.aten.threshold_backward.grad_input
            z, g = self.z, self.g
            behind(self.readout[:, None].expand(WIDTH, POINTS), self.kept[-1], 0, grad_input=g)
            for layer in range(len(self.hidden), 0, -1):
                torch.mm(self.hidden[layer - 1].t(), g, out=z)
                behind(z, self.kept[layer - 1], 0, grad_input=g)
            return self.stem @ g

    w, x = (torch.from_numpy(load(n)).reshape(WIDTH, -1) for n in ("dense-w", "dense-x"))
    y = torch.empty_like(x)

    @torch.inference_mode()
    def product():
        return torch.mm(w, x, out=y)

    if THREADS == 1:
        yield "dense", "PyTorch", product
    for name in NETWORKS:
        for weights in ("given", "drawn"):
            task = f"{name}-{weights}-{THREADS}"
            yield task, "PyTorch, autograd", Autograd(name, weights == "drawn")
            yield task, "PyTorch, by hand", ByHand(name, weights == "drawn")


serve({"numpy": numpy_contestants, "torch": torch_contestants}[LIBRARY]())
