# SPDX-License-Identifier: Apache-2.0
"""Whole networks of the ONNX project's light tests, with weights that make
their answers worth comparing.

The files beside the repository make every weight with ConstantOfShape, or hold
one value over and over. Here each becomes a seeded random initializer that
keeps activations within a few powers of ten."""

import os
import pathlib

import numpy as np
import onnx
from onnx import numpy_helper

SHARED = pathlib.Path(os.environ.get("OCTET_SHARED", "../shared")).resolve()
LIGHT = SHARED / "conformance" / "light"
BATCH_NORM_INPUTS = ("data", "scale", "offset", "mean", "variance")


def names() -> list[str]:
    return sorted(path.parent.name for path in LIGHT.glob("*/model.onnx"))


def _weight_shapes(graph: onnx.GraphProto) -> dict[str, list[int]]:
    """The float constants of a graph, and their shapes."""
    constants = {value.name: value for value in graph.initializer}
    shapes = {
        name: list(value.dims)
        for name, value in constants.items()
        if value.data_type == onnx.TensorProto.FLOAT
    }
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            dims = numpy_helper.to_array(constants[node.input[0]])
            shapes[node.output[0]] = dims.tolist()
    return shapes


def _fan_in(node: onnx.NodeProto, shape: list[int]) -> int:
    """How many products an output element of a Conv or Gemm adds up. A weight
    that is reshaped first is [..., outputs, inputs] of a Gemm."""
    if node.op_type == "Reshape":
        return shape[-1]
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    if node.op_type == "Gemm" and not transposed:
        return shape[0]
    return int(np.prod(shape[1:]))


def _draw(
    random: np.random.Generator,
    node: onnx.NodeProto,
    index: int,
    shape: list[int],
) -> np.ndarray:
    """A weight for input `index` of `node`."""
    if node.op_type == "BatchNormalization":
        role = BATCH_NORM_INPUTS[index]
        if role == "scale":
            values = random.uniform(0.5, 1.5, shape)
        elif role == "variance":
            # Large enough that the branches of residual networks, which keep
            # their input's variance otherwise, don't double it each time.
            values = random.uniform(1, 3, shape)
        else:
            values = random.normal(0, 0.1, shape)
    elif (node.op_type, index) in (("Conv", 1), ("Gemm", 1), ("Reshape", 0)):
        deviation = np.sqrt(2 / _fan_in(node, shape))
        values = random.standard_normal(shape, np.float32)
        values *= np.float32(deviation)
    elif node.op_type in ("Conv", "Gemm") and index == 2:
        values = random.normal(0, 0.05, shape)
    else:
        raise ValueError(
            f"input {index} of {node.op_type} '{node.name}' is a constant; "
            f"expected a weight of Conv, Gemm or BatchNormalization"
        )
    return values.astype(np.float32)


def _draw_weights(graph: onnx.GraphProto, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = _weight_shapes(graph)
    weights = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in shapes and name not in weights:
                weights[name] = _draw(random, node, index, shapes[name])
    return weights


def _show_before_softmax(graph: onnx.GraphProto) -> None:
    """Adds the input of the final Softmax to the outputs."""
    last = graph.node[-1]
    if last.op_type != "Softmax":
        raise ValueError(f"the last node is {last.op_type}; expected Softmax")
    before = graph.output.add()
    before.CopyFrom(graph.output[0])
    before.name = last.input[0]


def write_model(name: str, path: pathlib.Path, seed: int) -> None:
    """Writes a topology with weights drawn from `seed` to `path`: hundreds of
    megabytes for some."""
    model = onnx.load(LIGHT / name / "model.onnx")
    graph = model.graph
    weights = _draw_weights(graph, seed)
    _show_before_softmax(graph)
    nodes = [n for n in graph.node if n.op_type != "ConstantOfShape"]
    used = {name for node in nodes for name in node.input}
    kept = [
        value
        for value in graph.initializer
        if value.name in used and value.name not in weights
    ]
    # Those that were inputs, too, stay so, as old exporters have it.
    inputs = [value for value in graph.input if value.name in used]
    for field, values in [
        ("node", nodes),
        ("initializer", kept),
        ("input", inputs),
    ]:
        del getattr(graph, field)[:]
        getattr(graph, field).extend(values)
    for weight, values in weights.items():
        graph.initializer.append(numpy_helper.from_array(values, weight))
    # Before version 4 every initializer has to be an input.
    model.ir_version = 8
    onnx.save(model, path)


def make_rows(path: pathlib.Path, rows: int, seed: int) -> np.ndarray:
    """Input rows for a model that write_model() wrote."""
    graph = onnx.load(path, load_external_data=False).graph
    weights = {value.name for value in graph.initializer}
    shape = next(
        [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in graph.input
        if value.name not in weights
    )
    random = np.random.default_rng(seed)
    return random.standard_normal([rows, *shape[1:]], np.float32)
