# SPDX-License-Identifier: Apache-2.0
"""The distribution's Prometheus scrapes octet-server, and promtool reads its
metrics."""

import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import tritonclient.grpc as triton

import programs
import protocol_test

PHASES = ["queue", "gather", "compute", "scatter", "request"]


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=programs.PATIENCE) as response:
        return response.read().decode()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class MetricsTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = programs.Server()
        cls.addClassCleanup(cls.server.close)
        images = programs.sample_images("evaluation")
        with triton.InferenceServerClient(cls.server.address) as client:
            for row in range(5):
                client.infer(
                    protocol_test.MODEL,
                    [protocol_test.infer_input(images[row : row + 1])],
                )


class EndpointsTest(MetricsTestCase):
    def test_probes_answer(self):
        fetch(f"{self.server.http}/healthz")
        fetch(f"{self.server.http}/readyz")

    def test_every_phase_has_a_histogram_by_model_and_version(self):
        metrics = fetch(f"{self.server.http}/metrics")
        for phase in PHASES:
            self.assertIn(f"# TYPE octet_{phase}_seconds histogram", metrics)
            counts = [
                line
                for line in metrics.splitlines()
                if line.startswith(f"octet_{phase}_seconds_count")
                and 'model="characters"' in line
                and 'version="1"' in line
            ]
            self.assertEqual(len(counts), 1, phase)
            self.assertGreater(float(counts[0].split()[-1]), 0, phase)

    def test_promtool_has_nothing_to_say(self):
        promtool = shutil.which("promtool")
        if promtool is None:
            self.skipTest("promtool is not installed (package prometheus)")
        done = subprocess.run(
            [promtool, "check", "metrics"],
            input=fetch(f"{self.server.http}/metrics"),
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.stdout + done.stderr, "")
        self.assertEqual(done.returncode, 0)


class PrometheusTest(MetricsTestCase):
    def setUp(self):
        program = shutil.which("prometheus")
        if program is None:
            self.skipTest("prometheus is not installed (package prometheus)")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="octet_prometheus_"))
        self.addCleanup(shutil.rmtree, folder)
        target = urllib.parse.urlparse(self.server.http).netloc
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\n"
            "scrape_configs:\n"
            "- job_name: octet\n"
            f"  static_configs: [{{targets: ['{target}']}}]\n"
        )
        self.api = f"127.0.0.1:{free_port()}"
        self.log = folder / "prometheus.log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.prometheus = subprocess.Popen(
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address={self.api}",
                ],
                stdout=log,
                stderr=log,
            )
        self.addCleanup(self.prometheus.wait)
        self.addCleanup(self.prometheus.terminate)

    def query(self, expression: str) -> list:
        """The samples of an instant query; none while nobody answers."""
        query = urllib.parse.urlencode({"query": expression})
        try:
            answer = fetch(f"http://{self.api}/api/v1/query?{query}")
        except OSError:
            return []
        return json.loads(answer)["data"]["result"]

    def wait_for(self, expression: str) -> list:
        """The samples of a query, asked again until there are some."""
        deadline = time.monotonic() + programs.PATIENCE
        while time.monotonic() < deadline:
            if samples := self.query(expression):
                return samples
            if self.prometheus.poll() is not None:
                break
            time.sleep(0.2)
        self.fail(f"no {expression}; prometheus said: {self.log.read_text()}")

    def test_the_target_is_up_and_its_histograms_can_be_asked(self):
        up = self.wait_for('up{job="octet"} == 1')
        self.assertEqual(len(up), 1)
        for phase in PHASES:
            samples = self.wait_for(
                "histogram_quantile(0.5, sum by (le, model, version) "
                f"(octet_{phase}_seconds_bucket))"
            )
            self.assertEqual(samples[0]["metric"]["model"], "characters")
            self.assertEqual(samples[0]["metric"]["version"], "1")
            self.assertGreaterEqual(float(samples[0]["value"][1]), 0)


if __name__ == "__main__":
    unittest.main()
