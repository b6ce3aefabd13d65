# SPDX-License-Identifier: Apache-2.0
"""Triton's client over one stream: ModelStreamInfer."""

import contextlib
import queue
import unittest

import grpc
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2_grpc

import programs
from protocol_test import MODEL, ProtocolTestCase, infer_input

OUTPUT = programs.SAMPLE_OUTPUT


class StreamTest(ProtocolTestCase):
    def setUp(self):
        with grpc.insecure_channel(self.server.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            try:
                self.assertEqual(list(stub.ModelStreamInfer(iter([]))), [])
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                    self.skipTest(error.details())
                raise

    @contextlib.contextmanager
    def stream(self):
        """An open stream: yields the queue of (result, error)."""
        answers = queue.Queue()
        with triton.InferenceServerClient(self.server.address) as client:
            client.start_stream(
                callback=lambda result, error: answers.put((result, error))
            )
            yield client, answers
            client.stop_stream()

    def send(self, client, row: int, **options):
        options.setdefault("request_id", str(row))
        client.async_stream_infer(
            options.pop("model", MODEL),
            [infer_input(self.images[row : row + 1])],
            **options,
        )

    def test_one_answer_for_each_request_by_its_id(self):
        with self.stream() as (client, answers):
            for row in range(48):
                self.send(client, row)
            seen = set()
            for _ in range(48):
                result, error = answers.get(timeout=programs.PATIENCE)
                self.assertIsNone(error)
                row = int(result.get_response().id)
                seen.add(row)
                self.assert_near(
                    result.as_numpy(OUTPUT),
                    self.infer(self.images[row : row + 1]),
                )
            self.assertEqual(seen, set(range(48)))

    def test_an_error_leaves_the_stream_open(self):
        with self.stream() as (client, answers):
            self.send(client, 0, model="nothing")
            result, error = answers.get(timeout=programs.PATIENCE)
            self.assertIsNone(result)
            self.assertIn("nothing", str(error))
            self.send(client, 1)
            result, error = answers.get(timeout=programs.PATIENCE)
            self.assertIsNone(error)
            self.assertEqual(result.get_response().id, "1")

    def test_closing_waits_for_what_is_under_way(self):
        with self.stream() as (client, answers):
            for row in range(24):
                self.send(client, row)
        self.assertEqual(answers.qsize(), 24)
        while not answers.empty():
            self.assertIsNone(answers.get()[1])

    def test_final_response_is_marked_where_asked(self):
        with self.stream() as (client, answers):
            self.send(client, 0, enable_empty_final_response=True)
            result, error = answers.get(timeout=programs.PATIENCE)
            self.assertIsNone(error)
            parameters = result.get_response().parameters
            self.assertTrue(parameters["triton_final_response"].bool_param)


if __name__ == "__main__":
    unittest.main()
