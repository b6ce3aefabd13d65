# SPDX-License-Identifier: Apache-2.0
"""The int8 files: each runtime's own quantizer on the same samples, its best
known static settings for these processors."""

import pathlib
import subprocess

import nncf
import numpy as np
import onnx
import openvino
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from contenders import OCTET_MODEL, Refused
from models import Model, octet_rows

SAMPLES = 32


def with_octet(model: Model, folder: pathlib.Path) -> pathlib.Path:
    path = folder / "octet_int8.onnx"
    command = [OCTET_MODEL, "quantize", str(model.path), f"--output={path}"]
    for name, rows in octet_rows(model, SAMPLES).items():
        np.save(folder / f"{name.replace('/', '_')}.npy", rows)
        command.append(
            f"--calibration={name}={folder / name.replace('/', '_')}.npy"
        )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr.strip().splitlines()[-1])
    return path


class _Reader(quantization.CalibrationDataReader):
    """Samples one by one, as ONNX Runtime asks for them."""

    def __init__(self, model: Model):
        rows = model.rows(SAMPLES)
        self.samples = iter(
            [
                {
                    name: values[i : i + 1] if model.batches else values[i]
                    for name, values in rows.items()
                }
                for i in range(len(next(iter(rows.values()))))
            ]
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.samples, None)


def with_onnxruntime(model: Model, folder: pathlib.Path) -> pathlib.Path:
    """QDQ, u8 activations, s8 weights per channel, min-max."""
    path = folder / "onnxruntime_int8.onnx"
    upgraded = folder / "opset13.onnx"
    prepared = folder / "prepared.onnx"
    try:
        float_model = onnx.load(model.path)
        if float_model.opset_import[0].version < 13:
            float_model = onnx.version_converter.convert_version(
                float_model, 13
            )
        onnx.save(float_model, upgraded)
        quant_pre_process(str(upgraded), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(prepared),
            str(path),
            _Reader(model),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    except Exception as error:  # of its own kinds, too many to name
        raise Refused(str(error).splitlines()[0]) from error
    return path


def with_nncf(model: Model) -> openvino.Model:
    """NNCF's post-training quantization, the preset that its documents advise:
    mixed where activations have both signs, else performance; here the
    default."""
    try:
        float_model = openvino.Core().read_model(model.path)
        rows = model.rows(SAMPLES)
        count = len(next(iter(rows.values())))
        samples = [
            {
                name: values[i : i + 1] if model.batches else values[i]
                for name, values in rows.items()
            }
            for i in range(count)
        ]
        transformer = "encoder" in model.name
        return nncf.quantize(
            float_model,
            nncf.Dataset(samples),
            subset_size=count,
            model_type=nncf.ModelType.TRANSFORMER if transformer else None,
        )
    except Exception as error:  # of its own kinds, too many to name
        raise Refused((str(error) or type(error).__name__).splitlines()[0]) from error
