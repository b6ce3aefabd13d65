# SPDX-License-Identifier: Apache-2.0
"""Two int8 versions of the sample model, and what each answers offline.

A row's int8 answer is the same bytes whatever it is computed with, so the
answers of a server are compared byte for byte."""

import pathlib

import numpy as np

import programs


class Version:
    """An int8 model file, and its answers to `images`, row by row."""

    def __init__(self, path: pathlib.Path, images: np.ndarray):
        self.path = path
        folder = path.with_suffix(".answers")
        rows = path.with_suffix(".npy")
        np.save(rows, images)
        programs.run_json(
            "octet-model",
            "run",
            path,
            "--input",
            f"{programs.SAMPLE_INPUT}={rows}",
            "--output-dir",
            folder,
        )
        self.answers = np.load(folder / f"{programs.SAMPLE_OUTPUT}.npy")
        self._bytes = [answer.tobytes() for answer in self.answers]

    def answers_to(self, rows: list[int]) -> bytes:
        return b"".join(self._bytes[row] for row in rows)


def make_version(
    folder: pathlib.Path, activations: str, images: np.ndarray
) -> Version:
    """Quantizes the sample; `activations` as octet-model wants it."""
    samples = folder / "calibration.npy"
    np.save(samples, programs.sample_images("calibration"))
    path = folder / f"{activations}.onnx"
    programs.run_json(
        "octet-model",
        "quantize",
        programs.SAMPLE_MODEL,
        "--calibration",
        f"{programs.SAMPLE_INPUT}={samples}",
        "--activations",
        activations,
        "--output",
        path,
    )
    return Version(path, images)
