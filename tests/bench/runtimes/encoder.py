# SPDX-License-Identifier: Apache-2.0
"""A transformer encoder with seeded weights (Vaswani et al., "Attention Is All
You Need", 2017, section 3.1, with the normalizations in front), as exporters
write one: primitive nodes, opset 17, batch open."""

import dataclasses
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS = 12
HEADS = 12


@dataclasses.dataclass(frozen=True)
class Encoder:
    """The sizes of one: numbers of channels and of tokens."""

    hidden: int
    sequence: int

    @property
    def name(self) -> str:
        return f"encoder_{self.hidden}x{self.sequence}"


class _Writer:
    """Collects nodes and weights; each method returns its output's name."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def add(self, op: str, *inputs: str, **attributes) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(op, inputs, [name], name=f"{op}_{name}", **attributes)
        )
        return name

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        weights = self.random.standard_normal((inputs, outputs), np.float32)
        weights /= np.float32(np.sqrt(inputs))
        bias = self.random.normal(0, 0.05, outputs).astype(np.float32)
        product = self.add("MatMul", x, self.constant(weights))
        return self.add("Add", product, self.constant(bias))

    def normalize(self, x: str, channels: int) -> str:
        scale = self.random.uniform(0.5, 1.5, channels).astype(np.float32)
        bias = self.random.normal(0, 0.1, channels).astype(np.float32)
        return self.add(
            "LayerNormalization",
            x,
            self.constant(scale),
            self.constant(bias),
            axis=-1,
            epsilon=1e-5,
        )

    def gelu(self, x: str) -> str:
        scaled = self.add("Div", x, self.scalar(np.sqrt(2.0)))
        half = self.add("Add", self.add("Erf", scaled), self.scalar(1.0))
        return self.add("Mul", self.add("Mul", x, half), self.scalar(0.5))

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def heads(self, x: str, size: Encoder, order: list[int]) -> str:
        shape = [0, size.sequence, HEADS, size.hidden // HEADS]
        split = self.add("Reshape", x, self.constant(np.array(shape, np.int64)))
        return self.add("Transpose", split, perm=order)

    def attention(self, x: str, size: Encoder) -> str:
        hidden = size.hidden
        query = self.heads(self.linear(x, hidden, hidden), size, [0, 2, 1, 3])
        key = self.heads(self.linear(x, hidden, hidden), size, [0, 2, 3, 1])
        value = self.heads(self.linear(x, hidden, hidden), size, [0, 2, 1, 3])
        scores = self.add(
            "Div",
            self.add("MatMul", query, key),
            self.scalar(np.sqrt(hidden / HEADS)),
        )
        mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), value)
        joined = self.add(
            "Reshape",
            self.add("Transpose", mixed, perm=[0, 2, 1, 3]),
            self.constant(np.array([0, size.sequence, hidden], np.int64)),
        )
        return self.linear(joined, hidden, hidden)

    def layer(self, x: str, size: Encoder) -> str:
        attended = self.attention(self.normalize(x, size.hidden), size)
        x = self.add("Add", x, attended)
        wide = self.linear(
            self.normalize(x, size.hidden), size.hidden, 4 * size.hidden
        )
        narrow = self.linear(self.gelu(wide), 4 * size.hidden, size.hidden)
        return self.add("Add", x, narrow)


def write_encoder(size: Encoder, path: pathlib.Path, seed: int) -> None:
    """Input "tokens" and output "encoded", both [N, sequence, hidden]."""
    writer = _Writer(seed)
    x = "tokens"
    for _ in range(LAYERS):
        x = writer.layer(x, size)
    x = writer.normalize(x, size.hidden)
    writer.nodes[-1].output[0] = "encoded"
    shape = ["N", size.sequence, size.hidden]
    graph = helper.make_graph(
        writer.nodes,
        size.name,
        [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("encoded", TensorProto.FLOAT, shape)],
        writer.weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, path)
