# SPDX-License-Identifier: Apache-2.0
"""KServe's own Python client, its gRPC part, unmodified."""

import json
import pathlib
import tempfile
import unittest

import numpy as np

import foreign
import programs
import protocol_test

SCRIPT = pathlib.Path(__file__).parent / "kserve_client.py"


class KserveTest(protocol_test.ProtocolTestCase):
    def test_client_infers_and_reads_readiness_and_errors(self):
        python = foreign.client("kserve") + "/bin/python"
        images = self.images[:3]
        with tempfile.TemporaryDirectory(prefix="octet_kserve_") as folder:
            path = pathlib.Path(folder) / "images.npy"
            np.save(path, images)
            done = foreign.run(
                python,
                SCRIPT,
                self.server.address,
                protocol_test.MODEL,
                programs.SAMPLE_INPUT,
                path,
            )
        self.assertEqual(done.returncode, 0, done.stderr)
        got = json.loads(done.stdout.splitlines()[-1])
        self.assertTrue(got["live"])
        self.assertTrue(got["ready"])
        self.assertTrue(got["model_ready"])
        self.assertEqual(got["id"], "k1")
        expected = self.infer(images)
        for key in ["raw", "typed"]:
            np.testing.assert_array_equal(
                np.array(got[key], np.float32), expected, key
            )
        # A float row may depend on its batch in the last bits.
        for answer in got["many"]:
            np.testing.assert_allclose(
                np.array(answer, np.float32), expected[:1], rtol=1e-3, atol=1e-3
            )
        self.assertEqual(got["unknown_model"]["code"], "NOT_FOUND")
        self.assertIn("nothing", got["unknown_model"]["details"])
        self.assertEqual(got["bad_shape"]["code"], "INVALID_ARGUMENT")
        self.assertIn("31", got["bad_shape"]["details"])


if __name__ == "__main__":
    unittest.main()
