#!/usr/bin/env python3
"""Writes random .tflite files of one int8 operator each, and what two interpreters compute from them.

    make.py FILE [CASES] [SEED]

FILE gets a JSON list of cases: scales, zero points, options, inputs, and the outputs of TensorFlow Lite Micro ("tflm") and of LiteRT's reference
kernels ("litert"), null where the interpreter refuses the file. `cases.json` was written with 10 cases an operator; the long tests take 200.

The versions of the interpreters are part of the result: pip install -r requirements.txt
"""
import contextlib
import json
import math
import os
import sys
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro import runtime

FLOAT, INT32, INT8 = 0, 2, 9
TYPES = {FLOAT: np.float32, INT32: np.int32, INT8: np.int8}
ACTIVATIONS = (0, 1, 2, 3)  # none, RELU, RELU_N1_TO_1, RELU6
# name: (builtin operator, version, builtin options)
OPERATORS = {
    "add": (0, 2, 11), "average_pool": (1, 2, 5), "concat": (2, 2, 10), "conv": (3, 3, 1), "depthwise": (4, 3, 2),
    "dequantise": (6, 2, 0), "dense": (9, 4, 8), "logistic": (14, 2, 0), "max_pool": (17, 2, 5), "multiply": (18, 2, 21),
    "relu": (19, 2, 0), "relu6": (21, 2, 0), "reshape": (22, 1, 17), "softmax": (25, 2, 9), "tanh": (28, 2, 0),
    "pad": (34, 2, 22), "mean": (40, 2, 27), "leaky_relu": (98, 2, 75), "quantise": (114, 1, 0), "requantise": (114, 2, 0),
    "hard_swish": (117, 1, 0),
}


# The file.

def vector(b, items, kind):
    b.StartVector({"i32": 4, "f32": 4, "i64": 8, "u8": 1, "offset": 4}[kind], len(items), {"i64": 8}.get(kind, 4))
    put = {"i32": b.PrependInt32, "f32": b.PrependFloat32, "i64": b.PrependInt64, "u8": b.PrependUint8,
           "offset": b.PrependUOffsetTRelative}[kind]
    for item in reversed(items):
        put(item)
    return b.EndVector()


def table(b, fields):
    """fields: (number, kind, value), offsets already written."""
    b.StartObject(1 + max((number for number, *_ in fields), default=0))
    for number, kind, value in fields:
        slot = {"i32": b.PrependInt32Slot, "u32": b.PrependUint32Slot, "i8": b.PrependInt8Slot, "u8": b.PrependUint8Slot,
                "f32": b.PrependFloat32Slot, "bool": b.PrependBoolSlot,
                "offset": b.PrependUOffsetTRelativeSlot}[kind]
        # A default that no value is, so that every field is written.
        slot(number, value, 0 if kind in ("offset", "bool") else -123 if kind in ("i32", "i8", "f32") else 255)
    return b.EndObject()


def tensor(b, buffer, shape, kind, scales=(), zeros=(), dimension=0):
    fields = [(0, "offset", vector(b, shape, "i32")), (1, "i8", kind), (2, "u32", buffer)]
    if len(scales):
        scale, zero = vector(b, [float(s) for s in scales], "f32"), vector(b, [int(z) for z in zeros], "i64")
        quantised = table(b, [(2, "offset", scale), (3, "offset", zero), (6, "i32", dimension)])
        fields.append((4, "offset", quantised))
    return table(b, fields)


def model(name, inputs, constants, output, options):
    """inputs and output: (shape, kind, scale, zero); constants: (array, kind, scales, zeros, dimension) or None."""
    b = flatbuffers.Builder(4096)
    data = [None] + [None if c is None else c[0] for c in constants]
    buffers = []
    for array in data:
        if array is None:
            buffers.append(table(b, []))
        else:
            b.StartVector(1, array.nbytes, 16)
            b.head = b.head - array.nbytes
            b.Bytes[b.head:b.head + array.nbytes] = array.tobytes()
            buffers.append(table(b, [(0, "offset", b.EndVector())]))
    def of(shape, kind, scale, zero):
        return tensor(b, 0, shape, kind, *(([scale], [zero]) if kind == INT8 else ()))
    tensors, ids = [of(*i) for i in inputs], list(range(len(inputs)))
    for number, c in enumerate(constants, 1):
        if c is None:
            ids.append(-1)
            continue
        array, kind, scales, zeros, dimension = c
        ids.append(len(tensors))
        tensors.append(tensor(b, number, array.shape, kind, scales, zeros, dimension))
    out = len(tensors)
    tensors.append(of(*output))
    code, version, union = OPERATORS[name]
    fields = [(0, "u32", 0), (1, "offset", vector(b, ids, "i32")), (2, "offset", vector(b, [out], "i32"))]
    if union:
        fields += [(4, "offset", table(b, options)), (3, "u8", union)]
    operator = table(b, fields)
    graph = table(b, [(0, "offset", vector(b, tensors, "offset")),
                      (1, "offset", vector(b, list(range(len(inputs))), "i32")),
                      (2, "offset", vector(b, [out], "i32")), (3, "offset", vector(b, [operator], "offset"))])
    codes = table(b, [(0, "i8", min(code, 127)), (2, "i32", version), (3, "i32", code)])
    root = table(b, [(0, "u32", 3), (1, "offset", vector(b, [codes], "offset")), (2, "offset", vector(b, [graph], "offset")),
                     (4, "offset", vector(b, buffers, "offset"))])
    b.Finish(root, b"TFL3")
    return bytes(b.Output())


# The interpreters.

@contextlib.contextmanager
def quiet():
    """Without standard error, where both interpreters say why they refuse a file."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def tflm(file, values):
    try:
        interpreter = runtime.Interpreter.from_bytes(file, arena_size=1 << 20)
    except RuntimeError:
        return None
    for i, value in enumerate(values):
        interpreter.set_input(value, i)
    interpreter.invoke()
    return interpreter.get_output(0)


def litert(file, values):
    try:
        interpreter = Interpreter(model_content=file, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError):
        return None
    for detail, value in zip(interpreter.get_input_details(), values):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


# Random cases.

def scale_near(r, x):
    """Near x, in two of five a power of two."""
    x *= math.exp(r.uniform(-1, 1))
    return np.float32(2.0 ** round(math.log2(x)) if r.random() < 0.4 else x)


def zero(r):
    return int(r.choice([-128, 127, 0, r.integers(-128, 128), r.integers(-20, 20)]))


def bytes_of(r, *shape):
    x = r.integers(-128, 128, shape)
    # Ends of the range and repetitions are as frequent as they are in networks.
    x = np.where(r.random(shape) < 0.1, r.choice([-128, 127, 0], shape), x)
    return x.astype(np.int8)


def image(r, small=False):
    most = 5 if small else 9
    return [1, int(r.integers(1, most)), int(r.integers(1, most)), int(r.integers(1, 7))]


def axis(size, taps, stride, dilation, same):
    """(positions, padding before, padding after)"""
    extent = (taps - 1) * dilation + 1
    if same:
        positions = -(-size // stride)
        total = max((positions - 1) * stride + extent - size, 0)
        return positions, total // 2, total - total // 2
    return (size - extent) // stride + 1, 0, 0


def window(r, shape, pool=False):
    while True:
        kh, kw, sy, sx = (int(v) for v in r.integers(1, 4, 4))
        dy, dx = (1, 1) if pool or r.random() < 0.6 else (int(v) for v in r.integers(1, 4, 2))
        same = bool(r.random() < 0.5)
        rows, columns = axis(shape[1], kh, sy, dy, same), axis(shape[2], kw, sx, dx, same)
        if rows[0] > 0 and columns[0] > 0:
            return dict(taps=[kh, kw], strides=[sy, sx], dilations=[dy, dx],
                        padding=[rows[1], columns[1], rows[2], columns[2]], same=same), rows[0], columns[0]


def window_fields(w, name, activation, multiplier=0):
    (kh, kw), (sy, sx), (dy, dx), padding = w["taps"], w["strides"], w["dilations"], 0 if w["same"] else 1
    if name == "conv":
        return [(0, "i8", padding), (1, "i32", sx), (2, "i32", sy), (3, "i8", activation), (4, "i32", dx), (5, "i32", dy)]
    if name == "depthwise":
        return [(0, "i8", padding), (1, "i32", sx), (2, "i32", sy), (3, "i32", multiplier), (4, "i8", activation),
                (5, "i32", dx), (6, "i32", dy)]
    return [(0, "i8", padding), (1, "i32", sx), (2, "i32", sy), (3, "i32", kw), (4, "i32", kh), (5, "i8", activation)]


def weighted(r, name):
    """Convolutions and dense layers: per channel, dense layers also per tensor; with and without a bias."""
    case = dict(activation=int(r.choice(ACTIVATIONS)))
    if name == "dense":
        shape = [1, int(r.integers(1, 40))]
        outputs, fan_in = int(r.integers(1, 12)), shape[1]
        weights, out, dimension = bytes_of(r, outputs, fan_in), [1, outputs], 0
        fields = [(0, "i8", case["activation"])]
    else:
        shape = image(r)
        w, rows, columns = window(r, shape)
        case.update(w)
        if name == "conv":
            outputs, fan_in, dimension = int(r.integers(1, 8)), int(np.prod(w["taps"]) * shape[3]), 0
            weights = bytes_of(r, outputs, *w["taps"], shape[3])
            fields = window_fields(w, name, case["activation"])
        else:
            multiplier = int(r.choice([1, 1, 2, 3]))
            outputs, fan_in, dimension = shape[3] * multiplier, int(np.prod(w["taps"])), 3
            weights = bytes_of(r, 1, *w["taps"], outputs)
            fields = window_fields(w, name, case["activation"], multiplier)
        out = [1, rows, columns, outputs]
    s_in, z_in = scale_near(r, 0.05), zero(r)
    scales = [scale_near(r, 0.01) for _ in range(1 if name == "dense" and r.random() < 0.5 else outputs)]
    # So that outputs are spread over their range; in some cases coarse steps, where ties are frequent.
    spread = math.sqrt(fan_in) * 74 * 74 / (60 if r.random() < 0.7 else 3)
    s_out = scale_near(r, float(s_in) * float(scales[0]) * spread)
    bias, z_out = None, zero(r)
    x = bytes_of(r, *shape)
    constants = [(weights, INT8, scales, [0] * len(scales), dimension)]
    # LiteRT refuses a convolution of int8 without a bias.
    if name == "conv" or r.random() < 0.8:
        bias = r.integers(-20000, 20000, outputs).astype(np.int32)
        if r.random() < 0.4:
            s_out, bias = near_ties(r, name, case, x, weights, s_in, z_in, scales, s_out)
        bias_scales = [np.float32(s_in) * s for s in scales]
        constants.append((bias, INT32, bias_scales, [0] * len(scales), 0))
    elif name == "dense":
        # Converters write -1; depthwise convolutions without a bias have two inputs.
        constants.append(None)
    return case | dict(weights=weights, weight_scales=scales, bias=None if bias is None else bias.tolist()), [
        (shape, INT8, s_in, z_in)], constants, (out, INT8, s_out, z_out), fields, [x]


def near_ties(r, name, case, x, weights, s_in, z_in, scales, s_out):
    """An output scale and biases with which the sums at the first position are large and next to a tie of the output: what is lost of a multiplier shows."""
    s_out = np.float32(s_out * 2.0 ** r.integers(6, 14))
    seen = (x.astype(np.int64) - z_in)[0]
    if name != "dense":
        (kh, kw), (dy, dx), (top, left, *_) = case["taps"], case["dilations"], case["padding"]
        patch = np.zeros((kh, kw, seen.shape[2]), np.int64)
        for i in range(kh):
            for j in range(kw):
                row, column = i * dy - top, j * dx - left
                if 0 <= row < seen.shape[0] and 0 <= column < seen.shape[1]:
                    patch[i, j] = seen[row, column]
        seen = patch
    w = weights.astype(np.int64)
    if name == "depthwise":
        outputs = w.shape[3]
        sums = (np.repeat(seen, outputs // seen.shape[2], axis=2) * w[0]).sum((0, 1))
    else:
        outputs = len(w)
        sums = (w * seen).reshape(outputs, -1).sum(1)
    biases = []
    for i, total in enumerate(sums):
        m = float(s_in) * float(scales[i % len(scales)]) / float(s_out)
        most = min(100, int(m * 2.0 ** 30))
        tie = (int(r.integers(-most, most + 1)) + 0.5) / m
        biases.append(int(np.clip(round(tie) + r.integers(-1, 2) - int(total), -2 ** 31 + 1, 2 ** 31 - 1)))
    return s_out, np.array(biases, np.int32)


def scale_at_tie(r, factor, steps):
    """An output scale with which a number of steps of the size `factor` comes next to where the output changes."""
    if not steps:
        return np.float32(factor)
    steps = abs(int(steps))
    m = (int(r.integers(0, 100)) + 0.5) / steps
    # The product with a factor below 1/2 is rounded to an integer before it is shifted, and the tie of the shift begins half a step below.
    shift = max(0, -math.frexp(m)[1])
    return np.float32(factor / (m - 2.0 ** -(shift + 1) / steps if shift else m))


def pool(r, name):
    shape, activation = image(r), int(r.choice(ACTIVATIONS))
    w, rows, columns = window(r, shape, pool=True)
    s, z = scale_near(r, 0.05), zero(r)
    return w | dict(activation=activation), [(shape, INT8, s, z)], [], ([1, rows, columns, shape[3]], INT8, s, z), \
        window_fields(w, name, activation)


def pairs(r, name):
    shape, activation = image(r, small=True), int(r.choice(ACTIVATIONS))
    other = list(shape)
    if r.random() < 0.4:
        other = [n if r.random() < 0.5 else 1 for n in shape]
    s = [scale_near(r, 0.05), scale_near(r, 0.05)]
    if name == "add":
        s_out = scale_near(r, 2 * float(max(s)))
    else:
        s_out = scale_near(r, float(s[0]) * float(s[1]) * r.choice([40, 4]))
    inputs = [(shape, INT8, s[0], zero(r)), (other, INT8, s[1], zero(r))]
    if r.random() < 0.5:
        inputs.reverse()
    x = [bytes_of(r, *shape) for shape, *_ in inputs]
    d = [int(x.flat[0]) - z for x, (*_, z) in zip(x, inputs)]
    if name == "multiply" and r.random() < 0.4:
        s_out = scale_at_tie(r, float(s[0]) * float(s[1]), d[0] * d[1])
    elif r.random() < 0.4:
        found = np.float32(abs(sum(n * float(s) for n, (_, _, s, _) in zip(d, inputs))) / (int(r.integers(0, 100)) + 0.5))
        # The interpreters end where the factor of a sum is 1 or more.
        s_out = max(found, np.float32(max(s) / 2 ** 16))
    return dict(activation=activation), inputs, [], (shape, INT8, s_out, zero(r)), [(0, "i8", activation)], x


def single(r, name):
    shape = image(r)
    every = name not in ("softmax", "quantise", "dequantise") and r.random() < 0.5
    if every:
        shape = [1, 8, 8, 4]
    s, z, s_out, z_out, case, fields = scale_near(r, 0.05), zero(r), None, zero(r), {}, []
    if name in ("logistic", "tanh"):
        s = scale_near(r, math.exp(r.uniform(-6, 2.5)))
        s_out, z_out = (np.float32(1 / 256), -128) if name == "logistic" else (np.float32(1 / 128), 0)
    elif name == "softmax":
        s = scale_near(r, math.exp(r.uniform(-6, 1)))
        s_out, z_out, beta = np.float32(1 / 256), -128, np.float32(r.choice([1, 1, 0.5, 1.7]))
        case, fields = dict(beta=beta), [(0, "f32", float(beta))]
    elif name in ("relu", "relu6", "requantise", "leaky_relu"):
        s_out = scale_near(r, float(s) * r.choice([1, 0.3, 3]))
        if r.random() < 0.4:
            s_out = s if r.random() < 0.5 else scale_at_tie(r, float(s), int(r.integers(1, 256)))
        if name == "leaky_relu":
            alpha = np.float32(r.choice([0.25, 0.01, 0.1, r.uniform(0, 1)]))
            case, fields = dict(alpha=alpha), [(0, "f32", float(alpha))]
    elif name == "hard_swish":
        s_out = scale_near(r, float(s))
        s_out = max(s_out, np.float32(s / 100))
        if r.random() < 0.4:
            # The multiplier of 16 bits is next to a tie.
            s_out = np.float32(float(s) / ((int(r.integers(2 ** 14, 2 ** 15)) + 0.5) / 2 ** 15))
    values = r.permutation(256).reshape(shape).astype(np.uint8).view(np.int8) if every else bytes_of(r, *shape)
    kinds = (INT8, INT8)
    if name == "quantise":
        s_out, kinds = scale_near(r, 0.05), (FLOAT, INT8)
        values = (r.normal(0, 60, shape) * s_out).astype(np.float32)
        # Halves of steps, and the neighbours of one half.
        steps = r.integers(-130, 130, shape).astype(np.float32) + np.float32(0.5)
        values = np.where(r.random(shape) < 0.4, (steps * s_out).astype(np.float32), values)
        values = np.where(r.random(shape) < 0.05, np.nextafter(s_out / 2, np.float32(0), dtype=np.float32), values)
    elif name == "dequantise":
        s_out, z_out, kinds = np.float32(1), 0, (INT8, FLOAT)
    return case, [(shape, kinds[0], s, z)], [], (shape, kinds[1], s_out, z_out), fields, [values]


def mean(r, name):
    shape = image(r)
    axes = [[1, 2], [2, 1], [1], [2], [3], [2, 3], [1, 2, 3], [-1]][r.integers(0, 8)]
    keep = bool(r.random() < 0.5)
    reduced = {a % 4 for a in axes}
    out = [1 if i in reduced else n for i, n in enumerate(shape) if keep or i not in reduced]
    s = scale_near(r, 0.05)
    s_out = s if r.random() < 0.3 else scale_near(r, float(s) * 0.5)
    z, x = zero(r), bytes_of(r, *shape)
    if r.random() < 0.6:
        first = x[tuple(slice(None) if i in reduced else slice(1) for i in range(4))].astype(np.int64) - z
        s_out = max(scale_at_tie(r, float(s) / first.size, first.sum()), np.float32(s / 1000))
    return dict(axes=axes), [(shape, INT8, s, z)], [(np.array(axes, np.int32), INT32, (), (), 0)], \
        (out, INT8, s_out, zero(r)), [(0, "bool", keep)], [x]


def moved(r, name):
    shape, s, z, constants = image(r, small=True), scale_near(r, 0.05), zero(r), []
    inputs = [(shape, INT8, s, z)]
    if name == "pad":
        pads = r.integers(0, 3, (4, 2)).astype(np.int32)
        pads[0] = 0
        case, constants = dict(pads=pads[1:].tolist()), [(pads, INT32, (), (), 0)]
        out, fields = [int(n + p.sum()) for n, p in zip(shape, pads)], []
    elif name == "concat":
        a = int(r.integers(1, 4))
        other = list(shape)
        other[a] = int(r.integers(1, 5))
        inputs.append((other, INT8, s, z))
        out = list(shape)
        out[a] += other[a]
        case, fields = dict(axis=a), [(0, "i32", a if r.random() < 0.5 else a - 4), (1, "i8", 0)]
    else:
        out = [1, int(np.prod(shape))]
        case, fields, constants = {}, [], [(np.array(out, np.int32), INT32, (), (), 0)]
    return case, inputs, constants, (out, INT8, s, z), fields


def drawn(r, name):
    if name in ("conv", "depthwise", "dense"):
        return weighted(r, name)
    if name in ("average_pool", "max_pool"):
        return pool(r, name)
    if name in ("add", "multiply"):
        return pairs(r, name)
    if name in ("pad", "concat", "reshape"):
        return moved(r, name)
    return mean(r, name) if name == "mean" else single(r, name)


def hexed(array):
    return None if array is None else np.ascontiguousarray(array).tobytes().hex()


def word(x):
    return np.float32(x).tobytes()[::-1].hex()


def case_of(seed, name, number):
    r = np.random.default_rng([seed, sorted(OPERATORS).index(name), number])
    case, inputs, constants, output, fields, *rest = drawn(r, name)
    values = rest[0] if rest else [bytes_of(r, *shape) for shape, *_ in inputs]
    file = model(name, inputs, constants, output, fields)
    of = lambda t: dict(shape=t[0], scale=word(t[2]), zero=t[3])
    for key in ("beta", "alpha"):
        if key in case:
            case[key] = word(case[key])
    if "weights" in case:
        case["weights"] = hexed(case["weights"])
        case["weight_scales"] = [word(s) for s in case["weight_scales"]]
    case.pop("same", None)
    with quiet():
        ours, theirs = tflm(file, values), litert(file, values)
    return dict(op=name, number=number) | case | dict(
        inputs=[of(t) for t in inputs], output=of(output), x=[hexed(v) for v in values],
        tflm=hexed(ours), litert=hexed(theirs))


def main(file, cases=10, seed=1):
    found = [case_of(int(seed), name, number) for name in sorted(OPERATORS) for number in range(int(cases))]
    for name in sorted(OPERATORS):
        of = [case for case in found if case["op"] == name]
        refused = {i: sum(case[i] is None for case in of) for i in ("tflm", "litert")}
        print(f"{name}: {len(of)} cases, refused by tflm {refused['tflm']}, by litert {refused['litert']}")
    text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in found) + "\n]\n"
    part = Path(file).with_suffix(".part")
    part.write_text(text)
    part.replace(file)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
