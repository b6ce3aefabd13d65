# SPDX-License-Identifier: Apache-2.0
"""Octet's programs, as the tests run them."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "deploy" / "sample"
SAMPLE_MODEL = SAMPLE / "printed_characters.onnx"
SAMPLE_INPUT = "image"
SAMPLE_OUTPUT = "logits"

# How long a program may take to start or to stop, seconds: far more than it
# needs on a busy machine.
PATIENCE = 120


def program(name: str) -> str:
    # The server of another build, with sanitizers for example.
    if name == "octet-server" and "OCTET_TEST_SERVER" in os.environ:
        return os.environ["OCTET_TEST_SERVER"]
    return str(pathlib.Path(os.environ["OCTET_BIN_DIR"]) / name)


def run(name: str, *arguments: object) -> subprocess.CompletedProcess:
    """Runs a program to its end; its output is text."""
    return subprocess.run(
        [program(name), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def run_json(name: str, *arguments: object) -> dict:
    """Runs a program with --json; anything but success is an error."""
    done = run(name, *arguments, "--json")
    if done.returncode != 0:
        raise RuntimeError(
            f"{name} {' '.join(map(str, arguments))}: exit code "
            f"{done.returncode}: {done.stderr.strip()}"
        )
    return json.loads(done.stdout)


def sample_images(kind: str) -> np.ndarray:
    """The sample's "evaluation" or "calibration" pictures as model input."""
    pixels = np.load(SAMPLE / f"{kind}_images.npy")
    return (pixels.astype(np.float32) / 255)[:, None]


def sample_labels() -> np.ndarray:
    return np.load(SAMPLE / "evaluation_labels.npy")


class Server:
    """A running octet-server with a repository of its own.

    The repository holds `models`, which maps paths in it to files: the sample
    model as `characters`, version 1, unless told otherwise. It is a new folder,
    `repository` where that is given, which then stays. Ports are free ones of
    127.0.0.1.
    """

    def __init__(
        self,
        *flags: str,
        models: dict[str, pathlib.Path] | None = None,
        environment: dict[str, str] | None = None,
        repository: pathlib.Path | None = None,
    ):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet_interop_"))
        self.repository = repository or self.folder / "models"
        self.repository.mkdir()
        if models is None:
            models = {"characters/1/model.onnx": SAMPLE_MODEL}
        for path, source in models.items():
            target = self.repository / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        self.log = open(self.folder / "server.log", "w+", encoding="utf-8")
        command = [program("octet-server")]
        command += ["--model-repository", str(self.repository)]
        command += ["--bind-address", "127.0.0.1"]
        command += ["--grpc-port", "0", "--http-port", "0"]
        # Nothing here routes requests by readiness, so nobody needs longer.
        if "--drain-seconds" not in flags:
            command += ["--drain-seconds", "1"]
        command += flags
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        # The line comes when the models are loaded; a server that fails ends
        # and closes its output instead.
        line = self.process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"octet-server did not start: {self.log_text}")
        ready = json.loads(line)
        self.address = f"127.0.0.1:{ready['grpc_port']}"
        self.http = f"http://127.0.0.1:{ready['http_port']}"

    def octet(self, *arguments: object) -> dict:
        """Runs octet against this server; anything but success is an error."""
        return run_json("octet", *arguments, "--server", self.address)

    def terminate(self) -> None:
        """Asks the server to drain, and returns at once."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """The exit code, once the process has ended."""
        return self.process.wait(timeout=PATIENCE)

    def close(self) -> None:
        """Stops the server if it still runs, and removes its folder."""
        if self.process.poll() is None:
            self.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.log.seek(0)
        self.log_text = self.log.read()
        self.log.close()
        shutil.rmtree(self.folder)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *unused) -> None:
        self.close()
