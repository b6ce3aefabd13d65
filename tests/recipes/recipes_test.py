# SPDX-License-Identifier: Apache-2.0
"""Octet's answers to exported models, against the frameworks' own.

OCTET_RECIPE_CASES is the folder that the other scripts wrote; every case in it
is a test."""

import json
import os
import pathlib
import tempfile
import unittest

import numpy as np

import programs

# Float models: the tolerance of the catalogue's reference answers; the second
# is in units of the output's largest magnitude.
RELATIVE = 1e-3
ABSOLUTE = 1e-4
# Files with roundings: how far apart honest engines are on the same one.
SQNR_DB = 28.0

CASES = pathlib.Path(os.environ["OCTET_RECIPE_CASES"])


def sqnr_db(expected: np.ndarray, got: np.ndarray) -> float:
    expected = expected.astype(np.float64)
    noise = np.sum((expected - got) ** 2)
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(np.sum(expected**2) / noise))


class RecipesTest(unittest.TestCase):
    """One test for each case; they are added below."""

    maxDiff = None

    def answers(self, folder: pathlib.Path, case: dict, backend: str) -> dict:
        inputs = [
            f"--input={name}={folder / file}"
            for name, file in case["inputs"].items()
        ]
        with tempfile.TemporaryDirectory() as outputs:
            done = programs.run(
                "octet-model",
                "run",
                folder / "model.onnx",
                *inputs,
                "--output-dir",
                outputs,
                "--backend",
                backend,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            return {
                name: np.load(
                    pathlib.Path(outputs)
                    / (name.replace("/", "_").replace(":", "_") + ".npy")
                )
                for name in case["outputs"]
            }

    def judge(self, case: dict, expected: np.ndarray, got: np.ndarray) -> str:
        self.assertEqual(expected.shape, got.shape)
        if not case["quantized"]:
            largest = np.abs(expected).max()
            np.testing.assert_allclose(
                got, expected, rtol=RELATIVE, atol=ABSOLUTE * largest
            )
            apart = np.abs(got - expected).max() / largest
            return f"{apart:.1e} of the largest"
        if expected.dtype == np.int8:
            # From the zero point, which for probabilities is the lowest.
            expected = expected.astype(np.float32) + 128
            got = got.astype(np.float32) + 128
        decibels = sqnr_db(expected, got)
        self.assertGreaterEqual(decibels, SQNR_DB)
        # Where the framework has two highest answers, either is one.
        picked = np.take_along_axis(expected, got.argmax(-1)[:, None], -1)
        np.testing.assert_array_equal(picked[:, 0], expected.max(-1))
        return f"{decibels:.1f} dB"

    def check(self, folder: pathlib.Path) -> None:
        case = json.loads((folder / "case.json").read_text())
        if "error" in case:
            self.fail(f"the recipe itself failed: {case['error']}")
        done = programs.run(
            "octet-model", "inspect", folder / "model.onnx", "--json"
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        described = json.loads(done.stdout)
        if case["batches"]:
            self.assertTrue(described["batches"], described["why_not_batched"])
        elif not described["batches"]:
            reason = described["why_not_batched"]
            print(f"\n  {folder.name}: does not batch: {reason}", end="")
        for backend in ["default", "reference"]:
            answers = self.answers(folder, case, backend)
            for name, file in case["outputs"].items():
                found = self.judge(
                    case, np.load(folder / file), answers[name]
                )
                print(f"\n  {folder.name}, {backend}: {found}", end="")
        print(" ", end="")


def add_tests() -> None:
    for path in sorted(CASES.glob("*/case.json")):
        folder = path.parent
        name = folder.name.replace("-", "_").replace(".", "_")
        setattr(
            RecipesTest,
            f"test_{name}",
            lambda self, folder=folder: self.check(folder),
        )


add_tests()

if __name__ == "__main__":
    unittest.main()
