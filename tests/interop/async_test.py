# SPDX-License-Identifier: Apache-2.0
"""Triton's client, asynchronous: callbacks and asyncio."""

import asyncio
import queue
import unittest

import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

import programs
from protocol_test import MODEL, ProtocolTestCase, infer_input

OUTPUT = programs.SAMPLE_OUTPUT


class AsyncTest(ProtocolTestCase):
    def test_callbacks_get_every_answer(self):
        expected = [self.infer(self.images[row : row + 1]) for row in range(32)]
        answers = queue.Queue()
        for row in range(32):
            self.client.async_infer(
                MODEL,
                [infer_input(self.images[row : row + 1])],
                callback=lambda result, error: answers.put((result, error)),
                request_id=str(row),
            )
        seen = set()
        for _ in range(32):
            result, error = answers.get(timeout=programs.PATIENCE)
            self.assertIsNone(error)
            row = int(result.get_response().id)
            seen.add(row)
            self.assert_near(result.as_numpy(OUTPUT), expected[row])
        self.assertEqual(seen, set(range(32)))

    def test_callback_gets_an_error_with_its_code(self):
        answers = queue.Queue()
        self.client.async_infer(
            "nothing",
            [infer_input(self.images[:1])],
            callback=lambda result, error: answers.put((result, error)),
        )
        result, error = answers.get(timeout=programs.PATIENCE)
        self.assertIsNone(result)
        self.assertEqual(error.status(), "StatusCode.NOT_FOUND")

    def test_asyncio_client(self):
        async def run():
            async with triton_aio.InferenceServerClient(
                self.server.address
            ) as client:
                self.assertTrue(await client.is_server_ready())
                self.assertTrue(await client.is_model_ready(MODEL))
                results = await asyncio.gather(
                    *(
                        client.infer(
                            MODEL, [infer_input(self.images[row : row + 2])]
                        )
                        for row in range(24)
                    )
                )
                with self.assertRaises(InferenceServerException) as raised:
                    await client.get_model_metadata("nothing")
                self.assertEqual(
                    raised.exception.status(), "StatusCode.NOT_FOUND"
                )
                return [result.as_numpy(OUTPUT) for result in results]

        for row, answer in enumerate(asyncio.run(run())):
            self.assert_near(answer, self.infer(self.images[row : row + 2]))


if __name__ == "__main__":
    unittest.main()
