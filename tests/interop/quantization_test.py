# SPDX-License-Identifier: Apache-2.0
"""From a float model in the repository to int8 answers, by octet's own
command line and over gRPC."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import tritonclient.grpc as triton

import programs
import protocol_test


def peak_memory(samples: np.ndarray, method: str) -> int:
    """Kilobytes that octet-model takes at its peak to quantize the sample."""
    with tempfile.TemporaryDirectory(prefix="octet_memory_") as folder:
        calibration = pathlib.Path(folder) / "calibration.npy"
        np.save(calibration, samples)
        process = subprocess.Popen(
            [
                programs.program("octet-model"), "quantize",
                programs.SAMPLE_MODEL, "--calibration",
                f"{programs.SAMPLE_INPUT}={calibration}", "--output",
                str(pathlib.Path(folder) / "int8.onnx"), "--method", method,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"exit code {process.returncode}")
        return usage.ru_maxrss


class CalibrationMemoryTest(unittest.TestCase):
    def test_ten_thousand_samples_take_no_more_than_a_hundred(self):
        some = programs.sample_images("calibration")[:100]
        many = np.tile(some, (100, 1, 1, 1))
        for method in ["linear", "histogram"]:
            with self.subTest(method):
                few = peak_memory(some, method)
                self.assertLess(peak_memory(many, method), 1.1 * few)


class QuantizationTest(unittest.TestCase):
    def setUp(self):
        self.server = programs.Server()
        self.addCleanup(self.server.close)
        folder = tempfile.TemporaryDirectory(prefix="octet_calibration_")
        self.addCleanup(folder.cleanup)
        self.calibration = pathlib.Path(folder.name) / "calibration.npy"
        np.save(self.calibration, programs.sample_images("calibration"))

    def octet(self, *arguments: object) -> dict:
        return programs.run_json(
            "octet", *arguments, "--server", self.server.address
        )

    def quantize(self, *arguments: object) -> dict:
        return self.octet(
            "quantize",
            protocol_test.MODEL,
            "--calibration",
            f"{programs.SAMPLE_INPUT}={self.calibration}",
            "--load",
            *arguments,
        )

    def test_new_version_is_smaller_integer_and_reads_as_well(self):
        result = self.quantize()
        self.assertEqual(result["model"], protocol_test.MODEL)
        self.assertEqual(result["version"], "2")
        self.assertEqual(result["samples"], 180)
        self.assertGreater(result["integer_steps"], 0)
        # Weights shrink to a quarter; names and scales stay.
        self.assertLess(result["quantized_bytes"], result["float_bytes"] / 2)
        self.assertGreater(result["sqnr_db"], 15)
        images = programs.sample_images("evaluation")
        labels = programs.sample_labels()
        right = {}
        with triton.InferenceServerClient(self.server.address) as client:
            for version in ["", "2"]:
                answers = [
                    client.infer(
                        protocol_test.MODEL,
                        [protocol_test.infer_input(images[begin : begin + 64])],
                        model_version=version,
                    )
                    for begin in range(0, len(images), 64)
                ]
                self.assertEqual(
                    answers[0].get_response().model_version, "2"
                )
                classes = np.concatenate(
                    [a.as_numpy(programs.SAMPLE_OUTPUT) for a in answers]
                ).argmax(axis=1)
                right[version] = (classes == labels).mean()
        self.assertEqual(right[""], right["2"])
        self.assertGreater(right["2"], 0.9)

    def test_int8_rows_do_not_depend_on_their_neighbours(self):
        self.quantize("--output-model", "int8", "--activations", "symmetric")
        images = programs.sample_images("evaluation")[:21]
        with triton.InferenceServerClient(self.server.address) as client:

            def infer(rows: np.ndarray) -> np.ndarray:
                tensor = protocol_test.infer_input(rows)
                answer = client.infer("int8", [tensor])
                return answer.as_numpy(programs.SAMPLE_OUTPUT)

            whole = infer(images)
            single = np.concatenate(
                [infer(images[row : row + 1]) for row in range(len(images))]
            )
        np.testing.assert_array_equal(whole, single)

    def test_quantizing_an_int8_model_is_refused(self):
        self.quantize("--output-model", "int8")
        done = programs.run(
            "octet",
            "quantize",
            "int8",
            "--server",
            self.server.address,
            "--calibration",
            f"{programs.SAMPLE_INPUT}={self.calibration}",
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("quantized", done.stderr)


if __name__ == "__main__":
    unittest.main()
