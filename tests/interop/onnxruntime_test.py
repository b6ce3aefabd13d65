# SPDX-License-Identifier: Apache-2.0
"""Real models made int8 by octet: how near they are to float, whether rows
depend on batch or threads, and what ONNX Runtime makes of the same files."""

import os
import pathlib
import shutil
import tempfile
import unittest

import numpy as np
import onnxruntime

import programs

SHARED = pathlib.Path(os.environ.get("OCTET_SHARED", "."))
HAVE_DATA = (SHARED / "data" / "CATALOGUE.md").exists()
if HAVE_DATA:
    import models

# What counts as equal to a bar, besides one row.
EQUAL_DB = 0.3
# The least that two honest engines agree on one int8 file.
ENGINES_AGREEMENT = 0.98
ENGINES_SQNR_DB = 28


def sqnr_db(reference: np.ndarray, other: np.ndarray) -> float:
    reference = reference.astype(np.float64)
    noise = ((reference - other) ** 2).sum()
    return 10 * np.log10((reference**2).sum() / max(noise, 1e-300))


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    rows = len(one)
    classes = one.reshape(rows, -1).argmax(axis=1)
    return (classes == other.reshape(rows, -1).argmax(axis=1)).mean()


def has_exact_int8_products() -> bool:
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        flags = cpuinfo.read()
    return "avx512_vnni" in flags or "avx_vnni" in flags


def run_onnxruntime(
    path: pathlib.Path, rows: np.ndarray, optimized: bool
) -> np.ndarray:
    """The first output, computed a row at a time: some files fix batch 1.

    Not optimized, ONNX Runtime does what the file says, one operator after
    the other.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    if not optimized:
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        )
    if not has_exact_int8_products():
        # Without VNNI, ONNX Runtime's u8 x s8 kernels add pairs of products
        # in 16 bits and saturate; this asks for exact ones, as ours are.
        options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(path), options)
    name = session.get_inputs()[0].name
    answers = [session.run(None, {name: row[None]})[0] for row in rows]
    return np.concatenate(answers)


@unittest.skipUnless(
    HAVE_DATA, f"{SHARED}/data is not there (OCTET_SHARED names its parent)"
)
class RealModelsTest(unittest.TestCase):
    """Each test takes every model, and says which one failed."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet_models_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.quantized = {}
        cls.answers = {}

    def evaluation_file(self, model) -> pathlib.Path:
        path = self.folder / f"{model.name}_evaluation.npy"
        if not path.exists():
            np.save(path, model.evaluation())
        return path

    def int8(self, model) -> pathlib.Path:
        """The model's int8 version, made by the first test that wants it."""
        if model.name not in self.quantized:
            calibration = self.folder / "calibration.npy"
            np.save(calibration, model.calibration())
            path = self.folder / f"{model.name}_int8.onnx"
            programs.run_json(
                "octet-model",
                "quantize",
                model.path,
                "--calibration",
                f"{model.input}={calibration}",
                "--output",
                path,
                "--threads",
                "2",
            )
            self.quantized[model.name] = path
        return self.quantized[model.name]

    def run_octet(self, model, rows: pathlib.Path, *flags: str) -> np.ndarray:
        """The first output of the int8 version."""
        folder = self.folder / "answers"
        shutil.rmtree(folder, ignore_errors=True)
        done = programs.run(
            "octet-model",
            "run",
            self.int8(model),
            "--input",
            f"{model.input}={rows}",
            "--output-dir",
            folder,
            *flags,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        files = sorted(folder.iterdir())
        self.assertEqual(len(files), 1, files)
        return np.load(files[0])

    def compare_with_float(self, model) -> dict:
        arguments = ["compare", model.path, self.int8(model), "--threads", "2"]
        arguments += [
            "--input",
            f"{model.input}={self.evaluation_file(model)}",
        ]
        if model.labels() is not None:
            arguments += ["--labels", models.INPUTS / model.samples.labels]
        if model.drop_first_class:
            arguments += ["--drop-first-class"]
        return programs.run_json("octet-model", *arguments)

    def test_int8_is_as_near_to_float_as_the_bars_ask(self):
        for model in models.MODELS:
            with self.subTest(model.name):
                found = self.compare_with_float(model)
                print(f"\n  {model.name}: {found}")
                row = 1 / found["rows"]
                if model.keeps_top1:
                    loss = found["top1_a"] - found["top1_b"]
                    self.assertLessEqual(loss, 0.01 + 1e-9)
                if model.bar is not None:
                    apart = (1 + model.bar.samples_short) * row
                    least = model.bar.agreement - apart - 1e-9
                    self.assertGreaterEqual(found["agreement"], least)
                    least = model.bar.sqnr_db - EQUAL_DB
                    self.assertGreaterEqual(found["sqnr_db"], least)

    def test_int8_rows_do_not_depend_on_batch_or_threads(self):
        for model in models.MODELS:
            with self.subTest(model.name):
                rows = self.folder / "few.npy"
                np.save(rows, model.evaluation()[:13])
                flags = ("--max-batch", "1", "--threads", "1")
                alone = self.run_octet(model, rows, *flags)
                for batch, threads in [("3", "1"), ("8", "2"), ("13", "3")]:
                    flags = ("--max-batch", batch, "--threads", threads)
                    np.testing.assert_array_equal(
                        self.run_octet(model, rows, *flags), alone
                    )

    def judge(self, model, optimized: bool, same: float, decibels: float):
        # What the file says is the judge, as in the reference answers of the
        # float models. ONNX Runtime's own optimizations change the roundings
        # of mobilenetv2 by as much as the bars allow: of those, only the
        # noise is judged.
        if not model.engines_agree:
            return
        self.assertGreaterEqual(decibels, ENGINES_SQNR_DB)
        if model.classifies and not optimized:
            self.assertGreaterEqual(same, ENGINES_AGREEMENT)

    def test_onnxruntime_agrees_on_our_int8_files(self):
        for model in models.MODELS:
            with self.subTest(model.name):
                path = self.evaluation_file(model)
                ours = self.run_octet(model, path, "--threads", "2")
                rows = np.load(path)
                for optimized in [False, True]:
                    theirs = run_onnxruntime(
                        self.int8(model), rows, optimized
                    )
                    same = agreement(theirs, ours)
                    decibels = sqnr_db(theirs, ours)
                    print(
                        f"\n  {model.name}, "
                        f"{'' if optimized else 'not '}optimized: "
                        f"{same:.4f}, {decibels:.1f} dB"
                    )
                    self.judge(model, optimized, same, decibels)


if __name__ == "__main__":
    unittest.main()
