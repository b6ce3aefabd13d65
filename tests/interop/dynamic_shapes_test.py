# SPDX-License-Identifier: Apache-2.0
"""Models whose shapes are known only when they run, through Triton's client;
ONNX Runtime says what the answers are."""

import threading

import numpy as np
import onnx
import onnx.helper as make
import onnx.numpy_helper
import onnxruntime
import tritonclient.grpc as triton
from onnx import TensorProto
from tritonclient.utils import shared_memory

from protocol_test import ProtocolTestCase

FLOAT = TensorProto.FLOAT
INT64 = TensorProto.INT64


def _model(nodes, inputs, outputs, constants=()) -> bytes:
    graph = make.make_graph(
        nodes,
        "graph",
        [make.make_tensor_value_info(*each) for each in inputs],
        [make.make_tensor_value_info(*each) for each in outputs],
        [
            onnx.numpy_helper.from_array(value, name)
            for name, value in dict(constants).items()
        ],
    )
    model = make.make_model(
        graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8
    )
    return model.SerializeToString()


def sequence_model() -> bytes:
    """y = tanh(x w), its largest value over the sequence."""
    weights = np.random.default_rng(1).standard_normal((8, 4))
    return _model(
        [
            make.make_node("MatMul", ["x", "w"], ["p"]),
            make.make_node("Tanh", ["p"], ["y"]),
            make.make_node("ReduceMax", ["y"], ["top"], axes=[1], keepdims=0),
        ],
        [("x", FLOAT, ["batch", "sequence", 8])],
        [
            ("y", FLOAT, ["batch", "sequence", 4]),
            ("top", FLOAT, ["batch", 4]),
        ],
        {"w": weights.astype(np.float32)},
    )


def reshape_model() -> bytes:
    return _model(
        [
            make.make_node("Reshape", ["x", "target"], ["r"]),
            make.make_node("Neg", ["r"], ["y"]),
        ],
        [("x", FLOAT, ["n"]), ("target", INT64, ["k"])],
        [("y", FLOAT, None)],
    )


def _input(name: str, array: np.ndarray) -> triton.InferInput:
    kind = {"float32": "FP32", "int64": "INT64"}[str(array.dtype)]
    tensor = triton.InferInput(name, list(array.shape), kind)
    tensor.set_data_from_numpy(array)
    return tensor


class DynamicShapesTest(ProtocolTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.models = {
            "sequence": sequence_model(),
            "reshape": reshape_model(),
        }
        for name, model in cls.models.items():
            cls.client.load_model(
                name,
                config=f'{{"name": "{name}"}}',
                files={"file:1/model.onnx": model},
            )

    def expected(self, name: str, inputs: dict) -> list:
        session = onnxruntime.InferenceSession(
            self.models[name], providers=["CPUExecutionProvider"]
        )
        return session.run(None, inputs)

    def ask(self, name: str, inputs: dict, **options):
        return self.client.infer(
            name, [_input(*each) for each in inputs.items()], **options
        )

    def test_every_request_may_have_its_own_shape(self):
        random = np.random.default_rng(2)
        for batch, sequence in [(1, 5), (3, 2), (1, 5), (2, 40), (1, 1)]:
            x = random.standard_normal((batch, sequence, 8)).astype(np.float32)
            result = self.ask("sequence", {"x": x})
            y, top = self.expected("sequence", {"x": x})
            self.assert_near(result.as_numpy("y"), y)
            self.assert_near(result.as_numpy("top"), top)

    def test_requests_of_many_shapes_at_once(self):
        random = np.random.default_rng(3)
        errors = []

        def work(seed: int):
            try:
                for i in range(20):
                    shape = (1 + i % 3, 1 + (seed + i) % 7, 8)
                    x = random.standard_normal(shape).astype(np.float32)
                    result = self.ask("sequence", {"x": x})
                    (y, _) = self.expected("sequence", {"x": x})
                    self.assert_near(result.as_numpy("y"), y)
            except Exception as error:  # pylint: disable=broad-except
                errors.append(error)

        threads = [
            threading.Thread(target=work, args=(seed,)) for seed in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])

    def test_the_callers_value_may_be_a_shape(self):
        x = np.arange(12, dtype=np.float32)
        for target in [[3, 4], [2, -1], [12], [1, 2, 3, 2], [3, 4]]:
            result = self.ask(
                "reshape", {"x": x, "target": np.array(target, np.int64)}
            )
            np.testing.assert_array_equal(
                result.as_numpy("y"), -x.reshape(target)
            )

    def test_shapes_that_do_not_fit_are_refused_by_name(self):
        x = np.arange(12, dtype=np.float32)
        with self.assert_refused("INVALID_ARGUMENT", "Reshape", "[5, 5]"):
            self.ask("reshape", {"x": x, "target": np.array([5, 5])})
        with self.assert_refused("INVALID_ARGUMENT", "'x'", "[12]"):
            self.ask("sequence", {"x": x})
        huge = _input("x", np.zeros((1, 1, 8), np.float32))
        huge.set_shape([1, 1 << 40, 8])
        with self.assert_refused("INVALID_ARGUMENT", "'x'"):
            self.client.infer("sequence", [huge])

    def test_outputs_go_into_shared_memory_if_they_fit(self):
        key = f"/octet_dynamic_{id(self)}"
        handle = shared_memory.create_shared_memory_region(
            "dynamic", key, 4096, create_only=True
        )
        self.addCleanup(shared_memory.destroy_shared_memory_region, handle)
        self.client.register_system_shared_memory("dynamic", key, 4096)
        self.addCleanup(
            self.client.unregister_system_shared_memory, "dynamic"
        )
        x = np.ones((1, 6, 8), np.float32)
        wanted = triton.InferRequestedOutput("y")
        wanted.set_shared_memory("dynamic", 4096)
        self.ask("sequence", {"x": x}, outputs=[wanted])
        answer = shared_memory.get_contents_as_numpy(
            handle, np.float32, [1, 6, 4]
        )
        self.assert_near(answer, self.expected("sequence", {"x": x})[0])
        wanted = triton.InferRequestedOutput("y")
        wanted.set_shared_memory("dynamic", 8)
        with self.assert_refused("INVALID_ARGUMENT", "'y'", "96 bytes"):
            self.ask("sequence", {"x": x}, outputs=[wanted])

    def test_metadata_says_which_extents_are_open(self):
        metadata = self.client.get_model_metadata("sequence")
        self.assertEqual(list(metadata.inputs[0].shape), [-1, -1, 8])
        self.assertEqual(list(metadata.outputs[1].shape), [-1, 4])
        config = self.client.get_model_config("sequence").config
        self.assertEqual(config.max_batch_size, 0)
