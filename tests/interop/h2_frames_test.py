# SPDX-License-Identifier: Apache-2.0
"""nghttp2's programs send gRPC as plain HTTP/2: no gRPC library is on the
caller's side."""

import pathlib
import re
import struct
import subprocess
import tempfile
import unittest

import foreign
import programs
import protocol_test

REQUESTS = 400
HEADERS = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
PATH = "/inference.GRPCInferenceService/ModelInfer"


def length_prefixed(message: bytes) -> bytes:
    """gRPC's frame: not compressed, the length, the message."""
    return struct.pack(">BI", 0, len(message)) + message


class HttpFramesTest(protocol_test.ProtocolTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="octet_h2_")
        self.addCleanup(folder.cleanup)
        self.body = pathlib.Path(folder.name) / "request.grpc"
        self.write(self.images[:2])
        self.url = f"http://{self.server.address}{PATH}"

    def write(self, images) -> None:
        message = foreign.infer_request(images).SerializeToString()
        self.body.write_bytes(length_prefixed(message))

    def nghttp(self, body: pathlib.Path) -> str:
        """What the server sends, as nghttp tells it."""
        done = subprocess.run(
            [
                foreign.packaged("nghttp", "nghttp2-client"),
                "--verbose",
                "--null-out",
                *HEADERS,
                "--data",
                body,
                self.url,
            ],
            capture_output=True,
            timeout=foreign.PATIENCE,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        text = done.stdout.decode(errors="replace")
        return re.sub(r"\x1b\[[0-9;]*m", "", text)

    def trailers(self, text: str) -> dict:
        """Header fields that came behind the first DATA frame, or the only
        ones."""
        behind = text.split("recv DATA frame", 1)[-1]
        fields = re.findall(r"recv \(stream_id=\d+\) ([\w-]+): (.*)", behind)
        return {name: value.strip() for name, value in fields}

    def test_trailers_say_ok_behind_one_whole_message(self):
        text = self.nghttp(self.body)
        self.assertRegex(text, r"recv \(stream_id=\d+\) :status: 200")
        self.assertRegex(text, r"content-type: application/grpc")
        lengths = re.findall(r"recv DATA frame <length=(\d+)", text)
        # Two rows of 36 floats and little else.
        self.assertGreater(sum(map(int, lengths)), 2 * 36 * 4)
        self.assertEqual(self.trailers(text)["grpc-status"], "0")

    def test_trailers_carry_code_and_words_of_a_refusal(self):
        self.write(self.images[:1, :, :31])
        trailers = self.trailers(self.nghttp(self.body))
        self.assertEqual(trailers["grpc-status"], "3")
        self.assertIn(programs.SAMPLE_INPUT, trailers["grpc-message"])

    def test_h2load_gets_every_answer(self):
        done = foreign.run(
            foreign.packaged("h2load", "nghttp2-client"),
            "--requests",
            REQUESTS,
            "--clients",
            4,
            "--max-concurrent-streams",
            8,
            "--data",
            self.body,
            *HEADERS,
            self.url,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(
            f"{REQUESTS} done, {REQUESTS} succeeded, 0 failed, 0 errored, "
            "0 timeout",
            done.stdout,
        )
        # h2load counts 200s, which refusals have too: all bodies must be as
        # long as the one of an answer.
        per_answer = self.infer(self.images[:2]).nbytes
        size = re.search(r"\((\d+)\) data", done.stdout)
        self.assertGreater(int(size.group(1)), REQUESTS * per_answer)


if __name__ == "__main__":
    unittest.main()
