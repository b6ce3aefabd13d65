# SPDX-License-Identifier: Apache-2.0
"""A model goes from one version to another and back under load: no request
fails, and no answer is of two versions."""

import dataclasses
import os
import pathlib
import shutil
import statistics
import tempfile
import threading
import time
import unittest

import grpc
import numpy as np
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2_grpc

import foreign
import offline
import programs

FULL = "OCTET_STRESS_FULL" in os.environ
SWAPS = 200 if FULL else 20
CALLERS = 4
# More rows than a batch has, so that an answer takes several runs.
ROWS = 20
# The marks, which need a quiet machine.
FIRST_TO_HUNDREDTH = 1.5
P99_DURING_TO_BEFORE = 2.0


@dataclasses.dataclass
class Answer:
    version: str
    start: float
    end: float


class Caller(threading.Thread):
    """Asks the model again and again, and checks each answer."""

    def __init__(self, address: str, images: np.ndarray, versions: dict):
        super().__init__()
        self._address = address
        self._images = images
        self._versions = versions
        self._ending = threading.Event()
        self._rng = np.random.default_rng(id(self) & 0xFFFF)
        self.answers: list[Answer] = []
        self.faults: list[str] = []

    def stop(self) -> None:
        self._ending.set()
        self.join()

    def run(self) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self._address, options=options) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            while not self._ending.is_set():
                self._ask(stub)

    def _ask(self, stub) -> None:
        rows = self._rng.integers(len(self._images), size=ROWS).tolist()
        request = foreign.infer_request(self._images[rows])
        start = time.monotonic()
        try:
            response = stub.ModelInfer(request, timeout=programs.PATIENCE)
        except grpc.RpcError as error:
            self.faults.append(f"{error.code().name}: {error.details()}")
            return
        version = response.model_version
        self.answers.append(Answer(version, start, time.monotonic()))
        if response.raw_output_contents[0] != self._expected(version, rows):
            self.faults.append(f"not the answer of version {version}")

    def _expected(self, version: str, rows: list[int]) -> bytes:
        # Odd versions are the one file, even ones the other.
        return self._versions[int(version) % 2].answers_to(rows)


class SwapTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="octet_swap_")
        cls.addClassCleanup(folder.cleanup)
        cls.images = programs.sample_images("evaluation")
        cls.versions = {
            1: offline.make_version(
                pathlib.Path(folder.name), "asymmetric", cls.images
            ),
            0: offline.make_version(
                pathlib.Path(folder.name), "symmetric", cls.images
            ),
        }

    def setUp(self):
        self.server = programs.Server(
            models={"characters/1/model.onnx": self.versions[1].path}
        )
        self.addCleanup(self.server.close)
        self.client = triton.InferenceServerClient(self.server.address)
        self.addCleanup(self.client.close)

    def publish(self, number: int) -> None:
        """The version appears under its name in one step; the one before the
        one that serves goes."""
        model = self.server.repository / "characters"
        coming = model / "coming"
        coming.mkdir()
        shutil.copy(self.versions[number % 2].path, coming / "model.onnx")
        coming.rename(model / str(number))
        if number > 2:
            shutil.rmtree(model / str(number - 2))

    def test_versions_differ(self):
        self.assertFalse(
            np.array_equal(self.versions[0].answers, self.versions[1].answers)
        )

    def test_no_request_fails_and_no_answer_mixes_versions(self):
        callers = [
            Caller(self.server.address, self.images, self.versions)
            for _ in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        swaps = []
        try:
            self.wait_for_answers(callers, 50)
            quiet_end = time.monotonic()
            for number in range(2, SWAPS + 2):
                self.publish(number)
                start = time.monotonic()
                self.client.load_model("characters")
                swaps.append((start, time.monotonic()))
                self.wait_for_answers(callers, 5)
            if FULL:
                self.wait_for_answers(callers, 120)
        finally:
            for caller in callers:
                caller.stop()
        answers = [answer for caller in callers for answer in caller.answers]
        faults = [fault for caller in callers for fault in caller.faults]
        print(f"\n{len(swaps)} swaps under {len(answers)} requests")
        self.assertEqual(faults, [])
        seen = {answer.version for answer in answers}
        self.assertIn(str(SWAPS + 1), seen)
        self.assertEqual(len(seen), SWAPS + 1)
        self.assert_swaps_are_steps(answers, swaps)
        if FULL:
            self.assert_marks_of_speed(answers, swaps, quiet_end)

    def wait_for_answers(self, callers: list[Caller], count: int) -> None:
        """Until each caller got `count` more."""
        goals = [len(caller.answers) + count for caller in callers]
        for caller, goal in zip(callers, goals):
            while len(caller.answers) < goal and caller.is_alive():
                self.assertFalse(caller.faults)
                time.sleep(0.001)

    def assert_swaps_are_steps(self, answers, swaps) -> None:
        """Whoever asks after a load has returned gets the new version."""
        for number, (_, end) in enumerate(swaps, start=2):
            old = [
                answer.version
                for answer in answers
                if answer.start > end and int(answer.version) < number
            ]
            self.assertEqual(old, [], f"after the load of version {number}")

    def assert_marks_of_speed(self, answers, swaps, quiet_end) -> None:
        times: dict[str, list[float]] = {}
        for answer in sorted(answers, key=lambda one: one.end):
            times.setdefault(answer.version, []).append(
                answer.end - answer.start
            )
        first = statistics.median(one[0] for one in times.values())
        settled = statistics.median(
            one[99] for one in times.values() if len(one) > 99
        )
        before = [a.end - a.start for a in answers if a.end < quiet_end]
        during = [
            a.end - a.start
            for a in answers
            if any(a.end > start and a.start < end for start, end in swaps)
        ]
        p99_before, p99_during = (
            float(np.percentile(values, 99)) for values in (before, during)
        )
        print(
            f"first answer {first * 1e3:.2f} ms, hundredth "
            f"{settled * 1e3:.2f} ms (medians); p99 before "
            f"{p99_before * 1e3:.2f} ms of {len(before)}, during a swap "
            f"{p99_during * 1e3:.2f} ms of {len(during)}"
        )
        self.assertLessEqual(first, FIRST_TO_HUNDREDTH * settled)
        self.assertLessEqual(p99_during, P99_DURING_TO_BEFORE * p99_before)


if __name__ == "__main__":
    unittest.main()
