# SPDX-License-Identifier: Apache-2.0
"""The models of the comparison with their samples, preprocessed as each wants
them; the files lie beside the repository (OCTET_SHARED, else ../shared)."""

import csv
import dataclasses
import os
import pathlib

import numpy as np

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DATA = (
    pathlib.Path(os.environ.get("OCTET_SHARED", REPOSITORY / "../shared"))
    / "data"
)


@dataclasses.dataclass
class Model:
    """A float model; samples are [n, ...] float32, labels count from 0."""

    name: str
    path: pathlib.Path
    calibration: np.ndarray
    evaluation: np.ndarray
    labels: np.ndarray
    drop_first_class: bool


def pictures(data: np.ndarray, mean, scale, reverse: bool) -> np.ndarray:
    """uint8 [n, H, W, 3] RGB -> float32 [n, 3, H, W], (x - mean) * scale."""
    if reverse:
        data = data[..., ::-1]
    values = (data.astype(np.float64) - mean) * scale
    return np.ascontiguousarray(
        values.transpose(0, 3, 1, 2).astype(np.float32)
    )


def labels_of(path: pathlib.Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.load(path).astype(np.int64).reshape(-1)
    with open(path, newline="", encoding="utf-8") as file:
        return np.array([int(row["label"]) for row in csv.DictReader(file)])


MEAN = 255 * np.array([0.485, 0.456, 0.406])
SCALE = 1 / (255 * np.array([0.229, 0.224, 0.225]))


def normalized(data):
    return pictures(data, MEAN, SCALE, False)


def minus_one_to_one(data):
    return pictures(data, 127.5, 1 / 127.5, False)


def bgr_minus_mean(data):
    return pictures(data, np.array([104.0, 117.0, 123.0]), 1.0, True)


def speech(data):
    values = (data.reshape(-1, 1, 49, 10).astype(np.float64) - 83) * 0.5847029
    return values.astype(np.float32)


def digits(data):
    return data.reshape(-1, 1, 28, 28).astype(np.float32)


# Stem of the sample files, sizes in their names, and where the labels are.
IMAGENET = ("imagenet_dev_{}_u8_nhwc224_{}.npy", 100, 200,
            "imagenet_dev_eval_labels.csv")
CIFAR10 = ("cifar10_dev_{}_u8_nhwc32_{}.npy", 200, 1000,
           "cifar10_dev_eval_labels.npy")
SPEECH = ("kws01_dev_{}_mfcc_i8_49x10_{}.npy", 100, 300,
          "kws01_dev_eval_labels.npy")
DIGITS = ("mnist_dev_{}_u8_28x28_{}.npy", 200, 1800,
          "mnist_dev_eval_labels.npy")

# File, samples, preprocessing, whether class 0 is the background.
MODELS = {
    "squeezenet": ("squeezenet_imagenet_fp32", IMAGENET, bgr_minus_mean,
                   False),
    "mobilenetv1_025": ("mobilenetv1_025_imagenet_fp32", IMAGENET,
                        minus_one_to_one, True),
    "mobilenetv2": ("mobilenetv2_imagenet_fp32", IMAGENET, minus_one_to_one,
                    True),
    "resnet20": ("resnet20_cifar10", CIFAR10, normalized, False),
    "resnet56": ("resnet56_cifar10", CIFAR10, normalized, False),
    "tinycnn": ("tinycnn_cifar10", CIFAR10, normalized, False),
    "kws_dscnn": ("kws_dscnn_fp32", SPEECH, speech, False),
    "mnist": ("mnist_cntk", DIGITS, digits, False),
}


def read(name: str) -> Model:
    file, (stem, calibration, evaluation, labels), form, drop = MODELS[name]
    inputs = DATA / "inputs"
    return Model(
        name,
        DATA / "models" / f"{file}.onnx",
        form(np.load(inputs / stem.format("calib", calibration))),
        form(np.load(inputs / stem.format("eval", evaluation))),
        labels_of(inputs / labels),
        drop,
    )
