# SPDX-License-Identifier: Apache-2.0
"""Triton's own client, unmodified, against octet-server."""

import queue
import unittest

import grpc
import numpy as np
import onnxruntime
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

import programs

MODEL = "characters"


def infer_input(images: np.ndarray) -> triton.InferInput:
    tensor = triton.InferInput(
        programs.SAMPLE_INPUT, list(images.shape), "FP32"
    )
    tensor.set_data_from_numpy(images)
    return tensor


class ProtocolTestCase(unittest.TestCase):
    """One server for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.server = programs.Server()
        cls.addClassCleanup(cls.server.close)
        cls.client = triton.InferenceServerClient(cls.server.address)
        cls.addClassCleanup(cls.client.close)
        cls.images = programs.sample_images("evaluation")

    def infer(self, images: np.ndarray, **options) -> np.ndarray:
        result = self.client.infer(MODEL, [infer_input(images)], **options)
        return result.as_numpy(programs.SAMPLE_OUTPUT)

    def assert_near(self, answer: np.ndarray, expected: np.ndarray):
        """Equal but for the last bits of floats, which may depend on the
        rows that were computed together."""
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(
            answer, expected, rtol=1e-4, atol=1e-5 * scale
        )

    def assert_refused(self, code: str, *words: str):
        """A context in which the call must fail with `code` and `words`."""
        test = self

        class Refusal:
            def __enter__(self):
                return self

            def __exit__(self, kind, error, trace):
                test.assertIsInstance(error, InferenceServerException)
                test.assertEqual(error.status(), f"StatusCode.{code}")
                for word in words:
                    test.assertIn(word, error.message())
                return True

        return Refusal()


class MetadataTest(ProtocolTestCase):
    def test_server_and_model_are_live_and_ready(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready(MODEL))
        self.assertTrue(self.client.is_model_ready(MODEL, "1"))
        self.assertFalse(self.client.is_model_ready(MODEL, "2"))
        self.assertFalse(self.client.is_model_ready("nothing"))

    def test_server_metadata_names_server_version_and_extensions(self):
        metadata = self.client.get_server_metadata()
        self.assertEqual(metadata.name, "octet")
        self.assertRegex(metadata.version, r"^\d+\.\d+\.\d+$")
        self.assertIn("model_repository", metadata.extensions)

    def test_model_metadata_states_the_signature(self):
        metadata = self.client.get_model_metadata(MODEL)
        self.assertEqual(list(metadata.versions), ["1"])
        self.assertEqual(len(metadata.inputs), 1)
        self.assertEqual(metadata.inputs[0].name, programs.SAMPLE_INPUT)
        self.assertEqual(metadata.inputs[0].datatype, "FP32")
        self.assertEqual(list(metadata.inputs[0].shape), [-1, 1, 32, 32])
        self.assertEqual(metadata.outputs[0].name, programs.SAMPLE_OUTPUT)
        self.assertEqual(list(metadata.outputs[0].shape), [-1, 36])

    def test_metadata_of_an_unknown_model_is_not_found(self):
        with self.assert_refused("NOT_FOUND", "nothing"):
            self.client.get_model_metadata("nothing")


class InferTest(ProtocolTestCase):
    def test_answers_are_onnxruntimes(self):
        images = self.images[:16]
        session = onnxruntime.InferenceSession(
            str(programs.SAMPLE / "printed_characters.onnx")
        )
        expected = session.run(None, {programs.SAMPLE_INPUT: images})[0]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            self.infer(images), expected, rtol=1e-3, atol=1e-4 * scale
        )

    def test_answers_read_the_characters(self):
        labels = programs.sample_labels()
        right = 0
        for begin in range(0, len(self.images), 64):
            rows = self.infer(self.images[begin : begin + 64])
            answers = rows.argmax(axis=1)
            right += (answers == labels[begin : begin + 64]).sum()
        # A model that guesses gets one in 36 right.
        self.assertGreater(right / len(labels), 0.9)

    def test_typed_contents_are_answered_like_raw_ones(self):
        images = self.images[:3]
        request = service_pb2.ModelInferRequest(model_name=MODEL, id="typed")
        tensor = request.inputs.add(
            name=programs.SAMPLE_INPUT, datatype="FP32", shape=images.shape
        )
        tensor.contents.fp32_contents.extend(images.flatten().tolist())
        with grpc.insecure_channel(self.server.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            response = stub.ModelInfer(request)
        self.assertEqual(response.id, "typed")
        self.assertEqual(list(response.outputs[0].shape), [3, 36])
        answer = np.frombuffer(response.raw_output_contents[0], np.float32)
        np.testing.assert_array_equal(
            answer.reshape(3, 36), self.infer(images)
        )

    def test_request_id_and_wanted_outputs_come_back(self):
        result = self.client.infer(
            MODEL,
            [infer_input(self.images[:1])],
            outputs=[triton.InferRequestedOutput(programs.SAMPLE_OUTPUT)],
            request_id="a7",
        )
        response = result.get_response()
        self.assertEqual(response.id, "a7")
        self.assertEqual(response.model_name, MODEL)
        self.assertEqual(response.model_version, "1")
        self.assertEqual(len(response.outputs), 1)

    def test_requests_at_the_same_time_get_their_own_answers(self):
        expected = self.infer(self.images[:32])
        answers = queue.Queue()
        for row in range(32):
            self.client.async_infer(
                MODEL,
                [infer_input(self.images[row : row + 1])],
                lambda result, error, row=row: answers.put(
                    (row, result, error)
                ),
            )
        for _ in range(32):
            row, result, error = answers.get(timeout=programs.PATIENCE)
            self.assertIsNone(error)
            np.testing.assert_allclose(
                result.as_numpy(programs.SAMPLE_OUTPUT)[0],
                expected[row],
                rtol=1e-4,
                atol=1e-4,
            )

    def test_unknown_model_or_version_is_not_found(self):
        with self.assert_refused("NOT_FOUND", "nothing"):
            self.client.infer("nothing", [infer_input(self.images[:1])])
        with self.assert_refused("NOT_FOUND", "7"):
            self.infer(self.images[:1], model_version="7")

    def test_wrong_shape_name_and_datatype_are_named(self):
        with self.assert_refused(
            "INVALID_ARGUMENT", programs.SAMPLE_INPUT, "31"
        ):
            self.infer(np.zeros((1, 1, 31, 32), np.float32))
        with self.assert_refused("INVALID_ARGUMENT", "pixels"):
            tensor = triton.InferInput("pixels", [1, 1, 32, 32], "FP32")
            tensor.set_data_from_numpy(self.images[:1])
            self.client.infer(MODEL, [tensor])
        with self.assert_refused("INVALID_ARGUMENT", "FP64", "FP32"):
            tensor = triton.InferInput(
                programs.SAMPLE_INPUT, [1, 1, 32, 32], "FP64"
            )
            tensor.set_data_from_numpy(self.images[:1].astype(np.float64))
            self.client.infer(MODEL, [tensor])

    def test_cuda_shared_memory_is_said_not_to_be_served(self):
        with self.assert_refused("UNIMPLEMENTED"):
            self.client.get_cuda_shared_memory_status()


class RepositoryTest(ProtocolTestCase):
    def index(self) -> dict:
        models = self.client.get_model_repository_index().models
        return {(model.name, model.version): model.state for model in models}

    def test_index_unload_and_load_follow_one_another(self):
        self.assertEqual(self.index(), {(MODEL, "1"): "READY"})
        self.client.unload_model(MODEL)
        self.assertEqual(self.index(), {(MODEL, "1"): "UNAVAILABLE"})
        self.assertFalse(self.client.is_model_ready(MODEL))
        self.assertTrue(self.client.is_server_ready())
        with self.assert_refused("FAILED_PRECONDITION", MODEL):
            self.infer(self.images[:1])
        self.client.load_model(MODEL)
        self.assertEqual(self.index(), {(MODEL, "1"): "READY"})
        self.assertEqual(self.infer(self.images[:2]).shape, (2, 36))

    def test_loading_an_unknown_model_is_not_found(self):
        with self.assert_refused("NOT_FOUND", "nothing"):
            self.client.load_model("nothing")

    def test_paths_are_no_model_names(self):
        with self.assert_refused("INVALID_ARGUMENT"):
            self.client.load_model("../characters")


if __name__ == "__main__":
    unittest.main()
