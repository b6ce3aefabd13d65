# SPDX-License-Identifier: Apache-2.0
"""Whole tasks of models that people use, as their programs do them: a voice
detector that carries its state through a recording, a namer of file types, a
wake word found by three models in a row. ONNX Runtime says what the answers
are."""

import unittest
import wave

import numpy as np
import onnxruntime
import tritonclient.grpc as triton

import models
import programs

MODELS = models.DATA / "models"
NAMES = [
    "silero_vad_16k_op15",
    "magika_standard_v3_3",
    "oww_melspectrogram",
    "oww_embedding",
    "oww_alexa",
]

# Silero's window, in front of which it wants the end of the one before.
WINDOW = 512
CONTEXT = 64


def _recording(name: str) -> np.ndarray:
    with wave.open(str(models.INPUTS / name)) as recording:
        frames = recording.readframes(recording.getnframes())
    return np.frombuffer(frames, np.int16).astype(np.float32)


@unittest.skipUnless(MODELS.is_dir(), f"{MODELS} is not there")
class WholeTasksTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = programs.Server(
            models={
                f"{name}/1/model.onnx": MODELS / f"{name}.onnx"
                for name in NAMES
            }
        )
        cls.addClassCleanup(cls.server.close)
        cls.client = triton.InferenceServerClient(cls.server.address)
        cls.addClassCleanup(cls.client.close)

    def served(self, name: str, inputs: dict) -> list:
        kinds = {"float32": "FP32", "int32": "INT32", "int64": "INT64"}
        tensors = []
        for key, value in inputs.items():
            tensor = triton.InferInput(
                key, list(value.shape), kinds[str(value.dtype)]
            )
            tensor.set_data_from_numpy(value)
            tensors.append(tensor)
        result = self.client.infer(name, tensors)
        return [
            result.as_numpy(output.name)
            for output in self.client.get_model_metadata(name).outputs
        ]

    def session(self, name: str) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        )
        return onnxruntime.InferenceSession(
            str(MODELS / f"{name}.onnx"),
            options,
            providers=["CPUExecutionProvider"],
        )

    def test_the_voice_detector_carries_its_state(self):
        samples = _recording("silero_test.wav") / 32768
        windows = len(samples) // WINDOW
        rate = np.array(16000, np.int64)
        ours = theirs = np.zeros((2, 1, 128), np.float32)
        session = self.session("silero_vad_16k_op15")
        heard = []
        samples = np.concatenate([np.zeros(CONTEXT, np.float32), samples])
        for i in range(windows):
            start = i * WINDOW
            window = samples[None, start : start + CONTEXT + WINDOW]
            speech, ours = self.served(
                "silero_vad_16k_op15",
                {"input": window, "state": ours, "sr": rate},
            )
            expected, theirs = session.run(
                None, {"input": window, "state": theirs, "sr": rate}
            )
            np.testing.assert_allclose(speech, expected, rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-3)
            heard.append(float(speech[0, 0]))
        self.assertGreater(windows, 10)
        self.assertGreater(max(heard), 0.5)

    def test_files_are_named(self):
        kinds = models.file_type_config()["target_labels_space"]
        paths = models.typed_files()
        features = np.stack([models.file_features(path) for path in paths])
        (ours,) = self.served("magika_standard_v3_3", {"bytes": features})
        (theirs,) = self.session("magika_standard_v3_3").run(
            None, {"bytes": features}
        )
        # The last softmax magnifies what floats differ in.
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-3)
        named = [kinds[i] for i in ours.argmax(axis=1)]
        self.assertEqual(named, [kinds[i] for i in theirs.argmax(axis=1)])
        right = [path.parent.name == name for path, name in zip(paths, named)]
        self.assertGreater(len(paths), 40)
        # The model itself takes one of them for another.
        self.assertGreaterEqual(sum(right), len(paths) - 1)

    def test_the_wake_word_is_found_by_three_models_in_a_row(self):
        # The word alone is shorter than what the last model looks at.
        samples = np.pad(_recording("alexa_test.wav"), (40000, 16000))[None]
        (mel,) = self.served("oww_melspectrogram", {"input": samples})
        mel = mel[0, 0] / 10 + 2
        # As openWakeWord cuts them: 76 frames, 8 further each time.
        windows = np.stack(
            [mel[i : i + 76] for i in range(0, len(mel) - 75, 8)]
        )[..., None].astype(np.float32)
        (embedded,) = self.served("oww_embedding", {"input_1": windows})
        embedded = embedded.reshape(-1, 96)
        steps = np.stack(
            [embedded[i : i + 16] for i in range(len(embedded) - 15)]
        )
        (scores,) = self.served("oww_alexa", {"onnx::Flatten_0": steps})
        self.assertGreater(float(scores.max()), 0.9)
