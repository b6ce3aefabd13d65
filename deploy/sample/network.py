# SPDX-License-Identifier: Apache-2.0
"""The network, described once and read twice: by JAX and by the exporter.

`build_classifier` calls the same few layer functions on a `JaxNetwork`, which
computes, and on an `OnnxNetwork`, which writes nodes down. Trained values
live in two flat dictionaries: `weights` (what the optimizer changes) and
`statistics` (running mean and variance of the batch norms).
"""

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_EPSILON = 1e-5  # Added to the variance in a batch norm.
_STATISTICS_MOMENTUM = 0.95  # Share that a running statistic keeps per step.


def build_classifier(net, image, classes):
    """Adds all layers to `net`; returns the logits, [N, classes]."""
    x = net.relu(net.convolve("stem", image, 16, 3))
    x = _add_residual(net, "residual1", x, 32, stride=2)
    x = _add_residual(net, "residual2", x, 32)
    x = _add_residual(net, "residual3", x, 48, stride=2)
    x = _add_separable(net, "separable1", x, 96, 48)
    x = _add_separable(net, "separable2", x, 96, 64, stride=2)
    x = _add_separable(net, "separable3", x, 96, 64)
    x = net.relu6(net.convolve("head", x, 96, 1))
    return net.connect("logits", net.average(x), classes)


def _add_residual(net, name, x, channels, stride=1):
    """Two 3x3 convolutions beside a shortcut, as in ResNet."""
    y = net.relu(net.convolve(f"{name}.conv1", x, channels, 3, stride))
    y = net.convolve(f"{name}.conv2", y, channels, 3)
    if stride != 1:
        x = net.convolve(f"{name}.shortcut", x, channels, 1, stride)
    return net.relu(net.add(f"{name}.add", y, x))


def _add_separable(net, name, x, expanded, channels, stride=1):
    """Widen, filter depthwise, narrow linearly, as in MobileNetV2.

    With stride 1 the input is added back, so it must have `channels`.
    """
    y = net.relu6(net.convolve(f"{name}.expand", x, expanded, 1))
    y = net.relu6(net.convolve_depthwise(f"{name}.depthwise", y, stride))
    y = net.convolve(f"{name}.project", y, channels, 1)
    return net.add(f"{name}.add", y, x) if stride == 1 else y


class JaxNetwork:
    """Computes on activations [N, H, W, C].

    Creates weights under names that it does not know when `seed` is given.
    With `training` the batch norms use the batch's own statistics, and
    `statistics` afterwards holds the moved ones.
    """

    def __init__(self, weights, statistics, training=False, seed=None):
        self.weights = weights
        self.statistics = dict(statistics)
        self._training = training
        self._rng = None if seed is None else np.random.default_rng(seed)

    def convolve(self, name, x, channels, kernel, stride=1):
        weight = self._weight(
            f"{name}.weight", (kernel, kernel, x.shape[-1], channels),
            fan_in=kernel * kernel * x.shape[-1])
        margin = (kernel // 2, kernel // 2)
        y = jax.lax.conv_general_dilated(
            x, weight, (stride, stride), (margin, margin),
            dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return self._normalize(name, y)

    def convolve_depthwise(self, name, x, stride):
        channels = x.shape[-1]
        weight = self._weight(f"{name}.weight", (3, 3, channels), fan_in=9)
        height, width = x.shape[1], x.shape[2]
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        # Nine shifted products: XLA's gradient of a grouped convolution is
        # many times slower on CPUs.
        y = sum(padded[:, i:i + height:stride, j:j + width:stride] *
                weight[i, j] for i in range(3) for j in range(3))
        return self._normalize(name, y)

    def relu(self, x):
        return jax.nn.relu(x)

    def relu6(self, x):
        return jnp.clip(x, 0, 6)

    def add(self, name, x, y):
        del name
        return x + y

    def average(self, x):
        return x.mean(axis=(1, 2))

    def connect(self, name, x, outputs):
        weight = self._weight(
            f"{name}.weight", (x.shape[-1], outputs), fan_in=x.shape[-1])
        return x @ weight + self._constant(f"{name}.bias", outputs, 0)

    def _normalize(self, name, x):
        scale = self._constant(f"{name}.scale", x.shape[-1], 1)
        shift = self._constant(f"{name}.shift", x.shape[-1], 0)
        mean_name, variance_name = f"{name}.mean", f"{name}.variance"
        if self._training:
            mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
            self._move_statistic(mean_name, mean)
            self._move_statistic(variance_name, variance)
        else:
            mean = self.statistics[mean_name]
            variance = self.statistics[variance_name]
        return (x - mean) * (scale * jax.lax.rsqrt(variance + _EPSILON)) + shift

    def _move_statistic(self, name, value):
        old = self.statistics.get(name, value)
        self.statistics[name] = jax.lax.stop_gradient(
            _STATISTICS_MOMENTUM * old + (1 - _STATISTICS_MOMENTUM) * value)

    def _weight(self, name, shape, fan_in):
        if self._rng is not None and name not in self.weights:
            values = self._rng.standard_normal(shape) * np.sqrt(2 / fan_in)
            self.weights[name] = jnp.asarray(values, jnp.float32)
        return self.weights[name]

    def _constant(self, name, count, value):
        if self._rng is not None and name not in self.weights:
            self.weights[name] = jnp.full(count, value, jnp.float32)
        return self.weights[name]


class OnnxNetwork:
    """Writes ONNX nodes for activations [N, C, H, W]; values are names.

    Batch norms stay nodes of their own, as exporters of training frameworks
    leave them.
    """

    def __init__(self, weights, statistics):
        self._values = {k: np.asarray(v) for k, v in weights.items()}
        self._values |= {k: np.asarray(v) for k, v in statistics.items()}
        self._nodes, self._initializers = [], {}

    def convolve(self, name, x, channels, kernel, stride=1):
        del channels
        weight = self._values[f"{name}.weight"].transpose(3, 2, 0, 1)
        return self._add_convolution(name, x, weight, stride, groups=1)

    def convolve_depthwise(self, name, x, stride):
        weight = self._values[f"{name}.weight"].transpose(2, 0, 1)[:, None]
        return self._add_convolution(name, x, weight, stride, len(weight))

    def relu(self, x):
        return self._add_node("Relu", f"{x}.relu", [x])

    def relu6(self, x):
        bounds = [self._add_initializer("relu6.low", np.float32(0)),
                  self._add_initializer("relu6.high", np.float32(6))]
        return self._add_node("Clip", f"{x}.relu6", [x, *bounds])

    def add(self, name, x, y):
        return self._add_node("Add", name, [x, y])

    def average(self, x):
        pooled = self._add_node("GlobalAveragePool", "average", [x])
        return self._add_node("Flatten", "flatten", [pooled], axis=1)

    def connect(self, name, x, outputs):
        del outputs
        weight = self._add_initializer(
            f"{name}.weight", self._values[f"{name}.weight"].T)
        bias = self._add_initializer(
            f"{name}.bias", self._values[f"{name}.bias"])
        return self._add_node("Gemm", name, [x, weight, bias], transB=1)

    def create_model(self, image, logits, size, classes):
        """Returns the checked model from value `image` to value `logits`."""
        graph = helper.make_graph(
            self._nodes, "printed_characters",
            [helper.make_tensor_value_info(
                image, TensorProto.FLOAT, ["batch", 1, size, size])],
            [helper.make_tensor_value_info(
                logits, TensorProto.FLOAT, ["batch", classes])],
            list(self._initializers.values()))
        model = helper.make_model(
            graph, producer_name="octet", ir_version=8,
            opset_imports=[helper.make_opsetid("", 13)])
        onnx.checker.check_model(model, full_check=True)
        return model

    def _add_convolution(self, name, x, weight, stride, groups):
        kernel = weight.shape[2]
        weight_name = self._add_initializer(f"{name}.weight", weight)
        y = self._add_node(
            "Conv", name, [x, weight_name], group=groups,
            kernel_shape=[kernel] * 2, strides=[stride] * 2,
            pads=[kernel // 2] * 4)
        parts = [self._add_initializer(f"{name}.{part}",
                                       self._values[f"{name}.{part}"])
                 for part in ("scale", "shift", "mean", "variance")]
        return self._add_node("BatchNormalization", f"{name}.norm",
                              [y, *parts], epsilon=_EPSILON)

    def _add_node(self, kind, name, inputs, **attributes):
        """Appends a node whose single output carries the node's name."""
        self._nodes.append(
            helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def _add_initializer(self, name, value):
        self._initializers[name] = numpy_helper.from_array(
            np.ascontiguousarray(value, np.float32), name)
        return name
