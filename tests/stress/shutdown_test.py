# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under load: readiness goes first, every request that was accepted
is answered, the exit code is 0; a second SIGTERM ends the server at once."""

import os
import pathlib
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

import foreign
import offline
import programs

CALLERS = 8
GRACE = 2
# A second is the mark; a sanitizer's server takes its time to clean up.
SECOND_SIGNAL = 20 if "OCTET_TEST_SERVER" in os.environ else 1


class Caller(threading.Thread):
    """Asks until it is told to stop, or the server says no."""

    def __init__(self, address: str, images, version: offline.Version):
        super().__init__()
        self._images = images
        self._version = version
        self._ending = threading.Event()
        self._channel = grpc.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1)]
        )
        self.first = threading.Event()
        self.answered = 0
        self.refusal: grpc.RpcError | None = None
        self.wrong = 0

    def run(self) -> None:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        rows = list(range(16))
        request = foreign.infer_request(self._images[rows])
        expected = self._version.answers_to(rows)
        while not self._ending.is_set():
            try:
                response = stub.ModelInfer(request, timeout=programs.PATIENCE)
            except grpc.RpcError as error:
                self.refusal = error
                return
            self.answered += 1
            self.wrong += response.raw_output_contents[0] != expected
            self.first.set()

    def stop(self) -> None:
        self._ending.set()
        self.join()
        self._channel.close()


class ShutdownTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="octet_shutdown_")
        cls.addClassCleanup(folder.cleanup)
        cls.images = programs.sample_images("evaluation")
        cls.version = offline.make_version(
            pathlib.Path(folder.name), "asymmetric", cls.images
        )

    def start(self, grace: float, *flags: str) -> list[Caller]:
        self.server = programs.Server(
            "--drain-seconds",
            str(grace),
            *flags,
            models={"characters/1/model.onnx": self.version.path},
        )
        self.addCleanup(self.server.close)
        callers = [
            Caller(self.server.address, self.images, self.version)
            for _ in range(CALLERS)
        ]
        for caller in callers:
            self.addCleanup(caller.stop)
            caller.start()
        for caller in callers:
            self.assertTrue(caller.first.wait(programs.PATIENCE))
        return callers

    def readiness(self) -> int:
        try:
            with urllib.request.urlopen(
                f"{self.server.http}/readyz", timeout=programs.PATIENCE
            ) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    def assert_only_told_to_go_elsewhere(self, callers: list[Caller]) -> None:
        for caller in callers:
            self.assertEqual(caller.wrong, 0)
            if caller.refusal is not None:
                self.assertEqual(
                    caller.refusal.code(),
                    grpc.StatusCode.UNAVAILABLE,
                    caller.refusal.details(),
                )

    def test_nothing_that_was_accepted_is_lost(self):
        """Callers who leave when readiness goes, as a load balancer has them
        do, see no error at all."""
        callers = self.start(GRACE)
        self.assertEqual(self.readiness(), 200)
        with grpc.insecure_channel(self.server.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            ready = service_pb2.ServerReadyRequest()
            self.assertTrue(stub.ServerReady(ready).ready)
            self.server.terminate()
            # Signals are not answered, so wait for what they do.
            while self.readiness() == 200:
                pass
            self.assertFalse(stub.ServerReady(ready).ready)
        before = [caller.answered for caller in callers]
        for caller, count in zip(callers, before):
            while caller.answered == count and caller.is_alive():
                time.sleep(0.001)
        for caller in callers:
            caller.stop()
            self.assertIsNone(caller.refusal)
            self.assertEqual(caller.wrong, 0)
        for caller, count in zip(callers, before):
            self.assertGreater(caller.answered, count, "within the grace")
        self.assertEqual(self.server.wait(), 0)

    def test_callers_who_stay_are_told_to_go_elsewhere(self):
        callers = self.start(0)
        self.server.terminate()
        self.assertEqual(self.server.wait(), 0)
        for caller in callers:
            caller.stop()
            self.assertIsNotNone(caller.refusal)
        self.assert_only_told_to_go_elsewhere(callers)

    def test_second_signal_ends_it_within_a_second(self):
        callers = self.start(600)
        self.server.terminate()
        while self.readiness() == 200:
            pass
        start = time.monotonic()
        self.server.terminate()
        self.assertEqual(self.server.wait(), 0)
        took = time.monotonic() - start
        print(f"\nended {took:.3f} s after the second signal")
        for caller in callers:
            caller.stop()
        self.assert_only_told_to_go_elsewhere(callers)
        if "OCTET_STRESS_FULL" in os.environ:
            self.assertLess(took, SECOND_SIGNAL)


if __name__ == "__main__":
    unittest.main()
