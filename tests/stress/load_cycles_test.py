# SPDX-License-Identifier: Apache-2.0
"""A model is loaded and unloaded over and over: memory stays what it was."""

import os
import unittest

import numpy as np
import tritonclient.grpc as triton

import observed
import programs
from protocol_test import MODEL, infer_input

CYCLES = 1000 if "OCTET_STRESS_FULL" in os.environ else 100
# Memory after this many counts as what it was.
SETTLED = 10
GROWTH = 0.05
SLACK = 5 << 20
# What the sanitizers keep of freed memory.
QUARANTINE = 48 << 20


class LoadCyclesTest(unittest.TestCase):
    def test_memory_stays(self):
        images = programs.sample_images("evaluation")[:5]
        with (
            programs.Server() as server,
            triton.InferenceServerClient(server.address) as client,
        ):
            answers = []
            resident = []
            for _ in range(CYCLES):
                client.unload_model(MODEL)
                client.load_model(MODEL)
                answer = client.infer(MODEL, [infer_input(images)])
                answers.append(answer.as_numpy(programs.SAMPLE_OUTPUT))
                resident.append(observed.resident_bytes(server))
        settled = resident[SETTLED - 1]
        print(
            f"\nresident after {SETTLED}: {settled / 2**20:.1f} MB, after "
            f"{CYCLES}: {resident[-1] / 2**20:.1f} MB, most "
            f"{max(resident) / 2**20:.1f} MB"
        )
        for answer in answers[1:]:
            np.testing.assert_array_equal(answer, answers[0])
        slack = SLACK
        if "OCTET_TEST_SERVER" in os.environ:
            slack += QUARANTINE
        self.assertLessEqual(resident[-1], settled * (1 + GROWTH) + slack)


if __name__ == "__main__":
    unittest.main()
