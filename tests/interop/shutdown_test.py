# SPDX-License-Identifier: Apache-2.0
"""octet-server is told twice to stop, while a client keeps a stream open."""

import threading
import time
import unittest

import grpc
import tritonclient.grpc as triton

import programs
import protocol_test


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


class ShutdownTest(unittest.TestCase):

    def test_open_calls_do_not_hold_up_a_second_sigterm(self):
        server = programs.Server("--drain-seconds", "600")
        self.addCleanup(server.close)
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
        ready = triton.InferenceServerClient(server.address)
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
