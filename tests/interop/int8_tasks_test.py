# SPDX-License-Identifier: Apache-2.0
"""What int8 is asked to keep of whole tasks, where float says what that is. ONNX
Runtime computes float."""

import pathlib
import tempfile
import unittest
import wave

import numpy as np
import onnxruntime

import models
import programs

MODELS = models.DATA / "models"
CLIPS = models.INPUTS / "kws_wav"
RATE = 16000


def _session(name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        str(MODELS / f"{name}.onnx"), providers=["CPUExecutionProvider"]
    )


def _second(name: str) -> np.ndarray:
    with wave.open(str(CLIPS / name)) as recording:
        frames = recording.readframes(recording.getnframes())
    sound = np.frombuffer(frames, np.int16).astype(np.float32) / 32768
    return np.pad(sound, (0, max(0, RATE - len(sound))))[:RATE]


@unittest.skipUnless(MODELS.is_dir(), f"{MODELS} is not there")
class KeywordsTest(unittest.TestCase):
    """Three words, moved and mixed with noise, calibrate; the others judge."""

    HEARD = ["down_1.wav", "left_1.wav", "right_1.wav"]

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="octet_keywords_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.front = _session("kwt1_mfcc_frontend")
        self.encoder = _session("kwt1_transformer_encoder")
        self.input = self.encoder.get_inputs()[0].name

    def features(self, sound: np.ndarray) -> np.ndarray:
        name = self.front.get_inputs()[0].name
        return self.front.run(None, {name: sound[None]})[0]

    def calibration(self) -> np.ndarray:
        random = np.random.default_rng(1)
        words = [_second(name) for name in self.HEARD]
        samples = []
        for i in range(60):
            moved = np.roll(words[i % 3], random.integers(-1600, 1600))
            noise = random.normal(0, 10 ** random.uniform(-4, -1.5), RATE)
            loud = random.uniform(0.5, 1.2)
            samples.append(
                self.features((loud * moved + noise).astype(np.float32))
            )
        return np.stack(samples)

    def int8(self, model: pathlib.Path, features: np.ndarray) -> np.ndarray:
        np.save(self.folder / "features.npy", features)
        done = programs.run_json(
            "octet-model", "run", model,
            "--input", f"{self.input}={self.folder / 'features.npy'}",
            "--output-dir", self.folder / "answers",
        )
        return np.load(done["outputs"][0]["file"]).reshape(-1)

    def test_words_that_calibrated_nothing_are_heard(self):
        np.save(self.folder / "samples.npy", self.calibration())
        names = sorted(path.name for path in CLIPS.glob("*.wav"))
        others = [name for name in names if name not in self.HEARD]
        self.assertGreaterEqual(len(others), 3)
        for method in ["linear", "histogram"]:
            model = self.folder / f"{method}.onnx"
            programs.run_json(
                "octet-model", "quantize",
                MODELS / "kwt1_transformer_encoder.onnx",
                "--calibration", f"{self.input}={self.folder / 'samples.npy'}",
                "--output", model, "--method", method,
            )
            for name in others:
                features = self.features(_second(name))
                exact = self.encoder.run(None, {self.input: features})[0]
                exact = exact.reshape(-1)
                rounded = self.int8(model, features)
                with self.subTest(method=method, clip=name):
                    self.assertEqual(rounded.argmax(), exact.argmax())
                    noise = np.sum((exact - rounded) ** 2)
                    decibels = 10 * np.log10(np.sum(exact**2) / noise)
                    print(f"\n  {name}, {method}: {decibels:.1f} dB")
                    self.assertGreater(decibels, 20)


if __name__ == "__main__":
    unittest.main()
