# SPDX-License-Identifier: Apache-2.0
"""What int8 is asked to keep of whole tasks, where float says what that is. ONNX
Runtime computes float."""

import pathlib
import tempfile
import unittest
import wave

import numpy as np
import onnxruntime
from PIL import Image

import detectors
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


def _quantized(test, model: str, name: str, samples: np.ndarray, method: str,
               rows: np.ndarray) -> np.ndarray:
    """What the int8 model of `model` made from `samples` answers to `rows`."""
    with tempfile.TemporaryDirectory(prefix="octet_task_") as made:
        folder = pathlib.Path(made)
        np.save(folder / "samples.npy", samples)
        np.save(folder / "rows.npy", rows)
        programs.run_json(
            "octet-model", "quantize", MODELS / f"{model}.onnx",
            "--calibration", f"{name}={folder / 'samples.npy'}",
            "--output", folder / "int8.onnx", "--method", method,
            "--threads", "2",
        )
        done = programs.run_json(
            "octet-model", "run", folder / "int8.onnx",
            "--input", f"{name}={folder / 'rows.npy'}",
            "--output-dir", folder,
        )
        test.assertEqual(len(done["outputs"]), 1)
        return np.load(done["outputs"][0]["file"])


@unittest.skipUnless(MODELS.is_dir(), f"{MODELS} is not there")
class FileTypesTest(unittest.TestCase):
    """Every second file calibrates; all keep the type that float gives them."""

    def test_types_are_kept(self):
        files = models.typed_files()
        rows = np.stack([models.file_features(path) for path in files])
        model = _session("magika_standard_v3_3")
        name = model.get_inputs()[0].name
        exact = model.run(None, {name: rows})[0]
        for method in ["linear", "histogram"]:
            rounded = _quantized(
                self, "magika_standard_v3_3", name, rows[::2], method, rows
            )
            for path, a, b in zip(files, exact, rounded):
                with self.subTest(method=method, file=path.name):
                    self.assertEqual(b.argmax(), a.argmax())


@unittest.skipUnless(MODELS.is_dir(), f"{MODELS} is not there")
class DetectorsTest(unittest.TestCase):
    """The best box of each picture is one of float's best: of the same class,
    0.9 of what both cover, and scored within 0.02 of its very best one, for
    neighbouring cells of one object often differ by less. And float's very best
    box is likewise one of the int8 model's best."""

    TIE = 0.02

    def expect_boxes(self, detector, least_exact: int):
        model = _session(detector.NAME)
        name = model.get_inputs()[0].name
        read = lambda folder: np.stack(
            [
                detector.sample(path)
                for path in sorted((models.INPUTS / folder).glob("*.JPEG"))
            ]
        )
        rows = read("detect_jpeg")
        rounded = _quantized(
            self, detector.NAME, name, read("calib_jpeg50"), "histogram", rows
        )
        same = 0
        for i, row in enumerate(rows):
            exact = np.squeeze(model.run(None, {name: row[None]})[0])
            boxes = detector.boxes(exact, self.TIE)
            of_int8 = detector.boxes(rounded[i].reshape(exact.shape), self.TIE)
            with self.subTest(detector=detector.NAME, picture=i):
                self.expect_among(of_int8[0], boxes)
                self.expect_among(boxes[0], of_int8)
            same += of_int8[0].kind == boxes[0].kind and (
                of_int8[0].union_share(boxes[0]) >= 0.9
            )
        print(f"\n  {detector.NAME}: {same} of {len(rows)} as float's very best")
        self.assertGreaterEqual(same, least_exact)

    def expect_among(self, best, boxes):
        shares = [
            best.union_share(box) for box in boxes if box.kind == best.kind
        ]
        self.assertTrue(shares, f"{best} is of no class of {boxes[0]} and others")
        self.assertGreaterEqual(max(shares), 0.9)

    def test_fastestdet(self):
        # Of two pictures float scores its best two boxes within 0.006 and 0.014.
        self.expect_boxes(detectors.FastestDet(), 11)

    def test_yolox_nano(self):
        self.expect_boxes(detectors.YoloxNano(), 13)


@unittest.skipUnless(MODELS.is_dir(), f"{MODELS} is not there")
class MasksTest(unittest.TestCase):
    """What a segmentation model takes for a person covers what float's mask
    does, over pictures that calibrated nothing, all masks together."""

    def read(self, *folders: str) -> np.ndarray:
        """[n, 3, 256, 256], RGB of 0..1."""
        paths = [
            path
            for folder in folders
            for path in sorted((models.INPUTS / folder).iterdir())
            if path.suffix.lower() in (".jpeg", ".jpg")
        ]
        pictures = [
            Image.open(path).convert("RGB").resize((256, 256), Image.BILINEAR)
            for path in paths
        ]
        pixels = np.stack([np.asarray(p, np.float32) / 255 for p in pictures])
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))

    def test_masks_are_kept(self):
        model = _session("prisma_seg")
        name = model.get_inputs()[0].name
        rows = self.read("faces_jpeg", "detect_jpeg")
        exact = np.concatenate(
            [model.run(None, {name: row[None]})[0] for row in rows]
        )
        rounded = _quantized(
            self, "prisma_seg", name, self.read("calib_jpeg50"), "histogram",
            rows,
        ).reshape(exact.shape)
        a, b = exact > 0.5, rounded > 0.5
        self.assertGreater(a.mean(), 0.1)
        share = (a & b).sum() / (a | b).sum()
        print(f"\n  prisma_seg: {share:.4f} of what either mask covers")
        self.assertGreaterEqual(share, 0.97)


if __name__ == "__main__":
    unittest.main()
