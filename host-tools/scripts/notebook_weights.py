"""The weights of notebook 11.1 of Understanding Deep Learning, for `shatterscope probe --weights`.

python3 notebook_weights.py LAYERS OUT.npz    (needs NumPy; draws in the notebook's order, seed 1)
"""
import sys

import numpy as np

layers, path, units = int(sys.argv[1]), sys.argv[2], 200
np.random.seed(1)
draw = lambda *shape: (np.random.normal(size=shape) * np.sqrt(1.0 / units)).astype(np.float32)
tensors = {"stem.weight": draw(units, 1), "readout.weight": draw(1, units), "stem.bias": draw(units)}
draw(1)  # The readout's bias, which no gradient sees.
for layer in range(2, layers + 1):
    tensors[f"hidden.{layer}.weight"] = draw(units, units)
    tensors[f"hidden.{layer}.bias"] = draw(units)
np.savez(path, **tensors)
