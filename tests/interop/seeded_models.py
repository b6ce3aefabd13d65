# SPDX-License-Identifier: Apache-2.0
"""Small models with seeded weights, of operators that the trained ones beside
the repository do not have, as exporters of today write them (opset 20)."""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20


class Writer:
    """Collects nodes and weights; each method returns its output's name."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, values, dtype=np.float32) -> str:
        name = f"c{len(self.weights)}"
        tensor = numpy_helper.from_array(np.array(values, dtype), name)
        self.weights.append(tensor)
        return name

    def numbers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def add(self, op: str, *inputs: str, outputs=None, **attributes) -> str:
        outputs = outputs or [f"v{len(self.nodes)}"]
        self.nodes.append(
            helper.make_node(
                op, inputs, outputs, name=f"{op}_{len(self.nodes)}", **attributes
            )
        )
        return outputs[0]

    def random_weights(self, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:]))
        return self.constant(self.random.standard_normal(shape) / np.sqrt(fan_in))

    def gates(self, directions: int, rows: int, depth: int) -> str:
        weights = self.random.standard_normal((directions, rows, depth))
        return self.constant(weights / np.sqrt(depth))

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        weights = self.random.standard_normal((inputs, outputs)) / np.sqrt(inputs)
        product = self.add("MatMul", x, self.constant(weights))
        bias = self.random.normal(0, 0.05, outputs)
        return self.add("Add", product, self.constant(bias))

    def normalize(self, x: str, channels: int) -> str:
        scale = self.constant(self.random.uniform(0.5, 1.5, channels))
        bias = self.constant(self.random.normal(0, 0.1, channels))
        return self.add("LayerNormalization", x, scale, bias, axis=-1)

    def save(self, path: pathlib.Path, shape: list, outputs: dict) -> None:
        """Of one input x; `outputs` has the type of each by name."""
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [
                helper.make_tensor_value_info(name, type_, None)
                for name, type_ in outputs.items()
            ],
            self.weights,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9
        )
        onnx.save(onnx.shape_inference.infer_shapes(model), path)


def _attention(writer: Writer, x: str, channels: int, heads: int) -> str:
    size = channels // heads

    def split(part: str, order: list[int]) -> str:
        shape = writer.numbers(0, -1, heads, size)
        return writer.add("Transpose", writer.add("Reshape", part, shape), perm=order)

    query = split(writer.linear(x, channels, channels), [0, 2, 1, 3])
    key = split(writer.linear(x, channels, channels), [0, 2, 3, 1])
    value = split(writer.linear(x, channels, channels), [0, 2, 1, 3])
    scores = writer.add("MatMul", query, key)
    scores = writer.add("Mul", scores, writer.constant(size**-0.5))
    mixed = writer.add("MatMul", writer.add("Softmax", scores, axis=-1), value)
    joined = writer.add("Transpose", mixed, perm=[0, 2, 1, 3])
    joined = writer.add("Reshape", joined, writer.numbers(0, -1, channels))
    return writer.linear(joined, channels, channels)


def write_vision_transformer(path: pathlib.Path) -> None:
    """Dosovitskiy et al. 2020, section 3.1, tiny: a class token before the
    patches, LayerNormalization and Gelu as operators of their own."""
    channels = 48
    writer = Writer(seed=1)
    x = writer.add(
        "Conv", "x", writer.random_weights(channels, 3, 8, 8), strides=[8, 8]
    )
    x = writer.add("Reshape", x, writer.numbers(0, channels, -1))
    x = writer.add("Transpose", x, perm=[0, 2, 1])
    rows = writer.add("Shape", "x", start=0, end=1)
    shape = writer.add("Concat", rows, writer.numbers(1, channels), axis=0)
    token = writer.random_weights(1, 1, channels)
    x = writer.add("Concat", writer.add("Expand", token, shape), x, axis=1)
    x = writer.add("Add", x, writer.random_weights(1, 17, channels))
    for _ in range(2):
        inner = _attention(writer, writer.normalize(x, channels), channels, heads=4)
        x = writer.add("Add", x, inner)
        inner = writer.linear(writer.normalize(x, channels), channels, 4 * channels)
        inner = writer.linear(writer.add("Gelu", inner), 4 * channels, channels)
        x = writer.add("Add", x, inner)
    x = writer.add("Gather", x, writer.constant(0, np.int64), axis=1)
    x = writer.linear(writer.normalize(x, channels), channels, 10)
    writer.add("Identity", x, outputs=["logits"])
    writer.add("ArgMax", x, axis=1, keepdims=0, outputs=["class"])
    writer.save(
        path,
        ["N", 3, 32, 32],
        {"logits": TensorProto.FLOAT, "class": TensorProto.INT64},
    )


def write_perceptron(path: pathlib.Path) -> None:
    """Dense layers between activations that have no other model here, with the
    three largest answers as values and indices."""
    writer = Writer(seed=2)
    x = writer.linear("x", 64, 64)
    x = writer.linear(writer.add("Gelu", x, approximate="tanh"), 64, 64)
    x = writer.linear(writer.add("HardSwish", x), 64, 64)
    x = writer.linear(writer.add("Celu", x, alpha=0.7), 64, 64)
    x = writer.linear(writer.add("Selu", x), 64, 64)
    positive = writer.add("Greater", x, writer.constant(0))
    x = writer.add("Where", positive, x, writer.add("Mish", x))
    x = writer.add("CumSum", writer.linear(x, 64, 10), writer.constant(1, np.int32))
    writer.add(
        "TopK", x, writer.numbers(3), axis=1, outputs=["largest", "indices"]
    )
    writer.add("Identity", x, outputs=["sums"])
    writer.save(
        path,
        ["N", 64],
        {
            "sums": TensorProto.FLOAT,
            "largest": TensorProto.FLOAT,
            "indices": TensorProto.INT64,
        },
    )


def write_steps_first_attention(path: pathlib.Path) -> None:
    """As PyTorch exports nn.MultiheadAttention: steps in front of the batch, a
    projection on both as one axis, heads beside the batch on another."""
    steps, channels, heads = 10, 32, 4
    writer = Writer(seed=5)
    batch = writer.add("Gather", writer.add("Shape", "x"), writer.numbers(0), axis=0)
    beside_heads = writer.add("Mul", batch, writer.numbers(heads))

    def reshape(x, *parts):
        parts = [p if isinstance(p, str) else writer.numbers(p) for p in parts]
        return writer.add("Reshape", x, writer.add("Concat", *parts, axis=0))

    x = writer.add("Transpose", "x", perm=[1, 0, 2])
    queries, keys, values = (
        writer.add(
            "Transpose",
            reshape(
                writer.linear(x, channels, channels),
                steps,
                beside_heads,
                channels // heads,
            ),
            perm=[1, 0, 2],
        )
        for _ in range(3)
    )
    keys = writer.add("Transpose", keys, perm=[0, 2, 1])
    scores = writer.add("MatMul", queries, keys)
    scores = writer.add("Mul", scores, writer.constant((channels // heads) ** -0.5))
    x = writer.add("MatMul", writer.add("Softmax", scores, axis=-1), values)
    x = writer.add("Transpose", x, perm=[1, 0, 2])
    # Steps and batch on one axis, steps in front.
    x = writer.add("Reshape", x, writer.numbers(-1, channels))
    x = writer.linear(x, channels, channels)
    x = reshape(x, steps, batch, channels)
    x = writer.add("Transpose", x, perm=[1, 0, 2])
    x = writer.normalize(writer.add("Add", x, "x"), channels)
    x = writer.linear(writer.add("Relu", x), channels, 8)
    writer.add("Identity", x, outputs=["marks"])
    writer.save(path, ["N", steps, channels], {"marks": TensorProto.FLOAT})


def write_sequence_classifier(path: pathlib.Path) -> None:
    """Batch first, as PyTorch exports nn.LSTM and nn.GRU: steps in front
    inside, and states of zeros expanded to the batch that came."""
    writer = Writer(seed=4)
    steps = writer.add("Transpose", "x", perm=[1, 0, 2])
    batch = writer.add(
        "Gather", writer.add("Shape", steps), writer.constant(1, np.int64), axis=0
    )
    batch = writer.add("Unsqueeze", batch, writer.numbers(0))
    shape = writer.add(
        "Concat", writer.numbers(1), batch, writer.numbers(28), axis=0
    )
    state = writer.add("Expand", writer.constant(np.zeros((1, 1, 28))), shape)
    writer.add(
        "LSTM",
        steps,
        writer.gates(1, 4 * 28, 12),
        writer.gates(1, 4 * 28, 28),
        writer.random_weights(1, 8 * 28),
        "",
        state,
        state,
        hidden_size=28,
        outputs=["lstm"],
    )
    x = writer.add("Squeeze", "lstm", writer.numbers(1))
    x = writer.add("Relu", writer.linear(x, 28, 16))
    writer.add(
        "GRU",
        x,
        writer.gates(1, 3 * 32, 16),
        writer.gates(1, 3 * 32, 32),
        hidden_size=32,
        linear_before_reset=1,
        outputs=["gru"],
    )
    x = writer.add("Squeeze", "gru", writer.numbers(1))
    last = writer.add("Gather", x, writer.constant(-1, np.int64), axis=0)
    x = writer.linear(last, 32, 8)
    writer.add("Identity", x, outputs=["logits"])
    writer.save(path, ["N", 9, 12], {"logits": TensorProto.FLOAT})


def write_recurrent(path: pathlib.Path) -> None:
    """An LSTM of both directions behind a dense layer, then a GRU, one
    sequence of 12 steps."""
    writer = Writer(seed=3)
    x = writer.add("Relu", writer.linear("x", 24, 32))
    x = writer.add(
        "LSTM",
        x,
        writer.gates(2, 4 * 16, 32),
        writer.gates(2, 4 * 16, 16),
        writer.random_weights(2, 8 * 16),
        hidden_size=16,
        direction="bidirectional",
    )
    x = writer.add("Transpose", x, perm=[0, 2, 1, 3])
    x = writer.add("Reshape", x, writer.numbers(12, 1, 32))
    writer.add(
        "GRU",
        x,
        writer.gates(1, 3 * 16, 32),
        writer.gates(1, 3 * 16, 16),
        hidden_size=16,
        linear_before_reset=1,
        outputs=["", "last"],
    )
    x = writer.add("Squeeze", "last", writer.numbers(0))
    x = writer.linear(x, 16, 8)
    writer.add("Identity", x, outputs=["logits"])
    writer.save(path, [12, 1, 24], {"logits": TensorProto.FLOAT})
