# SPDX-License-Identifier: Apache-2.0
"""TLS, and who may change what is served, with tritonclient and grpcurl
against a server in a process of its own."""

import os
import pathlib
import ssl
import tempfile
import threading
import unittest

import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

import foreign
import programs
from protocol_test import MODEL, infer_input

TOKEN = "a-token-of-this-test"
BEARER = {"authorization": f"Bearer {TOKEN}"}


def make_certificate(folder: pathlib.Path, name: str) -> pathlib.Path:
    """tls.crt and tls.key, signed by themselves, for 127.0.0.1."""
    made = folder / name
    made.mkdir()
    done = foreign.run(
        foreign.packaged("openssl", "openssl"),
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        made / "tls.key",
        "-out",
        made / "tls.crt",
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return made


class AccessTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="octet_access_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.made = [
            make_certificate(self.folder, name) for name in ["first", "second"]
        ]
        self.authorities = self.folder / "authorities.pem"
        self.authorities.write_bytes(
            b"".join((made / "tls.crt").read_bytes() for made in self.made)
        )
        # As Kubernetes mounts a secret: one link is replaced, in one step.
        self.tls = self.folder / "tls"
        self.point_at(self.made[0])
        token = self.folder / "token"
        token.write_text(TOKEN)
        self.server = programs.Server(
            "--tls-folder",
            str(self.tls),
            "--control-access",
            f"token:{token}",
        )
        self.addCleanup(self.server.close)
        self.client = self.connect()
        self.images = programs.sample_images("evaluation")

    def point_at(self, made: pathlib.Path) -> None:
        coming = self.folder / "coming"
        coming.symlink_to(made)
        os.replace(coming, self.tls)

    def connect(self) -> triton.InferenceServerClient:
        client = triton.InferenceServerClient(
            self.server.address,
            ssl=True,
            root_certificates=str(self.authorities),
            channel_args=[("grpc.use_local_subchannel_pool", 1)],
        )
        self.addCleanup(client.close)
        return client

    def control_calls(self) -> dict:
        """tritonclient's ways to change the server; each takes headers."""
        client = self.client
        return {
            "load": lambda **o: client.load_model(MODEL, **o),
            "unload": lambda **o: client.unload_model(MODEL, **o),
            "register": lambda **o: client.register_system_shared_memory(
                "region", "/octet_region", 64, **o
            ),
            "unregister": lambda **o: client.unregister_system_shared_memory(
                "region", **o
            ),
            "logs": lambda **o: client.update_log_settings(
                {"log_verbose_level": 1}, **o
            ),
            "traces": lambda **o: client.update_trace_settings(
                settings={"trace_rate": "7"}, **o
            ),
        }

    def test_inference_is_open_and_control_wants_the_token(self):
        tensor = infer_input(self.images[:2])
        answer = self.client.infer(MODEL, [tensor])
        self.assertEqual(
            answer.as_numpy(programs.SAMPLE_OUTPUT).shape, (2, 36)
        )
        self.client.get_model_repository_index()
        for name, call in self.control_calls().items():
            for headers in [None, {"authorization": "Bearer something"}]:
                with (
                    self.subTest(name, headers=headers),
                    self.assertRaises(InferenceServerException) as raised,
                ):
                    call(headers=headers)
                self.assertEqual(
                    raised.exception.status(), "StatusCode.UNAUTHENTICATED"
                )
        self.client.load_model(MODEL, headers=BEARER)

    def test_grpcurl_speaks_tls_and_may_quantize_with_the_token_only(self):
        command = [foreign.client("grpcurl"), "-cacert", self.authorities]
        listed = foreign.run(*command, self.server.address, "list")
        self.assertIn("inference.GRPCInferenceService", listed.stdout)
        call = [
            "-d",
            "{}",
            self.server.address,
            "octet.v1.QuantizationService/Quantize",
        ]
        refused = foreign.run(*command, *call)
        self.assertIn("Code: Unauthenticated", refused.stderr)
        header = f"authorization: Bearer {TOKEN}"
        heard = foreign.run(*command, "-H", header, *call)
        self.assertIn("Code: InvalidArgument", heard.stderr)

    def test_plain_text_gets_nothing(self):
        with triton.InferenceServerClient(self.server.address) as client:
            with self.assertRaises(InferenceServerException):
                client.is_server_live(client_timeout=5)

    def served_name(self) -> str:
        """Which certificate a new connection is shown."""
        host, port = self.server.address.rsplit(":", 1)
        shown = ssl.get_server_certificate((host, int(port)))
        for made in self.made:
            known = (made / "tls.crt").read_text()
            if shown.split() == known.split():
                return made.name
        return "none of ours"

    def test_rotation_under_load_drops_nothing(self):
        self.assertEqual(self.served_name(), "first")
        done = threading.Event()
        failures = []
        answered = []

        def ask(keep: bool):
            client = self.connect()
            while not done.is_set():
                try:
                    client.infer(MODEL, [infer_input(self.images[:1])])
                    answered.append(keep)
                    if not keep:
                        client.close()
                        client = self.connect()
                except InferenceServerException as error:
                    failures.append(error)
                    return

        threads = [
            threading.Thread(target=ask, args=(keep,))
            for keep in [True, True, False, False]
        ]
        for thread in threads:
            thread.start()
        try:
            for made in [self.made[1], self.made[0], self.made[1]]:
                self.point_at(made)
                while self.served_name() != made.name and not failures:
                    pass
        finally:
            done.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(set(answered), {True, False})


if __name__ == "__main__":
    unittest.main()
