# SPDX-License-Identifier: Apache-2.0
"""The trained models and samples beside the repository (not part of it), and
what each model wants of its input."""

import csv
import dataclasses
import json
import os
import pathlib
from typing import Callable, Optional

import numpy as np

DATA = pathlib.Path(os.environ["OCTET_SHARED"]).resolve() / "data"
INPUTS = DATA / "inputs"

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)


def _around_zero(pixels: np.ndarray) -> np.ndarray:
    return _channels_first(pixels.astype(np.float32) / 127.5 - 1)


def _normalized(pixels: np.ndarray) -> np.ndarray:
    scaled = pixels.astype(np.float32) / 255
    return _channels_first((scaled - IMAGENET_MEAN) / IMAGENET_DEVIATION)


def _blue_first(pixels: np.ndarray) -> np.ndarray:
    mean = np.array([104, 117, 123], np.float32)
    return _channels_first(pixels[..., ::-1].astype(np.float32) - mean)


def _dequantized(coefficients: np.ndarray) -> np.ndarray:
    real = (coefficients.astype(np.float32) - 83) * np.float32(0.5847029)
    return real.reshape(-1, 1, 49, 10)


def _as_is(values: np.ndarray) -> np.ndarray:
    return values


def _windows(half: int) -> np.ndarray:
    path = INPUTS / "ad01_normal_sample.bin"
    windows = np.fromfile(path, "<f4").reshape(-1, 640)
    middle = len(windows) // 2
    return windows[:middle] if half == 0 else windows[middle:]


def _labels(name: str) -> np.ndarray:
    path = INPUTS / name
    if path.suffix == ".npy":
        return np.load(path)
    with open(path, newline="", encoding="utf-8") as table:
        return np.array([int(row["label"]) for row in csv.DictReader(table)])


@dataclasses.dataclass(frozen=True)
class Samples:
    """Where samples are, and how they become a model's input."""

    calibration: Callable[[], np.ndarray]
    evaluation: Callable[[], np.ndarray]
    labels: Optional[str] = None

    @staticmethod
    def of_files(calibration: str, evaluation: str, labels: str) -> "Samples":
        return Samples(
            lambda: np.load(INPUTS / calibration),
            lambda: np.load(INPUTS / evaluation),
            labels,
        )


IMAGENET = Samples.of_files(
    "imagenet_dev_calib_u8_nhwc224_100.npy",
    "imagenet_dev_eval_u8_nhwc224_200.npy",
    "imagenet_dev_eval_labels.csv",
)
CIFAR10 = Samples.of_files(
    "cifar10_dev_calib_u8_nhwc32_200.npy",
    "cifar10_dev_eval_u8_nhwc32_1000.npy",
    "cifar10_dev_eval_labels.npy",
)
KEYWORDS = Samples.of_files(
    "kws01_dev_calib_mfcc_i8_49x10_100.npy",
    "kws01_dev_eval_mfcc_i8_49x10_300.npy",
    "kws01_dev_eval_labels.npy",
)
MACHINE_SOUND = Samples(lambda: _windows(0), lambda: _windows(1))


@dataclasses.dataclass(frozen=True)
class Bar:
    """What another quantizer reaches with the same method and data."""

    agreement: float  # share of rows with float's class
    sqnr_db: float
    # Evaluation samples by which we are known to miss `agreement`: a debt, not
    # a tolerance (engine/quant/README.md, "Known to fall short").
    samples_short: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """A float model, its samples, and what its int8 version must reach."""

    name: str
    file: str
    input: str
    samples: Samples
    prepare: Callable[[np.ndarray], np.ndarray]
    bar: Optional[Bar] = None
    # Whether int8's top-1 must be within a point of float's.
    keeps_top1: bool = False
    # Class 0 is "background", which the labels do not count.
    drop_first_class: bool = False
    classifies: bool = True
    # Whether two engines must agree on the same int8 file.
    engines_agree: bool = True

    @property
    def path(self) -> pathlib.Path:
        return DATA / "models" / f"{self.file}.onnx"

    def calibration(self) -> np.ndarray:
        return self.prepare(self.samples.calibration())

    def evaluation(self) -> np.ndarray:
        return self.prepare(self.samples.evaluation())

    def labels(self) -> Optional[np.ndarray]:
        name = self.samples.labels
        return None if name is None else _labels(name)


MODELS = [
    Model(
        "squeezenet",
        "squeezenet_imagenet_fp32",
        "data_0",
        IMAGENET,
        _blue_first,
        bar=Bar(0.970, 19.7, samples_short=1),
        keeps_top1=True,
    ),
    Model(
        "mobilenetv2",
        "mobilenetv2_imagenet_fp32",
        "input",
        IMAGENET,
        _around_zero,
        bar=Bar(0.965, 25.9),
        keeps_top1=True,
        drop_first_class=True,
    ),
    # Nine decibels from float in any engine so far, so that engines differ
    # from each other too: its figures are printed, not judged.
    Model(
        "mobilenetv1_025",
        "mobilenetv1_025_imagenet_fp32",
        "input",
        IMAGENET,
        _around_zero,
        bar=Bar(0.655, 9.1),
        drop_first_class=True,
        engines_agree=False,
    ),
    Model(
        "resnet20",
        "resnet20_cifar10",
        "input",
        CIFAR10,
        _normalized,
        bar=Bar(0.981, 28.8),
        keeps_top1=True,
    ),
    Model(
        "resnet56",
        "resnet56_cifar10",
        "input",
        CIFAR10,
        _normalized,
        bar=Bar(0.986, 27.7),
        keeps_top1=True,
    ),
    Model("kws_dscnn", "kws_dscnn_fp32", "input", KEYWORDS, _dequantized),
    Model(
        "ad01",
        "ad01_autoencoder_fp32",
        "input",
        MACHINE_SOUND,
        _as_is,
        classifies=False,
    ),
]


_FILES = INPUTS / "magika_files"


def file_type_config() -> dict:
    """What magika wants of a file, and the types that it knows."""
    return json.loads((_FILES / "config.min.json").read_text())


def typed_files() -> list[pathlib.Path]:
    """Files in folders that are called by their types."""
    return sorted(path for path in _FILES.glob("*/*") if path.is_file())


def file_features(path: pathlib.Path) -> np.ndarray:
    """The start and the end of a file, each without the space around it."""
    config = file_type_config()
    content = path.read_bytes()
    size = config["beg_size"]
    start = content[: config["block_size"]].lstrip()[:size]
    end = content[-config["block_size"] :].rstrip()[-size:]
    features = np.full(2 * size, config["padding_token"], np.int32)
    features[: len(start)] = list(start)
    features[2 * size - len(end) :] = list(end)
    return features
