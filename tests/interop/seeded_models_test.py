# SPDX-License-Identifier: Apache-2.0
"""Operators that no trained model here has, through octet's quantizer: ONNX
Runtime loads each file and answers as octet does."""

import pathlib
import shutil
import tempfile
import unittest

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

import programs
import seeded_models
from onnxruntime_test import ENGINES_SQNR_DB, has_exact_int8_products, sqnr_db

SAMPLES = 64
# Of int8 to float; random weights spread what rounding costs evenly.
INT8_SQNR_DB = 25


class SeededModelsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet_seeded_"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.random = np.random.default_rng(7)

    def samples(self, name: str, *shape: int) -> pathlib.Path:
        path = self.folder / f"{name}.npy"
        np.save(path, self.random.standard_normal(shape).astype(np.float32))
        return path

    def quantize(self, model: pathlib.Path, *shape: int) -> pathlib.Path:
        calibration = self.samples("calibration", SAMPLES, *shape)
        int8 = model.with_suffix(".int8.onnx")
        programs.run_json(
            "octet-model",
            "quantize",
            model,
            "--calibration",
            f"x={calibration}",
            "--output",
            int8,
        )
        return int8

    def run_octet(self, model: pathlib.Path, rows: pathlib.Path) -> dict:
        folder = self.folder / f"{model.stem}.answers"
        done = programs.run(
            "octet-model", "run", model, "--input", f"x={rows}", "--output-dir", folder
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return {path.stem: np.load(path) for path in folder.iterdir()}

    def run_onnxruntime(self, model: pathlib.Path, rows: pathlib.Path) -> dict:
        options = onnxruntime.SessionOptions()
        if not has_exact_int8_products():
            options.add_session_config_entry("session.x64quantprecision", "1")
        session = onnxruntime.InferenceSession(str(model), options)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, {"x": np.load(rows)})))

    def check(self, write, rows_shape: tuple, sample_shape: tuple) -> None:
        model = self.folder / "model.onnx"
        write(model)
        rows = self.samples("rows", *rows_shape)
        expected = self.run_onnxruntime(model, rows)
        real = self.run_octet(model, rows)
        int8_file = self.quantize(model, *sample_shape)
        int8 = self.run_octet(int8_file, rows)
        theirs = self.run_onnxruntime(int8_file, rows)
        self.assertEqual(set(int8), set(expected))
        for name, wanted in expected.items():
            self.assertEqual(int8[name].shape, wanted.shape)
            if wanted.dtype != np.float32:
                np.testing.assert_array_equal(real[name], wanted)
                continue
            self.assertGreater(sqnr_db(wanted, real[name]), 100)
            self.assertGreater(sqnr_db(wanted, int8[name]), INT8_SQNR_DB)
            self.assertGreater(sqnr_db(theirs[name], int8[name]), ENGINES_SQNR_DB)

    def test_vision_transformer(self):
        image = (3, 32, 32)
        self.check(seeded_models.write_vision_transformer, (16, *image), image)

    def test_perceptron(self):
        self.check(seeded_models.write_perceptron, (16, 64), (64,))

    def test_recurrent(self):
        sequence = (12, 1, 24)
        self.check(seeded_models.write_recurrent, sequence, sequence)

    def check_batches(self, sample_shape: tuple, output: str) -> None:
        """After check(): a row's answer is the same whatever is beside it."""
        facts = programs.run_json("octet-model", "inspect", self.folder / "model.onnx")
        self.assertTrue(facts["batches"], facts)
        int8_file = self.folder / "model.int8.onnx"
        rows = self.samples("rows", 7, *sample_shape)
        together = self.run_octet(int8_file, rows)[output]
        for i in range(7):
            one = self.folder / "one.npy"
            np.save(one, np.load(rows)[i : i + 1])
            alone = self.run_octet(int8_file, one)[output]
            np.testing.assert_array_equal(alone[0], together[i])

    def test_sequence_classifier(self):
        sequence = (9, 12)
        self.check(seeded_models.write_sequence_classifier, (16, *sequence), sequence)
        self.check_batches(sequence, "logits")

    def test_steps_first_attention(self):
        sequence = (10, 32)
        self.check(seeded_models.write_steps_first_attention, (16, *sequence), sequence)
        self.check_batches(sequence, "marks")

    def test_onnxruntimes_dynamic_lstm(self):
        """DynamicQuantizeLSTM: octet rounds the weights alone, so it is closer
        to float than the runtime that wrote the file."""
        model = self.folder / "model.onnx"
        seeded_models.write_sequence_classifier(model)
        rows = self.samples("rows", 16, 9, 12)
        real = self.run_onnxruntime(model, rows)["logits"]
        for weight_type in (QuantType.QInt8, QuantType.QUInt8):
            for per_channel in (False, True):
                int8_file = self.folder / f"{weight_type}_{per_channel}.onnx"
                quantize_dynamic(
                    model,
                    int8_file,
                    op_types_to_quantize=["LSTM"],
                    per_channel=per_channel,
                    weight_type=weight_type,
                )
                theirs = self.run_onnxruntime(int8_file, rows)["logits"]
                ours = self.run_octet(int8_file, rows)["logits"]
                self.assertGreater(sqnr_db(theirs, ours), ENGINES_SQNR_DB)
                self.assertGreater(sqnr_db(real, ours), sqnr_db(real, theirs))


if __name__ == "__main__":
    unittest.main()
