# SPDX-License-Identifier: Apache-2.0
"""Quantizes each model with octet, ONNX Runtime's quantizer and NNCF on the
same calibration samples and scores the results on the evaluation samples.

Octet's files are run by octet, the others by ONNX Runtime. Evaluation samples
score; they choose nothing.
"""

import argparse
import contextlib
import importlib
import io
import json
import logging
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest.mock

import numpy as np
import onnx
import onnxruntime

import models


def session(path: pathlib.Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )


def answers(path: pathlib.Path, samples: np.ndarray) -> np.ndarray:
    """[n, classes], one sample at a time."""
    runner = session(path)
    name = runner.get_inputs()[0].name
    rows = [
        runner.run(None, {name: sample[None]})[0].reshape(-1)
        for sample in samples
    ]
    return np.stack(rows)


class Octet:
    """octet-model, each call a process of its own."""

    def __init__(self, program: pathlib.Path, folder: pathlib.Path):
        self.program = program
        self.folder = folder

    def call(self, *arguments: object) -> dict:
        done = subprocess.run(
            [str(self.program), *map(str, arguments), "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def quantize(self, model: models.Model, method: str) -> pathlib.Path:
        samples = self.folder / "calibration.npy"
        np.save(samples, model.calibration)
        made = self.folder / f"octet_{method}.onnx"
        name = session(model.path).get_inputs()[0].name
        self.call(
            "quantize", model.path, "--calibration", f"{name}={samples}",
            "--output", made, "--method", method, "--threads", 2,
        )
        return made

    def answers(self, path: pathlib.Path, samples: np.ndarray) -> np.ndarray:
        file = self.folder / "evaluation.npy"
        np.save(file, samples)
        name = session(path).get_inputs()[0].name
        result = self.call(
            "run", path, "--input", f"{name}={file}", "--output-dir",
            self.folder / "answers", "--threads", 2,
        )
        array = np.load(result["outputs"][0]["file"])
        return array.reshape(len(samples), -1)


def prepared(model: models.Model, folder: pathlib.Path) -> pathlib.Path:
    """The model as ONNX Runtime's quantizer wants it: opset 13 or later for
    scales per channel, shapes inferred, weights no inputs."""
    proto = onnx.load(model.path)
    constants = {constant.name for constant in proto.graph.initializer}
    inputs = [i for i in proto.graph.input if i.name not in constants]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    # Before version 4 of the format every constant has to be an input.
    proto.ir_version = max(proto.ir_version, 4)
    if max(o.version for o in proto.opset_import if not o.domain) < 13:
        proto = onnx.version_converter.convert_version(proto, 13)
    raw = folder / "raw.onnx"
    onnx.save(proto, raw)
    made = folder / "prepared.onnx"
    from onnxruntime.quantization import shape_inference

    shape_inference.quant_pre_process(
        str(raw), str(made), skip_symbolic_shape=True
    )
    return made


def by_onnxruntime(model: models.Model, folder: pathlib.Path, method: str):
    """s8 weights per channel, u8 activations, QDQ."""
    from onnxruntime import quantization as ort

    name = session(model.path).get_inputs()[0].name

    class Reader(ort.CalibrationDataReader):
        def __init__(self):
            self.left = iter(model.calibration)

        def get_next(self):
            sample = next(self.left, None)
            return None if sample is None else {name: sample[None]}

    methods = {
        "min-max": (ort.CalibrationMethod.MinMax, {}),
        "percentile": (
            ort.CalibrationMethod.Percentile,
            {"CalibPercentile": 99.999},
        ),
        "entropy": (ort.CalibrationMethod.Entropy, {}),
    }
    kind, extra = methods[method]
    # What it does for biases with small scales fails on mnist's, which keep
    # the axes of an Add; resnet20's figures are the same without it.
    extra["QDQDisableWeightAdjustForInt32Bias"] = True
    # With its default of 128 bins, entropy gives min-max; quantize_static has
    # no option that says more.
    module = importlib.import_module("onnxruntime.quantization.quantize")
    plain = module.create_calibrator

    def create(*arguments, **options):
        options["extra_options"] = {
            **options.get("extra_options", {}),
            "num_bins": 2048,
        }
        return plain(*arguments, **options)

    made = folder / f"ort_{method}.onnx"
    with unittest.mock.patch.object(module, "create_calibrator", create):
        ort.quantize_static(
            str(prepared(model, folder)),
            str(made),
            Reader(),
            quant_format=ort.QuantFormat.QDQ,
            per_channel=True,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            calibrate_method=kind,
            extra_options=extra,
        )
    return made


def by_nncf(model: models.Model, folder: pathlib.Path) -> pathlib.Path:
    import nncf

    name = session(model.path).get_inputs()[0].name
    data = nncf.Dataset(
        list(model.calibration), lambda sample: {name: sample[None]}
    )
    quantized = nncf.quantize(
        onnx.load(prepared(model, folder)),
        data,
        subset_size=len(model.calibration),
    )
    made = folder / "nncf.onnx"
    onnx.save(quantized, made)
    return made


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    z = 1.959964
    share = right / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = (
        z
        * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
        / (1 + z * z / of)
    )
    return middle - half, middle + half


def decibels(exact: np.ndarray, rounded: np.ndarray) -> float:
    signal = np.sum(exact.astype(np.float64) ** 2)
    noise = np.sum((exact.astype(np.float64) - rounded) ** 2)
    return 10 * np.log10(signal / noise) if noise else 999.0


def interval_of_decibels(exact, rounded) -> tuple[float, float]:
    """By 1,000 seeded resamplings of the samples."""
    random = np.random.default_rng(1)
    signal = np.sum(exact.astype(np.float64) ** 2, axis=1)
    noise = np.sum((exact.astype(np.float64) - rounded) ** 2, axis=1)
    picks = random.integers(0, len(exact), (1000, len(exact)))
    values = 10 * np.log10(
        signal[picks].sum(axis=1) / np.maximum(noise[picks].sum(axis=1), 1e-30)
    )
    return tuple(np.percentile(values, [2.5, 97.5]))


def score(model: models.Model, exact: np.ndarray, made: np.ndarray) -> dict:
    first = 1 if model.drop_first_class else 0
    a = exact[:, first:].argmax(axis=1)
    b = made[:, first:].argmax(axis=1)
    of = len(a)
    right = int((b == model.labels).sum())
    same = int((a == b).sum())
    return {
        "top1": right / of,
        "top1_interval": wilson(right, of),
        "agreement": same / of,
        "agreement_interval": wilson(same, of),
        "sqnr_db": decibels(exact, made),
        "sqnr_interval": interval_of_decibels(exact, made),
    }


def tools(octet: Octet, folder: pathlib.Path):
    """Name, how it quantizes, how its file is run."""
    for method in ["linear", "histogram"]:
        yield (
            f"octet {method}",
            lambda model, method=method: octet.quantize(model, method),
            octet.answers,
        )
    for method in ["min-max", "percentile", "entropy"]:
        yield (
            f"ORT {method}",
            lambda model, method=method: by_onnxruntime(model, folder, method),
            answers,
        )
    try:
        import nncf  # noqa: F401  (only whether it is there)
    except ImportError as error:
        print(f"NNCF is left out: {error}", file=sys.stderr)
        return
    yield "NNCF", lambda model: by_nncf(model, folder), answers


def line(name: str, result: dict, seconds: float) -> str:
    def share(key):
        low, high = result[f"{key}_interval"]
        return f"{100*result[key]:5.1f} [{100*low:5.1f}, {100*high:5.1f}]"

    low, high = result["sqnr_interval"]
    return (
        f"  {name:16} {share('top1')}  {share('agreement')}  "
        f"{result['sqnr_db']:5.1f} [{low:5.1f}, {high:5.1f}]  {seconds:6.1f}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--octet-model", type=pathlib.Path, required=True)
    parser.add_argument("--json", type=pathlib.Path, help="write the table")
    parser.add_argument("models", nargs="*", help="default: all")
    flags = parser.parse_args()
    logging.disable(logging.WARNING)
    if not (models.DATA / "models").is_dir():
        print(f"skipped: no models at {models.DATA}; OCTET_SHARED names "
              "the folder that holds data/")
        return 0
    table = {}
    for name in flags.models or models.MODELS:
        model = models.read(name)
        exact = answers(model.path, model.evaluation)
        first = 1 if model.drop_first_class else 0
        right = (exact[:, first:].argmax(axis=1) == model.labels).mean()
        print(f"{name}: float top-1 {100*right:.1f} %, "
              f"{len(model.calibration)} calibration and "
              f"{len(exact)} evaluation samples")
        print("  tool             top-1 %                agreement %          "
              "  SQNR dB              s")
        table[name] = {"float_top1": right}
        with tempfile.TemporaryDirectory(prefix="octet_quantizers_") as text:
            folder = pathlib.Path(text)
            for tool, quantize, run in tools(
                Octet(flags.octet_model, folder), folder
            ):
                begin = time.monotonic()
                try:
                    # The other tools tell of their progress.
                    with contextlib.redirect_stdout(io.StringIO()):
                        made = quantize(model)
                except Exception as error:  # one tool's failure is a row
                    print(f"  {tool:16} failed: {str(error)[:200]}")
                    continue
                seconds = time.monotonic() - begin
                result = score(model, exact, run(made, model.evaluation))
                print(line(tool, result, seconds), flush=True)
                table[name][tool] = result | {"seconds": seconds}
    if flags.json:
        flags.json.write_text(json.dumps(table, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
