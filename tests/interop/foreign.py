# SPDX-License-Identifier: Apache-2.0
"""The clients that tests/interop/foreign.sh makes, as the tests run them."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import numpy as np
from tritonclient.grpc import service_pb2

import programs

# How long one run of a client may take, seconds: far more than it needs.
PATIENCE = 180


def client(name: str) -> str:
    """The path of a client; skips the test, with the reason, without it."""
    folder = pathlib.Path(os.environ["OCTET_FOREIGN_DIR"])
    reason = folder / f"{name}.missing"
    if reason.exists():
        raise unittest.SkipTest(f"{name}: {reason.read_text().strip()}")
    return str(folder / name)


def packaged(name: str, package: str) -> str:
    """The path of a program of the distribution, or a skip."""
    path = shutil.which(name)
    if path is None:
        raise unittest.SkipTest(f"{name} is not installed (package {package})")
    return path


def run(*command: object) -> subprocess.CompletedProcess:
    """Runs a client to its end; its output is text."""
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=False,
    )


def infer_request(
    images: np.ndarray, model: str = "characters"
) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name=model)
    request.inputs.add(
        name=programs.SAMPLE_INPUT, datatype="FP32", shape=images.shape
    )
    request.raw_input_contents.append(images.tobytes())
    return request


def write_json_request(path: pathlib.Path, images: np.ndarray) -> None:
    """The request as protobuf's JSON, what ghz and grpcurl take."""
    raw = base64.b64encode(images.tobytes()).decode()
    tensor = {
        "name": programs.SAMPLE_INPUT,
        "datatype": "FP32",
        "shape": list(images.shape),
    }
    path.write_text(
        json.dumps(
            {
                "model_name": "characters",
                "inputs": [tensor],
                "raw_input_contents": [raw],
            }
        )
    )


def answers_of_json(text: str) -> np.ndarray:
    """The rows of a ModelInferResponse in protobuf's JSON."""
    response = json.loads(text)
    raw = base64.b64decode(response["raw_output_contents"][0])
    shape = [int(extent) for extent in response["outputs"][0]["shape"]]
    return np.frombuffer(raw, np.float32).reshape(shape)
