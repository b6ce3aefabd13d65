# SPDX-License-Identifier: Apache-2.0
"""octet-server is told to stop while many ask it."""

import threading
import time
import unittest

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
import tritonclient.grpc as triton

import programs
import protocol_test

SERVING = health_pb2.HealthCheckResponse.SERVING


def sample_request(rows: int) -> triton.service_pb2.ModelInferRequest:
    images = programs.sample_images("evaluation")[:rows]
    request = triton.service_pb2.ModelInferRequest(
        model_name=protocol_test.MODEL
    )
    request.inputs.add(
        name=programs.SAMPLE_INPUT, datatype="FP32", shape=images.shape
    )
    request.raw_input_contents.append(images.tobytes())
    return request


class Callers:
    """Threads that ask one after the other until told to stop.

    The polite ones also stop when the health service says that the server is
    leaving, as a load balancer would make them; the others go on until they
    are refused.
    """

    def __init__(self, address: str):
        self.codes = {True: [], False: []}  # by politeness
        self.after_leaving = 0  # answers to requests sent after that
        self.leaving = threading.Event()
        self.started = threading.Barrier(9)
        self.channel = grpc.insecure_channel(address)
        self.stub = triton.service_pb2_grpc.GRPCInferenceServiceStub(
            self.channel
        )
        self.threads = [
            threading.Thread(target=self._ask, args=(i % 2 == 0,))
            for i in range(8)
        ]
        for thread in self.threads:
            thread.start()
        self.started.wait()

    def _ask(self, polite: bool) -> None:
        request = sample_request(1)
        self.stub.ModelInfer(request, timeout=programs.PATIENCE)
        self.started.wait()
        while not (polite and self.leaving.is_set()):
            late = self.leaving.is_set()
            try:
                self.stub.ModelInfer(request, timeout=programs.PATIENCE)
            except grpc.RpcError as error:
                self.codes[polite].append(error.code())
                return
            self.codes[polite].append(grpc.StatusCode.OK)
            self.after_leaving += late

    def join(self) -> None:
        for thread in self.threads:
            thread.join()
        self.channel.close()


class ShutdownTest(unittest.TestCase):

    def serve(self, *flags: str) -> programs.Server:
        server = programs.Server(*flags)
        self.addCleanup(server.close)
        return server

    def test_sigterm_under_load_loses_no_request(self):
        server = self.serve("--drain-seconds", "2")
        channel = grpc.insecure_channel(server.address)
        self.addCleanup(channel.close)
        states = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=programs.PATIENCE
        )
        self.assertEqual(next(states).status, SERVING)
        callers = Callers(server.address)
        server.terminate()
        self.assertNotEqual(next(states).status, SERVING)
        callers.leaving.set()
        callers.join()
        self.assertEqual(server.wait(), 0)
        # Who leaves when told to, loses nothing.
        self.assertEqual(set(callers.codes[True]), {grpc.StatusCode.OK})
        # The others are served for the grace period, then sent elsewhere.
        self.assertGreater(callers.after_leaving, 0)
        impolite = callers.codes[False]
        self.assertLessEqual(
            set(impolite), {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
        )
        self.assertEqual(impolite.count(grpc.StatusCode.UNAVAILABLE), 4)

    def test_a_second_sigterm_ends_it_within_a_second(self):
        server = self.serve("--drain-seconds", "600")
        channel = grpc.insecure_channel(server.address)
        self.addCleanup(channel.close)
        # A stream that its client never closes, and requests that take long.
        held = threading.Event()
        self.addCleanup(held.set)

        def wait():
            held.wait(programs.PATIENCE)
            yield from ()

        stub = triton.service_pb2_grpc.GRPCInferenceServiceStub(channel)
        stream = stub.ModelStreamInfer(wait(), timeout=programs.PATIENCE)
        answers = [
            stub.ModelInfer.future(
                sample_request(50), timeout=programs.PATIENCE
            )
            for _ in range(18)
        ]
        answers[0].result()
        server.terminate()
        # Only once it has taken the first one can it tell the second apart.
        ready = protocol_test.triton.InferenceServerClient(server.address)
        self.addCleanup(ready.close)
        while ready.is_server_ready():
            pass
        began = time.monotonic()
        server.terminate()
        self.assertEqual(server.wait(), 0)
        print(f"ended {time.monotonic() - began:.2f} s after the second signal")
        for answer in answers:
            self.assertIn(
                answer.code(),
                (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE),
            )
        self.assertEqual(stream.code(), grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
