# SPDX-License-Identifier: Apache-2.0
"""Triton's client with tensors in system shared memory."""

import unittest

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import shared_memory

import programs
from protocol_test import MODEL, ProtocolTestCase, infer_input

OUTPUT = programs.SAMPLE_OUTPUT


class SharedMemoryTest(ProtocolTestCase):
    def region(self, name: str, size: int):
        handle = shared_memory.create_shared_memory_region(
            name, f"/octet_{name}_{id(self)}", size, create_only=True
        )
        self.addCleanup(shared_memory.destroy_shared_memory_region, handle)
        return handle, f"/octet_{name}_{id(self)}"

    def register(self, name: str, size: int):
        handle, key = self.region(name, size)
        self.client.register_system_shared_memory(name, key, size)
        self.addCleanup(self.client.unregister_system_shared_memory, name)
        return handle

    def test_input_and_output_in_shared_memory(self):
        images = self.images[:5]
        inputs = self.register("inputs", images.nbytes)
        outputs = self.register("outputs", 5 * 36 * 4 + 64)
        shared_memory.set_shared_memory_region(inputs, [images])
        tensor = triton.InferInput(
            programs.SAMPLE_INPUT, list(images.shape), "FP32"
        )
        tensor.set_shared_memory("inputs", images.nbytes)
        wanted = triton.InferRequestedOutput(OUTPUT)
        wanted.set_shared_memory("outputs", 5 * 36 * 4, offset=64)
        result = self.client.infer(MODEL, [tensor], outputs=[wanted])
        # As Triton does: one entry for each output, and nothing in it.
        self.assertEqual(
            list(result.get_response().raw_output_contents), [b""]
        )
        answer = shared_memory.get_contents_as_numpy(
            outputs, np.float32, [5, 36], offset=64
        )
        np.testing.assert_array_equal(answer, self.infer(images))

    def test_status_lists_what_is_registered(self):
        self.register("listed", 4096)
        status = self.client.get_system_shared_memory_status(as_json=True)
        self.assertEqual(status["regions"]["listed"]["byte_size"], "4096")
        self.client.unregister_system_shared_memory("listed")
        status = self.client.get_system_shared_memory_status(as_json=True)
        self.assertNotIn("listed", status.get("regions", {}))

    def test_output_region_that_is_too_small_is_refused(self):
        self.register("small", 8)
        wanted = triton.InferRequestedOutput(OUTPUT)
        wanted.set_shared_memory("small", 8)
        with self.assert_refused("INVALID_ARGUMENT", OUTPUT):
            self.client.infer(
                MODEL, [infer_input(self.images[:1])], outputs=[wanted]
            )

    def test_cuda_regions_are_not_served(self):
        with self.assert_refused("UNIMPLEMENTED"):
            self.client.get_cuda_shared_memory_status()


if __name__ == "__main__":
    unittest.main()
