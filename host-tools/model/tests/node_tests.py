"""Writes ONNX's own tests of single operators as its package makes them: the newest meanings of operators, which the data of distributions lack.

    pip install onnx==1.17.0 numpy==2.1.3
    python node_tests.py FOLDER    writes FOLDER/node/NAME/model.onnx with test_data_set_0/input_I.pb and output_I.pb

Tests of sequences, maps and optional values, and of other domains than ONNX's own, are left out. onnx 1.17.0 has opset 22.
"""
import pathlib
import sys

from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def tensor(value, info):
    """The bytes of a tensor's file, or None for a value that is none."""
    if not info.type.HasField("tensor_type"):
        return None
    proto = value if isinstance(value, TensorProto) else numpy_helper.from_array(value, info.name)
    return proto.SerializeToString()


def main():
    root = pathlib.Path(sys.argv[1]) / "node"
    # Of an operator that is given by name; all of them without one.
    cases = collect_testcases(None)
    written = 0
    for case in cases:
        graph = case.model.graph
        if any(own.domain not in ("", "ai.onnx") for own in case.model.opset_import) or not case.data_sets:
            continue
        inputs, outputs = case.data_sets[0]
        files = {}
        for what, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            files |= {f"{what}_{i}.pb": tensor(value, info) for i, (value, info) in enumerate(zip(values, infos))}
        if None in files.values():
            continue
        folder = root / case.name / "test_data_set_0"
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parent / "model.onnx").write_bytes(case.model.SerializeToString())
        for name, data in files.items():
            (folder / name).write_bytes(data)
        written += 1
    print(written, "tests in", root)


if __name__ == "__main__":
    main()
