# SPDX-License-Identifier: Apache-2.0
"""The disk is full when an int8 model is to be written: what was there stays as
it was, the error says so, and with room it works."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np

import programs

MEGABYTE = 1 << 20
# Of free space, from nothing to less than an int8 model of the sample takes.
ROOMS = [0, 8192, 98304]


class SmallDisk:
    """A file system of `size` bytes in memory, with as much room as is set."""

    def __init__(self, size: int):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet_disk_"))
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "octet",
             str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode != 0:
            self.folder.rmdir()
            raise unittest.SkipTest(
                f"no small disk can be mounted: {mounted.stderr.strip()}"
            )

    def leave(self, room: int) -> None:
        filler = self.folder / "filler"
        filler.unlink(missing_ok=True)
        state = os.statvfs(self.folder)
        filler.write_bytes(bytes(state.f_bavail * state.f_frsize - room))

    def close(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)
        self.folder.rmdir()


def _files(folder: pathlib.Path) -> dict[str, bytes]:
    """By path; folders with nothing."""
    return {
        str(path): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


class FullDiskTest(unittest.TestCase):
    def setUp(self):
        self.disk = SmallDisk(4 * MEGABYTE)
        self.addCleanup(self.disk.close)
        folder = tempfile.TemporaryDirectory(prefix="octet_full_disk_")
        self.addCleanup(folder.cleanup)
        samples = pathlib.Path(folder.name) / "samples.npy"
        np.save(samples, programs.sample_images("calibration")[:20])
        self.calibration = [
            "--calibration", f"{programs.SAMPLE_INPUT}={samples}"
        ]

    def test_the_repository_keeps_its_state(self):
        repository = self.disk.folder / "models"
        with programs.Server(repository=repository) as server:
            quantize = [
                "quantize", "characters", *self.calibration, "--load",
                "--server", server.address,
            ]
            before = _files(repository)
            for room in ROOMS:
                with self.subTest(room=room):
                    self.disk.leave(room)
                    done = programs.run("octet", *quantize)
                    self.assertEqual(done.returncode, 1, done.stdout)
                    self.assertIn("No space left on device", done.stderr)
                    self.assertEqual(_files(repository), before)
                    # It serves what it served.
                    models = server.octet("models")
                    self.assertEqual(len(models["models"]), 1, models)
            self.disk.leave(MEGABYTE)
            done = programs.run("octet", *quantize)
            self.assertEqual(done.returncode, 0, done.stderr)
            after = _files(repository)
            self.assertEqual({k: after[k] for k in before}, before)
            self.assertIn(str(repository / "characters/2/model.onnx"), after)

    def test_the_file_of_octet_model_stays(self):
        output = self.disk.folder / "int8.onnx"
        output.write_bytes(b"what was there")
        quantize = [
            "quantize", programs.SAMPLE_MODEL, *self.calibration,
            "--output", output,
        ]
        for room in ROOMS:
            with self.subTest(room=room):
                self.disk.leave(room)
                done = programs.run("octet-model", *quantize)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn("No space left on device", done.stderr)
                self.assertIn(str(output), done.stderr)
                self.assertEqual(output.read_bytes(), b"what was there")
                names = [path.name for path in self.disk.folder.iterdir()]
                self.assertEqual(sorted(names), ["filler", "int8.onnx"])
        self.disk.leave(MEGABYTE)
        done = programs.run("octet-model", *quantize)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(output.stat().st_size, 1000)


if __name__ == "__main__":
    unittest.main()
