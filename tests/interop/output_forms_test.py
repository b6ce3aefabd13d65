# SPDX-License-Identifier: Apache-2.0
"""Int8 files with QLinear operators, and models of half precision: octet's
answers beside ONNX Runtime's."""

import pathlib
import shutil
import tempfile
import unittest

import numpy as np
import onnx
import onnxruntime

import onnxruntime_test
import programs

HAVE_DATA = onnxruntime_test.HAVE_DATA
if HAVE_DATA:
    import models

NO_DATA = f"{onnxruntime_test.SHARED}/data is not there (OCTET_SHARED names it)"

# The least that a QLinear file agrees with the QDQ file of the same model: its
# sums of two branches round once more.
FORMS_SQNR_DB = 28
# MobileNetV2 has ten such sums of linear layers, one behind the other, and each
# loses about as much as one of its layers does.
FORMS_SQNR_DB_OF_TEN_SUMS = 27
# Two engines on one float model whose inputs and outputs are float16: its
# numbers have 11 bits, each step of rounding costs a thousandth or less.
FLOAT16_SQNR_DB = 50
# bfloat16 has 8 bits, in the weights too.
BFLOAT16_SQNR_DB = 35
# The least that int8 kws_dscnn keeps of the float model it was made from.
INT8_SQNR_DB = 20

# By model, of how many evaluation samples.
QLINEAR = {"squeezenet": 24, "mobilenetv2": 48, "resnet20": 200, "kws_dscnn": 300}


def octet_answers(path: pathlib.Path, name: str, rows: pathlib.Path):
    """The first output of a model."""
    with tempfile.TemporaryDirectory(prefix="octet_answers_") as folder:
        done = programs.run(
            "octet-model", "run", path, "--input", f"{name}={rows}",
            "--output-dir", folder, "--threads", "2",
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return np.load(sorted(pathlib.Path(folder).iterdir())[0])


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet_forms_"))
        self.addCleanup(shutil.rmtree, self.folder)

    def save(self, name: str, rows: np.ndarray) -> pathlib.Path:
        np.save(self.folder / f"{name}.npy", rows)
        return self.folder / f"{name}.npy"

    def quantize(self, path, name, calibration, form="qdq") -> pathlib.Path:
        output = self.folder / f"{pathlib.Path(path).stem}_{form}.onnx"
        programs.run_json(
            "octet-model", "quantize", path, "--calibration",
            f"{name}={calibration}", "--output", output, "--format", form,
            "--threads", "2",
        )
        return output


class QLinearTest(InFolder):
    def check_qlinear(
        self, label, path, name, calibration, evaluation, least=FORMS_SQNR_DB
    ):
        """Both engines give the QDQ file's answers."""
        calibration = self.save("calibration", calibration)
        rows = self.save("evaluation", evaluation)
        qdq = self.quantize(path, name, calibration)
        qlinear = self.quantize(path, name, calibration, "qoperator")
        kinds = [node.op_type for node in onnx.load(qlinear).graph.node]
        self.assertIn("QLinearConv", kinds)
        # A layer whose result nobody rounds, at the model's end, stays float.
        self.assertLessEqual(kinds.count("Conv"), 1)
        expected = octet_answers(qdq, name, rows)
        ours = octet_answers(qlinear, name, rows)
        theirs = onnxruntime_test.run_onnxruntime(qlinear, evaluation, True)
        figures = [
            onnxruntime_test.sqnr_db(expected, ours),
            onnxruntime_test.sqnr_db(expected, theirs),
        ]
        print(f"\n  {label}: octet {figures[0]:.1f} dB, "
              f"ONNX Runtime {figures[1]:.1f} dB of the QDQ file")
        for figure in figures:
            self.assertGreaterEqual(figure, least)

    def test_qlinear_file_of_the_sample(self):
        self.check_qlinear(
            "sample",
            programs.SAMPLE / "printed_characters.onnx",
            programs.SAMPLE_INPUT,
            programs.sample_images("calibration"),
            programs.sample_images("evaluation")[:100],
        )

    @unittest.skipUnless(HAVE_DATA, NO_DATA)
    def test_qlinear_files_of_real_models(self):
        for model in models.MODELS:
            if model.name not in QLINEAR:
                continue
            least = FORMS_SQNR_DB
            if model.name == "mobilenetv2":
                least = FORMS_SQNR_DB_OF_TEN_SUMS
            with self.subTest(model.name):
                self.check_qlinear(
                    model.name, model.path, model.input, model.calibration(),
                    model.evaluation()[: QLINEAR[model.name]], least,
                )


def narrowed(values: np.ndarray, half: int) -> bytes:
    if half == onnx.TensorProto.FLOAT16:
        return values.astype(np.float16).tobytes()
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return rounded.astype(np.uint16).tobytes()


def in_half_precision(path: pathlib.Path, half: int) -> onnx.ModelProto:
    """The model with weights, inputs and outputs of a half type. For operators
    that have no attribute of a type."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(
            onnx.TensorProto(
                name=tensor.name, data_type=half, dims=tensor.dims,
                raw_data=narrowed(values, half),
            )
        )
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = half
    del model.graph.value_info[:]
    return model


def widened(answers: np.ndarray) -> np.ndarray:
    """float32; numpy has bfloat16 as two bytes of nothing."""
    if answers.dtype.itemsize == 2 and answers.dtype.kind == "V":
        bits = answers.view(np.uint16).astype(np.uint32) << 16
        return bits.view(np.float32)
    return answers.astype(np.float32)


@unittest.skipUnless(HAVE_DATA, NO_DATA)
class HalfPrecisionTest(InFolder):
    def setUp(self):
        super().setUp()
        self.model = next(m for m in models.MODELS if m.name == "kws_dscnn")

    def half_model(self, half: int, suffix: str) -> pathlib.Path:
        path = self.folder / f"kws_{suffix}.onnx"
        onnx.save(in_half_precision(self.model.path, half), path)
        return path

    def int8_answers(self, path: pathlib.Path, rows) -> np.ndarray:
        calibration = self.save("calibration", self.model.calibration())
        int8 = self.quantize(path, self.model.input, calibration)
        return widened(octet_answers(int8, self.model.input, rows))

    def test_float16_answers_are_those_of_onnxruntime(self):
        path = self.half_model(onnx.TensorProto.FLOAT16, "float16")
        rows = self.model.evaluation().astype(np.float16)
        file = self.save("rows", rows)
        ours = octet_answers(path, self.model.input, file)
        self.assertEqual(ours.dtype, np.float16)
        session = onnxruntime.InferenceSession(str(path))
        theirs = session.run(None, {self.model.input: rows})[0]
        decibels = onnxruntime_test.sqnr_db(theirs, ours)
        int8 = self.int8_answers(path, file)
        kept = onnxruntime_test.sqnr_db(ours, int8)
        print(f"\n  float16: {decibels:.1f} dB, int8 {kept:.1f} dB of it")
        self.assertGreaterEqual(decibels, FLOAT16_SQNR_DB)
        self.assertGreaterEqual(kept, INT8_SQNR_DB)

    def test_bfloat16_answers_are_near_those_of_float32(self):
        path = self.half_model(onnx.TensorProto.BFLOAT16, "bfloat16")
        rows = self.model.evaluation()
        bits = np.frombuffer(narrowed(rows, onnx.TensorProto.BFLOAT16), "V2")
        file = self.save("rows", bits.reshape(rows.shape))
        ours = widened(octet_answers(path, self.model.input, file))
        session = onnxruntime.InferenceSession(str(self.model.path))
        theirs = session.run(None, {self.model.input: rows})[0]
        decibels = onnxruntime_test.sqnr_db(theirs, ours)
        int8 = self.int8_answers(path, file)
        kept = onnxruntime_test.sqnr_db(ours, int8)
        print(f"\n  bfloat16: {decibels:.1f} dB, int8 {kept:.1f} dB of it")
        self.assertGreaterEqual(decibels, BFLOAT16_SQNR_DB)
        self.assertGreaterEqual(kept, INT8_SQNR_DB)


if __name__ == "__main__":
    unittest.main()
