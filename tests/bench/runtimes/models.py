# SPDX-License-Identifier: Apache-2.0
"""The models that are timed, and rows of input for each."""

import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np
import onnx

import encoder
import topologies

SHARED = pathlib.Path(os.environ["OCTET_SHARED"])
DATA = SHARED / "data"
SEED = 20

# Models of the catalogue that aren't timed, and why.
LEFT_OUT = {
    "kwt1_mfcc_frontend": "computes spectra from samples: nothing to quantize",
    "oww_melspectrogram": "computes spectra from samples: nothing to quantize",
    "silero_vad_16k_op15": "control flow: not quantized",
}


@dataclasses.dataclass(frozen=True)
class Model:
    """A float model on disk; `rows(count)` maps each input to an array of that
    many rows, the same ones every time."""

    name: str
    path: pathlib.Path
    rows: Callable[[int], dict[str, np.ndarray]]
    batches: bool = True


def _scaled(file: str, mean, scale, order: str = "RGB") -> Callable:
    """Pictures of a file, [N, 3, H, W], (x - mean) * scale."""

    def rows(count: int) -> np.ndarray:
        pixels = np.load(DATA / "inputs" / file)[:count].astype(np.float32)
        if order == "BGR":
            pixels = pixels[..., ::-1]
        return ((pixels - np.float32(mean)) * np.float32(scale)).transpose(
            0, 3, 1, 2
        )

    return rows


def _kws(count: int) -> np.ndarray:
    codes = np.load(DATA / "inputs" / "kws01_dev_calib_mfcc_i8_49x10_100.npy")
    rows = (codes[:count].astype(np.float32) - 83) * 0.5847029
    return rows.reshape(-1, 1, 49, 10)


def _files(count: int) -> np.ndarray:
    paths = sorted((DATA / "inputs" / "magika_files").glob("*/*"))[:count]
    rows = np.full((count, 2048), 256, np.int32)
    for row, path in zip(rows, paths):
        start = path.read_bytes()[:1024]
        row[: len(start)] = list(start)
    return rows


def _mnist(count: int) -> np.ndarray:
    pixels = np.load(DATA / "inputs" / "mnist_dev_calib_u8_28x28_200.npy")
    return pixels[:count].astype(np.float32)[:, None]


_IMAGENET = "imagenet_dev_calib_u8_nhwc224_100.npy"
_CIFAR = "cifar10_dev_calib_u8_nhwc32_200.npy"
_cifar = _scaled(
    _CIFAR,
    [123.675, 116.28, 103.53],
    [1 / 58.395, 1 / 57.12, 1 / 57.375],
)
_inception = _scaled(_IMAGENET, 127.5, 1 / 127.5)
# What CATALOGUE.md says that each model expects; noise for all others.
_REAL_ROWS = {
    "kws_dscnn_fp32": _kws,
    "magika_standard_v3_3": _files,
    "mnist_cntk": _mnist,
    "mobilenetv1_025_imagenet_fp32": _inception,
    "mobilenetv2_imagenet_fp32": _inception,
    "resnet20_cifar10": _cifar,
    "resnet56_cifar10": _cifar,
    "squeezenet_imagenet_fp32": _scaled(_IMAGENET, [104, 117, 123], 1, "BGR"),
    "tinycnn_cifar10": _cifar,
}
# They have numbers of a single row written into them.
_NOT_BATCHED = {"kwt1_transformer_encoder", "yolox_nano"}
# Inputs that are no noise around 0: pixels.
_RANGES = {"yolox_nano": (0, 255), "fastestdet": (0, 1)}


def _inputs(path: pathlib.Path) -> dict[str, list[int]]:
    """The inputs of a file with their shapes, 0 for open dimensions."""
    graph = onnx.load(path, load_external_data=False).graph
    constants = {value.name for value in graph.initializer}
    return {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in graph.input
        if value.name not in constants
    }


def _rows_of(name: str, path: pathlib.Path, batches: bool) -> Callable:
    def rows(count: int) -> dict[str, np.ndarray]:
        inputs = _inputs(path)
        if name in _REAL_ROWS:
            return {next(iter(inputs)): _REAL_ROWS[name](count)}
        random = np.random.default_rng(SEED)
        low, high = _RANGES.get(name, (-1, 1))
        arrays = {}
        for key, shape in inputs.items():
            shape = [count, *shape[1:]] if batches else [count, *shape]
            arrays[key] = random.uniform(low, high, shape).astype(np.float32)
        return arrays

    return rows


def octet_rows(model: "Model", count: int) -> dict[str, np.ndarray]:
    """The rows as octet takes them: where a model does not batch, a leading 1
    of its own is the axis of rows."""
    return {
        name: values[:, 0]
        if not model.batches and values.shape[1] == 1
        else values
        for name, values in model.rows(count).items()
    }


def open_batch(path: pathlib.Path, to: pathlib.Path) -> None:
    """Writes a model with the leading dimension of its inputs and outputs left
    open: exporters often write a 1 there."""
    model = onnx.load(path)
    graph = model.graph
    constants = {value.name for value in graph.initializer}
    for value in (*graph.input, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.name not in constants and dims and dims[0].dim_value == 1:
            dims[0].dim_param = "N"
    del graph.value_info[:]
    onnx.save(model, to)


def catalogue() -> list[Model]:
    models = []
    for path in sorted((DATA / "models").glob("*.onnx")):
        if path.stem in LEFT_OUT:
            continue
        batches = path.stem not in _NOT_BATCHED
        models.append(
            Model(path.stem, path, _rows_of(path.stem, path, batches), batches)
        )
    return models


def made(folder: pathlib.Path) -> list[Model]:
    """Writes the networks with seeded weights to `folder`."""
    models = []
    for name in topologies.names():
        path = folder / f"{name.removeprefix('test_')}.onnx"
        topologies.write_model(name, path, SEED)
        open_batch(path, path)
        models.append(Model(path.stem, path, _rows_of(path.stem, path, True)))
    for hidden in (768, 384):
        for sequence in (32, 128):
            size = encoder.Encoder(hidden, sequence)
            path = folder / f"{size.name}.onnx"
            encoder.write_encoder(size, path, SEED)
            models.append(
                Model(path.stem, path, _rows_of(path.stem, path, True))
            )
    return models
