# SPDX-License-Identifier: Apache-2.0
"""Octet against ONNX Runtime on whole networks with seeded weights, before the
softmax, too."""

import pathlib
import shutil
import tempfile
import time
import unittest

import numpy as np
import onnxruntime

import programs
import topologies

SEED = 20
# The second is in units of the output's largest magnitude.
RELATIVE = 1e-3
ABSOLUTE = 1e-4
# Plain loops take up to minutes for a row.
ROWS = {"default": 3, "reference": 1}


def run_onnxruntime(
    path: pathlib.Path, rows: np.ndarray
) -> tuple[str, dict[str, np.ndarray]]:
    """The input's name, and the outputs by name. The models hold a batch of 1,
    so that rows are run one by one."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    answers = [session.run(None, {name: row[None]}) for row in rows]
    outputs = [output.name for output in session.get_outputs()]
    return name, dict(zip(outputs, map(np.concatenate, zip(*answers))))


class TopologiesTest(unittest.TestCase):
    """One test for each topology; they are added below."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet_topology_"))
        self.addCleanup(shutil.rmtree, self.folder)

    def run_octet(
        self, path: pathlib.Path, name: str, rows: np.ndarray, *flags: str
    ) -> pathlib.Path:
        """The folder of the outputs."""
        np.save(self.folder / "rows.npy", rows)
        outputs = self.folder / "outputs"
        shutil.rmtree(outputs, ignore_errors=True)
        done = programs.run(
            "octet-model",
            "run",
            path,
            f"--input={name}={self.folder / 'rows.npy'}",
            "--output-dir",
            outputs,
            "--threads",
            "2",
            *flags,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return outputs

    def check(self, topology: str) -> None:
        path = self.folder / "model.onnx"
        topologies.write_model(topology, path, SEED)
        rows = topologies.make_rows(path, max(ROWS.values()), SEED + 1)
        name, expected = run_onnxruntime(path, rows)
        self.assertEqual(len(expected), 2)
        for backend, count in ROWS.items():
            start = time.monotonic()
            outputs = self.run_octet(
                path, name, rows[:count], "--backend", backend
            )
            seconds = time.monotonic() - start
            for output, answer in expected.items():
                file = output.replace("/", "_").replace(":", "_") + ".npy"
                got = np.load(outputs / file)
                largest = np.abs(answer[:count]).max()
                apart = np.abs(got - answer[:count]).max() / largest
                print(
                    f"\n  {topology}, {backend}, '{output}': largest "
                    f"{largest:.3g}, apart {apart:.1e} of it; {seconds:.1f} s",
                    end="",
                )
                np.testing.assert_allclose(
                    got,
                    answer[:count],
                    rtol=RELATIVE,
                    atol=ABSOLUTE * largest,
                )
        print(" ", end="")


def add_tests() -> None:
    for topology in topologies.names():
        setattr(
            TopologiesTest,
            topology,
            lambda self, topology=topology: self.check(topology),
        )


add_tests()


@unittest.skipIf(
    topologies.names(), "the topologies are there: each has its own test"
)
class AbsentTest(unittest.TestCase):
    def test_topologies(self):
        self.skipTest(f"there are no topologies in {topologies.LIGHT}")


if __name__ == "__main__":
    unittest.main()
