#!/usr/bin/env python3
"""strict-1, a second implementation, written from docs/numerics.md alone (Python 3.11, NumPy).

    python3 docs/strict1.py digest SPEC.json          the digest of the record of a spec
    python3 docs/strict1.py check GOLDENS.json ...    recompute every digest of a list; exit 1 on any difference
    python3 docs/strict1.py goldens [GOLDENS.json ..] fill in the digests of lists of names and specs
    python3 docs/strict1.py vectors [DIR]             write the example files (default: docs/vectors)
    python3 docs/strict1.py vectors --check [DIR]     verify that the committed files are reproduced exactly

docs/strict1_training.py does whole trainings with what is here.

How it stays exact. NumPy rounds every elementwise float32 operation on its own, and its sqrt is correctly rounded. What
NumPy does not promise is the order of a sum. So no float goes through sum, dot, matmul or einsum: a chain is a Python
loop over the index of the chain, vectorised over outputs that do not touch each other (units, points, columns).
Arrays hold units along axis 0 and points along axis 1. Scalars are np.float32 on both sides of every operation,
because a bare Python float would widen it in older NumPy versions. "section" in a comment is one of docs/numerics.md.
"""
import json
import math
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

np.seterr(all="ignore")  # overflow and NaN are looked for explicitly (section 8)
F = np.float32
ZERO, ONE, TWO = F(0), F(1), F(2)
HERE = Path(__file__).resolve().parent


# ---- section 2 and 3: the two kinds of sums --------------------------------------------------------------------------
def chain(init, terms):
    """Left-to-right sum of the terms along their first axis; the other axes are independent chains."""
    y = np.array(init, F)
    for t in terms:
        y = y + t
    return y


def red16(t, first=0):
    """Sixteen-lane sum over the last axis. `first` is the index in the grid of the first point given."""
    t = np.asarray(t, F)
    lanes = np.zeros(t.shape[:-1] + (16,), F)
    for p in range(t.shape[-1]):
        lanes[..., (first + p) % 16] += t[..., p]
    for half in (8, 4, 2, 1):
        lanes = lanes[..., :half] + lanes[..., half:2 * half]
    return lanes[..., 0]


# ---- section 5: addresses -> words -----------------------------------------------------------------------------------
W, BIAS, STEM, STEM_BIAS, READOUT, NOISE, DROPOUT = range(7)  # purposes
SHUFFLE = 7
MOVE = 8
LOW = np.uint64(0xFFFFFFFF)


def philox(counter, key):
    """Philox4x32-10. Words are held in uint64 (which broadcast), so that a 32 x 32 bit product is exact."""
    c0, c1, c2, c3 = (np.asarray(c, np.uint64) for c in counter)
    k0, k1 = (np.uint64(k) for k in key)
    half = np.uint64(32)
    for turn in range(10):
        if turn > 0:
            k0, k1 = (k0 + np.uint64(0x9E3779B9)) & LOW, (k1 + np.uint64(0xBB67AE85)) & LOW
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ k0, p1 & LOW, (p0 >> half) ^ c3 ^ k1, p0 & LOW
    return c0, c1, c2, c3


# ---- section 6: words -> normals -------------------------------------------------------------------------------------
def irwin_hall(words):
    """Twelve 10-bit fields and 8 bits of rest, centred: all in integers, hence exact."""
    w = [np.asarray(x).astype(np.int64) for x in words]
    s = sum((x & 1023) + (x >> 10 & 1023) + (x >> 20 & 1023) for x in w)
    r = w[0] >> 30 | (w[1] >> 30) << 2 | (w[2] >> 30) << 4 | (w[3] >> 30) << 6
    return (2 * (256 * s + r) - 3142911).astype(F) * F(2.0 ** -19)


def logf(x):
    """libm's logf (FreeBSD e_logf.c) for positive normal numbers; as241 asks for x < 0.075, the loss for x >= 1.

    NumPy's own log is another algorithm with other bits."""
    lg1, lg2, lg3, lg4 = F(0.66666662693), F(0.40000972152), F(0.28498786688), F(0.24279078841)
    ln2_hi, ln2_lo = F(6.9313812256e-01), F(9.0580006145e-06)
    ix = np.asarray(x, F).view(np.uint32).astype(np.int64) + (0x3F800000 - 0x3F3504F3)
    dk = ((ix >> 23) - 0x7F).astype(F)  # x = 2^k * m, m in [sqrt(2)/2, sqrt(2))
    m = ((ix & 0x007FFFFF) + 0x3F3504F3).astype(np.uint32).view(F)
    f = m - ONE
    s = f / (TWO + f)
    z = s * s
    w = z * z
    t1 = w * (lg2 + w * lg4)
    t2 = z * (lg1 + w * lg3)
    r = t2 + t1
    hfsq = (F(0.5) * f) * f
    return (((s * (hfsq + r) + dk * ln2_lo) - hfsq) + f) + dk * ln2_hi


AS241 = {name: [F(c) for c in coefficients] for name, coefficients in {  # highest power first
    "A": (59.10943747, 159.29113202, 50.434271938, 3.3871327179), "B": (67.187563600, 78.757757664, 17.895169469, 1.0),
    "C": (0.17023821103, 1.3067284816, 2.7568153900, 1.4234372777), "D": (0.12021132975, 0.73700164250, 1.0),
    "E": (0.017337203997, 0.42868294337, 3.0812263860, 6.6579051150),
    "F": (0.012258202635, 0.24197894225, 1.0)}.items()}


def as241(w0):
    """Inverse normal distribution function. Both branches are computed everywhere and one is selected."""
    def poly(name, r):
        y = np.full_like(r, AS241[name][0])
        for c in AS241[name][1:]:
            y = y * r + c
        return y

    p = ((np.asarray(w0) >> np.uint64(9)).astype(F) + F(0.5)) * F(2.0 ** -23)
    q = p - F(0.5)
    r = F(0.180625) - q * q
    centre = (q * poly("A", r)) / poly("B", r)
    inner = np.abs(q) <= F(0.425)
    tail = np.where(q < ZERO, p, ONE - p)
    r = np.sqrt(-logf(np.where(inner, F(0.05), tail)))  # 0.05: any number that logf takes; not selected
    near, far = r - F(1.6), r - F(5.0)  # far is unreachable: r <= sqrt(24 ln 2) = 4.08
    z = np.where(r <= F(5.0), poly("C", near) / poly("D", near), poly("E", far) / poly("F", far))
    return np.where(inner, centre, np.where(q < ZERO, -z, z))


def normals(kind, seed, run, layer, purpose, row, column):
    """The normals at an address; row and column may be arrays that broadcast against each other."""
    words = philox((column, row, layer + (purpose << 24), run), (seed & 0xFFFFFFFF, seed >> 32))
    return irwin_hall(words) if kind == "irwin-hall" else as241(words[0])


# ---- section 6: weights ----------------------------------------------------------------------------------------------
def he_std(gain, fan_in):
    return gain * np.sqrt(TWO / F(fan_in))


def glorot_std(gain, fan_in, fan_out):
    return gain * np.sqrt(TWO / F(fan_in + fan_out))


def orthogonal(kind, seed, run, layer, fan_in, fan_out, gain):
    """W, from the Householder reflections of a triangle of normals. All columns of Q are formed side by side."""
    m = max(fan_in, fan_out)
    i = np.arange(m)
    x = normals(kind, seed, run, layer, W, i[:, None], i[None, :])
    v, vv = [], []
    d = np.ones(m, F)
    for k in range(m - 1):
        row = x[k, k:].copy()
        norm = np.sqrt(chain(ZERO, row * row))
        d[k] = -ONE if row[0] > ZERO else ONE
        row[0] = row[0] + np.copysign(norm, row[0])
        v.append(row)
        vv.append(chain(ZERO, row * row))
    d[m - 1] = ONE if x[m - 1, m - 1] > ZERO else -ONE
    q = np.zeros((m, m), F)
    q[i, i] = d
    for k in range(m - 2, -1, -1):
        y = q[k:, k:]  # a view. Columns j < k start at a reflection below k: this one does not touch them
        s = chain(np.zeros(m - k, F), (v[k][e] * y[e] for e in range(m - k)))
        c = (TWO * s) / vv[k]
        y -= v[k][:, None] * c[None, :]
    scale = gain * np.sqrt(F(2 * m) / F(fan_in + fan_out))
    return (q if fan_out >= fan_in else q.T)[:fan_out, :fan_in] * scale


DEFAULTS = dict(family=None, depth=None, width=None, norm="none", init="he", gain=1, bias_std=0, first_weight_std=None,
                first_bias_std=1, readout_std=None, readout=None, alpha=1, beta=1, carry=None, transform=None, eps=1e-5,
                inputs=1, points=256, to=2, endpoint="exclusive", statistics="detached", runs=1, seed=0, normal="irwin-hall",
                derivative="reverse", math="libm", **{"from": -2})
CHOICES = dict(family=("feedforward", "resnet", "highway", "crelu"), norm=("none", "centre", "batch"),
               init=("he", "glorot", "orthogonal", "looks-linear"), readout=("relu", "linear", "norm-relu"),
               endpoint=("exclusive", "inclusive"), statistics=("detached", "full"), normal=("irwin-hall", "as241"),
               derivative=("reverse", "forward"), math=("libm",))
DECIMALS = "gain bias_std first_weight_std first_bias_std readout_std alpha beta eps from to".split()


def decimal(x):
    """Text (which JSON's parser has made a binary64 of) -> binary32."""
    y = F(float(x))
    if not np.isfinite(y) or (y == ZERO) != (float(x) == 0.0):
        raise SystemExit(f"{x} is no binary32")
    return y


def highway(carry, transform):
    """Of the decimals as binary64; one given fixes the other."""
    def other(x):
        if not x * x <= 1.0:
            raise SystemExit(f"{x} lies outside of the unit circle")
        return math.sqrt(1.0 - x * x)

    if carry is None and transform is None:
        carry = transform = math.sqrt(0.5)
    carry, transform = (None if x is None else float(x) for x in (carry, transform))
    carry, transform = other(transform) if carry is None else carry, other(carry) if transform is None else transform
    a, b = F(carry), F(transform)
    off = ((a * a) + (b * b)) - ONE
    if off > F(1e-6) or off < F(-1e-6):
        raise SystemExit("carry and transform do not lie on the unit circle")
    return a, b


def complete(spec):
    """A spec with its defaults, and its decimals as binary32 (JSON text -> binary64 -> binary32)."""
    unknown = set(spec) - set(DEFAULTS)
    if unknown:
        raise SystemExit(f"unknown fields: {sorted(unknown)}")
    s = {**DEFAULTS, **spec}
    if s["readout"] is None:
        s["readout"] = "norm-relu" if s["norm"] != "none" and s["family"] in ("feedforward", "crelu") else "relu"
    for field, values in CHOICES.items():
        if s[field] not in values:
            raise SystemExit(f"{field}: {s[field]!r} is none of {values}")
    for field in DECIMALS:
        if s[field] is not None:
            s[field] = decimal(s[field])
    if s["readout_std"] is None:
        s["readout_std"] = np.sqrt(ONE / F(s["width"]))
    if s["first_weight_std"] is None:
        s["first_weight_std"] = F(math.sqrt(1.0 / float(s["inputs"])))
    if s["family"] == "highway":
        s["carry"], s["transform"] = highway(s["carry"], s["transform"])
    if s["inputs"] > 1 and s["derivative"] == "forward":
        raise SystemExit("forward mode is for one input")
    if s["init"] == "looks-linear" and (s["family"] != "crelu" or s["norm"] != "none"):
        raise SystemExit("looks-linear is for crelu without a norm")
    return s


def parameters(s, run):
    """(stem, stem_bias, [(W_l, bias_l) for l = 2..L], readout) of one run."""
    n, depth, seed, kind = s["width"], s["depth"], s["seed"], s["normal"]
    doubled = s["family"] == "crelu"
    fan_in = 2 * n if doubled else n
    unit, feature = np.arange(n), np.arange(fan_in)

    def draw(layer, purpose, row, column):
        return normals(kind, seed, run, layer, purpose, row, column)

    stem = draw(1, STEM, unit[:, None], np.arange(s["inputs"])[None, :]) * s["first_weight_std"]
    stem_bias = draw(1, STEM_BIAS, unit, 0) * s["first_bias_std"] + ZERO
    layers = []
    for layer in range(2, depth + 1):
        if s["init"] == "orthogonal":
            w = orthogonal(kind, seed, run, layer, fan_in, n, s["gain"])
        elif s["init"] == "looks-linear":
            w = paired(orthogonal(kind, seed, run, layer, n, n, s["gain"]))
        else:
            std = he_std(s["gain"], fan_in) if s["init"] == "he" else glorot_std(s["gain"], fan_in, n)
            w = draw(layer, W, unit[:, None], feature[None, :]) * std
        layers.append((w, draw(layer, BIAS, unit, 0) * s["bias_std"] + ZERO))
    if s["init"] == "looks-linear" or s["readout"] == "linear":
        readout = draw(depth + 1, READOUT, 0, unit) * s["readout_std"]
        if s["readout"] != "linear":
            readout = paired(readout)
    else:
        readout = draw(depth + 1, READOUT, 0, feature) * s["readout_std"]
    return stem, stem_bias, layers, readout


def paired(w):
    """(.., 2k) = w_k and (.., 2k+1) = -w_k: the features of a CReLU then add up to a linear unit."""
    return np.stack([w, -w], -1).reshape(w.shape[:-1] + (-1,))


# ---- section 4: parts of networks ------------------------------------------------------------------------------------
def grid(start, to, points, endpoint):
    d = points if endpoint == "exclusive" else points - 1
    step = ZERO if d == 0 else (to - start) / F(d)
    return start + np.arange(points).astype(F) * step


def dense(w, bias, h):
    """y[i] = chain(bias[i]; W[i][k] * h[k]); h has a row per feature and a column per point."""
    y = np.repeat(np.asarray(bias, F)[:, None], h.shape[1], 1)
    for k in range(w.shape[1]):
        y += w[:, k, None] * h[k]
    return y


def dense_back(w, g):
    return dense(w.T, np.zeros(w.shape[1], F), g)


def dense_grads(old_w, old_bias, g, h):
    grad_w = chain(old_w, (g[:, p, None] * h[None, :, p] for p in range(h.shape[1])))
    return grad_w, chain(old_bias, g.T)


def relu(x):
    return np.where(x > ZERO, x, ZERO)


def interleave(even, odd):
    return np.stack([even, odd], 1).reshape((2 * even.shape[0],) + even.shape[1:])


def crelu(x):
    return interleave(relu(x), relu(-x))


def act_back(doubled, bit, g):
    return np.where(bit, g[0::2], -g[1::2]) if doubled else np.where(bit, g, ZERO)


def act_tangent(doubled, bit, t):
    return interleave(np.where(bit, t, ZERO), np.where(bit, ZERO, -t)) if doubled else np.where(bit, t, ZERO)


def batch_forward(z, eps):
    n = F(z.shape[1])
    mean = red16(z) / n
    d = z - mean[:, None]
    var = red16(d * d) / n
    inv = ONE / np.sqrt(var + eps)
    return mean, var, inv, d * inv[:, None]


def norm_gradient(norm, statistics, g, cache):
    """Without an affine part the page gives gradient and tangent the same formula, so that this serves both."""
    n = F(g.shape[1])
    if norm == "none" or (norm == "centre" and statistics == "detached"):
        return g
    if norm == "centre":
        return g - (red16(g) / n)[:, None]
    inv, xhat = cache
    if statistics == "detached":
        return g * inv[:, None]
    c1, c2 = red16(g) / n, red16(g * xhat) / n
    return ((g - c1[:, None]) - (xhat * c2[:, None])) * inv[:, None]


# ---- section 4: images. x is [c][y][x][point], a window (kh, kw, stride, padding) ------------------------------------
def places(size, window):
    """Rows and columns of places on an image of H x W."""
    kh, kw, s, o = window
    return (size[0] + 2 * o - kh) // s + 1, (size[1] + 2 * o - kw) // s + 1


def taps(window):
    """All taps (ky, kx) in order."""
    return [(ky, kx) for ky in range(window[0]) for kx in range(window[1])]


def sees(size, window, place, tap):
    """The position (y, x) that a tap sees from a place, or None."""
    y, x = (place[i] * window[2] + tap[i] - window[3] for i in (0, 1))
    return (y, x) if 0 <= y < size[0] and 0 <= x < size[1] else None


def in_order(size, window):
    rows, columns = places(size, window)
    return [(row, column) for row in range(rows) for column in range(columns)]


def seen_by(size, window, tap):
    """The places from which a tap sees the image, and the positions that it sees from them: two pairs of slices."""
    _, _, s, o = window
    at, seen = [], []
    for length, count, k in zip(size, places(size, window), tap):
        first = max(0, -((k - o) // s))  # the first place from which position place*s + k - o is not negative
        last = min(count, (length - 1 - k + o) // s + 1)
        at.append(slice(first, max(first, last)))
        seen.append(slice(first * s + k - o, max(first, last) * s + k - o, s) if last > first else slice(0, 0))
    return tuple(at), tuple(seen)


def conv(w, bias, x, window):
    """A chain for each channel out, place and point: channels in, then taps in order."""
    size = x.shape[1:3]
    y = np.zeros((len(w),) + places(size, window) + x.shape[3:], F)
    y += np.asarray(bias, F)[:, None, None, None]
    for c in range(len(x)):
        for tap in taps(window):
            at, seen = seen_by(size, window, tap)
            y[(slice(None),) + at] += w[:, c, tap[0], tap[1]][:, None, None, None] * x[(c,) + seen]
    return y


def conv_back(w, g, size, window):
    """A chain for each channel in, position and point: by a tap, a position is seen from one place at most."""
    grad = np.zeros(w.shape[1:2] + size + g.shape[3:], F)
    for i in range(len(w)):
        for tap in taps(window):
            at, seen = seen_by(size, window, tap)
            grad[(slice(None),) + seen] += w[i, :, tap[0], tap[1]][:, None, None, None] * g[(i,) + at]
    return grad


def conv_grads(old_w, old_bias, g, x, window):
    """A chain for each weight: points, then places in order. What a tap does not see adds no term."""
    size, at = x.shape[1:3], taps(window)
    grad_w, grad_bias = old_w.copy(), np.array(old_bias, F)
    for p in range(x.shape[3]):
        for place in in_order(size, window):
            seen = [(k, sees(size, window, place, tap)) for k, tap in enumerate(at)]
            here = [k for k, position in seen if position is not None]
            rows, columns = (np.array([position[axis] for _, position in seen if position is not None]) for axis in (0, 1))
            terms = g[(slice(None),) + place][:, p][:, None, None] * x[:, rows, columns, p][None]
            flat_w = grad_w.reshape(grad_w.shape[:2] + (-1,))
            flat_w[:, :, here] += terms
            grad_bias = grad_bias + g[(slice(None),) + place][:, p]
    return grad_w, grad_bias


def average_pool(x, window):
    size = x.shape[1:3]
    y = np.zeros(x.shape[:1] + places(size, window) + x.shape[3:], F)
    for place in in_order(size, window):
        terms = (x[(slice(None),) + sees(size, window, place, tap)] for tap in taps(window))
        y[(slice(None),) + place] = chain(np.zeros((len(x), x.shape[3]), F), terms) / F(len(taps(window)))
    return y


def average_pool_back(g, size, window):
    grad = np.zeros(g.shape[:1] + size + g.shape[3:], F)
    for place in in_order(size, window):  # every position meets its places in order
        for tap in taps(window):
            grad[(slice(None),) + sees(size, window, place, tap)] += g[(slice(None),) + place] / F(len(taps(window)))
    return grad


def max_pool(x, window):
    """The largest, and which tap it is."""
    size = x.shape[1:3]
    y = np.zeros(x.shape[:1] + places(size, window) + x.shape[3:], F)
    choice = np.zeros(y.shape, int)
    for place in in_order(size, window):
        m = None
        for i, tap in enumerate(taps(window)):
            at = sees(size, window, place, tap)
            if at is None:
                continue
            seen = x[(slice(None),) + at]
            m, chosen = (seen, np.full(seen.shape, i)) if m is None else (
                np.where(seen > m, seen, m), np.where(seen > m, i, chosen))
        y[(slice(None),) + place], choice[(slice(None),) + place] = m, chosen
    return y, choice


def max_pool_back(g, choice, size, window):
    grad = np.zeros(g.shape[:1] + size + g.shape[3:], F)
    for place in in_order(size, window):
        for i, tap in enumerate(taps(window)):
            at = sees(size, window, place, tap)
            if at is not None:
                here = (slice(None),) + at
                chose = choice[(slice(None),) + place] == i
                grad[here] = np.where(chose, grad[here] + g[(slice(None),) + place], grad[here])
    return grad


def max_pool_tangent(t, choice, window):
    size = t.shape[1:3]
    y = np.zeros(choice.shape, F)
    for place in in_order(size, window):
        for i, tap in enumerate(taps(window)):
            at, here = sees(size, window, place, tap), (slice(None),) + place
            if at is not None:
                y[here] = np.where(choice[here] == i, t[(slice(None),) + at], y[here])
    return y


# A dilated window: (kh, kw, (sy, sx), (dy, dx), (top, left, bottom, right)).
def dilated_places(size, window):
    kh, kw, strides, dilations, padding = window
    return tuple((size[i] + padding[i] + padding[i + 2] - ((k - 1) * dilations[i] + 1)) // strides[i] + 1
                 for i, k in enumerate((kh, kw)))


def dilated_sees(size, window, place, tap):
    """The position (y, x) that a tap sees from a place, or None."""
    y, x = (place[i] * window[2][i] + tap[i] * window[3][i] - window[4][i] for i in (0, 1))
    return (y, x) if 0 <= y < size[0] and 0 <= x < size[1] else None


def dilated_order(size, window):
    rows, columns = dilated_places(size, window)
    return [(row, column) for row in range(rows) for column in range(columns)]


def grouped_conv(w, bias, x, groups, window, taps_first=False):
    """A chain for each channel out, place and point."""
    size, of_in, of_out = x.shape[1:3], len(x) // groups, len(w) // groups
    y = np.zeros((len(w),) + dilated_places(size, window) + x.shape[3:], F)
    terms = [(c, tap) for c in range(of_in) for tap in taps(window)]
    if taps_first:
        terms = [(c, tap) for tap in taps(window) for c in range(of_in)]
    for i in range(len(w)):
        for place in dilated_order(size, window):
            seen = ((c, tap, dilated_sees(size, window, place, tap)) for c, tap in terms)
            products = (w[(i, c) + tap] * x[(i // of_out * of_in + c,) + at] for c, tap, at in seen if at is not None)
            y[(i,) + place] = chain(np.full(x.shape[3], bias[i], F), products)
    return y


def grouped_conv_back(w, g, shape, groups, window):
    """A chain for each channel in, position and point."""
    size, of_in, of_out = shape[1:3], shape[0] // groups, len(w) // groups
    grad = np.zeros(tuple(shape) + g.shape[3:], F)
    for channel in range(shape[0]):
        group, c = divmod(channel, of_in)
        for i in range(group * of_out, (group + 1) * of_out):
            for tap in taps(window):
                for place in dilated_order(size, window):  # a tap sees a position from one place at most
                    at = dilated_sees(size, window, place, tap)
                    if at is not None:
                        grad[(channel,) + at] += w[(i, c) + tap] * g[(i,) + place]
    return grad


def grouped_conv_grads(shape_w, g, x, groups, window):
    """Chains from +0.0 for each weight and bias: points, then places in order."""
    size, of_in, of_out = x.shape[1:3], len(x) // groups, shape_w[0] // groups
    grad_w, grad_bias = np.zeros(shape_w, F), np.zeros(shape_w[0], F)
    for p in range(x.shape[3]):
        for place in dilated_order(size, window):
            for i in range(shape_w[0]):
                first = i // of_out * of_in
                for tap in taps(window):
                    at = dilated_sees(size, window, place, tap)
                    if at is not None:
                        grad_w[(i, slice(None)) + tap] += g[(i,) + place][p] * x[(slice(first, first + of_in),) + at][:, p]
                grad_bias[i] = grad_bias[i] + g[(i,) + place][p]
    return grad_w, grad_bias


def dilated_average(x, window, whole):
    size = x.shape[1:3]
    y = np.zeros(x.shape[:1] + dilated_places(size, window) + x.shape[3:], F)
    for place in dilated_order(size, window):
        seen = [at for at in (dilated_sees(size, window, place, tap) for tap in taps(window)) if at is not None]
        k = F(len(taps(window)) if whole else len(seen))
        y[(slice(None),) + place] = chain(np.zeros((len(x), x.shape[3]), F), (x[(slice(None),) + at] for at in seen)) / k
    return y


def dilated_average_back(g, size, window, whole):
    grad = np.zeros(g.shape[:1] + size + g.shape[3:], F)
    for place in dilated_order(size, window):
        seen = [at for at in (dilated_sees(size, window, place, tap) for tap in taps(window)) if at is not None]
        k = F(len(taps(window)) if whole else len(seen))
        for at in seen:
            grad[(slice(None),) + at] += g[(slice(None),) + place] / k
    return grad


def dilated_max(x, window):
    """The largest, and which tap it is."""
    size = x.shape[1:3]
    y = np.zeros(x.shape[:1] + dilated_places(size, window) + x.shape[3:], F)
    choice = np.zeros(y.shape, int)
    for place in dilated_order(size, window):
        m = None
        for i, tap in enumerate(taps(window)):
            at = dilated_sees(size, window, place, tap)
            if at is not None:
                seen = x[(slice(None),) + at]
                m, chosen = (seen, np.full(seen.shape, i)) if m is None else (
                    np.where(seen > m, seen, m), np.where(seen > m, i, chosen))
        y[(slice(None),) + place], choice[(slice(None),) + place] = m, chosen
    return y, choice


def dilated_max_moves(g, t, choice, size, window):
    """The gradient of the operand, and the tangent of the value."""
    grad, y = np.zeros(choice.shape[:1] + size + choice.shape[3:], F), np.zeros(choice.shape, F)
    for place in dilated_order(size, window):
        here = (slice(None),) + place
        for i, tap in enumerate(taps(window)):
            at = dilated_sees(size, window, place, tap)
            if at is not None:
                seen, chose = (slice(None),) + at, choice[here] == i
                if g is not None:
                    grad[seen] = np.where(chose, grad[seen] + g[here], grad[seen])
                if t is not None:
                    y[here] = np.where(chose, t[seen], y[here])
    return grad, y


def prelu(slope, bit, x):
    """Of values, gradients and tangents: `[c][y][x][point]`, a slope a channel."""
    return np.where(bit, x, slope.reshape(-1, 1, 1, 1) * x)


def prelu_grad(old, g, x):
    """Of the slopes."""
    terms = np.where(x > ZERO, ZERO, g * x)
    return np.array([chain(o, (t[y, z, p] for p in range(x.shape[3]) for y in range(x.shape[1]) for z in range(x.shape[2])))
                     for o, t in zip(old, terms)], F)


def group_moments(x, groups, eps):
    """Inverse deviations [group][point], and normalised units [group][unit][point]."""
    units = x.reshape(groups, -1, x.shape[3])
    n, by_unit = F(units.shape[1]), lambda t: red16(np.moveaxis(t, 1, -1))
    d = units - (by_unit(units) / n)[:, None]
    inv = ONE / np.sqrt(by_unit(d * d) / n + eps)
    return inv, d * inv[:, None]


def group_gradient(q, inv, xhat):
    n, by_unit = F(xhat.shape[1]), lambda t: red16(np.moveaxis(t, 1, -1))
    q = q.reshape(xhat.shape)
    c1, c2 = by_unit(q) / n, by_unit(q * xhat) / n
    return ((q - c1[:, None]) - (xhat * c2[:, None])) * inv[:, None]


def over(f, x):
    """A function of one number over an array."""
    return np.array([f(e) for e in x.reshape(-1)], F).reshape(x.shape)


def elu(alpha, x):
    return over(lambda x: x if x > ZERO else alpha * (expf(x) - ONE), x)


def elu_slope(alpha, y, g):
    return np.where(y > ZERO, g, g * (y + alpha))


def sigmoid(x):
    def one(x):
        e = expf(-np.abs(x))
        return (ONE if x >= ZERO else e) / (ONE + e)
    return over(one, x)


# Imported models. A Python float is a binary64, and each of its operations is rounded to nearest on its own.
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10


def exp_parts(x):
    x = -700.0 if x < -700.0 else x
    x = 700.0 if x > 700.0 else x
    v = x * 1.4426950408889634
    k = 0 if math.isnan(v) else int(v + 0.5 if v >= 0 else v - 0.5)
    s = ((x - (k * LN2_HIGH)) - (k * LN2_LOW)) * 0.125
    p = 1 / 5040
    for c in (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0):
        p = (p * s) + c
    q = s * p
    for _ in range(3):
        q = q * (q + 2.0)
    return q, k


def exp64(x):
    q, k = exp_parts(x)
    return math.ldexp(1.0 + q, k)


def expm1_64(x):
    q, k = exp_parts(x)
    return q if k == 0 else math.ldexp(q, k) + (math.ldexp(1.0, k) - 1.0)


def log_of_parts(k, f):
    s = f / (2.0 + f)
    z = s * s
    p = 1 / 15
    for c in (1 / 13, 1 / 11, 1 / 9, 1 / 7, 1 / 5, 1 / 3, 1.0):
        p = (p * z) + c
    return ((k * LN2_LOW) + ((2.0 * s) * p)) + (k * LN2_HIGH)


def ln64(x):
    if math.isnan(x) or x < 0:
        return math.nan
    if x == 0 or math.isinf(x):
        return math.inf if x else -math.inf
    half, k = math.frexp(x)
    m, k = half * 2.0, k - 1
    if m > 1.4142135623730951:
        m, k = m * 0.5, k + 1
    return log_of_parts(k, m - 1.0)


def ln1p64(e):
    return log_of_parts(1, (e - 1.0) * 0.5) if e > 0.41421356237309503 else log_of_parts(0, e)


def horner64(x, coefficients):
    p = coefficients[0]
    for c in coefficients[1:]:
        p = (p * x) + c
    return p


def erfc64(z):
    z = 16.0 if z > 16.0 else z
    t = 2.0 / (2.0 + z)
    p = horner64(t - 0.5, [
        0.0797230784311989, -0.26749087200619437, 0.168686638027652, 0.25341335970864803, -0.3330839580234012,
        -0.09299604935198663, 0.34195656593045487, -0.03749677931744352, -0.30006939466731114, 0.11256713187895072,
        0.2823914706968856, -0.15796278998839108, -0.3751647833999785, 0.18937322432634063, 1.3452864475225539,
        -0.6717940840512382])
    return t * exp64(p - (z * z))


def erf64(v):
    return v * horner64(v * v, [
        0.00010822775087999957, -0.0008506764778541435, 0.005223275685975539, -0.026866109537792997,
        0.11283791417077241, -0.37612638899222656, 1.1283791670954115]) if v <= 0.5 else 1.0 - erfc64(v)


def sigmoid64(x):
    return 1.0 / (1.0 + exp64(-x))


def normal_below(x):
    h = 0.5 * erfc64(abs(x) * 0.7071067811865476)
    return h if x < 0 else 1.0 - h


def power(x, c):
    if c == np.rint(c) and abs(c) <= 16:
        p = x
        for _ in range(int(abs(c)) - 1):
            p = p * x
        return ONE if c == ZERO else p if c > ZERO else ONE / p
    if not x >= ZERO:
        return F(np.nan)
    if x == ZERO:
        return ZERO if c > ZERO else F(np.inf)
    return F(exp64(float(c) * ln64(float(x))))


def gelu_tanh(x):
    a, b = 1.5957691216057308, 0.07135481627260025
    s = sigmoid64(x * (a + (b * (x * x))))
    return x * s, s + (((x * s) * (1.0 - s)) * (a + ((3.0 * b) * (x * x))))


def silu(a, x):
    v = a * x
    return x * sigmoid64(v), sigmoid64(v) * (1.0 + (v * (1.0 - sigmoid64(v))))


def clip(low, high, x):
    t = low if x < low else x
    return high if high < t else t


# Number, a and b of an example, the value of (a, b, x), and the gradient from (a, b, x, y, g).
FUNCTIONS = {
    "tanh": (1, 0, 0, lambda a, b, x: tanh_of(x), lambda a, b, x, y, g: g * (ONE - (y * y))),
    "leaky-relu": (2, 0.125, 0, lambda a, b, x: x if x > ZERO else a * x, lambda a, b, x, y, g: g if y > ZERO else g * a),
    "clip": (3, -0.5, 0.25, lambda a, b, x: clip(a, b, x), lambda a, b, x, y, g: g if a < y and y < b else ZERO),
    "selu": (4, 1.67, 1.05, lambda a, b, x: b * x if x > ZERO else (b * a) * F(expm1_64(float(x))),
             lambda a, b, x, y, g: g * b if y > ZERO else g * (y + (b * a))),
    "hard-sigmoid": (5, 0.75, 0.5, lambda a, b, x: clip(ZERO, ONE, (a * x) + b),
                     lambda a, b, x, y, g: g * a if ZERO < y and y < ONE else ZERO),
    "hard-swish": (6, 0, 0, lambda a, b, x: (x * clip(ZERO, F(6), x + F(3))) / F(6),
                   lambda a, b, x, y, g: g * (ZERO if x <= F(-3) else ONE if x >= F(3) else ((TWO * x) + F(3)) / F(6))),
    "silu": (7, 1, 0, lambda a, b, x: F(silu(float(a), float(x))[0]), lambda a, b, x, y, g: g * F(silu(float(a), float(x))[1])),
    "gelu": (8, 0, 0, lambda a, b, x: F(float(x) * normal_below(float(x))), lambda a, b, x, y, g: g * F(
        normal_below(float(x)) + (float(x) * (0.3989422804014327 * exp64(-0.5 * (float(x) * float(x))))))),
    "gelu-tanh": (9, 0, 0, lambda a, b, x: F(gelu_tanh(float(x))[0]), lambda a, b, x, y, g: g * F(gelu_tanh(float(x))[1])),
    "softplus": (10, 0, 0, lambda a, b, x: F(float(x if x > ZERO else ZERO) + ln1p64(exp64(-abs(float(x))))),
                 lambda a, b, x, y, g: g * F(sigmoid64(float(x)))),
    "softsign": (11, 0, 0, lambda a, b, x: x / (ONE + np.abs(x)),
                 lambda a, b, x, y, g: g * ((ONE - np.abs(y)) * (ONE - np.abs(y)))),
    "abs": (12, 0, 0, lambda a, b, x: np.abs(x), lambda a, b, x, y, g: g if x > ZERO else -g if x < ZERO else ZERO),
    "exp": (13, 0, 0, lambda a, b, x: F(exp64(float(x))), lambda a, b, x, y, g: g * y),
    "log": (14, 0, 0, lambda a, b, x: F(ln64(float(x))), lambda a, b, x, y, g: g / x),
    "erf": (15, 0, 0, lambda a, b, x: np.copysign(F(erf64(abs(float(x)))), x),
            lambda a, b, x, y, g: g * F(1.1283791670955126 * exp64(-(float(x) * float(x))))),
    "sqrt": (16, 0, 0, lambda a, b, x: np.sqrt(x), lambda a, b, x, y, g: g / (TWO * y)),
    "reciprocal": (17, 0, 0, lambda a, b, x: ONE / x, lambda a, b, x, y, g: -(g * (y * y))),
    "power": (18, 2.5, 0, lambda a, b, x: power(x, a), lambda a, b, x, y, g: g * (a * power(x, a - ONE))),
    "affine": (19, -0.75, 0.5, lambda a, b, x: (a * x) + b, lambda a, b, x, y, g: g * a),
}
POSITIVE = ("log", "sqrt", "power", "reciprocal")


def tanh_of(x):
    m = expm1_64(2.0 * abs(float(x)))
    return np.copysign(F(m / (m + 2.0)), x)


def shortcut(x, channels, stride):
    taken = x[:, ::stride, ::stride]
    return np.concatenate([taken, np.zeros((channels - len(x),) + taken.shape[1:], F)])


def shortcut_back(g, shape, stride):
    grad = np.zeros(shape, F)
    grad[:, ::stride, ::stride] = g[:shape[0]]
    return grad


def dropout_keeps(seed, step, layer, rate, units, points):
    """[unit][point] of one layer in one step."""
    threshold = math.floor(float(rate) * 2 ** 32 + 0.5)  # exact in binary64: rate has 24 bits
    unit, point = np.arange(units)[:, None], np.arange(points)[None, :]
    return philox((unit, point, layer + (DROPOUT << 24), step), (seed & 0xFFFFFFFF, seed >> 32))[0] >= threshold


def dropout(keeps, rate, x):
    return np.where(keeps, x * (ONE / (ONE - rate)), ZERO)


def channel_red16(t):
    """t is [..][position][point]: each lane takes its points in order, the positions of a point one after the other."""
    lanes = np.zeros(t.shape[:-2] + (16,), F)
    for p in range(t.shape[-1]):
        for q in range(t.shape[-2]):
            lanes[..., p % 16] += t[..., q, p]
    for half in (8, 4, 2, 1):
        lanes = lanes[..., :half] + lanes[..., half:2 * half]
    return lanes[..., 0]


def channel_forward(z, eps):
    n = F(z.shape[-2] * z.shape[-1])
    mean = channel_red16(z) / n
    d = z - mean[..., None, None]
    var = channel_red16(d * d) / n
    inv = ONE / np.sqrt(var + eps)
    return mean, var, inv, d * inv[..., None, None]


def channel_gradient(q, xhat, inv):
    n, across = F(q.shape[-2] * q.shape[-1]), (Ellipsis, None, None)
    c1, c2 = channel_red16(q) / n, channel_red16(q * xhat) / n
    return ((q - c1[across]) - (xhat * c2[across])) * inv[across]


def running(r, batch, m):
    return ((ONE - m) * r) + (m * batch)


# ---- section 4: a run ------------------------------------------------------------------------------------------------
class NonFinite(Exception):
    pass


def finite(where, layer, *values):
    if not all(np.isfinite(v).all() for v in values if v is not None):
        raise NonFinite(f"{where} {layer}")


class Block:
    """[W .] act(norm(x)): the branch of a hidden layer (with W and bias) or what the readout reads (without)."""

    def __init__(self, s, layer, norm, w=None, bias=None):
        self.s, self.layer, self.norm, self.w, self.bias = s, layer, norm, w, bias
        self.doubled = s["family"] == "crelu"

    def forward(self, x, t=None):
        """Values and, where they travel along, tangents. The norm is one of x_{l-1}: its faults are that layer's."""
        self.cache = None
        if self.norm == "centre":
            mean = red16(x) / F(x.shape[1])
            finite("forward", self.layer - 1, mean)
            x = x - mean[:, None]
        elif self.norm == "batch":
            mean, var, inv, xhat = batch_forward(x, self.s["eps"])
            finite("forward", self.layer - 1, mean, var, inv)
            self.cache, x = (inv, xhat), xhat
        if t is not None:
            t = norm_gradient(self.norm, self.s["statistics"], t, self.cache)
        finite("forward", self.layer - 1, x, t)
        self.bit = x > ZERO
        h = crelu(x) if self.doubled else relu(x)
        t = None if t is None else act_tangent(self.doubled, self.bit, t)
        if self.w is None:
            return h, t
        return dense(self.w, self.bias, h), None if t is None else dense(self.w, np.zeros(self.w.shape[0], F), t)

    def back(self, g):
        if self.w is not None:
            g = dense_back(self.w, g)
            finite("backward", self.layer, g)
        g = norm_gradient(self.norm, self.s["statistics"], act_back(self.doubled, self.bit, g), self.cache)
        finite("backward", self.layer - 1, g)
        return g


def vectors_of(s, run):
    """[input][point], where there are several inputs."""
    input, point = np.arange(s["inputs"])[:, None], np.arange(s["points"])[None, :]
    return normals(s["normal"], s["seed"], run, 1, NOISE, point, input)


def gradient(s, run):
    """g: the derivative of one run with respect to the input, at every point; of several inputs, point by point."""
    points, joined, last = s["points"], s["family"] in ("resnet", "highway"), s["depth"] + 1
    stem, stem_bias, layers, readout = parameters(s, run)
    a, b = (s["alpha"], s["alpha"] * s["beta"]) if s["family"] == "resnet" else (s["carry"], s["transform"])
    blocks = [Block(s, l, s["norm"], w, bias) for l, (w, bias) in enumerate(layers, 2)]
    # The readout reads x_L itself, act(x_L) or act(norm(x_L)).
    reads = None if s["readout"] == "linear" else Block(s, last, s["norm"] if s["readout"] == "norm-relu" else "none")
    x = dense(stem, stem_bias, vectors_of(s, run) if s["inputs"] > 1 else grid(s["from"], s["to"], points, s["endpoint"])[None, :])
    t = None
    if s["derivative"] == "forward":
        t = dense(stem, np.zeros(len(stem), F), np.ones((1, points), F))  # v = 1
    finite("forward", 1, x, t)
    for block in blocks:
        f, u = block.forward(x, t)
        finite("forward", block.layer, f, u)
        if joined:
            f, u = (a * x) + (b * f), None if t is None else (a * t) + (b * u)
        x, t = f, u
        finite("forward", block.layer, x, t)
    h, t = (x, t) if reads is None else reads.forward(x, t)
    f = dense(readout[None, :], np.zeros(1, F), h)
    t = None if t is None else dense(readout[None, :], np.zeros(1, F), t)
    finite("forward", last, f, t)
    if t is not None:
        return t[0]
    g = dense_back(readout[None, :], np.ones((1, points), F))  # u = 1
    finite("backward", last, g)
    g = g if reads is None else reads.back(g)
    for block in reversed(blocks):
        if joined:
            branch = b * g
            finite("backward", block.layer, branch)
            g = (a * g) + block.back(branch)
            finite("backward", block.layer - 1, g)
        else:
            g = block.back(g)
    g = dense_back(stem, g)
    finite("backward", 1, g)
    return np.ascontiguousarray(g.T).reshape(-1)


# ---- section 7: statistics -------------------------------------------------------------------------------------------
def autocorrelation(g, mode, lags):
    """r_0..r_lags (lags < M), or None if the series is constant. mode: "mean-removed" or "raw"."""
    g = np.asarray(g, F)
    assert np.isfinite(g).all()
    largest = np.abs(g).max()
    if largest == ZERO:
        return None
    e = math.frexp(float(largest))[1] - 1
    h = e // 2
    g = (g * F(2.0 ** -h)) * F(2.0 ** -(e - h))  # in two steps: 2^-e alone may not be representable
    if g.max() - g.min() <= F(2.0 ** -20) * np.abs(g).max():
        return None
    d = g - red16(g) / F(len(g)) if mode == "mean-removed" else g
    c = np.array([red16(d[:len(d) - k] * d[k:]) for k in range(lags + 1)], F)
    return c / c[0]


def noise(kind, seed, run, points):
    white = normals(kind, seed, run, 0, NOISE, 0, np.arange(points))
    brown, b = [], ZERO
    for w in white:
        b = b + w
        brown.append(b)
    return white, np.array(brown, F)


# ---- section 11: training --------------------------------------------------------------------------------------------
def expf(x):
    """libm's expf (FreeBSD e_expf.c) for one number that is not positive."""
    a = np.abs(F(x))
    size = int(a.view(np.uint32))
    if np.isnan(x):
        return x
    if size >= 0x42CFF1B5:
        return ZERO
    if size <= 0x39000000:
        return ONE + x
    k = 0 if size <= 0x3EB17218 else -1 if size <= 0x3F851592 else int(F(1.4426950216) * x - F(0.5))
    hi, lo, r = x, ZERO, x
    if k != 0:
        hi, lo = x - F(k) * F(0.69314575195), F(k) * F(0.0000014286067653)
        r = hi - lo
    q = r * r
    c = r - q * (F(0.16666625440) + q * F(-0.0027667332906))
    y = ONE + ((((r * c) / (TWO - c)) - lo) + hi)
    return F(math.ldexp(float(y), k))  # exact in binary64, so rounded once


def taps_of(window):
    """The taps of an orthogonal matrix: the middle one, under a stride those one further down and right, too."""
    kh, kw, stride, _ = window
    y, x = (kh - 1) // 2, (kw - 1) // 2
    square = [(y, x)] if stride == 1 else [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)]
    return [ky * kw + kx for ky, kx in square if ky < kh and kx < kw]


def columns_of(units, channels):
    """(column of M, sign) of each unit in, given how many channels come in pairs (0: none)."""
    if channels == 0:
        return [(unit, ONE) for unit in range(units)]
    n = units // channels
    return [(unit // n // 2 * n + unit % n, -ONE if unit // n % 2 else ONE) for unit in range(units)]


def begin(start, seed, run, layers):
    """The parameters of a network that learns, before its first step."""
    has_w = [layer[0] in ("dense", "conv") for layer in layers]
    out, number, pairs = [], 0, 0
    for i, layer in enumerate(layers):
        if layer[0] == "crelu" and start == "looks-linear":
            pairs = 2 * layer[1][0]
        if layer[0] == "norm":
            out += [ONE] * layer[1][0] + [ZERO] * layer[1][0]
        if layer[0] == "prelu":
            out += [F(layer[2])] * layer[1][0]
        if not has_w[i]:
            continue
        number += 1
        _, (c_in, h, w), outs, bias, window = layer
        ins = c_in * h * w if layer[0] == "dense" else c_in
        n = window[0] * window[1]
        later = has_w[i + 1:].index(True) if any(has_w[i + 1:]) else 0
        mirrors = start == "pairs" and "relu" in [l[0] for l in layers[i + 1:i + 1 + later]]
        if start in ("he", "glorot"):
            std = he_std(ONE, ins * n) if start == "he" else glorot_std(ONE, ins * n, outs * n)
            w = normals("irwin-hall", seed, run, number, W, np.arange(outs)[:, None], np.arange(ins * n)[None, :]) * std
            out += list(w.ravel())
        else:
            # A convolution has its channels for units.
            ends = columns_of(ins, pairs if layer[0] == "dense" or pairs == 0 else ins)
            rows = columns_of(outs, outs if mirrors else 0)
            m = orthogonal("irwin-hall", seed, run, number, max(c for c, _ in ends) + 1, max(r for r, _ in rows) + 1, ONE)
            at = taps_of(window)
            w = np.zeros((outs, ins, n), F)
            for o, (row, down) in enumerate(rows):
                for c, (column, across) in enumerate(ends):
                    w[o, c, at] = (m[row, column] * F(0.28) if len(at) > 1 else m[row, column]) * (down * across)
            out += list(w.ravel())
        pairs = outs if mirrors else 0
        out += [ZERO] * (outs if bias else 0)
    return np.array(out, F)


def select_largest(z):
    """(class, logit) of the scan: the first of the largest."""
    best, m = 0, z[0]
    for k in range(1, len(z)):
        if z[k] > m:
            best, m = k, z[k]
    return best, m


def cross_entropy(z, labels, batch):
    """Losses of the points, and the gradient: z has a row a class, a column a point."""
    loss, gradient = [], np.empty_like(z)
    for p, j in enumerate(labels):
        _, m = select_largest(z[:, p])
        e = np.array([expf(x - m) for x in z[:, p]], F)
        s = chain(ZERO, e)
        loss.append(logf(s) - (z[j, p] - m) if np.isfinite(s) else s)
        q = e / s
        q[j] = q[j] - ONE
        gradient[:, p] = q / F(batch)
    return np.array(loss, F), gradient


def squared_error(y, targets, batch):
    d = y - targets
    return F(0.5) * chain(np.zeros(y.shape[1], F), d * d), d / F(batch)


class Optimiser:
    """All parameters side by side; `state` has a row for v, or for m and v."""

    def __init__(self, rule, decay, parameters):
        self.rule, self.decay = rule, decay
        rows = {"sgd": 0, "momentum": 1, "nesterov": 1, "adam": 2}[rule["name"]]
        self.state, self.p1, self.p2 = np.zeros((rows, parameters), F), ONE, ONE

    def step(self, w, g, rate):
        rule, how = self.rule, self.rule["name"]
        kind, decay = self.decay
        if kind == "l2":
            g = g + decay * w
        elif kind == "decoupled":
            w = w - (rate * decay) * w
        if how == "sgd":
            return w - rate * g
        if how in ("momentum", "nesterov"):
            mu = rule["mu"]
            v = self.state[0] = mu * self.state[0] + g
            return w - rate * (v if how == "momentum" else g + mu * v)
        beta1, beta2, eps = rule["beta1"], rule["beta2"], rule["eps"]
        self.p1, self.p2 = self.p1 * beta1, self.p2 * beta2
        size, root = rate / (ONE - self.p1), np.sqrt(ONE - self.p2)
        m = self.state[0] = beta1 * self.state[0] + (ONE - beta1) * g
        v = self.state[1] = beta2 * self.state[1] + (ONE - beta2) * (g * g)
        return w - size * (m / ((np.sqrt(v) / root) + eps))


def clip_by_norm(g, limit):
    largest = float(np.abs(g).max())
    e = math.frexp(largest)[1] - 1 if largest > 0 else 0
    h = e // 2
    t = (g * F(2.0 ** -h)) * F(2.0 ** -(e - h))
    r = np.sqrt(red16(t * t))
    norm = (r * F(2.0 ** h)) * F(2.0 ** (e - h))
    return norm, t * (limit / r) if norm > limit else g


def clip_by_value(g, limit):
    return np.where(g > limit, limit, np.where(g < -limit, -limit, g))


class Rate:
    """A learning rate, epoch by epoch."""

    def __init__(self, base, warm_up, decrease):
        self.rate, self.warm_up, self.decrease = base, warm_up, decrease
        self.epoch, self.best, self.waited, self.drops = 0, F(np.inf), 0, 0

    def current(self):
        if self.epoch < self.warm_up:
            return self.rate * ((F(self.epoch) + ONE) / F(self.warm_up))
        return self.rate

    def advance(self, metric):
        decrease = self.decrease
        self.epoch += 1
        if decrease["name"] == "steps" and self.epoch in decrease["epochs"]:
            self.rate = self.rate * decrease["factor"]
        if decrease["name"] == "plateau":
            if metric < self.best - decrease["threshold"]:
                self.best, self.waited = metric, 0
                return
            self.waited += 1
            if self.waited > decrease["patience"] and self.drops < decrease["drops"]:
                self.rate, self.waited, self.drops = self.rate * decrease["factor"], 0, self.drops + 1


def learning_rates(base, warm_up, decrease, metrics):
    """The rate of each epoch."""
    rate = Rate(base, warm_up, decrease)
    for metric in metrics:
        yield rate.current()
        rate.advance(metric)


def partner(seed, epoch, i):
    c, layer = i + 1, 0
    while True:
        for w in philox((i, epoch, layer + (SHUFFLE << 24), 0), (seed & 0xFFFFFFFF, seed >> 32)):
            product = int(w) * c
            if product & 0xFFFFFFFF >= 2 ** 32 % c:
                return product >> 32
        layer += 1


def shuffle(seed, epoch, examples):
    order = []
    for i in range(examples):
        j = partner(seed, epoch, i)
        order.append(order[j] if j < i else i)
        order[j] = i
    return order


def standard(pixels):
    """Mean and inverse deviation of the bytes of a channel: sums in integers, then binary64."""
    n, s, q = len(pixels), sum(pixels), sum(b * b for b in pixels)
    inverse = float(n) / math.sqrt(float(n * q - s * s)) if n * q != s * s else 1.0
    return F(float(s) / float(n)), F(inverse)


def move(seed, run, epoch, image, shift, mirroring):
    """(right, down, mirrored) of an image in an epoch."""
    w0, w1, w2, _ = (int(w) for w in philox((image, epoch, MOVE << 24, run), (seed & 0xFFFFFFFF, seed >> 32)))
    k = 2 * shift + 1
    return (w0 * k >> 32) - shift, (w1 * k >> 32) - shift, w2 >> 31 if mirroring else 0


def moved(rows, right, down, mirrored):
    """An image of one channel, moved: 0 comes in from outside."""
    rows = [row[::-1] if mirrored else row for row in rows]
    height, width = len(rows), len(rows[0])
    return [[rows[y - down][x - right] if 0 <= y - down < height and 0 <= x - right < width else 0
             for x in range(width)] for y in range(height)]


# ---- section 9: digests ----------------------------------------------------------------------------------------------
def fnv(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h, f"fnv1a64:{h:016x}:{len(data)}"


def run_bytes(g):
    assert g.dtype == F  # a wider type would mean that an operation above was not rounded to f32
    return g.astype("<f4").tobytes()


def record_digest(runs):
    return fnv(b"".join(fnv(run_bytes(g))[0].to_bytes(8, "little") for g in runs))[1]


def spec_digest(spec):
    s = complete(spec)
    try:
        return record_digest(gradient(s, run) for run in range(s["runs"]))  # in run order: the first fault is the record's
    except NonFinite as error:
        return f"no result: {error}"


# ---- goldens ---------------------------------------------------------------------------------------------------------
def goldens(paths):
    for path in paths:
        rows = json.loads(Path(path).read_text())
        for row in rows:
            row["digest"] = spec_digest(row["spec"])
        Path(path).write_text("[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]\n")


def check(paths):
    passed = failed = 0
    for row in (row for path in paths for row in json.loads(Path(path).read_text())):
        got = spec_digest(row["spec"])
        same = got == row["digest"]
        passed, failed = passed + same, failed + (not same)
        verdict = f"ok {row['name']}" if same else f"DIFFERENT {row['name']}: file {row['digest']} computed {got}"
        print(verdict, flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


# ---- section 12: int8. Integers of Python have no upper limit; `i32` wraps. x is [y][x][c] of int --------------------
PROFILES = ("tflm", "litert-ref")
NO_ACTIVATION, RELU, RELU_N1_TO_1, RELU6 = range(4)


def i32(x):
    return (int(x) + 2 ** 31) % 2 ** 32 - 2 ** 31


def away(v):
    """The nearest integer, halves away from zero."""
    v = Fraction(v)
    size = math.floor(abs(v) + Fraction(1, 2))
    return -size if v < 0 else size


def clamp(v, low, high):
    v = low if v < low else v
    return high if v > high else v


def q_factor(m):
    """Q"""
    m = float(m)
    if not m > 0:
        return 0, 0
    if m >= 2.0 ** 31:
        return 2 ** 31 - 1, 31
    f, shift = math.frexp(m)
    q = away(Fraction(f) * 2 ** 31)
    q, shift = (2 ** 30, shift + 1) if q == 2 ** 31 else (q, shift)
    return (0, 0) if shift < -31 else (q, shift)


def q_product(a, b):
    """P"""
    return 2 ** 31 - 1 if a == b == -2 ** 31 else (a * b + 2 ** 30) // 2 ** 31


def q_round(x, n):
    """R"""
    return away(Fraction(x, 2 ** n))


def q_scaled(x, factor):
    """D"""
    q, shift = factor
    return q_round(q_product(i32(x * 2 ** max(shift, 0)), q), max(-shift, 0))


def q_byte(v, s, z):
    """B"""
    t = F(v) / F(s)
    if np.isnan(t):
        return z
    return (away(clamp(float(t), -2.0 ** 31, 2.0 ** 31 - 1))) + z


def q_bounds(activation, s, z):
    byte = lambda v: clamp(q_byte(v, s, z), -128, 127)
    low = {NO_ACTIVATION: -128, RELU: byte(0), RELU6: byte(0), RELU_N1_TO_1: byte(-1)}[activation]
    return z, low, {NO_ACTIVATION: 127, RELU: 127, RELU6: byte(6), RELU_N1_TO_1: byte(1)}[activation]


def q_out(v, bounds):
    z, low, high = bounds
    return clamp(z + v, low, high)


def q_quotient(kind, numbers, by):
    """The product of numbers, divided, each operation in float (f64) or F (f32)."""
    product = kind(numbers[0])
    for number in numbers[1:]:
        product = kind(product * kind(number))
    return float(kind(product / kind(by)))


def q_windowed(x, window):
    """(place, [(ky, kx, the channels seen)]) of all places in order."""
    for place in dilated_order(x.shape[:2], window):
        seen = ((tap, dilated_sees(x.shape[:2], window, place, tap)) for tap in taps(window))
        yield place, [(tap, x[at]) for tap, at in seen if at is not None]


def q_conv(w, bias, z_in, window, x, scaled, depthwise=False):
    channels = w.shape[2] if depthwise else w.shape[0]
    y = np.zeros(dilated_places(x.shape[:2], window) + (channels,), int)
    for place, seen in q_windowed(x, window):
        for i in range(channels):
            if depthwise:
                c = i // (channels // x.shape[2])
                acc = sum(int(w[tap][i]) * (int(at[c]) - z_in) for tap, at in seen)
            else:
                acc = sum(int(w[(i,) + tap][c]) * (int(at[c]) - z_in) for tap, at in seen for c in range(x.shape[2]))
            y[place][i] = scaled(i, i32(acc + int(bias[i])))
    return y


def q_dense(w, bias, z_in, x, scaled):
    accs = (sum(int(a) * (int(b) - z_in) for a, b in zip(row, x.reshape(-1))) + int(bias[i]) for i, row in enumerate(w))
    return np.array([scaled(i, i32(acc)) for i, acc in enumerate(accs)])


def q_real(acc, m):
    """The product of f64, rounded to an integer within i32."""
    product = float(acc) * m
    return clamp(away(product), -2 ** 31, 2 ** 31 - 1)


def q_mean_factor(s_in, s_out, n):
    q, shift = q_factor(float(s_in) / float(s_out))
    k = min(n.bit_length() - 1, 31 + shift)
    return q * 2 ** k // n, shift - k


def q_left(x, n):
    """L"""
    most = (2 ** 31 - 1) // 2 ** n
    return 2 ** 31 - 1 if x > most else -2 ** 31 if x < -most else x * 2 ** n


def q_exp(a, k):
    """X_k"""
    if a == 0:
        return 2 ** 31 - 1
    u = 2 ** (29 - k)
    w = a % u - u
    b = q_left(w, k) + 2 ** 28
    b2 = q_product(b, b)
    b3, b4 = q_product(b2, b), q_product(b2, b2)
    p = q_round(q_product(q_round(b4, 2) + b3, 715827883) + b2, 1)
    v = 1895147668 + q_product(1895147668, b + p)
    for j, c in ((-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535), (3, 720401), (4, 242)):
        if j < k and (w - a) >> (31 - k + j) & 1:
            v = q_product(v, c)
    return v


def q_newton(a):
    """N"""
    d = (a + 2 ** 31) // 2
    v = 1515870810 + q_product(d, -1010580540)
    for _ in range(3):
        v = v + q_left(q_product(v, 2 ** 29 - q_product(d, v)), 2)
    return v


def q_inverse(a):
    """I"""
    return q_left(q_newton(a), 1)


def q_logistic(a):
    if a == 0:
        return 2 ** 30
    return q_inverse(q_exp(-a, 4)) if a > 0 else 2 ** 31 - 1 - q_inverse(q_exp(a, 4))


def q_tanh(a):
    size = 0 if a == 0 else q_left(q_newton(q_exp(-abs(a), 5)) - 2 ** 29, 2)
    return -size if a < 0 else size


def q_radius(k, shift):
    return math.floor(Fraction((2 ** k - 1) * 2 ** (31 - k)) / Fraction(2) ** shift)


def q_table(f):
    return [clamp(f(x), -128, 127) for x in range(-128, 128)]


def q_curve_table(name, profile, s_in, z_in):
    """LOGISTIC and TANH."""
    if profile == "tflm":
        factor = q_factor(float(s_in) * 2.0 ** 27)
        r = q_radius(4, factor[1])
        def f(x):
            d = x - z_in
            if d <= -r or d >= r:
                return -128 if d <= -r else 127
            a = q_scaled(d, factor)
            return q_round(q_logistic(a), 23) - 128 if name == "logistic" else q_round(q_tanh(a), 24)
    else:
        def f(x):
            v = F(s_in) * F(x - z_in)
            w = ONE / (ONE + F(exp64(-float(v)))) if name == "logistic" else tanh_of(v)
            return away(float(w * F(256 if name == "logistic" else 128))) + (-128 if name == "logistic" else 0)
    return q_table(f)


def q_linear_table(name, profile, s_in, z_in, s_out, z_out, alpha=None):
    """QUANTIZE of int8, RELU, RELU6 and LEAKY_RELU."""
    kind = float if profile == "tflm" or name == "requantise" else F
    factor = q_factor(q_quotient(kind, [s_in], s_out))
    if name == "relu6" and profile == "tflm":
        return q_table(lambda x: clamp(x, z_in, clamp(q_byte(6, s_in, z_in), -128, 127)))
    if name == "leaky_relu":
        m = q_quotient(kind, [s_in, alpha], s_out)
        below = q_factor(abs(m))
        sign = -1 if m < 0 else 1
        return q_table(lambda x: z_out + (q_scaled(x - z_in, factor) if x >= z_in else sign * q_scaled(x - z_in, below)))
    activation = {"requantise": NO_ACTIVATION, "relu": RELU, "relu6": RELU6}[name]
    bounds = q_bounds(activation, s_out, z_out)
    return q_table(lambda x: q_out(q_scaled(x - z_in, factor), bounds))


def q_hard_swish_table(profile, s_in, z_in, s_out, z_out):
    kind = float if profile == "tflm" else F
    h = float(F(s_in) / F(128))
    (q_o, e_o), (q_r, e_r) = (q_factor(q_quotient(kind, [h], by)) for by in (s_out, 3 / 32768))
    assert -15 <= e_o <= 0 and -15 <= e_r <= 30
    q_o, q_r = (min((q + 2 ** 15) // 2 ** 16, 2 ** 15 - 1) for q in (q_o, q_r))
    p16, sat = lambda a, b: (a * b + 2 ** 14) // 2 ** 15, lambda v: clamp(v, -2 ** 15, 2 ** 15 - 1)
    def f(x):
        w = (x - z_in) * 128
        v, r = p16(w, q_o), w
        r = p16(sat(r * 2 ** (e_r - 1)) if e_r > 0 else r, q_r)
        r = sat(2 * r) if e_r > 0 else q_round(r, -e_r)
        r = (r + 2 ** 15) // 2
        return z_out + q_round(math.trunc(Fraction(r * v, 2 ** 15)), -e_o)
    return q_table(f)


def q_softmax_numbers(s_in, beta):
    m = float(beta) * float(s_in) * 2.0 ** 26
    assert m > 1
    q, shift = q_factor(min(m, 2.0 ** 31 - 1))
    return q, shift, -q_radius(5, shift)


def q_softmax(numbers, x):
    q, shift, least = numbers
    y = np.full(x.shape, -128)
    for place in np.ndindex(x.shape[:2]):
        d = [int(v) - int(x[place].max()) for v in x[place]]
        e = [q_exp(q_product(i32(v * 2 ** shift), q), 5) if v >= least else None for v in d]
        total = i32(sum(q_round(v, 12) for v in e if v is not None))
        n = 32 - (total % 2 ** 32).bit_length()
        a = i32(total * 2 ** n) + 2 ** 31
        for c, v in enumerate(e):
            if v is not None:
                y[place][c] = clamp(q_round(q_product(q_inverse(a), v), 35 - n) - 128, -128, 127)
    return y


# ---- example files ---------------------------------------------------------------------------------------------------
def bits(x):
    """f32 (any shape) -> the hex of its bits, NaN as section 8 has it. u32 words are given by `words`."""
    x = np.asarray(x)
    assert x.dtype == F, x.dtype
    if x.ndim:
        return [bits(e) for e in x]
    return "7fc00000" if np.isnan(x) else f"{int(x.view(np.uint32)):08x}"


def flat(x):
    return bits(np.ascontiguousarray(x).reshape(-1))


def words(x):
    return [words(e) for e in x] if isinstance(x, (list, tuple)) else f"{int(x):08x}"


def from_bits(*hexes):
    return np.array([int(h, 16) for h in hexes], np.uint32).view(F)


def sample(salt, *shape):
    """Ordinary numbers for the examples: normals with the seed `salt`, addressed by (row, column)."""
    count = math.prod(shape)
    return normals("irwin-hall", salt, 0, 0, 0, 0, np.arange(count)).reshape(shape)


def philox_cases():
    known = [((0,) * 4, (0,) * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),  # the known answers of Random123
             ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
             ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
              "d16cfe09 94fdcceb 5001e420 24126ea1")]
    ours = [((1, 0, 0, 0), (0, 0)), ((0, 1, 0, 0), (0, 0)), ((0, 0, 1, 0), (0, 0)), ((0, 0, 0, 1), (0, 0)),
            ((0, 0, 0, 0), (1, 0)), ((0, 0, 0, 0), (0, 1)),
            ((7, 5, 3 + (4 << 24), 2), (0x9ABCDEF0, 0x12345678))]
    for counter, key, answer in known:
        assert words(philox(counter, key)) == answer.split()
    return [{"counter": words(c), "key": words(k), "output": words(philox(c, k))} for c, k, *_ in known + ours]


def normals_cases():
    full = 0xFFFFFFFF
    blocks = [(0, 0, 0, 0), (full,) * 4, (1, 0, 0, 0), (0, 0, 0, 1), (1 << 30, 0, 0, 0), (0, 1 << 30, 0, 0),
              (0, 0, 1 << 30, 0), (0, 0, 0, 1 << 30), (1 << 10, 1 << 20, 3 << 30, 0), (0x7FFFFFFF, 0x80000000, 1, full),
              (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)]
    yield from ({"words": words(b), "irwin_hall": bits(irwin_hall(b))} for b in blocks)
    # Both sides of |q| = 0.425 (p = 0.075 and 0.925), of p = 0.5, and both ends.
    edge = [int(p * 2 ** 32) + step for p in (0.075, 0.925) for step in (-512, 0, 512)]
    for w in [0, 511, 512, 0x00001000, 0x00100000, 0x01000000, *edge, 0x20000000, 0x40000000, 0x7FFFFFFF, 0x80000000,
              0x9E3779B9, 0xC0000000, 0xE0000000, 0xFF000000, 0xFFF00000, 0xFFFFFDFF, 0xFFFFFE00, full]:
        yield {"word": words(w), "as241": bits(as241(np.uint64(w)))}
    for seed, run, layer, purpose, row, column in [(0, 0, 1, STEM, 0, 0), (0, 0, 2, W, 0, 0), (0, 0, 2, W, 0, 1),
                                                   (0, 0, 2, W, 1, 0), (0, 1, 2, W, 0, 0), (1, 0, 2, W, 0, 0),
                                                   (1 << 32, 0, 2, W, 0, 0), (0x123456789ABCDEF0, 3, 24, BIAS, 199, 0),
                                                   (7, 2, 1, STEM_BIAS, 5, 0), (7, 2, 11, READOUT, 0, 63),
                                                   (7, 2, 0, NOISE, 0, 255), (2 ** 64 - 1, 2 ** 32 - 1, 9, W, 8, 7)]:
        at = (seed, run, layer, purpose, row, column)
        yield {"seed": seed, "run": run, "layer": layer, "purpose": purpose, "row": row, "column": column,
               "irwin_hall": bits(normals("irwin-hall", *at)), "as241": bits(normals("as241", *at))}


def chains_cases():
    e = lambda k: 2.0 ** k
    third = 1 + e(-12)
    cases = [("empty", 1.5, [], []), ("one term", 0.25, [3], [7]),
             ("order matters", 0, [e(24), 1, 1, -e(24), 1], [1, 1, 1, 1, 1]),
             ("a fused multiply-add would give 2^-24", -(1 + e(-11)), [third], [third]),
             ("the product rounds before the sum", 1, [1 / 3, 1 / 7, 0.1], [3, 7, 10]),
             ("cancellation to +0.0", 1, [-1], [1]),
             ("cancellation of large terms", 0, [3e20, -3e20, 1e-3], [5e3, 5e3, 1]),
             ("signed zeros never give -0.0", 0, [-0.0, 0.0, -0.0], [1, -1, 0.0]),
             ("zero factors", 2.5, [0.0, -0.0, 3, 0.0], [7, 7, -0.0, -0.0]),
             ("subnormal sums", e(-149), [e(-149), 3 * e(-149), -e(-148)], [1, 1, 1]),
             ("subnormal factors", 0, [e(-140), e(-149), -e(-149)], [3, 0.75, 0.5]),
             ("products underflow: tie to even, above, below", 0, [e(-75), e(-75) * 1.5, -e(-80), e(-74)],
              [e(-75), e(-75), e(-80), e(-75)]),
             ("a negative underflow from zero is +0.0", 0, [-e(-80)], [e(-80)]),
             ("overflow to infinity of a product", 1, [3e38, 1], [2, 1]),
             ("overflow to -infinity of the sum", -3e38, [-1e38, 1e38], [1, 1]),
             ("largest finite and half an ulp", 3.4028234663852886e38, [e(102), e(103)], [1, 1])]
    for about, init, a, b in cases:
        init, a, b = F(init), np.array(a, F), np.array(b, F)
        yield {"case": about, "init": bits(init), "a": bits(a), "b": bits(b), "result": bits(chain(init, a * b))}
    a, b = sample(1, 40), sample(2, 40)
    yield {"case": "forty ordinary terms", "init": bits(F(0.1)), "a": bits(a), "b": bits(b),
           "result": bits(chain(F(0.1), a * b))}


def red16_cases():
    for m, first in [(1, 0), (5, 0), (16, 0), (17, 0), (40, 0), (256, 0), (1, 15), (5, 13), (17, 3), (40, 5),
                     (40, 100)]:
        v = sample(100 + m, m)
        yield {"first": first, "values": bits(v), "result": bits(red16(v, first))}
    v = (sample(9, 40) * (F(10) ** (np.arange(40) % 7 - 3).astype(F))).astype(F)
    yield {"first": 0, "values": bits(v), "result": bits(red16(v))}
    v = from_bits(*["80000000"] * 17)
    yield {"first": 0, "values": bits(v), "result": bits(red16(v))}


# Both zeros, the smallest and largest subnormals, the smallest normals, ones, the largest finite, infinities, NaN.
ODD = from_bits("00000000", "80000000", "00000001", "80000001", "007fffff", "807fffff", "00800000", "80800000",
                "3f800000", "bf800000", "7f7fffff", "ff7fffff", "7f800000", "ff800000", "7fc00000")


def relu_cases():
    for x in ODD:
        yield {"x": bits(x), "y": bits(relu(x)), "bit": int(x > ZERO)}


def crelu_cases():
    for x in (ODD[:, None], sample(3, 5, 4)):
        g = sample(4, 2 * x.shape[0], x.shape[1])
        g[1, 0] = F(-0.0)
        t = sample(5, *x.shape)
        yield {"x": bits(x), "features": bits(crelu(x)), "g": bits(g), "grad_x": bits(act_back(True, x > ZERO, g)),
               "t": bits(t), "tangent": bits(act_tangent(True, x > ZERO, t))}


def join_cases():
    for i, (a, b) in enumerate([(1, 1), (1, 0.1), (0.5, 0.05), (0.70710678, 0.70710678), (0.9, 0.3), (0, 1)]):
        a, b = F(a), F(b)
        x, f, g, back = sample(10 + i, 4, 6)
        yield {"a": bits(a), "b": bits(b), "x": bits(x), "f": bits(f), "y": bits((a * x) + (b * f)), "g": bits(g),
               "grad_branch": bits(b * g), "skip": bits(a * g), "branch_back": bits(back),
               "grad_x": bits((a * g) + back)}


def batch_norm_cases():
    for i, (m, eps, affine, scale) in enumerate([(1, 1e-5, 0, 1), (5, 1e-5, 0, 1), (17, 1e-3, 1, 1), (40, 1e-5, 1, 1),
                                                 (64, 1e-5, 0, 1e-6), (33, 0, 0, 1e3)]):
        z, g, t = sample(20 + i, 3, m)
        z = z * F(scale) + F(0.5)
        eps, gamma, beta = F(eps), F(1.25), F(-0.375)
        mean, var, inv, xhat = (v[0] for v in batch_forward(z[None], eps))
        back = lambda g, how: norm_gradient("batch", how, g[None], (inv[None], xhat[None]))[0]
        q, extra = (g * gamma, {"gamma": bits(gamma), "beta": bits(beta)}) if affine else (g, {})
        y = (xhat * gamma) + beta if affine else xhat
        old = (F(0.5), F(0.25))
        case = {"z": bits(z), "eps": bits(eps), **extra, "mean": bits(mean), "var": bits(var), "inv": bits(inv),
                "xhat": bits(xhat), "y": bits(y), "g": bits(g), "grad_z_detached": bits(back(q, "detached")),
                "grad_z_full": bits(back(q, "full")), "t": bits(t)}
        for how in ("detached", "full"):
            case["tangent_" + how] = bits(back(t, how) * gamma if affine else back(t, how))
        if affine:
            case |= {"old_gamma": bits(old[0]), "old_beta": bits(old[1]),
                     "grad_gamma": bits(chain(old[0], g * xhat)), "grad_beta": bits(chain(old[1], g))}
        yield case


def centre_cases():
    for i, m in enumerate((1, 5, 16, 17, 40)):
        z, g = sample(30 + i, 2, m)
        mean = red16(z) / F(m)
        yield {"z": bits(z), "mean": bits(mean), "y": bits(z - mean), "g": bits(g), "grad_z_detached": bits(g),
               "grad_z_full": bits(norm_gradient("centre", "full", g[None], None)[0])}


def acf_cases():
    ramp = np.arange(20).astype(F)
    constant = np.full(9, F(0.7))
    series = [("ordinary", sample(40, 40)), ("an offset", sample(41, 33) + F(10)),
              ("huge", sample(42, 24) * F(1e38)), ("subnormal", sample(43, 24) * F(1e-40)),
              ("smallest subnormals", from_bits("00000001", "80000001", "00000002", "00000000", "80000003")),
              ("the ends", from_bits("7f7fffff", "ff7fffff", "00000001", "7f7fffff")),
              ("huge and tiny", np.array([3e38, -1e-3, 2e-38, -3e38, 1e20, 7e-12], F)),
              ("ramp", ramp), ("alternating", (ramp % TWO) - F(0.5)), ("one spike", (ramp == F(7)).astype(F)),
              ("constant", constant), ("constant, negative", -constant), ("all zero", np.zeros(5, F)),
              ("signed zeros", F(-0.0) * ramp), ("one point", np.array([2.5], F)),
              ("almost constant: 8 ulp apart", from_bits("3f800000", "3f800008", "3f800000")),
              ("just not constant: 9 ulp apart", from_bits("3f800000", "3f800009", "3f800000"))]
    for about, g in series:
        for mode in ("mean-removed", "raw"):
            lags = min(len(g) - 1, 20)
            r = autocorrelation(g, mode, lags)
            yield {"case": about, "mode": mode, "lags": lags, "series": bits(g), "constant": r is None,
                   "r": [] if r is None else bits(r)}


def orthogonal_cases():
    for seed, run, layer, fan_in, fan_out, gain, kind in [
            (0, 0, 2, 1, 1, 1, "irwin-hall"), (1, 0, 2, 1, 1, 2, "irwin-hall"), (0, 0, 2, 2, 2, 1, "irwin-hall"),
            (7, 1, 3, 5, 5, 1.5, "irwin-hall"), (7, 1, 3, 5, 5, 1.5, "as241"), (3, 0, 4, 3, 6, 1, "irwin-hall"),
            (3, 0, 4, 1, 4, 1, "irwin-hall"), (3, 2, 5, 8, 4, 1.4142135, "irwin-hall"), (5, 0, 2, 2, 1, 1, "as241"),
            (1 << 40, 0, 2, 17, 17, 1, "irwin-hall")]:
        at = (kind, seed, run, layer)
        yield {"init": "orthogonal", "seed": seed, "run": run, "layer": layer, "fan_in": fan_in, "fan_out": fan_out,
               "gain": bits(F(gain)), "normal": kind, "rows": bits(orthogonal(*at, fan_in, fan_out, F(gain)))}
    yield {"init": "looks-linear", "seed": 11, "run": 0, "layer": 2, "fan_in": 6, "fan_out": 3, "gain": bits(F(1.25)),
           "normal": "irwin-hall", "rows": bits(paired(orthogonal("irwin-hall", 11, 0, 2, 3, 3, F(1.25))))}


def dense_cases():
    for i, (outs, ins, m) in enumerate([(1, 1, 1), (3, 2, 1), (2, 5, 4), (5, 3, 17), (4, 20, 3)]):
        w, bias, x, g = sample(50 + i, outs, ins), sample(60 + i, outs), sample(70 + i, ins, m), sample(80 + i, outs, m)
        old_w, old_b = sample(90 + i, outs, ins), sample(95 + i, outs)
        grad_w, grad_b = dense_grads(old_w, old_b, g, x)
        yield {"weight": bits(w), "bias": bits(bias), "x": bits(x), "y": bits(dense(w, bias, x)), "g": bits(g),
               "grad_input": bits(dense_back(w, g)), "old_weight": bits(old_w), "old_bias": bits(old_b),
               "grad_weight": bits(grad_w), "grad_bias": bits(grad_b)}


def fine(salt, *shape):
    """Numbers that fill their mantissas, so that every rounding and the order of every sum shows."""
    return sample(salt, *shape) / F(3)


WINDOWS = [  # c_in, H, W, c_out, (kh, kw, stride, padding), points
    (1, 1, 1, 1, (1, 1, 1, 0), 1), (2, 3, 4, 2, (1, 1, 1, 0), 3), (2, 4, 5, 3, (3, 3, 1, 1), 2),
    (3, 5, 5, 2, (3, 3, 2, 1), 2), (1, 7, 4, 2, (2, 3, 3, 1), 4), (2, 6, 6, 1, (2, 2, 2, 0), 3),
    (2, 1, 2, 2, (3, 3, 1, 1), 2), (1, 2, 2, 1, (5, 5, 2, 2), 2), (2, 5, 5, 2, (4, 1, 1, 0), 1),
    (2, 4, 4, 1, (3, 3, 1, 0), 2)]


def of_window(c_in, h, w, window, points):
    """A case, ordinary numbers for it, and coarse ones of which many are equal."""
    x = fine(110, c_in, h, w, points)
    return {"input": [c_in, h, w], "window": list(window), "points": points}, x, np.round(x * F(4)) / F(3)


def conv_cases():
    for i, (c_in, h, wide, c_out, window, m) in enumerate(WINDOWS):
        case, x, _ = of_window(c_in, h, wide, window, m)
        w, bias = fine(120 + i, c_out, c_in, *window[:2]), fine(130 + i, c_out)
        old_w, old_b = fine(140 + i, *w.shape), fine(150 + i, c_out)
        y = conv(w, bias, x, window)
        g = fine(160 + i, *y.shape)
        grad_w, grad_b = conv_grads(old_w, old_b, g, x, window)
        yield {**case, "channels": c_out, "weight": flat(w), "bias": flat(bias), "x": flat(x), "y": flat(y),
               "g": flat(g), "grad_input": flat(conv_back(w, g, (h, wide), window)), "old_weight": flat(old_w),
               "old_bias": flat(old_b), "grad_weight": flat(grad_w), "grad_bias": flat(grad_b)}


def pool_cases():
    for i, (channels, h, w, _, window, m) in enumerate(WINDOWS):
        case, x, few = of_window(channels, h, w, window, m)
        if window[3] == 0:
            y = average_pool(x, window)
            g = fine(170 + i, *y.shape)
            yield {"kind": "average", **case, "x": flat(x), "y": flat(y), "g": flat(g),
                   "grad_input": flat(average_pool_back(g, (h, w), window))}
        y, choice = max_pool(few, window)
        g, t = fine(180 + i, *y.shape), fine(190 + i, *few.shape)
        t[t > ONE / TWO] = F(-0.0)
        yield {"kind": "max", **case, "x": flat(few), "y": flat(y), "tape": choice.reshape(-1).tolist(), "g": flat(g),
               "grad_input": flat(max_pool_back(g, choice, (h, w), window)), "t": flat(t),
               "tangent": flat(max_pool_tangent(t, choice, window))}
    x = np.concatenate([ODD, ODD[::-1]])  # both zeros after each other, NaN first and later
    for length in (1, 2, 3, 5):
        window = (1, length, 1, 0)
        y, choice = max_pool(x.reshape(1, 1, -1, 1), window)
        yield {"kind": "max", "input": [1, 1, len(x)], "window": list(window), "points": 1, "x": bits(x), "y": flat(y),
               "tape": choice.reshape(-1).tolist()}


def prelu_cases():
    finite = ODD[:-3].reshape(1, 3, 4, 1)
    signs = np.array([0.0, -0.0, 1, 0.0, -0.0, 1], F).reshape(3, 1, 1, 2)  # with gradients of zero, too
    sets = [([0.25], ODD.reshape(1, -1, 1, 1)), ([1], finite), ([0], finite), ([-0.5, 0.01, 3], signs),
            ([0.25] * 5, fine(200, 5, 1, 1, 17)), ([0.25, 0.5, -1], fine(201, 3, 2, 3, 1)), ([0.1, 0.2], fine(202, 2, 3, 2, 5))]
    for i, (slope, x) in enumerate(sets):
        s, g, old = np.array(slope, F), fine(203 + i, *x.shape), fine(290 + i, len(slope))
        if x is signs:
            g[0], old[:] = ZERO, F(-0.0)
        yield {"input": list(x.shape[:3]), "points": x.shape[3], "slope": bits(s), "x": flat(x),
               "y": flat(prelu(s, x > ZERO, x)), "g": flat(g), "grad_input": flat(prelu(s, x > ZERO, g)),
               "old_slope": bits(old), "grad_slope": bits(prelu_grad(old, g, x))}


def crelu_image_cases():
    for i, (channels, plane, m) in enumerate([(1, 1, 2), (1, 4, 3), (3, 1, 2), (2, 3, 3), (4, 5, 2)]):
        x, t = fine(210 + i, channels, plane, m), fine(230 + i, channels, plane, m)
        g = fine(220 + i, 2 * channels, plane, m)
        rows = lambda x: bits(x.reshape(-1, m))
        yield {"plane": plane, "x": rows(x), "features": rows(crelu(x)), "g": rows(g),
               "grad_x": rows(act_back(True, x > ZERO, g)), "t": rows(t),
               "tangent": rows(act_tangent(True, x > ZERO, t))}


def shortcut_cases():
    for i, (c_in, h, w, c_out, stride, m) in enumerate([
            (1, 1, 1, 1, 1, 1), (2, 4, 4, 4, 2, 2), (2, 5, 3, 3, 2, 1), (1, 7, 5, 1, 3, 2)]):
        x = fine(240 + i, c_in, h, w, m)
        y = shortcut(x, c_out, stride)
        g = fine(250 + i, *y.shape)
        yield {"input": [c_in, h, w], "channels": c_out, "stride": stride, "points": m, "x": flat(x), "y": flat(y),
               "g": flat(g), "grad_input": flat(shortcut_back(g, x.shape, stride))}


def dropout_cases():
    ends = from_bits("2e800000", "2f000000", "2f000001", "2f400000", "3f7fffff", "00000001", "80000000")
    for rate in ends:  # 2^32 times it: 1/4, 1/2, a little more, 3/4, 2^32 - 256, next to nothing, nothing
        yield {"rate": bits(rate), "threshold": words([math.floor(float(rate) * 2 ** 32 + 0.5)])[0],
               "scale": bits(ONE / (ONE - rate))}
    for i, (seed, step, layer, rate, units, m) in enumerate([
            (0, 0, 1, 0.5, 8, 4), (1 << 40, 3, 5, 0.1, 6, 5), (7, 2 ** 32 - 1, 9, 0.9, 5, 5), (1, 1, 2, 0, 2, 2)]):
        rate, x = F(rate), fine(260 + i, units, m)
        keeps = dropout_keeps(seed, step, layer, rate, units, m)
        yield {"seed": seed, "step": step, "layer": layer, "rate": bits(rate), "x": bits(x),
               "keeps": keeps.astype(int).tolist(), "y": bits(dropout(keeps, rate, x))}


def channel_norm_cases():
    for i, (plane, m, affine) in enumerate([(1, 1, 0), (1, 17, 1), (4, 1, 0), (6, 5, 1), (3, 40, 1), (9, 16, 0)]):
        z, g = fine(270 + i, plane, m) + F(0.5), fine(280 + i, plane, m)
        eps, gamma, beta, momentum = F(1e-5), F(1.25), F(-0.375), F(0.1)
        mean, var, inv, xhat = channel_forward(z, eps)
        q, y = (g * gamma, (xhat * gamma) + beta) if affine else (g, xhat)
        by_point = lambda t: (t[at, p] for p in range(m) for at in range(plane))
        old = (F(0.5), F(0.25))
        n = F(z.size)
        after = (running(old[0], mean, momentum),
                 running(old[1], var * (n / (n - ONE)) if z.size > 1 else var, momentum))
        root = ONE / np.sqrt(after[1] + eps)
        inference = (z - after[0]) * root
        case = {"z": bits(z), "eps": bits(eps), "mean": bits(mean), "var": bits(var), "inv": bits(inv),
                "xhat": bits(xhat), "y": bits(y), "g": bits(g), "grad_z_detached": bits(q * inv),
                "grad_z_full": bits(channel_gradient(q, xhat, inv)), "momentum": bits(momentum),
                "old_mean": bits(old[0]), "old_var": bits(old[1]), "running_mean": bits(after[0]),
                "running_var": bits(after[1]), "inference": bits((inference * gamma) + beta if affine else inference),
                "old_gamma": bits(old[0]), "old_beta": bits(old[1]),
                "grad_gamma": bits(chain(old[0], by_point(g * xhat))), "grad_beta": bits(chain(old[1], by_point(g)))}
        yield case | ({"gamma": bits(gamma), "beta": bits(beta)} if affine else {})


def grid_cases():
    for start, to, m, endpoint in [(-2, 2, 256, "exclusive"), (-2, 2, 256, "inclusive"), (0, 1, 7, "exclusive"),
                                   (0, 1, 7, "inclusive"), (-0.3, 1.7, 33, "inclusive"), (0.1, -0.1, 10, "exclusive"),
                                   (0.75, 3, 1, "exclusive"), (0.75, 3, 1, "inclusive"), (1, 1, 3, "exclusive")]:
        yield {"from": bits(F(start)), "to": bits(F(to)), "points": m, "endpoint": endpoint,
               "x": bits(grid(F(start), F(to), m, endpoint))}


def weights_cases():
    for fan_in, fan_out, gain in [(1, 1, 1), (3, 3, 1), (200, 200, 1), (24, 24, 1.5), (20, 10, 0.9), (128, 64, 1)]:
        g = F(gain)
        yield {"fan_in": fan_in, "fan_out": fan_out, "gain": bits(g), "he": bits(he_std(g, fan_in)),
               "glorot": bits(glorot_std(g, fan_in, fan_out)), "readout_std_default": bits(np.sqrt(ONE / F(fan_out)))}
    small = dict(depth=3, width=3, seed=42, bias_std=0.3, first_weight_std=0.8, first_bias_std=0.6)
    specs = [dict(small, family="feedforward"),
             dict(small, family="feedforward", init="glorot", normal="as241", gain=1.3),
             dict(small, family="resnet", init="orthogonal", readout_std=0.2),
             dict(small, family="crelu"),
             dict(small, family="crelu", readout="linear", depth=1),
             dict(small, family="crelu", init="orthogonal", depth=2),
             dict(small, family="crelu", init="looks-linear"),
             dict(small, family="crelu", init="looks-linear", readout="linear")]
    for spec in specs:
        for run in (0, 1):
            stem, stem_bias, layers, readout = parameters(complete(spec), run)
            yield {"spec": spec, "run": run, "stem": bits(stem[:, 0]), "stem_bias": bits(stem_bias),
                   "weights": [bits(w) for w, _ in layers], "biases": [bits(b) for _, b in layers],
                   "readout": bits(readout)}


def noise_cases():
    for seed, run, m, kind in [(0, 0, 40, "irwin-hall"), (5, 3, 17, "irwin-hall"), (5, 3, 17, "as241"),
                               (2 ** 64 - 1, 0, 5, "irwin-hall")]:
        white, brown = noise(kind, seed, run, m)
        yield {"seed": seed, "run": run, "points": m, "normal": kind, "white": bits(white), "brown": bits(brown)}


def images_cases():
    rest = [byte * byte % 251 for byte in range(90)]
    for pixels in ([0, 4, 2, 6], [9, 9, 9], [0, 255], [1, 0, 0], rest):
        mean, inv = standard(pixels)
        yield {"pixels": pixels, "mean": bits([mean])[0], "inv": bits([inv])[0],
               "inputs": bits((np.array(pixels[:8], F) - mean) * inv)}
    for largest in (1, 16, 255):
        inv = F(1.0 / float(largest))
        yield {"largest": largest, "inv": bits([inv])[0], "inputs": bits(np.array([0, 1, largest], F) * inv)}
    image = [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15], [16, 17, 18, 19, 20]]
    for seed, run, epoch, example, shift, mirroring in [
            (0, 0, 0, 0, 1, True), (0, 0, 0, 1, 1, True), (0, 0, 1, 0, 1, True), (0, 1, 0, 0, 1, True),
            (2 ** 64 - 1, 2, 3, 59_999, 2, True), (2 ** 32, 0, 7, 4, 3, False), (9, 0, 1_000, 12, 0, True),
            (9, 0, 1_000, 13, 0, True), (9, 0, 1_000, 14, 0, True)]:
        by = move(seed, run, epoch, example, shift, mirroring)
        yield {"seed": seed, "run": run, "epoch": epoch, "example": example, "shift": shift, "flip": mirroring,
               "move": list(by), "image": image, "moved": moved(image, *by)}


def digest_cases():
    for g in (np.zeros(0, F), ODD[:1], ODD[1:2], ODD[8:10], ODD[:12], sample(99, 40)):
        yield {"words": bits(g), "digest": fnv(run_bytes(g))[1]}
    for runs in ([ODD[8:10]], [ODD[8:10], sample(98, 2)], [sample(98, 2), ODD[8:10]]):
        yield {"runs": bits(np.array(runs)), "run_digests": [fnv(run_bytes(g))[1] for g in runs],
               "record": record_digest(runs)}


def begin_cases():
    def dense(ins, outs):
        return ["dense", ins if isinstance(ins, list) else [ins, 1, 1], outs, True, [1, 1, 1, 0]]

    nets = [[["conv", [3, 4, 4], 4, True, [3, 3, 1, 1]], ["norm", [4, 4, 4]], ["relu", [4, 4, 4]],
             ["conv", [4, 4, 4], 2, False, [2, 3, 2, 1]], dense([2, 3, 2], 3)],
            [["crelu", [1, 4, 4]], ["conv", [2, 4, 4], 3, True, [3, 3, 1, 1]], ["crelu", [3, 4, 4]],
             ["conv", [6, 4, 4], 4, True, [3, 3, 2, 1]], ["crelu", [4, 2, 2]], dense([8, 2, 2], 3)],
            [dense(3, 4), ["relu", [4, 1, 1]], dense(4, 6), dense(6, 2), ["relu", [2, 1, 1]], dense(2, 2)],
            [["conv", [2, 4, 4], 4, True, [3, 3, 1, 1]], ["relu", [4, 4, 4]], ["conv", [4, 4, 4], 4, True, [2, 2, 2, 0]],
             ["relu", [4, 2, 2]], dense([4, 2, 2], 3)]]
    for net in nets:
        for start in ("he", "glorot", "orthogonal", "looks-linear", "pairs"):
            for seed, run in [(7, 0), (1 << 33, 5)]:
                if start in ("he", "looks-linear") or seed == 7:
                    yield {"start": start, "seed": seed, "run": run, "layers": net,
                           "parameters": bits(begin(start, seed, run, net))}


def exp_cases():
    edges = [0x39000000, 0x3EB17218, 0x3F851592, 0x42AEAC50, 0x42CFF1B5, 0x7F7FFFFF]
    for x in from_bits("80000000", "00000000", "80000001", "ff800000",
                       *(f"{0x80000000 + edge + step:08x}" for edge in edges for step in (-1, 0, 1)
                         if edge + step < 0x7F800000)):
        yield {"x": bits(x), "y": bits(expf(x))}
    for x in sample(110, 40):
        for scale in (1, 8, 40):
            x = -np.abs(x) * F(scale)
            yield {"x": bits(x), "y": bits(expf(x))}
    # Where the result is subnormal, and where it rounds to nothing.
    for x in (-87.5, -90, -95.25, -100, -103, -103.5, -103.9, -103.97):
        yield {"x": bits(F(x)), "y": bits(expf(F(x)))}


def cross_entropy_cases():
    for i, (classes, points, batch, scale) in enumerate([(1, 1, 1, 1), (2, 3, 3, 1), (10, 5, 64, 3), (10, 4, 50, 30),
                                                         (2, 40, 40, 2), (3, 2, 1 << 24, 1e38)]):
        z = sample(120 + i, classes, points) * F(scale)
        labels = [(3 * p + i) % classes for p in range(points)]
        loss, gradient = cross_entropy(z, labels, batch)
        yield {"z": bits(z), "labels": labels, "batch": batch, "loss": bits(loss),
               "mean_loss": bits(red16(loss) / F(points)), "gradient": bits(gradient),
               "predicted": [select_largest(z[:, p])[0] for p in range(points)]}
    # A tie, both zeros, subnormals, -infinity at another class; then what makes the loss infinite or NaN.
    odd = np.array([[1, 0, 1e-40, 1, np.inf, 1, np.nan], [2, -0.0, 2e-40, -np.inf, 1, -np.inf, 1],
                    [2, -0.0, -1e-40, 0.5, 0, 0.5, 0]], F)
    labels = [2, 1, 0, 0, 1, 1, 2]
    loss, gradient = cross_entropy(odd, labels, 7)
    yield {"z": bits(odd), "labels": labels, "batch": 7, "loss": bits(loss), "mean_loss": bits(red16(loss) / F(7)),
           "gradient": bits(gradient), "predicted": [select_largest(odd[:, p])[0] for p in range(7)]}


def squared_error_cases():
    for i, (classes, points, batch, scale) in enumerate([(1, 1, 1, 1), (2, 3, 3, 1), (10, 5, 64, 3), (3, 20, 20, 1e-22),
                                                         (3, 2, 2, 1e19)]):
        y, targets = sample(130 + i, 2, classes, points) * F(scale)
        loss, gradient = squared_error(y, targets, batch)
        yield {"y": bits(y), "targets": bits(targets), "batch": batch, "loss": bits(loss), "gradient": bits(gradient)}


def optimiser_cases():
    rules = [{"name": "sgd"}, {"name": "momentum", "mu": F(0.9)}, {"name": "nesterov", "mu": F(0.9)},
             {"name": "adam", "beta1": F(0.9), "beta2": F(0.999), "eps": F(1e-8)},
             {"name": "adam", "beta1": F(0), "beta2": F(0.5), "eps": F(1e-3)}]
    for i, (rule, decay) in enumerate((r, d) for r in rules for d in [
            ("none", ZERO), ("l2", F(0.01)), ("decoupled", F(0.02))]):
        w, steps, rate = sample(140 + i, 7), 4, F(0.1)
        first, optimiser = w, Optimiser(rule, decay, 7)
        gradients = sample(160 + i, steps, 7) * (F(10) ** (np.arange(7) - 3).astype(F))
        for g in gradients:
            w = optimiser.step(w, g, rate)
        yield {"rule": rule["name"], **{k: bits(v) for k, v in rule.items() if k != "name"}, "decay": decay[0],
               "decay_by": bits(decay[1]), "rate": bits(rate), "weight": bits(first), "gradients": bits(gradients),
               "updated": bits(w), "state": bits(optimiser.state.T.reshape(-1)),
               "powers": bits(np.array([optimiser.p1, optimiser.p2], F))}


def clip_cases():
    for i, (m, scale, limit) in enumerate([(1, 1, 1e-3), (40, 1, 1), (40, 1, 100), (33, 1e-20, 1e-21), (33, 1e30, 1),
                                           (20, 1e38, 2e38), (20, 1e-42, 1e-43), (17, 0, 1)]):
        g, limit = sample(180 + i, m) * F(scale), F(limit)
        norm, by_norm = clip_by_norm(g, limit)
        yield {"g": bits(g), "limit": bits(limit), "norm": bits(norm), "by_norm": bits(by_norm),
               "by_value": bits(clip_by_value(g, limit))}


def rate_cases():
    none, steps = {"name": "never"}, {"name": "steps", "epochs": [2, 3, 7], "factor": F(0.1)}
    plateau = {"name": "plateau", "factor": F(0.3), "patience": 1, "threshold": F(0.01), "drops": 2}
    metrics = [(ONE / F(i % 6 + 1)) for i in range(20)]
    for base, warm_up, decrease in [(0.1, 0, none), (0.1, 7, none), (0.3, 0, steps), (0.3, 5, steps), (0.2, 0, plateau),
                                    (0.2, 3, {**plateau, "patience": 0, "drops": 9})]:
        rates = list(learning_rates(F(base), warm_up, decrease, metrics))
        given = {k: bits(v) if isinstance(v, F) else v for k, v in decrease.items() if k != "name"}
        yield {"base": bits(F(base)), "warm_up": warm_up, "decrease": decrease["name"], **given,
               "metrics": bits(np.array(metrics)), "rates": bits(np.array(rates, F))}


# Each operation: (tag, numbers, shape of the operands, shapes of the parameters, rule). A rule takes numbers, parameters and operands, all of
# them [c][y][x][point], and gives the value, a function from its gradient to those of operands and parameters, and one from the operands'
# tangents to its own. Numbers are integers or f32; a flag stands in the tag.
def dense_rule(_, parameters, x):
    w, bias = parameters
    units = lambda x: x.reshape(-1, x.shape[3])
    image = lambda y, like: y.reshape(like + y.shape[1:])

    def back(g):
        zero = np.zeros(w.shape, F), np.zeros(bias.shape, F)
        return [image(dense_back(w, units(g)), x.shape[:3])], dense_grads(*zero, units(g), units(x))
    out = (len(w), 1, 1)
    return image(dense(w, bias, units(x)), out), back, lambda t: image(dense(w, np.zeros(len(w), F), units(t)), out)


def conv_rule(numbers, parameters, x):
    w, bias = parameters
    window, zero = numbers[1:], (np.zeros(w.shape, F), np.zeros(bias.shape, F))
    return (conv(w, bias, x, window),
            lambda g: ([conv_back(w, g, x.shape[1:3], window)], conv_grads(*zero, g, x, window)),
            lambda t: conv(w, zero[1], t, window))


def prelu_rule(_, parameters, x):
    slope, = parameters
    return (prelu(slope, x > ZERO, x), lambda g: ([prelu(slope, x > ZERO, g)], [prelu_grad(np.zeros(len(slope), F), g, x)]),
            lambda t: prelu(slope, x > ZERO, t))


def norm_rule(numbers, parameters, x):
    """Batch norm and normalisation: the statistics are differentiated."""
    shape = x.shape
    rows = lambda x: x.reshape(shape[0], -1, shape[3])
    _, _, inv, xhat = channel_forward(rows(x), numbers[0])
    gamma, beta = (p[:, None, None] for p in parameters) if parameters else (ONE, None)

    def back(g):
        g = rows(g)
        by_point = lambda t: (t[:, q, p] for p in range(shape[3]) for q in range(t.shape[1]))
        chains = [chain(np.zeros(shape[0], F), by_point(t)) for t in (g * xhat, g)]
        return [channel_gradient(g * gamma, xhat, inv).reshape(shape)], chains if parameters else []
    y = (xhat * gamma) + beta if parameters else xhat
    return y.reshape(shape), back, lambda t: (channel_gradient(rows(t), xhat, inv) * gamma).reshape(shape)


def group_rule(numbers, parameters, x):
    inv, xhat = group_moments(x, *numbers)
    gamma, beta = (p[:, None, None, None] for p in parameters)
    image = lambda t: t.reshape(x.shape)

    def back(g):
        by_point = lambda t: (t[:, row, column, p] for p in range(t.shape[3]) for row in range(t.shape[1])
                              for column in range(t.shape[2]))
        chains = [chain(np.zeros(len(x), F), by_point(t)) for t in (g * image(xhat), g)]
        return [image(group_gradient(g * gamma, inv, xhat))], chains
    return (image(xhat) * gamma) + beta, back, lambda t: image(group_gradient(t, inv, xhat)) * gamma


def centre_rule(_, parameters, x):
    rows = x.reshape(x.shape[0], -1, x.shape[3])
    n = F(rows[0].size)
    centred = lambda z: (z - (channel_red16(z) / n)[:, None, None])
    one = lambda z: centred(z.reshape(rows.shape)).reshape(x.shape)
    return one(x), lambda g: ([one(g)], []), one


def max_pool_rule(numbers, parameters, x):
    y, choice = max_pool(x, numbers)
    return y, lambda g: ([max_pool_back(g, choice, x.shape[1:3], numbers)], []), lambda t: max_pool_tangent(t, choice, numbers)


def dilated_window(words):
    """The window in three words: taps, strides and dilations, padding."""
    byte = lambda word: tuple(word >> i & 0xFF for i in (0, 8, 16, 24))
    (sy, sx, dy, dx), padding = byte(words[1]), byte(words[2])
    return words[0] & 0xFFFF, words[0] >> 16, (sy, sx), (dy, dx), padding


def dilated_words(kh, kw, strides, dilations, padding):
    word = lambda numbers: sum(n << 8 * i for i, n in enumerate(numbers))
    return kh | kw << 16, word(strides + dilations), word(padding)


def grouped_rule(taps_first):
    def rule(numbers, parameters, x):
        w, groups, window = parameters[0], numbers[1], dilated_window(numbers[2:])
        zero = np.zeros(len(w), F)
        bias = parameters[1] if len(parameters) > 1 else zero
        return (grouped_conv(w, bias, x, groups, window, taps_first),
                lambda g: ([grouped_conv_back(w, g, x.shape[:3], groups, window)],
                           grouped_conv_grads(w.shape, g, x, groups, window)[:len(parameters)]),
                lambda t: grouped_conv(w, zero, t, groups, window, taps_first))
    return rule


def dilated_average_rule(whole):
    window = lambda n: dilated_window(n[:3])
    return linear_rule(lambda n, x: dilated_average(x, window(n), whole),
                       lambda n, shape, g: [dilated_average_back(g, shape[1:3], window(n), whole)])


def dilated_max_rule(numbers, parameters, x):
    window, size = dilated_window(numbers), x.shape[1:3]
    y, choice = dilated_max(x, window)
    return (y, lambda g: ([dilated_max_moves(g, None, choice, size, window)[0]], []),
            lambda t: dilated_max_moves(None, t, choice, size, window)[1])


def mapped_rule(value, slope):
    """Single elements, differentiated from the value."""
    def rule(numbers, _, x):
        y = value(*numbers, x)
        return y, lambda g: ([slope(*numbers, y, g)], []), lambda t: slope(*numbers, y, t)
    return rule


def linear_rule(forward, back):
    def rule(numbers, _, *x):
        return forward(numbers, *x), lambda g: (back(numbers, x[0].shape, g), []), lambda *t: forward(numbers, *t)
    return rule


def function_rule(numbers, _, x):
    number, a, b = numbers
    value, slope = next(f[3:] for f in FUNCTIONS.values() if f[0] == number)
    y = over(lambda x: value(a, b, x), x)
    by = lambda g: np.array([slope(a, b, *of) for of in zip(x.flat, y.flat, g.flat)], F).reshape(x.shape)
    return y, lambda g: ([by(g)], []), by


def place_lines(shape, axis):
    """The lines along an axis, each the indices of its units."""
    return np.moveaxis(np.arange(math.prod(shape)).reshape(shape), axis, -1).reshape(-1, shape[axis])


def softmax_rule(log):
    def rule(numbers, _, x):
        lines = place_lines(x.shape[:3], numbers[0])
        units = lambda t: t.reshape(-1, x.shape[3])

        def lined(f, *of):
            out = np.zeros((math.prod(x.shape[:3]), x.shape[3]), F)
            for line in lines:
                for p in range(x.shape[3]):
                    out[line, p] = f(*(units(t)[line, p] for t in of))
            return out.reshape(x.shape)
        exp = lambda v: np.array([F(exp64(float(e))) for e in v], F)

        def value(x):
            m = x[0]
            for e in x[1:]:
                m = e if e > m else m
            e = exp(x - m)
            s = chain(ZERO, e)
            return (x - m) - F(ln64(float(s))) if log else e / s
        y = lined(value, x)
        back = lambda y, g: g - (exp(y) * chain(ZERO, g)) if log else y * (g - chain(ZERO, g * y))
        along = lambda y, t: t - chain(ZERO, t * exp(y)) if log else y * (t - chain(ZERO, t * y))
        return y, lambda g: ([lined(back, y, g)], []), lambda t: lined(along, y, t)
    return rule


PAIRS = {  # number: value, gradients of x and y, tangent
    1: (lambda x, y: x + y, lambda x, y, g: (g, g), lambda x, y, s, t: s + t),
    2: (lambda x, y: x - y, lambda x, y, g: (g, -g), lambda x, y, s, t: s - t),
    3: (lambda x, y: x * y, lambda x, y, g: (g * y, g * x), lambda x, y, s, t: (s * y) + (x * t)),
    4: (lambda x, y: x / y, lambda x, y, g: (g / y, -((g * (x / y)) / y)), lambda x, y, s, t: (s - ((x / y) * t)) / y),
    5: (lambda x, y: y if y > x else x, lambda x, y, g: (ZERO, g) if y > x else (g, ZERO),
        lambda x, y, s, t: t if y > x else s),
    6: (lambda x, y: y if y < x else x, lambda x, y, g: (ZERO, g) if y < x else (g, ZERO),
        lambda x, y, s, t: t if y < x else s)}


def pairwise_rule(numbers, _, x, y):
    value, gradients, tangent = PAIRS[numbers[0]]
    places = list(np.ndindex(x.shape))
    of_y = lambda at: tuple(e if n > 1 else 0 for e, n in zip(at[:3], y.shape)) + at[3:]

    def each(f, s, t):
        out = np.zeros(x.shape, F)
        for at in places:
            out[at] = f(x[at], y[of_y(at)], *([] if s is None else [s[at], t[of_y(at)]]))
        return out

    def back(g):
        of_x, sums = np.zeros(x.shape, F), np.zeros(y.shape, F)
        for at in places:
            of_x[at], second = gradients(x[at], y[of_y(at)], g[at])
            sums[of_y(at)] = sums[of_y(at)] + second
        return [of_x, sums], []
    return each(value, None, None), back, lambda s, t: each(tangent, s, t)


def constant_rule(numbers, parameters, x):
    shape, points = numbers[:3], x.shape[3]
    y = np.repeat(parameters[0].reshape(shape)[..., None], points, axis=3)
    zero = np.zeros(len(parameters[0]), F)
    return (y, lambda g: ([np.zeros(x.shape, F)], [chain(zero, (g.reshape(-1, points)[:, p] for p in range(points)))]),
            lambda t: np.zeros(y.shape, F))


def signed(word):
    return int(word) - (1 << 32) if word >> 31 else int(word)


def beyond(mode, i, n):
    if 0 <= i < n or mode == 1:
        return i if 0 <= i < n else None
    return min(max(i, 0), n - 1) if mode == 3 else -i if i < 0 else 2 * (n - 1) - i


def movement_rule(name):
    def rule(numbers, _, x):
        extent, constant, n = list(x.shape[:3]), ZERO, numbers
        if name == "transpose":
            extent = [x.shape[a] for a in n]
            source = lambda at: [at[n.index(a)] for a in range(3)]
        elif name == "slice":
            axis, start, step, count = n[0], n[1], signed(n[2]), n[3]
            extent[axis] = count
            source = lambda at: [start + e * step if a == axis else e for a, e in enumerate(at)]
        elif name == "pad":
            mode, constant = n[:2]
            before, after = [w & 0xFFFF for w in n[2:]], [w >> 16 for w in n[2:]]
            extent = [b + e + a for b, e, a in zip(before, extent, after)]
            source = lambda at: [beyond(mode, e - b, size) for e, b, size in zip(at, before, x.shape)]
        elif name == "expand":
            extent = list(n[:3])
            source = lambda at: [e if size > 1 else 0 for e, size in zip(at, x.shape)]
        else:
            axis, size, numerator, offset, denominator = n[0], n[1], n[2], signed(n[3]), n[4]
            extent[axis] = size
            at_most = x.shape[axis] - 1
            source = lambda at: [min(max((e * numerator + offset) // denominator, 0), at_most) if a == axis else e
                                 for a, e in enumerate(at)]
        sources = {at: tuple(source(at)) for at in np.ndindex(*extent)}

        def moved(x, constant):
            y = np.full(tuple(extent) + x.shape[3:], constant, F)
            for at, of in sources.items():
                if None not in of:
                    y[at] = x[of]
            return y

        def back(g):
            to = np.zeros(x.shape, F)
            for at, of in sources.items():
                if None not in of:
                    to[of] = to[of] + g[at]
            return [to], []
        return moved(x, constant), back, lambda t: moved(t, ZERO)
    return rule


def concat_rule(numbers, _, x, y):
    axis = numbers[0]
    join = lambda x, y: np.concatenate([x, y], axis=axis)
    return join(x, y), lambda g: (np.split(g, [x.shape[axis]], axis=axis), []), join


def matmul_rule(transposed):
    def rule(_, __, a, b):
        turn = (lambda b: b.swapaxes(1, 2)) if transposed else (lambda b: b)
        b = turn(b)
        # [c][i][j][point] of terms by k.
        product = lambda a, b: (a[:, :, k, None] * b[:, None, k] for k in range(a.shape[2]))
        zero = np.zeros((len(a), a.shape[1], b.shape[2], a.shape[3]), F)

        def back(g):
            of_a = chain(np.zeros(a.shape, F), (g[:, :, None, j] * b[:, None, :, j] for j in range(b.shape[2])))
            of_b = chain(np.zeros(b.shape, F), (a[:, i, :, None] * g[:, i, None] for i in range(a.shape[1])))
            return [of_a, turn(of_b)], []
        return (chain(zero, product(a, b)), back,
                lambda s, t: chain(chain(zero, product(s, b)), product(a, turn(t))))
    return rule


def reduce_rule(numbers, _, x):
    kind, axes = numbers
    reduced = [bool(axes >> a & 1) for a in range(3)]
    extent = tuple(1 if r else e for r, e in zip(reduced, x.shape))
    of = lambda at: tuple(0 if r else e for r, e in zip(reduced, at))
    groups = {}
    for at in np.ndindex(*x.shape[:3]):
        groups.setdefault(of(at), []).append(at)
    n = F(x[..., 0].size // math.prod(extent))
    points = range(x.shape[3])

    def taken(group, p):
        best = group[0]
        for at in group[1:]:
            best = at if x[at][p] > x[best][p] else best
        return best

    def value(t):
        y = np.zeros(extent + x.shape[3:], F)
        for to, group in groups.items():
            if kind == 3:
                y[to] = [t[taken(group, p)][p] for p in points]
            else:
                s = chain(np.zeros(x.shape[3], F), (t[at] for at in group))
                y[to] = s / n if kind == 1 else s
        return y

    def back(g):
        to = np.zeros(x.shape, F)
        for out, group in groups.items():
            for at in group if kind != 3 else []:
                to[at] = g[out] / n if kind == 1 else g[out]
            for p in points if kind == 3 else []:
                to[taken(group, p)][p] = g[out][p]
        return [to], []
    return value(x), back, value


BIAS_FLAG = 1 << 8
EPS, MOMENTUM = F(1e-3), F(0.1)
OPERATIONS = {
    "reshape": (2, (12, 1, 1), (3, 2, 2), [], linear_rule(
        lambda n, x: x.reshape(n + x.shape[3:]), lambda n, shape, g: [g.reshape(shape)])),
    "dense": (3 | BIAS_FLAG, (4,), (5, 1, 1), [(4, 5), (4,)], dense_rule),
    "conv": (4 | BIAS_FLAG, (3, 3, 3, 2, 1), (2, 5, 4), [(3, 2, 3, 3), (3,)], conv_rule),
    "relu": (5, (), (9, 1, 1), [], lambda n, p, x: (
        relu(x), lambda g: ([act_back(False, x > ZERO, g)], []), lambda t: act_tangent(False, x > ZERO, t))),
    "prelu": (6, (F(0.25),), (3, 2, 2), [(3,)], prelu_rule),
    "crelu": (7, (), (2, 3, 1), [], lambda n, p, x: (
        crelu(x), lambda g: ([act_back(True, x > ZERO, g)], []), lambda t: act_tangent(True, x > ZERO, t))),
    "batch-norm": (8, (EPS, MOMENTUM), (3, 2, 2), [(3,), (3,)], norm_rule),
    "average-pool": (9, (2, 2, 2, 0), (2, 4, 4), [], linear_rule(
        lambda n, x: average_pool(x, n), lambda n, shape, g: [average_pool_back(g, shape[1:3], n)])),
    "max-pool": (10, (3, 3, 2, 1), (2, 5, 5), [], max_pool_rule),
    "dropout": (11, (F(0.25),), (6, 1, 1), [], linear_rule(lambda n, x: x, lambda n, shape, g: [g])),
    "shortcut": (12, (5, 2), (3, 4, 4), [], linear_rule(
        lambda n, x: shortcut(x, *n), lambda n, shape, g: [shortcut_back(g, shape, n[1])])),
    "add": (13, (ONE, F(0.5)), (5, 1, 1), [], linear_rule(
        lambda n, x, y: (n[0] * x) + (n[1] * y), lambda n, shape, g: [n[0] * g, n[1] * g])),
    "normalise": (14, (EPS,), (3, 2, 2), [], norm_rule),
    "centre": (15, (), (3, 2, 2), [], centre_rule),
    "elu": (16, (F(0.75),), (3, 1, 2), [], mapped_rule(elu, elu_slope)),
    "group-norm": (18, (2, F(1e-5)), (4, 3, 3), [(4,), (4,)], group_rule),
    "function": (19, (1, ZERO, ZERO), (2, 2, 3), [], function_rule),
    "softmax": (20, (0,), (4, 2, 3), [], softmax_rule(False)),
    "pairwise": (21, (3,), (2, 2, 3), [], pairwise_rule),
    "constant": (22, (2, 1, 3, ONE), (2, 1, 1), [(6,)], constant_rule),
    "transpose": (23, (2, 0, 1), (2, 3, 4), [], movement_rule("transpose")),
    "slice": (24, (2, 4, -2 & 0xFFFFFFFF, 2), (2, 3, 5), [], movement_rule("slice")),
    "concat": (25, (1,), (2, 2, 3), [], concat_rule),
    "pad": (26, (1, F(0.5), 0, 1, 2 << 16 | 1), (2, 2, 3), [], movement_rule("pad")),
    "expand": (27, (2, 3, 4), (2, 1, 4), [], movement_rule("expand")),
    "resize": (28, (2, 5, 3, -1 & 0xFFFFFFFF, 5), (2, 2, 3), [], movement_rule("resize")),
    "matmul": (29, (), (2, 3, 3), [], matmul_rule(False)),
    "reduce": (30, (1, 6), (2, 2, 3), [], reduce_rule),
    "sigmoid": (17, (), (6, 1, 1), [], mapped_rule(sigmoid, lambda y, g: g * (y * (ONE - y)))),
    "grouped-conv": (41 | BIAS_FLAG, (6, 2) + dilated_words(3, 2, (2, 1), (1, 2), (1, 0, 2, 1)), (4, 5, 4), [(6, 2, 3, 2), (6,)],
                     grouped_rule(False)),
    "taps-first-conv": (42, (4, 1) + dilated_words(3, 3, (1, 2), (1, 1), (0, 1, 2, 1)), (3, 4, 5), [(4, 3, 3, 3)],
                        grouped_rule(True)),
    "dilated-average-pool": (43, dilated_words(3, 2, (2, 1), (1, 1), (1, 0, 0, 1)), (2, 5, 4), [], dilated_average_rule(False)),
    "dilated-max-pool": (44, dilated_words(2, 3, (1, 2), (2, 1), (1, 2, 0, 1)), (2, 4, 5), [], dilated_max_rule),
}


# More examples of operations that compute several things: the name, and what differs.
MORE = [("function", dict(numbers=(number, F(a), F(b)))) for number, a, b, *_ in FUNCTIONS.values()]
MORE += [("function", dict(numbers=(18, F(a), ZERO))) for a in (3, 1, -2, 16, -0.5)]
MORE += [("softmax", dict(numbers=(axis,), **of)) for axis in (0, 1, 2)
         for of in (dict(), dict(tag=20 | BIAS_FLAG, rule=softmax_rule(True)))]
MORE += [("pairwise", dict(numbers=(pair,), second=second)) for pair in PAIRS
         for second in ((2, 2, 3), (1, 2, 1), (2, 1, 3), (1, 1, 1))]
MORE += [("transpose", dict(numbers=order)) for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 1, 0))]
MORE += [("slice", dict(numbers=n)) for n in ((0, 1, 1, 1), (1, 0, 2, 2), (2, 1, 1, 4))]
MORE += [("concat", dict(numbers=(axis,), second=second)) for axis, second in ((0, (3, 2, 3)), (1, (2, 1, 3)), (2, (2, 2, 4)))]
MORE += [("pad", dict(numbers=n)) for n in ((2, ZERO, 1 << 16, 1, 2 << 16 | 1), (3, ZERO, 2, 1 << 16, 3 << 16 | 4),
                                            (1, F(-1.5), 1 << 16 | 1, 0, 0))]
MORE += [("expand", dict(numbers=(3, 2, 2), shape=(1, 2, 1)))]
MORE += [("resize", dict(numbers=n)) for n in ((0, 4, 1, 0, 2), (1, 1, 2, 1, 1), (2, 7, 4, 1, 14), (1, 9, 1, 0, 1))]
MORE += [("matmul", dict(shape=(2, 3, 4), second=(2, 4, 2))),
         ("matmul", dict(tag=29 | BIAS_FLAG, shape=(2, 3, 4), second=(2, 5, 4), rule=matmul_rule(True)))]
MORE += [("reduce", dict(numbers=(kind, axes))) for kind in (1, 2, 3) for axes in (1, 2, 4, 5, 7)]

# Windows: depthwise, one group, one row, and what no tap sees.
for name, tag, numbers, shape, of_parameters, rule in [
    ("grouped-conv", 41, (6, 3) + dilated_words(3, 3, (2, 2), (1, 1), (0, 0, 1, 1)), (3, 6, 6), [(6, 1, 3, 3)], grouped_rule(False)),
    ("grouped-conv", 41 | BIAS_FLAG, (3, 1) + dilated_words(1, 4, (1, 3), (1, 2), (0, 2, 0, 5)), (2, 1, 9), [(3, 2, 1, 4), (3,)],
     grouped_rule(False)),
    ("grouped-conv", 41 | BIAS_FLAG, (2, 2) + dilated_words(2, 2, (3, 2), (4, 3), (5, 2, 3, 4)), (2, 2, 3), [(2, 1, 2, 2), (2,)],
     grouped_rule(False)),
    ("taps-first-conv", 42, (4, 2) + dilated_words(2, 3, (1, 1), (2, 1), (1, 1, 1, 1)), (4, 4, 4), [(4, 2, 2, 3)], grouped_rule(True)),
    ("dilated-average-pool", 43 | BIAS_FLAG, dilated_words(3, 3, (1, 2), (1, 2), (1, 2, 1, 0)), (2, 4, 6), [], dilated_average_rule(True)),
    ("dilated-average-pool", 43, dilated_words(3, 7, (1, 1), (1, 1), (0, 0, 0, 0)), (2, 3, 7), [], dilated_average_rule(False)),
    ("dilated-max-pool", 44, dilated_words(20, 15, (1, 1), (1, 1), (0, 0, 0, 0)), (1, 20, 15), [], dilated_max_rule),
]:
    MORE.append((name, dict(tag=tag, numbers=numbers, shape=shape, of_parameters=of_parameters, rule=rule)))

TWO_OPERANDS = ("add", "pairwise", "concat", "matmul")


def operation_cases():
    names = ("tag", "numbers", "shape", "of_parameters", "rule", "second")
    examples = [(name, dict(zip(names, rest))) for name, rest in OPERATIONS.items()]
    examples += [(name, {**dict(zip(names, OPERATIONS[name])), **of}) for name, of in MORE]
    for name, example in examples:
        tag, numbers, shape, of_parameters, rule = (example[key] for key in names[:5])
        second = example.get("second", shape)
        word = lambda x: int(x.view(np.uint32)) if isinstance(x, F) else x
        # Means over points go round their sixteen lanes.
        for points in (1, 17) if rule in (norm_rule, centre_rule) else (1, 3):
            salt = (tag & 0xFF) * 1000 + points
            salt += 0 if name != "function" else 50 * int(numbers[0])
            operands = [fine(salt + i, *of, points) for i, of in enumerate((shape, second) if name in TWO_OPERANDS else (shape,))]
            if name == "function":
                # Large ones, too, and where it matters above zero.
                operands = [x * F(4) for x in operands]
                if numbers[0] in [FUNCTIONS[name][0] for name in POSITIVE]:
                    operands = [np.abs(x) + F(0.125) for x in operands]
            parameters = [fine(salt + 100 + i, *of) for i, of in enumerate(of_parameters)]
            y, back, tangent = rule(numbers, parameters, *operands)
            g, ts = fine(salt + 200, *y.shape), [fine(salt + 300 + i, *x.shape) for i, x in enumerate(operands)]
            of_operands, moved = back(g)
            yield {"operation": name, "words": words([tag, *map(word, numbers)] + [0] * (5 - len(numbers))),
                   "operand": list(shape), **({"second": list(second)} if second != shape else {}), "points": points, "parameters": sum(map(flat, parameters), []),
                   "x": [flat(x) for x in operands], "y": flat(y), "g": flat(g), "grad_x": [flat(g) for g in of_operands],
                   "grad_parameters": sum(map(flat, moved), []), "t": [flat(t) for t in ts],
                   "tangent": flat(tangent(*ts))}


class Drawn:
    """Numbers for the int8 examples, from the words of Philox with the key `salt`."""

    def __init__(self, *salt):
        self.key, self.at, self.words = (salt + (0,))[:2], 0, []

    def word(self):
        if not self.words:
            self.words = [int(w) for w in philox((self.at, 0, 0, 12), self.key)]
            self.at += 1
        return self.words.pop()

    def below(self, n):
        return self.word() * n >> 32

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def bytes(self, *shape):
        return np.array([self.between(-128, 127) for _ in range(math.prod(shape))]).reshape(shape)

    def scale(self, near):
        """A power of two in one of three."""
        if self.below(3) == 0:
            return F(2.0 ** round(math.log2(near)))
        return F(near * (0.5 + self.word() / 2 ** 32))


def byte_hex(x):
    return "".join(f"{int(v) & 0xFF:02x}" for v in np.asarray(x).reshape(-1))


def int8_window(d, size):
    while True:
        window = (d.between(1, 3), d.between(1, 3), (d.between(1, 2), d.between(1, 2)), (d.between(1, 2), d.between(1, 2)),
                  tuple(d.below(2) for _ in range(4)))
        of_window = dilated_order(size, window)
        if min(dilated_places(size, window)) > 0 and all(
                any(dilated_sees(size, window, place, tap) for tap in taps(window)) for place in of_window):
            return window


def window_entries(window):
    kh, kw, strides, dilations, padding = window
    return {"taps": [kh, kw], "strides": list(strides), "dilations": list(dilations), "padding": list(padding)}


def next_to_tie(d, factor, steps):
    """An output scale with which a number of steps of the size `factor` comes next to where the output changes, so that f32 and f64 may differ."""
    m = (d.between(1, 100) + 0.5) / abs(steps)
    shift = max(0, -math.frexp(m)[1])
    return F(factor / (m - 2.0 ** -(shift + 1) / abs(steps) if shift else m))


def weighted_case(name, profile, d):
    shape = (1, 1, d.between(3, 24)) if name == "dense" else (d.between(2, 5), d.between(2, 5), d.between(1, 3))
    x, z_in, s_in = d.bytes(*shape), d.between(-128, 127), d.scale(0.05)
    window = int8_window(d, shape[:2]) if name != "dense" else (1, 1, (1, 1), (1, 1), (0, 0, 0, 0))
    if name == "depthwise":
        outputs = shape[2] * d.between(1, 2)
        w, fan_in = d.bytes(*window[:2], outputs), window[0] * window[1]
    else:
        outputs, fan_in = d.between(2, 4), shape[2] * window[0] * window[1]
        w = d.bytes(outputs, *window[:2], shape[2]) if name == "conv" else d.bytes(outputs, shape[2])
    scales = [d.scale(0.01) for _ in range(outputs)]
    s_out, z_out, activation = d.scale(float(s_in) * float(scales[0]) * math.sqrt(fan_in) * 90), d.between(-128, 127), d.below(4)
    bias = [d.between(-9000, 9000) for _ in range(outputs)]
    bounds = q_bounds(activation, s_out, z_out)
    ms = [q_quotient(float, [s_in, s], s_out) for s in scales]
    # The sum of the last channel is next to a tie.
    bias[-1] = round(float(2 * d.between(-40, 40) + 1) / ms[-1] / 2)
    real = name == "dense" and profile == "litert-ref"
    scaled = lambda i, acc: q_out(q_real(acc, ms[i]) if real else q_scaled(acc, q_factor(ms[i])), bounds)
    if name == "dense":
        y = q_dense(w, bias, z_in, x, scaled)
    else:
        y = q_conv(w, bias, z_in, window, x, scaled, depthwise=name == "depthwise")
    sums = w.reshape(outputs, -1).sum(1) if name != "depthwise" else w.reshape(-1, outputs).sum(0)
    pairs = [(np.float64(m).view(np.uint64) & LOW, np.float64(m).view(np.uint64) >> np.uint64(32)) if real else q_factor(m) for m in ms]
    records = [[i32(b - z_in * int(total)), i32(first), i32(second)] for b, total, (first, second) in zip(bias, sums, pairs)]
    case = {} if name == "dense" else window_entries(window)
    return case | {"shape": shape, "scales": [s_in, s_out], "zeros": [z_in, z_out], "activation": activation, "weight_scales": scales,
                   "bias": bias, "weights": w, "records": records, "bounds": bounds, "x": x, "y": y}


def pair_case(name, profile, d):
    shape = (d.between(1, 3), d.between(1, 3), d.between(1, 4))
    other = tuple(1 if d.below(3) == 0 else n for n in shape)
    x, y, zeros = d.bytes(*shape), d.bytes(*other), [d.between(-128, 127) for _ in range(3)]
    s = [d.scale(0.05), d.scale(0.05)]
    if name == "add":
        s.append(d.scale(2 * float(max(s))))
    else:
        steps = (int(x.flat[0]) - zeros[0]) * (int(y.flat[0]) - zeros[1])
        s.append(next_to_tie(d, float(s[0]) * float(s[1]), steps or 1000))
    activation, t = d.below(4), 2 * float(max(s[:2]))
    bounds = q_bounds(activation, s[2], zeros[2])
    if name == "add":
        factors = [q_factor(float(s[0]) / t), q_factor(float(s[1]) / t), q_factor(t / (2.0 ** 20 * float(s[2])))]
        f = lambda a, b: q_scaled(i32(q_scaled((a - zeros[0]) * 2 ** 20, factors[0]) + q_scaled((b - zeros[1]) * 2 ** 20, factors[1])), factors[2])
    else:
        factors = [q_factor(q_quotient(float if profile == "tflm" else F, s[:2], s[2]))]
        f = lambda a, b: q_scaled((a - zeros[0]) * (b - zeros[1]), factors[0])
    repeated = np.broadcast_to(y, shape)
    value = np.array([q_out(f(int(a), int(b)), bounds) for a, b in zip(x.reshape(-1), repeated.reshape(-1))])
    return {"shape": shape, "other": other, "scales": s, "zeros": zeros, "activation": activation, "factors": factors, "bounds": bounds,
            "x": x, "x1": y, "y": value}


def pool_case(name, profile, d):
    shape = (d.between(2, 5), d.between(2, 5), d.between(1, 3))
    x, s, z, activation, window = d.bytes(*shape), d.scale(0.05), d.between(-128, 127), d.below(4), int8_window(d, shape[:2])
    bounds = q_bounds(activation, s, z)
    y = np.zeros(dilated_places(shape[:2], window) + shape[2:], int)
    for place, seen in q_windowed(x, window):
        for c in range(shape[2]):
            values = [int(at[c]) for _, at in seen]
            v = max(values) if name == "max_pool" else away(Fraction(sum(values), len(values)))
            y[place][c] = clamp(v, *bounds[1:])
    return window_entries(window) | {"shape": shape, "scales": [s, s], "zeros": [z, z], "activation": activation, "bounds": bounds, "x": x, "y": y}


def mean_case(name, profile, d):
    shape = [d.between(1, 3), d.between(2, 9), d.between(1, 3)]
    x, s, zeros = d.bytes(*shape), [d.scale(0.05), d.scale(0.03)], [d.between(-128, 127), d.between(-128, 127)]
    factor = q_mean_factor(s[0], s[1], shape[1])
    bounds = q_bounds(NO_ACTIVATION, s[1], zeros[1])
    total = x.sum(1) - shape[1] * zeros[0]
    y = [q_out(q_scaled(int(v), factor), bounds) for v in total.reshape(-1)]
    return {"shape": shape, "scales": s, "zeros": zeros, "factors": [factor], "bounds": bounds, "x": x, "y": y}


def table_case(name, profile, d):
    s = [d.scale(0.06), d.scale(0.05)]
    z = [d.between(-128, 127), d.between(-128, 127)]
    case = {}
    if name in ("logistic", "tanh"):
        s[1], z[1] = (F(1 / 256), -128) if name == "logistic" else (F(1 / 128), 0)
        table = q_curve_table(name, profile, s[0], z[0])
    elif name == "hard_swish":
        # The multiplier of 16 bits is next to a tie.
        s[1] = F(float(s[0]) / ((d.between(2 ** 14, 2 ** 15 - 1) + 0.5) / 2 ** 15))
        table = q_hard_swish_table(profile, s[0], z[0], s[1], z[1])
    else:
        alpha = F(0.25 + d.word() / 2 ** 33) if name == "leaky_relu" else None
        if name != "relu6" or profile == "litert-ref":
            s[1] = next_to_tie(d, float(s[0]) * float(alpha or 1), d.between(20, 250))
        case = {} if alpha is None else {"alpha": alpha}
        table = q_linear_table(name, profile, s[0], z[0], s[1], z[1], alpha)
    x = d.bytes(7)
    return case | {"scales": s, "zeros": z, "table": table, "x": x, "y": [table[int(v) + 128] for v in x]}


def softmax_case(name, profile, d):
    shape, s, beta = (d.between(1, 2), d.between(1, 2), d.between(2, 12)), d.scale(0.1), F(d.between(1, 4) / 2)
    x = d.bytes(*shape)
    numbers = q_softmax_numbers(s, beta)
    return {"shape": shape, "scales": [s, F(1 / 256)], "zeros": [d.between(-128, 127), -128], "beta": beta, "numbers": numbers, "x": x,
            "y": q_softmax(numbers, x)}


def moved_case(name, profile, d):
    shape = (d.between(1, 3), d.between(1, 3), d.between(1, 3))
    x, z = d.bytes(*shape), d.between(-128, 127)
    if name == "pad":
        pads = [[d.below(3), d.below(3)] for _ in range(3)]
        return {"shape": shape, "pads": pads, "value": z, "x": x, "y": np.pad(x, pads, constant_values=z)}
    axis = d.below(3)
    other = shape[:axis] + (d.between(1, 3),) + shape[axis + 1:]
    y = d.bytes(*other)
    return {"shape": shape, "other": other, "axis": axis, "x": x, "x1": y, "y": np.concatenate([x, y], axis)}


def float_case(name, profile, d):
    s, z = d.scale(0.05), d.between(-128, 127)
    if name == "dequantise":
        x = d.bytes(12)
        return {"scale": s, "zero": z, "x": x, "floats": [F(s) * F(int(v) - z) for v in x]}
    steps = [F(s * F(d.between(-140, 140) + 0.5)) for _ in range(10)] + list(sample(12, 6) * F(60) * s)
    floats = steps + list(from_bits("7f800000", "ff800000", "7fc00000", "80000000", "7f7fffff", "00000001"))
    return {"scale": s, "zero": z, "floats": floats, "y": [clamp(q_byte(v, s, z), -128, 127) for v in floats]}


INT8 = {  # name: how a case is drawn
    "conv": weighted_case, "depthwise": weighted_case, "dense": weighted_case, "add": pair_case, "multiply": pair_case,
    "average_pool": pool_case, "max_pool": pool_case, "mean": mean_case, "softmax": softmax_case, "pad": moved_case,
    "concat": moved_case, "quantise": float_case, "dequantise": float_case, "logistic": table_case, "tanh": table_case,
    "relu": table_case, "relu6": table_case, "requantise": table_case, "leaky_relu": table_case, "hard_swish": table_case}
AS_BYTES, AS_BITS = ("x", "x1", "y", "weights", "table"), ("scales", "weight_scales", "floats", "alpha", "beta", "scale")


def int8_entry(key, value):
    if key in AS_BYTES:
        return byte_hex(value)
    if key in AS_BITS:
        return bits(np.array(value, F))
    plain = lambda v: [plain(e) for e in v] if isinstance(v, (list, tuple)) else int(v)
    return plain(value)


def int8_cases():
    for i, (name, drawn) in enumerate(INT8.items()):
        for j, profile in enumerate(PROFILES):
            for k in range(2):
                case = drawn(name, profile, Drawn(1 + i, 16 * j + k))
                yield {"op": name, "profile": profile} | {key: int8_entry(key, value) for key, value in case.items()}
    for m in (0.5, 1.0, 1 - 2.0 ** -33, 0.5 + 2.0 ** -32, 2.0 ** -32, 2.0 ** -33, 3e9, 1e-3, 7.25):
        q, shift = q_factor(m)
        for x in (0, 1, -1, 3, -3, 2 ** 31 - 1, -2 ** 31, 12345, -98765):
            word = np.float64(m).view(np.uint64)
            yield {"op": "factor", "m": f"{int(word):016x}", "factor": [q, shift], "acc": x, "scaled": q_scaled(x, (q, shift)),
                   "real": q_real(x, m)}


def shuffle_cases():
    for seed, epoch, examples in [(0, 0, 1), (0, 0, 2), (7, 0, 20), (7, 1, 20), (2 ** 64 - 1, 2 ** 32 - 1, 33)]:
        yield {"seed": seed, "epoch": epoch, "order": shuffle(seed, epoch, examples)}
    # Beyond 2^31 nearly half of all words are refused, and of some blocks all four.
    for epoch in range(24):
        yield {"seed": 5, "epoch": epoch, "i": 2 ** 31, "j": partner(5, epoch, 2 ** 31)}
    for i in (0, 1, 2, 2 ** 24 - 1, 2 ** 32 - 2, 2 ** 32 - 1):
        yield {"seed": 5, "epoch": 9, "i": i, "j": partner(5, 9, i)}


ABOUT = {  # file: cases, sentence
    "philox": (philox_cases, "Philox4x32-10 (section 5); the first three cases are the known answers of Random123."),
    "normals": (normals_cases, "Normals (section 6): from four words, from one word, and by address."),
    "chains": (chains_cases, "Chains of products (section 2): every product and every sum is rounded."),
    "red16": (red16_cases, "RED16 (section 3); first is the index in the grid of the first value."),
    "relu": (relu_cases, "ReLU and its bit (section 4)."),
    "crelu": (crelu_cases, "CReLU (section 4): features, gradient and tangent; a row is a unit or a feature."),
    "join": (join_cases, "The join of resnet and highway (section 4), forward and backward."),
    "batch_norm": (batch_norm_cases, "Batch normalisation of one unit over all points, with derivatives (section 4)."),
    "centre": (centre_cases, "Centring of one unit over all points, with gradients (section 4)."),
    "acf": (acf_cases, "The autocorrelation of a series at lags 0..lags, or that it is constant (section 7)."),
    "orthogonal": (orthogonal_cases, "Orthogonal and looks-linear matrices, by rows (section 6)."),
    "dense": (dense_cases, "A dense layer (section 4): forward, gradient of the input, gradients of the parameters."),
    "conv": (conv_cases, "Convolutions (section 4): forward, gradient of the input, gradients of the parameters."),
    "pool": (pool_cases, "Average and max pools (section 4); the last ones on zeros, infinities and NaN."),
    "prelu": (prelu_cases, "PReLU (section 4): forward, gradient of the input, gradients of the slopes."),
    "crelu_image": (crelu_image_cases, "CReLU of images (section 4), by channels; a row is a unit or a feature."),
    "shortcut": (shortcut_cases, "Shortcuts without parameters to a smaller image of more channels (section 4)."),
    "dropout": (dropout_cases, "Dropout (section 4): thresholds of rates, then masks by address; a row is a unit."),
    "channel_norm": (channel_norm_cases, "Batch norm of a channel of an image (section 4); a row is a position."),
    "operation": (operation_cases, "Each operation of a graph: its words, value, gradients and tangent (section 4)."),
    "grid": (grid_cases, "Grids of points (section 4)."),
    "weights": (weights_cases, "Standard deviations, and all parameters of small networks (section 6)."),
    "noise": (noise_cases, "White and brown noise (section 7)."),
    "digest": (digest_cases, "Digests of runs and records (section 9)."),
    "begin": (begin_cases, "Parameters of networks that learn, before their first step (section 11)."),
    "exp": (exp_cases, "exp of numbers that are not positive (section 1)."),
    "cross_entropy": (cross_entropy_cases, "Softmax and cross-entropy, with gradient and prediction (section 11)."),
    "squared_error": (squared_error_cases, "Squared error, with gradient (section 11)."),
    "optimiser": (optimiser_cases, "Four steps of an optimiser (section 11)."),
    "clip": (clip_cases, "Gradients clipped by norm and by value (section 11)."),
    "rate": (rate_cases, "Learning rates, epoch by epoch (section 11)."),
    "shuffle": (shuffle_cases, "The order of the examples of an epoch, or one step of it (section 11)."),
    "int8": (int8_cases, "Operators on int8 values under both profiles, with what their scales give; bytes as hexadecimal text (section 12)."),
    "images": (images_cases, "Inputs from the pixels of a channel, and moves of images (section 7).")}


def vector_text(name):
    cases, about = ABOUT[name]
    rows = [",\n     ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in case.items()) for case in cases()]
    return f'{{"about": {json.dumps(about)},\n "cases": [\n    {{' + "},\n    {".join(rows) + "}\n ]}\n"


def vectors(folder, only_check):
    different = [name for name in ABOUT if only_check and (
        not (folder / f"{name}.json").exists() or (folder / f"{name}.json").read_text() != vector_text(name))]
    for name in different:
        print(f"DIFFERENT {folder / name}.json")
    if only_check:
        print(f"{len(ABOUT) - len(different)} passed, {len(different)} failed")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ABOUT:
            (folder / f"{name}.json").write_text(vector_text(name))
    return len(different) > 0


def main(arguments):
    command, rest = (arguments[0], arguments[1:]) if arguments else (None, [])
    if command == "digest" and len(rest) == 1:
        digest = spec_digest(json.loads(Path(rest[0]).read_text()))
        print(digest)
        return not digest.startswith("fnv1a64:")
    if command == "check" and rest:
        return check(rest)
    if command == "goldens":
        tests = HERE.parent / "tests"
        return goldens(rest or [tests / f"goldens{kind}.json" for kind in ("", "-desktop", "-long")])
    if command == "vectors":
        folders = [Path(r) for r in rest if r != "--check"]
        return vectors(folders[0] if folders else HERE / "vectors", "--check" in rest)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(int(main(sys.argv[1:]) or 0))
