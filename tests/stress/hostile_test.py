# SPDX-License-Identifier: Apache-2.0
"""A repository and shared memory that mean harm: clear errors, nothing lost,
nothing outside touched, and good requests are answered all the while."""

import contextlib
import mmap
import os
import pathlib
import tempfile
import unittest

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

import programs
from protocol_test import MODEL, infer_input

FOLDERS = 10_000


class HostileTestCase(unittest.TestCase):
    def setUp(self):
        self.images = programs.sample_images("evaluation")[:4]

    def start(self, *flags: str) -> None:
        self.server = programs.Server(*flags)
        self.addCleanup(self.server.close)
        self.client = triton.InferenceServerClient(self.server.address)
        self.addCleanup(self.client.close)
        self.expected = self.infer()

    def infer(self) -> np.ndarray:
        answer = self.client.infer(MODEL, [infer_input(self.images)])
        return answer.as_numpy(programs.SAMPLE_OUTPUT)

    @contextlib.contextmanager
    def refused(self, *codes: str):
        """The call inside is refused with one of `codes`, with a word, and
        the server goes on."""
        with self.assertRaises(InferenceServerException) as raised:
            yield
        self.assertIn(
            raised.exception.status(), [f"StatusCode.{code}" for code in codes]
        )
        self.assertTrue(raised.exception.message())
        np.testing.assert_array_equal(self.infer(), self.expected)


class RepositoryTest(HostileTestCase):
    def setUp(self):
        super().setUp()
        outside = tempfile.TemporaryDirectory(prefix="octet_outside_")
        self.addCleanup(outside.cleanup)
        self.outside = pathlib.Path(outside.name)
        (self.outside / "1").mkdir()
        self.secret = self.outside / "1" / "model.onnx"
        self.secret.write_bytes(programs.SAMPLE_MODEL.read_bytes())
        self.start()

    def version(self, name: str, number: str = "1") -> pathlib.Path:
        folder = self.server.repository / name / number
        folder.mkdir(parents=True)
        return folder

    def states(self) -> dict:
        models = self.client.get_model_repository_index().models
        return {(one.name, one.version): one.state for one in models}

    def test_links_out_of_the_repository_are_not_followed(self):
        (self.server.repository / "whole").symlink_to(self.outside)
        (self.version("file") / "model.onnx").symlink_to(self.secret)
        folder = self.server.repository / "folder"
        folder.mkdir()
        (folder / "1").symlink_to(self.outside / "1")
        for name in ["whole", "file", "folder"]:
            with self.subTest(name), self.refused(
                "NOT_FOUND", "PERMISSION_DENIED"
            ):
                self.client.load_model(name)
        self.assertTrue(self.secret.exists())

    def test_what_is_no_file_does_not_hang_a_load(self):
        os.mkfifo(self.version("fifo") / "model.onnx")
        (self.version("folder") / "model.onnx").mkdir()
        for name in ["fifo", "folder"]:
            with self.subTest(name), self.refused(
                "NOT_FOUND",
                "INVALID_ARGUMENT",
                "FAILED_PRECONDITION",
                "UNAVAILABLE",
            ):
                self.client.load_model(name, client_timeout=60)

    def test_half_a_version_and_noise_are_refused(self):
        whole = programs.SAMPLE_MODEL.read_bytes()
        noise = np.random.default_rng(1).bytes(100_000)
        for name, data in {
            "half": whole[: len(whole) // 2],
            "noise": noise,
            "nothing": b"",
        }.items():
            (self.version(name) / "model.onnx").write_bytes(data)
            with self.subTest(name), self.refused(
                "INVALID_ARGUMENT", "DATA_LOSS", "UNIMPLEMENTED"
            ):
                self.client.load_model(name)
            self.assertEqual(self.states()[name, "1"], "UNAVAILABLE")

    def test_a_version_that_turns_bad_leaves_the_one_that_serves(self):
        bad = self.version(MODEL, "2") / "model.onnx"
        bad.write_bytes(b"no model any more")
        with self.refused("INVALID_ARGUMENT", "DATA_LOSS"):
            self.client.load_model(MODEL)
        self.assertEqual(self.states()[MODEL, "1"], "READY")
        self.assertEqual(self.states()[MODEL, "2"], "UNAVAILABLE")

    def test_names_that_are_no_names(self):
        for name in ["a\nb", "\x1b[31mred", " ", "é" * 100, "-rf"]:
            (self.version(name) / "model.onnx").write_bytes(b"")
        for number in ["0", "-1", "01", "99999999999999999999", "1e3"]:
            self.version("numbers", number)
        with self.refused("NOT_FOUND"):
            self.client.load_model("numbers")
        for name, _ in self.states():
            self.assertTrue(name.isprintable(), repr(name))
        for name in ["a\nb", "../models", "/", ".", "..", "a/b", "", "\0"]:
            with self.subTest(name), self.refused("INVALID_ARGUMENT"):
                self.client.load_model(name)

    def test_ten_thousand_models(self):
        for number in range(FOLDERS):
            (self.server.repository / f"m{number}").mkdir()
        self.assertIn((MODEL, "1"), self.states())
        np.testing.assert_array_equal(self.infer(), self.expected)


class SharedMemoryTest(HostileTestCase):
    def setUp(self):
        super().setUp()
        self.prefix = f"/octet_{os.getpid()}"
        self.start("--shared-memory-prefix", self.prefix)

    def memory(self, name: str, size: int) -> pathlib.Path:
        path = pathlib.Path("/dev/shm") / name.lstrip("/")
        path.write_bytes(bytes(size))
        self.addCleanup(path.unlink, missing_ok=True)
        return path

    def register(self, key: str, size: int, offset: int = 0, name: str = "r"):
        self.client.register_system_shared_memory(name, key, size, offset)
        self.addCleanup(self.client.unregister_system_shared_memory, name)

    def test_only_names_under_the_prefix(self):
        stranger = f"octetless_{os.getpid()}"
        self.memory(stranger, 4096)
        for key in [
            f"/{stranger}",
            stranger,
            f"{self.prefix}/../{stranger}",
            f"{self.prefix}x/../../etc/passwd",
            "/etc/passwd",
            f"{self.prefix}\n",
            "",
            self.prefix + "x" * 300,
        ]:
            with self.subTest(key), self.refused(
                "INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND"
            ):
                self.register(key, 64)

    def test_links_are_not_followed(self):
        stranger = self.memory(f"octetless_{os.getpid()}", 4096)
        link = pathlib.Path("/dev/shm") / f"{self.prefix[1:]}_link"
        link.symlink_to(stranger)
        self.addCleanup(link.unlink)
        with self.refused("INVALID_ARGUMENT", "NOT_FOUND"):
            self.register(f"{self.prefix}_link", 64)

    def test_sizes_are_those_of_the_object(self):
        key = f"{self.prefix}_sizes"
        self.memory(key, 4096)
        for size, offset in [
            (4097, 0),
            (1, 4096),
            (4096, 1),
            (2**63, 0),
            (2**64 - 1, 2**64 - 1),
            (2, 2**64 - 1),
            (0, 0),
        ]:
            with self.subTest(size=size, offset=offset), self.refused(
                "INVALID_ARGUMENT"
            ):
                self.register(key, size, offset)
        with self.refused("NOT_FOUND", "INVALID_ARGUMENT"):
            self.register(f"{self.prefix}_none", 1)

    def test_the_number_of_regions_is_bounded(self):
        key = f"{self.prefix}_many"
        self.memory(key, 4096)
        with self.refused("RESOURCE_EXHAUSTED"):
            for number in range(1000):
                self.register(key, 64, name=f"region{number}")

    def shared_input(self, region: str) -> triton.InferInput:
        tensor = triton.InferInput(
            programs.SAMPLE_INPUT, list(self.images.shape), "FP32"
        )
        tensor.set_shared_memory(region, self.images.nbytes)
        return tensor

    def test_memory_that_shrinks_is_an_error_and_no_crash(self):
        key = f"{self.prefix}_shrinks"
        path = self.memory(key, self.images.nbytes)
        self.register(key, self.images.nbytes)
        path.write_bytes(self.images.tobytes())
        answer = self.client.infer(MODEL, [self.shared_input("r")])
        np.testing.assert_array_equal(
            answer.as_numpy(programs.SAMPLE_OUTPUT), self.expected
        )
        os.truncate(path, mmap.PAGESIZE)
        with self.refused("INVALID_ARGUMENT", "FAILED_PRECONDITION"):
            self.client.infer(MODEL, [self.shared_input("r")])

    def test_regions_that_are_not_there(self):
        with self.refused("NOT_FOUND", "INVALID_ARGUMENT"):
            self.client.infer(MODEL, [self.shared_input("nobody")])


if __name__ == "__main__":
    unittest.main()
