# SPDX-License-Identifier: Apache-2.0
"""grpcurl and ghz, written in Go on Go's own gRPC, against octet-server."""

import json
import pathlib
import re
import tempfile
import unittest

import numpy as np

import foreign
import programs
import protocol_test

SERVICE = "inference.GRPCInferenceService"
PROTO = programs.ROOT / "proto" / "inference.proto"
REQUESTS = 200


class GoClientTestCase(protocol_test.ProtocolTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="octet_go_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.rows = self.images[:2]
        self.json = self.folder / "request.json"
        foreign.write_json_request(self.json, self.rows)


class GrpcurlTest(GoClientTestCase):
    def grpcurl(self, *arguments: object, data: str = "") -> str:
        command = [foreign.client("grpcurl"), "-plaintext"]
        if data:
            command += ["-d", data]
        done = foreign.run(*command, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def call(self, method: str, data: str) -> dict:
        return json.loads(
            self.grpcurl(self.server.address, f"{SERVICE}/{method}", data=data)
        )

    def test_list_names_every_service(self):
        services = self.grpcurl(self.server.address, "list").split()
        self.assertLessEqual(
            {
                SERVICE,
                "octet.v1.QuantizationService",
                "grpc.health.v1.Health",
            },
            set(services),
        )
        methods = self.grpcurl(self.server.address, "list", SERVICE).split()
        self.assertEqual(len(methods), 20)

    def test_describe_needs_no_proto_file(self):
        text = self.grpcurl(
            self.server.address, "describe", ".inference.ModelInferRequest"
        )
        self.assertIn("repeated bytes raw_input_contents = 7;", text)

    def test_every_message_of_every_service_can_be_described(self):
        """Reflection has each file that another one imports."""
        for service in self.grpcurl(self.server.address, "list").split():
            text = self.grpcurl(self.server.address, "describe", service)
            types = set(re.findall(r"\( (?:stream )?(\.[\w.]+) \)", text))
            self.assertTrue(types, service)
            for name in types:
                self.grpcurl(self.server.address, "describe", name)

    def test_calls_answer_like_tritonclient(self):
        answer = foreign.answers_of_json(
            self.grpcurl(
                self.server.address,
                f"{SERVICE}/ModelInfer",
                data=self.json.read_text(),
            )
        )
        np.testing.assert_array_equal(answer, self.infer(self.rows))
        metadata = self.call("ModelMetadata", '{"name": "characters"}')
        self.assertEqual(metadata["inputs"][0]["shape"][1:], ["1", "32", "32"])
        models = self.call("RepositoryIndex", "{}")["models"]
        self.assertEqual(models[0]["state"], "READY")

    def test_errors_keep_their_code_and_words(self):
        done = foreign.run(
            foreign.client("grpcurl"),
            "-plaintext",
            "-d",
            '{"name": "nothing"}',
            self.server.address,
            f"{SERVICE}/ModelMetadata",
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("Code: NotFound", done.stderr)
        self.assertIn("nothing", done.stderr)

    def test_health_of_a_model(self):
        text = self.grpcurl(
            self.server.address,
            "grpc.health.v1.Health/Check",
            data='{"service": "characters"}',
        )
        self.assertEqual(json.loads(text)["status"], "SERVING")


class GhzTest(GoClientTestCase):
    def ghz(self, *arguments: object) -> dict:
        done = foreign.run(
            foreign.client("ghz"),
            "--insecure",
            "--call",
            f"{SERVICE}.ModelInfer",
            "--total",
            REQUESTS,
            "--concurrency",
            8,
            "--connections",
            2,
            "--format",
            "json",
            *arguments,
            self.server.address,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def assert_all_answered(self, report: dict):
        self.assertEqual(report["statusCodeDistribution"], {"OK": REQUESTS})
        self.assertEqual(report["count"], REQUESTS)
        self.assertFalse(report.get("errorDistribution"))

    def test_load_with_the_proto_file(self):
        arguments = ["--proto", PROTO, "--import-paths", programs.ROOT]
        self.assert_all_answered(
            self.ghz(*arguments, "--data-file", self.json)
        )

    def test_load_by_reflection_with_a_binary_message(self):
        message = self.folder / "request.binary"
        message.write_bytes(
            foreign.infer_request(self.rows).SerializeToString()
        )
        self.assert_all_answered(self.ghz("--binary-file", message))

    def test_refusals_are_counted_by_their_code(self):
        report = self.ghz("--data", '{"model_name": "nothing"}')
        self.assertEqual(
            report["statusCodeDistribution"], {"NotFound": REQUESTS}
        )


if __name__ == "__main__":
    unittest.main()
