# SPDX-License-Identifier: Apache-2.0
"""What loading a model adds to the memory of a running server: its weights,
one arena for each lane, and little for each plan."""

import os
import pathlib
import shutil
import tempfile
import unittest

import tritonclient.grpc as triton

import observed
import programs
import topologies

SERVER_BYTES = 60 << 20
MODEL_BYTES = 20 << 20
PLAN_BYTES = 3 << 20
LANES = 2
SEED = 20

FULL = "OCTET_STRESS_FULL" in os.environ
MODELS = topologies.SHARED / "data" / "models"
TRAINED = ["resnet56_cifar10"]
SEEDED = []
if FULL:
    TRAINED += ["mobilenetv2_imagenet_fp32"]
    # Half a gigabyte of seeded weights takes its time.
    SEEDED += ["test_resnet50", "test_vgg19"]


@unittest.skipIf(
    "OCTET_TEST_SERVER" in os.environ,
    "a server with sanitizers has memory of its own",
)
class LoadMemoryTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet_memory_"))
        self.addCleanup(shutil.rmtree, self.folder)

    def measure(self, path: pathlib.Path) -> None:
        described = programs.run_json("octet-model", "inspect", path)
        plans = len(described["buckets"])
        allowed = (
            described["weight_bytes"]
            + LANES * described["arena_bytes"]
            + MODEL_BYTES
            + plans * PLAN_BYTES
        )
        with (
            programs.Server("--lanes", str(LANES), models={}) as server,
            triton.InferenceServerClient(server.address) as client,
        ):
            version = server.repository / "measured" / "1"
            version.mkdir(parents=True)
            os.link(path, version / "model.onnx")
            # So that the connection's share is the server's own.
            self.assertTrue(client.is_server_ready())
            before = observed.resident_bytes(server)
            client.load_model("measured")
            added = observed.resident_bytes(server) - before
            self.assertTrue(client.is_model_ready("measured"))
        print(
            f"\n  server {before / 2**20:.1f} MB; loading adds "
            f"{added / 2**20:.1f} MB, {allowed / 2**20:.1f} allowed: weights "
            f"{described['weight_bytes'] / 2**20:.1f}, {LANES} arenas of "
            f"{described['arena_bytes'] / 2**20:.1f}, {plans} plans",
            end=" ",
        )
        self.assertLessEqual(before, SERVER_BYTES)
        self.assertLessEqual(added, allowed)


def add_tests() -> None:
    for name in TRAINED:
        path = MODELS / f"{name}.onnx"

        def check_trained(self, path=path):
            if not path.exists():
                self.skipTest(f"{path} is not there")
            copy = self.folder / "model.onnx"
            shutil.copy(path, copy)
            self.measure(copy)

        setattr(LoadMemoryTest, f"test_{name}", check_trained)
    for name in SEEDED:

        def check_seeded(self, name=name):
            if name not in topologies.names():
                self.skipTest(f"{topologies.LIGHT / name} is not there")
            path = self.folder / "model.onnx"
            topologies.write_model(name, path, SEED)
            self.measure(path)

        setattr(LoadMemoryTest, name, check_seeded)


add_tests()

if __name__ == "__main__":
    unittest.main()
