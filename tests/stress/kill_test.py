# SPDX-License-Identifier: Apache-2.0
"""A server is killed at random moments of quantizing, uploading and
publishing: the repository always holds whole versions, and the next start
serves them.

OCTET_STRESS_FULL=1 kills 100 times instead of 12; OCTET_STRESS_SEED chooses
the moments.
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import grpc
import numpy as np
import onnx
import tritonclient.grpc as triton
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha import proto_reflection_descriptor_database
from tritonclient.utils import InferenceServerException

import programs

ROUNDS = 100 if "OCTET_STRESS_FULL" in os.environ else 12
SEED = int(os.environ.get("OCTET_STRESS_SEED", "1"))
FLOAT = programs.SAMPLE / "printed_characters.onnx"
CHUNK = 1 << 16
SERVICE = "octet.v1.QuantizationService"
LOADED = "loaded"  # its version 1 is replaced again and again


class Server:
    """octet-server on a repository that outlives it."""

    def __init__(self, repository: pathlib.Path, log):
        command = [programs.program("octet-server")]
        command += ["--model-repository", str(repository)]
        command += ["--bind-address", "127.0.0.1"]
        command += ["--grpc-port", "0", "--http-port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True
        )
        line = self.process.stdout.readline()
        if not line:
            self.kill()
            raise RuntimeError("octet-server did not start")
        self.address = f"127.0.0.1:{json.loads(line)['grpc_port']}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Jobs:
    """octet's own service, in the words that the server itself tells."""

    def __init__(self, server: Server):
        with grpc.insecure_channel(server.address) as channel:
            pool = descriptor_pool.DescriptorPool(
                proto_reflection_descriptor_database
                .ProtoReflectionDescriptorDatabase(channel)
            )
            self.request = message_factory.GetMessageClass(
                pool.FindMessageTypeByName("octet.v1.QuantizeRequest")
            )
            self.response = message_factory.GetMessageClass(
                pool.FindMessageTypeByName("octet.v1.QuantizeResponse")
            )
        images = programs.sample_images("calibration")[:4]
        self.samples = self.request()
        tensor = self.samples.calibration.inputs.add()
        tensor.name = programs.SAMPLE_INPUT
        tensor.datatype = "FP32"
        tensor.shape.extend(images.shape)
        tensor.raw_contents = images.tobytes()
        self.model = FLOAT.read_bytes()

    def settings(self, **settings) -> object:
        request = self.request()
        request.settings.method = 1
        request.settings.activation_scheme = 1
        request.settings.load_when_done = True
        for name, value in settings.items():
            setattr(request.settings, name, value)
        return request

    def of_repository(self) -> list:
        return [
            self.settings(model_name="characters", output_model_name="int8"),
            self.samples,
        ]

    def of_upload(self, name: str) -> list:
        requests = [self.settings(output_model_name=name, publish_float=True)]
        for begin in range(0, len(self.model), CHUNK):
            request = self.request()
            request.model.raw_contents = self.model[begin : begin + CHUNK]
            requests.append(request)
        return [*requests, self.samples]

    def quantize(self, address: str, requests: list) -> None:
        """Raises grpc.RpcError unless a version is made."""
        with grpc.insecure_channel(address) as channel:
            call = channel.stream_stream(
                f"/{SERVICE}/Quantize",
                request_serializer=self.request.SerializeToString,
                response_deserializer=self.response.FromString,
            )
            for _ in call(iter(requests), timeout=programs.PATIENCE):
                pass


def load(address: str, name: str, number: int) -> None:
    """Sends a model with the load, whose bytes `number` makes its own."""
    model = onnx.load(FLOAT)
    model.doc_string = f"load {number}"
    with triton.InferenceServerClient(address) as client:
        client.load_model(
            name,
            config=json.dumps({"name": name}),
            files={"file:1/model.onnx": model.SerializeToString()},
        )


class Work(threading.Thread):
    """Has a server quantize, take uploads and publish, until it is gone."""

    def __init__(self, jobs: Jobs, server: Server, number: int):
        super().__init__()
        self.jobs = jobs
        self.server = server
        self.number = number
        self.finished = False
        self.error: Exception | None = None

    def run(self) -> None:
        address = self.server.address
        try:
            self.jobs.quantize(address, self.jobs.of_repository())
            self.jobs.quantize(address, self.jobs.of_upload("uploaded"))
            self.jobs.quantize(
                address, self.jobs.of_upload(f"new_{self.number}")
            )
            # One that is new, and one that takes another's place.
            load(address, f"new_{self.number}_loaded", self.number)
            load(address, LOADED, self.number)
            self.finished = True
        except (grpc.RpcError, InferenceServerException) as error:
            self.error = error  # judged by the one who kills

    def lost_its_server(self) -> bool:
        if isinstance(self.error, InferenceServerException):
            return self.error.status() == "StatusCode.UNAVAILABLE"
        return self.error.code() == grpc.StatusCode.UNAVAILABLE


class KillTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="octet_kill_")
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name) / "models"
        version = self.repository / "characters" / "1"
        version.mkdir(parents=True)
        shutil.copy(FLOAT, version / "model.onnx")
        self.log = open(
            pathlib.Path(folder.name) / "log", "w", encoding="utf-8"
        )
        self.addCleanup(self.log.close)
        self.images = programs.sample_images("evaluation")[:4]
        self.seen: set[pathlib.Path] = set()

    def start(self) -> Server:
        server = Server(self.repository, self.log)
        self.addCleanup(server.kill)
        return server

    def leftovers(self) -> list[pathlib.Path]:
        return [p for p in self.repository.iterdir() if p.name[0] == "."]

    def check_files(self) -> int:
        """Everything with a version's name is a whole version; how many."""
        versions = 0
        for model in self.repository.iterdir():
            if model.name[0] == ".":
                continue
            folders = [p for p in model.iterdir() if p.name.isdigit()]
            self.assertTrue(folders, f"{model.name} has no version")
            for version in folders:
                versions += 1
                if version in self.seen and model.name != LOADED:
                    continue
                programs.run_json(
                    "octet-model", "inspect", version / "model.onnx"
                )
                if model.name != "characters" and LOADED not in model.name:
                    text = (version / "history.json").read_text("utf-8")
                    kind = json.loads(text)["kind"]
                    golden = (version / "golden").is_dir()
                    self.assertEqual(golden, kind == "quantized")
                self.seen.add(version)
        return versions

    def check_serving(self, server: Server) -> None:
        """The highest version of every model answers."""
        with triton.InferenceServerClient(server.address) as client:
            for model in self.repository.iterdir():
                tensor = triton.InferInput(
                    programs.SAMPLE_INPUT, self.images.shape, "FP32"
                )
                tensor.set_data_from_numpy(self.images)
                answer = client.infer(model.name, [tensor])
                highest = max(
                    int(p.name) for p in model.iterdir() if p.name.isdigit()
                )
                self.assertEqual(
                    answer.get_response().model_version, str(highest)
                )
                logits = answer.as_numpy(programs.SAMPLE_OUTPUT)
                self.assertTrue(np.isfinite(logits).all())

    def forget_new_models(self) -> None:
        """So that a start stays as quick as it was."""
        for model in self.repository.iterdir():
            if model.name.startswith("new_"):
                shutil.rmtree(model)

    def test_whole_versions_only(self):
        chance = random.Random(SEED)
        server = self.start()
        jobs = Jobs(server)
        began = time.monotonic()
        work = Work(jobs, server, 0)
        work.start()
        work.join()
        self.assertTrue(work.finished, work.error)
        duration = time.monotonic() - began
        server.kill()
        interrupted = dirty = 0
        for number in range(1, ROUNDS + 1):
            self.check_files()
            self.forget_new_models()
            server = self.start()
            self.assertEqual(self.leftovers(), [])
            self.check_serving(server)
            work = Work(jobs, server, number)
            moment = chance.uniform(0, duration)
            began = time.monotonic()
            work.start()
            work.join(moment)
            if work.finished:  # a busy machine has become quicker
                duration = time.monotonic() - began
            server.kill()
            work.join()
            if not work.finished:
                interrupted += 1
                self.assertTrue(work.lost_its_server(), work.error)
            dirty += bool(self.leftovers())
        versions = self.check_files()
        server = self.start()
        self.assertEqual(self.leftovers(), [])
        self.check_serving(server)
        server.kill()
        print(
            f"\n{ROUNDS} kills, work of {duration:.2f} s, seed {SEED}: "
            f"{interrupted} in the middle of it, {dirty} left something "
            f"behind, {versions} whole versions at the end"
        )
        self.assertGreater(interrupted, ROUNDS / 4)


if __name__ == "__main__":
    unittest.main()
