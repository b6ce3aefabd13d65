# SPDX-License-Identifier: Apache-2.0
"""Triton's load generator, unmodified: it reads the model's configuration,
asks, and breaks the latency down by the server's own statistics."""

import csv
import pathlib
import tempfile
import unittest

import onnx

import foreign
import programs
from protocol_test import MODEL

# What it names its shared memory after, and so has to begin as the server
# wants such names.
TENSOR_PREFIX = "octet_"


class PerfAnalyzerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = foreign.client("perf_analyzer")
        cls.server = programs.Server()
        cls.addClassCleanup(cls.server.close)
        folder = tempfile.TemporaryDirectory(prefix="octet_perf_")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def analyze(self, *arguments: object) -> dict:
        """One short run; the line of the report, as numbers."""
        report = self.folder / "report.csv"
        done = foreign.run(
            self.program,
            "-m",
            MODEL,
            "-u",
            self.server.address,
            "-i",
            "grpc",
            "--measurement-mode",
            "count_windows",
            "--measurement-request-count",
            100,
            "--max-trials",
            5,
            # A test of the protocol, not of how steady this machine is.
            "--stability-percentage",
            10000,
            "--verbose-csv",
            "-f",
            report,
            *arguments,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with report.open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        self.assertEqual(len(rows), 1, rows)
        return {
            name: float(value) for name, value in rows[0].items() if value
        }

    def assert_breakdown(self, report: dict):
        """The parts are there, and their sum is no more than the whole."""
        self.assertGreater(report["Inferences/Second"], 0)
        self.assertGreater(report["Server Compute Infer"], 0)
        server = sum(
            report[f"Server {part}"]
            for part in [
                "Queue",
                "Compute Input",
                "Compute Infer",
                "Compute Output",
            ]
        )
        self.assertLessEqual(server, report["Avg latency"])
        self.assertGreater(report["request/response"], 0)

    def test_server_side_breakdown_comes_from_its_statistics(self):
        self.assert_breakdown(self.analyze("-b", 4))

    def test_requests_that_overlap(self):
        report = self.analyze("--async", "--concurrency-range", "8:8")
        self.assert_breakdown(report)

    def test_streaming(self):
        report = self.analyze("--streaming", "--concurrency-range", "4:4")
        self.assertGreater(report["Inferences/Second"], 0)

    def test_system_shared_memory(self):
        model = onnx.load(programs.SAMPLE / "printed_characters.onnx")
        for edge in [*model.graph.input, *model.graph.output]:
            old, edge.name = edge.name, TENSOR_PREFIX + edge.name
            for node in model.graph.node:
                for names in (node.input, node.output):
                    for at, name in enumerate(names):
                        if name == old:
                            names[at] = edge.name
        version = self.server.repository / "prefixed" / "1"
        version.mkdir(parents=True)
        onnx.save(model, version / "model.onnx")
        self.server.octet("load", "prefixed")
        shape = f"{TENSOR_PREFIX}{programs.SAMPLE_INPUT}:1,32,32"
        report = self.analyze(
            "-m",
            "prefixed",
            "--shared-memory",
            "system",
            "--output-shared-memory-size",
            4096,
            "--shape",
            shape,
        )
        self.assert_breakdown(report)


if __name__ == "__main__":
    unittest.main()
