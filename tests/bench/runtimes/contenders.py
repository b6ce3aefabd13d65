# SPDX-License-Identifier: Apache-2.0
"""What is timed: octet's program, ONNX Runtime and OpenVINO from Python, each
on one file. `measure(seconds)` runs the whole batch again and again and gives
the milliseconds of a run, smallest and median."""

import json
import os
import pathlib
import statistics
import subprocess
import time
from collections.abc import Callable

import numpy as np
import onnxruntime
import openvino

OCTET_MODEL = str(pathlib.Path(os.environ["OCTET_BIN_DIR"]) / "octet-model")
Rows = dict[str, np.ndarray]


def versions() -> dict[str, str]:
    octet = subprocess.run(
        [OCTET_MODEL, "--version"], capture_output=True, text=True, check=True
    )
    return {
        "octet": octet.stdout.strip().removeprefix("octet-model "),
        "onnxruntime": onnxruntime.__version__,
        "openvino": openvino.__version__,
    }


class Refused(Exception):
    """A contender that does not run a file, in its own words."""


def _repeat(run: Callable[[], object], seconds: float) -> tuple[float, float]:
    warm = time.perf_counter() + 0.2
    while True:
        run()
        if time.perf_counter() > warm:
            break
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times), statistics.median(times)


class Octet:
    """The pinning of this process is inherited."""

    def __init__(self, path: pathlib.Path, rows: Rows, threads: int):
        self.path = path
        self.batch = len(next(iter(rows.values())))
        self.threads = threads
        self.measure(0.01)

    def measure(self, seconds: float) -> tuple[float, float]:
        done = subprocess.run(
            [
                OCTET_MODEL,
                "bench",
                str(self.path),
                f"--batch={self.batch}",
                f"--threads={self.threads}",
                f"--seconds={seconds}",
                "--json",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Refused(done.stderr.strip().splitlines()[-1])
        figures = json.loads(done.stdout)
        return figures["min_ms"], figures["p50_ms"]


class OnnxRuntime:
    """Inputs and outputs are bound once: no copies are timed."""

    def __init__(self, path: pathlib.Path, rows: Rows, threads: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            self.binding = self.session.io_binding()
            for name, array in rows.items():
                self.binding.bind_cpu_input(name, np.ascontiguousarray(array))
            for output in self.session.get_outputs():
                self.binding.bind_output(output.name)
            # The second run meets the outputs that the first one bound.
            self.session.run_with_iobinding(self.binding)
            self.session.run_with_iobinding(self.binding)
        except Exception as error:  # of its own kinds, too many to name
            raise Refused(str(error).splitlines()[0]) from error

    def measure(self, seconds: float) -> tuple[float, float]:
        return _repeat(
            lambda: self.session.run_with_iobinding(self.binding), seconds
        )


class OpenVino:
    """The latency hint, one stream; a file or a model in memory."""

    def __init__(
        self, source: pathlib.Path | openvino.Model, rows: Rows, threads: int
    ):
        core = openvino.Core()
        try:
            model = source
            if isinstance(source, pathlib.Path):
                model = core.read_model(source)
            model.reshape({name: a.shape for name, a in rows.items()})
            compiled = core.compile_model(
                model,
                "CPU",
                {
                    "PERFORMANCE_HINT": "LATENCY",
                    "NUM_STREAMS": 1,
                    "INFERENCE_NUM_THREADS": threads,
                    # The process is pinned already.
                    "ENABLE_CPU_PINNING": False,
                    "INFERENCE_PRECISION_HINT": "f32",
                },
            )
            self.request = compiled.create_infer_request()
            for name, array in rows.items():
                self.request.set_tensor(
                    name, openvino.Tensor(np.ascontiguousarray(array))
                )
            self.request.infer()
        except Exception as error:  # of its own kinds, too many to name
            raise Refused(str(error).splitlines()[0]) from error

    def measure(self, seconds: float) -> tuple[float, float]:
        return _repeat(self.request.infer, seconds)
