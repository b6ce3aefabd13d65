# SPDX-License-Identifier: Apache-2.0
"""Triton's client controls models: uploads, configurations, loads under
load."""

import json
import threading
import unittest

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

import programs
from protocol_test import MODEL, infer_input

OUTPUT = programs.SAMPLE_OUTPUT


class ModelControlTest(unittest.TestCase):
    """A server for each test: they change what it serves."""

    def setUp(self):
        self.server = programs.Server()
        self.addCleanup(self.server.close)
        self.client = triton.InferenceServerClient(self.server.address)
        self.addCleanup(self.client.close)
        self.images = programs.sample_images("evaluation")
        self.model = (
            programs.SAMPLE / "printed_characters.onnx"
        ).read_bytes()

    def states(self) -> dict:
        models = self.client.get_model_repository_index().models
        return {(model.name, model.version): model.state for model in models}

    def test_upload_and_load_in_one_call(self):
        self.client.load_model(
            "uploaded",
            config=json.dumps({"name": "uploaded", "max_batch_size": 4}),
            files={"file:1/model.onnx": self.model},
        )
        self.assertEqual(self.states()["uploaded", "1"], "READY")
        images = self.images[:3]
        answers = [
            self.client.infer(name, [infer_input(images)]).as_numpy(OUTPUT)
            for name in ["uploaded", MODEL]
        ]
        np.testing.assert_array_equal(*answers)
        config = self.client.get_model_config("uploaded").config
        self.assertEqual(config.max_batch_size, 4)

    def test_an_upload_that_is_no_model_leaves_nothing(self):
        with self.assertRaises(InferenceServerException) as raised:
            self.client.load_model(
                "broken",
                config=json.dumps({"name": "broken"}),
                files={"file:1/model.onnx": self.model[:1000]},
            )
        self.assertIn(
            raised.exception.status(),
            {"StatusCode.INVALID_ARGUMENT", "StatusCode.DATA_LOSS"},
        )
        self.assertFalse((self.server.repository / "broken").exists())
        self.assertEqual(self.states(), {(MODEL, "1"): "READY"})

    def test_uploads_cannot_leave_their_model(self):
        for path in [
            "file:../escaped.onnx",
            "file:1/../../escaped.onnx",
            "file:/escaped.onnx",
            "file:1/sub/../../model.onnx",
        ]:
            with self.subTest(path):
                with self.assertRaises(InferenceServerException) as raised:
                    self.client.load_model(
                        "outside",
                        config=json.dumps({"name": "outside"}),
                        files={path: self.model},
                    )
                self.assertEqual(
                    raised.exception.status(), "StatusCode.INVALID_ARGUMENT"
                )
        names = {path.name for path in self.server.folder.rglob("*")}
        self.assertNotIn("escaped.onnx", names)

    def test_files_without_a_configuration_are_refused(self):
        with self.assertRaises(InferenceServerException) as raised:
            self.client.load_model(
                "uploaded", files={"file:1/model.onnx": self.model}
            )
        self.assertEqual(
            raised.exception.status(), "StatusCode.INVALID_ARGUMENT"
        )
        self.assertIn("config", raised.exception.message())

    def test_configuration_alone_overrides_the_file_until_the_next_load(self):
        whole = self.client.get_model_config(MODEL).config.max_batch_size
        self.client.load_model(
            MODEL, config=json.dumps({"name": MODEL, "max_batch_size": 2})
        )
        config = self.client.get_model_config(MODEL).config
        self.assertEqual(config.max_batch_size, 2)
        self.client.load_model(MODEL)
        config = self.client.get_model_config(MODEL).config
        self.assertEqual(config.max_batch_size, whole)

    def test_a_configuration_that_octet_does_not_do_is_refused_by_name(self):
        with self.assertRaises(InferenceServerException) as raised:
            self.client.load_model(
                MODEL,
                config=json.dumps({"name": MODEL, "sequence_batching": {}}),
            )
        self.assertIn("sequence_batching", raised.exception.message())
        self.assertEqual(self.states()[MODEL, "1"], "READY")

    def test_index_can_be_asked_for_what_is_ready(self):
        self.client.unload_model(MODEL, unload_dependents=True)
        stub = self.client._client_stub
        request = triton.service_pb2.RepositoryIndexRequest(ready=True)
        self.assertEqual(len(stub.RepositoryIndex(request).models), 0)
        self.assertEqual(self.states()[MODEL, "1"], "UNAVAILABLE")

    def test_loading_under_load_leaves_no_gap(self):
        """The same version again and again, while callers ask for it."""
        done = threading.Event()
        failures = []

        def ask():
            with triton.InferenceServerClient(self.server.address) as client:
                while not done.is_set():
                    try:
                        client.infer(MODEL, [infer_input(self.images[:2])])
                    except InferenceServerException as error:
                        failures.append(error)
                        return

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                self.client.load_model(MODEL)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])


if __name__ == "__main__":
    unittest.main()
